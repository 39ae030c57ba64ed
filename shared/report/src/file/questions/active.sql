-- Devices being enrolled.
-- answer: row
-- :cursor cursor | Where the page before ended.
-- :limit limit | Rows at most; 50 without it.
SELECT $as_of
