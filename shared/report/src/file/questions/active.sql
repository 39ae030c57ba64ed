-- Devices being enrolled, those that wait for compliance or for the release of their Setup Assistant among them.
-- answer: row
-- :cursor cursor | Where the page before ended.
-- :limit limit | Rows at most; 50 without it.
SELECT $as_of
