-- The incomplete-enrollments report: what became of the attempts that started on the days asked for, on iOS/iPadOS and
-- Android. The section narrows the numerators, never what was initiated.
-- answer: row
-- days: recent
-- :os reported platform | One platform; without it both.
-- :section sections | One section; without it all, and places outside the sections.
WITH $asked,
  started AS (
    SELECT coalesce(sum(initiated), 0) AS initiated, coalesce(sum(completed), 0) AS completed,
      coalesce(sum(open), 0) AS open
    FROM incomplete_by_day WHERE $reported),
  ended AS (
    SELECT coalesce(sum(abandoned), 0) AS abandoned, coalesce(sum(failed), 0) AS failed,
      coalesce(sum(CASE part WHEN 'other' THEN abandoned END), 0) AS other
    FROM incomplete_detail WHERE $reported AND $in_section)
SELECT $as_of, $time_zone, $day(first) AS "from", $day(last) AS "to",
  (SELECT name FROM platforms WHERE name = :os COLLATE NOCASE) AS os,
  (SELECT name FROM sections WHERE name = :section COLLATE NOCASE) AS section,
  initiated, abandoned + failed AS incomplete, abandoned, failed, completed, open,
  CASE WHEN initiated > 0 THEN CAST(abandoned AS REAL) / initiated END AS incomplete_rate,
  other
FROM asked CROSS JOIN started CROSS JOIN ended
