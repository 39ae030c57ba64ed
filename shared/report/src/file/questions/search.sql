-- What a part of a name, an address or a serial number may mean: people, devices and steps. It suggests; it decides nothing.
-- answer: row
-- booleans: tooMany
-- :limit limit | At most this many of each kind; 50 without it.
-- :text search text | At least two letters of it; large and small letters of the Latin alphabet are the same.
WITH $found
SELECT $as_of, :text AS text, (SELECT count(*) >= 2000 FROM found) AS too_many
