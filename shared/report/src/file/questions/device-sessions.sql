-- The sessions of the Enrollment Status Page of one device.
-- answer: row
-- :enrollmentKey text | The device's key.
-- :user text | Only those that are this person's, or nobody's: principal name or id; in a file that has pseudonyms theirs.
SELECT $as_of
