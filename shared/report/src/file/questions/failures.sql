-- Failures of the days asked for (an attempt's or a session's is of the day it started), and their commonest reasons.
-- answer: row
-- days: recent
-- :platform platforms | One platform; without it all.
-- :limit limit | Rows of each list at most; 50 without it.
WITH $asked
SELECT $as_of, $time_zone, $day(first) AS "from", $day(last) AS "to",
  (SELECT name FROM platforms WHERE name = :platform COLLATE NOCASE) AS platform
FROM asked
