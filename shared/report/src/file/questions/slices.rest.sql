-- The values beyond those listed, counted together.
-- answer: row
WITH $asked, $sliced
SELECT count(*) AS "values", coalesce(sum(initiated), 0) AS initiated,
  CASE WHEN sum(abandoned) > 0 OR sum(with_stops) > 0 OR count(*) = 0 THEN coalesce(sum(abandoned), 0) END AS abandoned,
  CASE WHEN sum(failed) > 0 OR sum(with_failures) > 0 OR count(*) = 0 THEN coalesce(sum(failed), 0) END AS failed,
  coalesce(sum(completed), 0) AS completed, coalesce(sum(open), 0) AS open, coalesce(sum(measured), 0) AS measured,
  coalesce(sum(abandoned_measured), 0) AS abandoned_measured,
  CASE WHEN sum(measured) > 0 THEN CAST(sum(abandoned_measured) AS REAL) / sum(measured) END AS incomplete_rate
FROM sliced WHERE place > $limit
