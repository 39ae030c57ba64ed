-- The sessions of the Enrollment Status Page of one device.
-- answer: row
-- :enrollmentKey text | The device's key.
SELECT $as_of
