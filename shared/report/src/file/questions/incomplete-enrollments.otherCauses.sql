-- Abandoned in ways that have no row, by cause and place: portal closed, restarted, unenrolled.
-- answer: rows
WITH $asked
SELECT e.part AS cause, s.name AS section, a.name AS action, e.abandoned AS abandoned
FROM (
  SELECT part, section_id, action_id, sum(abandoned) AS abandoned FROM $ended
  WHERE part NOT IN ('row', 'placeNotReported', 'other') GROUP BY part, section_id, action_id) e
LEFT JOIN sections s ON s.id = e.section_id LEFT JOIN actions a ON a.id = e.action_id
ORDER BY 1, 2, 3
