-- The Enrollment Status Page's sessions that began on the days asked for.
-- answer: row
-- days: recent
-- :limit limit | At most this many entries in each list of apps and sessions, and never more than 100; 50 without it.
WITH $asked
SELECT $as_of, $time_zone, $day(first) AS "from", $day(last) AS "to" FROM asked
