-- Devices being enrolled, including those that wait for compliance or for the release of their Setup Assistant.
-- answer: row
-- :cursor cursor | The cursor at which the page before ended.
-- :limit limit | At most this many rows; 50 without it.
SELECT $as_of
