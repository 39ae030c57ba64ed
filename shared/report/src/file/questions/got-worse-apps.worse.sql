-- Which apps, and on which models, fail in more sessions than the rate of the four weeks before would give, most first. Only
-- what is certain, as in `got-worse`.
-- answer: rows
WITH $app_changes,
  $worse
SELECT w.kind AS kind, CASE w.kind WHEN 'appModel' THEN w.name ->> 0 ELSE w.name END AS name, NULL AS display_name,
  CASE w.kind WHEN 'appModel' THEN w.name ->> 1 END AS model,
  $worse_columns
FROM worse w ORDER BY excess DESC, w.kind, w.name
