-- The ways in which people gave up, by the place where they did: the rows of the catalogue and the others.
-- answer: rows
WITH $asked,
  ways AS (
    SELECT section_id, action_id, cause_id, catalogue_row, part,
      sum(CASE WHEN $days THEN abandoned ELSE 0 END) AS abandoned,
      sum(CASE WHEN $days THEN 0 ELSE abandoned END) AS abandoned_before,
      min(nullif(limit_minutes, 0)) AS shortest, max(nullif(limit_minutes, 0)) AS longest
    FROM $ended_where($in_either) WHERE part IS NOT NULL GROUP BY section_id, action_id, cause_id, catalogue_row, part)
SELECT s.name AS section, k.name AS action, sc.name AS screen, c.name AS cause, nullif(w.catalogue_row, 0) AS catalogue_row,
  part, abandoned, abandoned_before, shortest AS shortest_limit_minutes, longest AS longest_limit_minutes
FROM ways w LEFT JOIN sections s ON s.id = w.section_id LEFT JOIN actions k ON k.id = w.action_id
LEFT JOIN causes c ON c.id = w.cause_id LEFT JOIN catalogue_rows r ON r.number = w.catalogue_row AND w.catalogue_row > 0
LEFT JOIN screens sc ON sc.id = r.screen_id
ORDER BY abandoned DESC, abandoned_before DESC, s.id, k.id, c.id, w.catalogue_row
