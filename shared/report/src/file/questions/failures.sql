-- The failures of the days asked for, and their commonest reasons. The failure of an attempt or session belongs to the
-- day it started.
-- answer: row
-- also: summary
-- days: recent
-- :platform platforms | One platform; without it all.
-- :limit limit | At most this many rows in each list; 50 without it.
WITH $asked
SELECT $as_of, $time_zone, $day(first) AS "from", $day(last) AS "to",
  (SELECT name FROM platforms WHERE name = :platform COLLATE NOCASE) AS platform
FROM asked
