-- The models that are listed, the commonest first; null where none was reported. All apps are counted, so a session counts
-- once for each.
-- answer: rows
WITH $asked, $app_cells
SELECT model, tried, CASE WHEN tried > 0 THEN failed END AS failed FROM models WHERE place <= $models ORDER BY place
