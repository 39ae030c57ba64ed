-- The apps that failed in the most sessions, with what became of them; how many models they were reported on.
-- answer: rows
WITH $asked, $app_cells
SELECT app, models AS model_count, $app_columns
FROM (SELECT a.*, $spread(failed, tried) AS spread FROM apps a WHERE place <= $limit) ORDER BY place
