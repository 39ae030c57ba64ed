-- The steps in order. A summary leaves out the sums that medians are computed from, since they would be most of it; it
-- has medians only for the whole window and both platforms together.
-- answer: rows
WITH $asked,
  reached AS (
    SELECT step, sum(entered) AS entered, sum(left_forward) AS left_forward, sum(abandoned) AS abandoned
    FROM steps_by_day WHERE $reported GROUP BY step),
  stepped AS (SELECT sum(with_steps) AS n FROM attempts_by_day WHERE $reported),
  whole (asked) AS (
    SELECT :os IS NULL AND first = (SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'windowFromDay')
      AND last = (SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'windowToDay')
    FROM asked)
SELECT w.step AS step, w.section AS section, w.action AS action, 
  CASE WHEN r.entered > 0 THEN r.entered WHEN stepped.n > 0 THEN 0 END AS entered,
  CASE WHEN r.entered > 0 THEN r.left_forward WHEN stepped.n > 0 THEN 0 END AS "left",
  CASE WHEN r.entered > 0 THEN r.abandoned WHEN stepped.n > 0 THEN 0 END AS abandoned,
  CASE WHEN whole.asked THEN w.median_seconds END AS median_seconds
FROM funnel w CROSS JOIN whole CROSS JOIN stepped LEFT JOIN reached r ON r.step = w.step
WHERE $in_section ORDER BY w.step
