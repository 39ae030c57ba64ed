-- The places where people stop, counted; none for a platform that has none. The limits are those that ran out. A
-- count is empty where nobody stopped there and no sender that took part reports screens.
-- answer: rows
WITH $asked,
  counts AS (
    SELECT catalogue_row, sum(abandoned) AS abandoned, min(nullif(limit_minutes, 0)) AS shortest,
      max(nullif(limit_minutes, 0)) AS longest
    FROM $ended WHERE catalogue_row > 0 AND abandoned > 0 GROUP BY catalogue_row),
  stepped AS (
    SELECT coalesce(sum(initiated), 0) AS initiated, coalesce(sum(with_steps), 0) AS n FROM $its_days($days) WHERE $of_os)
SELECT r.number AS catalogue_row, s.name AS section, k.name AS action, sc.name AS screen, r.platform AS platform,
  r.how AS how,
  CASE WHEN c.abandoned > 0 THEN c.abandoned WHEN stepped.n > 0 OR stepped.initiated = 0 THEN 0 END AS abandoned,
  c.shortest AS shortest_limit_minutes, c.longest AS longest_limit_minutes
FROM catalogue_rows r CROSS JOIN stepped LEFT JOIN counts c ON c.catalogue_row = r.number
LEFT JOIN sections s ON s.id = r.section_id LEFT JOIN actions k ON k.id = r.action_id
LEFT JOIN screens sc ON sc.id = r.screen_id
WHERE :os IS NULL OR :os = 'all' COLLATE NOCASE
  OR EXISTS (SELECT 1 FROM platforms p WHERE p.name = :os COLLATE NOCASE AND p.reported = 1)
ORDER BY r.number
