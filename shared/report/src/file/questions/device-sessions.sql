-- The sessions of the Enrollment Status Page of one device.
-- answer: row
-- :enrollmentKey text | The device's key.
-- :user text | A person's principal name or id, or their pseudonym: only sessions of this person, or of nobody.
SELECT $as_of
