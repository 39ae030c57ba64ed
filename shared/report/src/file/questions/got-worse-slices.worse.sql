-- Of which values more people give up than the rate of the four weeks before would give, most first. Only what is certain, as
-- in `got-worse`. By sender an attempt counts for each sender that took part. The name of a tag is its key
-- and its value, as department=Sales.
-- answer: rows
WITH $slice_changes,
  $worse
SELECT w.kind AS kind, w.name AS name, NULL AS display_name,
  $worse_columns
FROM worse w ORDER BY excess DESC, w.kind, w.name
