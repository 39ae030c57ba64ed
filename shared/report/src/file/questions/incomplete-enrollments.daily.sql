-- Abandoned attempts of every day and section, zero included; places that no row is of only where there are any.
-- answer: rows
WITH RECURSIVE $asked,
  every (day) AS (SELECT first FROM asked UNION ALL SELECT day + 1 FROM every, asked WHERE day + 1 < last),
  counts AS MATERIALIZED (
    SELECT day, section_id, sum(abandoned) AS abandoned FROM $ended WHERE abandoned > 0 GROUP BY day, section_id),
  series AS (
    SELECT s.id AS id, s.name AS name FROM sections s
    WHERE EXISTS (SELECT 1 FROM counts c WHERE c.section_id = s.id)
      OR name = :section COLLATE NOCASE
      OR (:section IS NULL AND s.id IN (SELECT r.section_id FROM catalogue_rows r)))
SELECT $day(every.day) AS date, series.name AS section, coalesce(counts.abandoned, 0) AS abandoned
FROM every CROSS JOIN series
LEFT JOIN counts ON counts.day = every.day AND counts.section_id = series.id
ORDER BY every.day, series.id = 0, series.id
