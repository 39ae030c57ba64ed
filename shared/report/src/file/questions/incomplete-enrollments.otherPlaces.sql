-- Abandoned at places that have no row, as they were reported: they add up to `other`. The limits are those that ran out.
-- answer: rows
WITH $asked
SELECT s.name AS section, a.name AS action, c.name AS cause, e.abandoned AS abandoned, e.shortest AS shortest_limit_minutes,
  e.longest AS longest_limit_minutes
FROM (
  SELECT section_id, action_id, cause_id, sum(abandoned) AS abandoned, min(nullif(limit_minutes, 0)) AS shortest,
    max(nullif(limit_minutes, 0)) AS longest
  FROM $ended WHERE part = 'other' GROUP BY section_id, action_id, cause_id) e
LEFT JOIN sections s ON s.id = e.section_id LEFT JOIN actions a ON a.id = e.action_id
LEFT JOIN causes c ON c.id = e.cause_id
ORDER BY 1, 2, 3
