-- Steps of enrollment, by their words and names, in the order of time.
-- answer: rows
SELECT name AS action, title FROM actions
WHERE id > 0 AND (title LIKE $pattern ESCAPE '\' OR name LIKE $pattern ESCAPE '\')
ORDER BY coalesce(step, 99), title LIMIT $limit
