-- What got worse among apps, and apps on a model: the last seven days that are over against the four weeks before them.
-- `compared` says how many had enough sessions that tried to install them on both sides.
-- answer: row
WITH $app_changes
SELECT $as_of, $time_zone, $day(first) AS "from", $day(last) AS "to", $day(compare_first) AS compare_from,
  $day(compare_last) AS compare_to, $least AS least,
  (SELECT count(*) FROM compared) AS compared, (SELECT count(*) FROM found WHERE n > 0) AS seen
FROM asked
