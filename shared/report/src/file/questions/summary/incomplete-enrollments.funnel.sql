-- The steps in the order of time. A median cannot be added up from days: it is there for the whole window and both
-- platforms only.
-- answer: rows
WITH $asked,
  reached AS (
    SELECT step, sum(entered) AS entered, sum(left_forward) AS left_forward, sum(abandoned) AS abandoned
    FROM funnel_by_day WHERE $reported GROUP BY step),
  whole (asked) AS (
    SELECT :os IS NULL AND first = (SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'windowFromDay')
      AND last = (SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'windowToDay')
    FROM asked)
SELECT w.step AS step, w.section AS section, w.action AS action, coalesce(r.entered, 0) AS entered,
  coalesce(r.left_forward, 0) AS "left", coalesce(r.abandoned, 0) AS abandoned,
  CASE WHEN whole.asked THEN w.median_seconds END AS median_seconds
FROM funnel w CROSS JOIN whole LEFT JOIN reached r ON r.step = w.step
WHERE :section IS NULL OR w.section = :section COLLATE NOCASE ORDER BY w.step
