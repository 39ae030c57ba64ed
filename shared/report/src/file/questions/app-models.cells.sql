-- What became of the listed apps on each of these models. The other models are one line of each app, which says how many they
-- are.
-- answer: rows
WITH $asked, $app_cells,
  slots AS (
    SELECT c.*, a.place AS place, m.model AS model, min(m.place, $models + 1) AS slot
    FROM apps a CROSS JOIN cells c CROSS JOIN models m
    WHERE a.place <= $limit AND c.app = a.app AND m.model_word = c.model_word),
  grouped AS MATERIALIZED (
    SELECT app, place, slot, max(model) AS model, count(*) AS others, $app_totals FROM slots GROUP BY app, place, slot)
SELECT app, CASE WHEN slot <= $models THEN model END AS model, CASE WHEN slot > $models THEN others END AS other_models,
  $app_columns
FROM (SELECT g.*, $spread(failed, tried) AS spread FROM grouped g) ORDER BY place, slot
