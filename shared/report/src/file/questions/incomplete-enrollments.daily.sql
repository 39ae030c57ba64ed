-- Abandoned attempts of every day and section, zero included; places outside the sections only where there are any.
-- answer: rows
WITH RECURSIVE $asked,
  every (day) AS (SELECT first FROM asked UNION ALL SELECT day + 1 FROM every, asked WHERE day + 1 < last),
  counts AS MATERIALIZED (
    SELECT day, section, sum(abandoned) AS abandoned FROM incomplete_detail
    WHERE $reported AND $in_section AND abandoned > 0 GROUP BY day, section),
  series AS (
    SELECT id, name FROM sections
    WHERE CASE id WHEN 0 THEN EXISTS (SELECT 1 FROM counts WHERE section IS NULL)
      ELSE :section IS NULL OR name = :section COLLATE NOCASE END)
SELECT $day(every.day) AS date, series.name AS section, coalesce(counts.abandoned, 0) AS abandoned
FROM every CROSS JOIN series
LEFT JOIN counts ON counts.day = every.day AND counts.section IS series.name
ORDER BY every.day, series.id = 0, series.id
