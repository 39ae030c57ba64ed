-- What the organisation did, by date: its annotations of the days asked for.
-- answer: row
-- also: summary
-- days: open
WITH $asked
SELECT $as_of, $time_zone, $day(first) AS "from", $day(last) AS "to" FROM asked
