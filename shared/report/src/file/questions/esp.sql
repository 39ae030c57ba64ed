-- The Enrollment Status Page's sessions that began on the days asked for.
-- answer: row
-- days: recent
-- :limit limit | Entries of the lists of apps and sessions at most, 100 of each; 50 without it.
WITH $asked
SELECT $as_of, $time_zone, $day(first) AS "from", $day(last) AS "to" FROM asked
