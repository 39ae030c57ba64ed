-- What got worse among models, OS versions, enrollment types, senders and tags: the last seven days that are over against the four
-- weeks before them, on all platforms. `compared` says how many values had enough attempts on both sides.
-- answer: row
WITH $slice_changes
SELECT $as_of, $time_zone, $day(first) AS "from", $day(last) AS "to", $day(compare_first) AS compare_from,
  $day(compare_last) AS compare_to, $least AS least,
  (SELECT count(*) FROM compared) AS compared, (SELECT count(*) FROM found WHERE n > 0) AS seen
FROM asked
