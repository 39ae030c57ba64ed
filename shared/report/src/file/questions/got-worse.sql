-- What got worse: the last seven days that are over against the four weeks before them, on all platforms, by step, platform,
-- failure and profile of the Enrollment Status Page. `compared` says how many of these had enough attempts on both sides. Of
-- one model, version, type, sender or tag only steps and platforms: the others are not kept by value.
-- answer: row
-- also: summary
-- values: one
WITH $changes
SELECT $as_of, $time_zone, $day(first) AS "from", $day(last) AS "to", $day(compare_first) AS compare_from,
  $day(compare_last) AS compare_to, $slice_json, $least AS least,
  (SELECT count(*) FROM compared) AS compared, (SELECT count(*) FROM found WHERE n > 0) AS seen
FROM asked
