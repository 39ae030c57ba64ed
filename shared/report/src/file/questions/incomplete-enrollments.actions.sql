-- The nineteen places where people stop, counted; none for a platform that has none. The limits are those that ran out. A
-- count is empty where nobody stopped there and no sender that took part reports screens.
-- answer: rows
WITH $asked,
  counts AS (
    SELECT catalogue_row, sum(abandoned) AS abandoned, min(limit_minutes) AS shortest, max(limit_minutes) AS longest
    FROM incomplete_of_all_platforms WHERE $reported AND $in_section AND part = 'row' GROUP BY catalogue_row),
  stepped AS (
    SELECT coalesce(sum(initiated), 0) AS initiated, coalesce(sum(with_steps), 0) AS n FROM attempts_by_day WHERE $reported)
SELECT a.catalogue_row AS catalogue_row, a.section AS section, a.action AS action, a.screen AS screen,
  a.platform AS platform, a.how AS how,
  CASE WHEN c.abandoned > 0 THEN c.abandoned WHEN stepped.n > 0 OR stepped.initiated = 0 THEN 0 END AS abandoned,
  c.shortest AS shortest_limit_minutes, c.longest AS longest_limit_minutes
FROM incomplete_by_action a CROSS JOIN stepped LEFT JOIN counts c ON c.catalogue_row = a.catalogue_row
WHERE :os IS NULL OR :os = 'all' COLLATE NOCASE
  OR EXISTS (SELECT 1 FROM platforms p WHERE p.name = :os COLLATE NOCASE AND p.reported = 1)
ORDER BY a.catalogue_row
