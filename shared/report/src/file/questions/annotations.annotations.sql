-- The annotations, in the order of their days.
-- answer: rows
WITH $asked
SELECT annotation_id AS id, from_date AS "from", to_date AS "to", text, written_by, written_at
FROM annotation_list
WHERE to_day > coalesce((SELECT first FROM asked), -1) AND from_day < coalesce((SELECT last FROM asked), 10000000)
ORDER BY from_day, to_day, annotation_id
