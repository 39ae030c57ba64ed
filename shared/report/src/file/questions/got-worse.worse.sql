-- Where more people are affected than the rate of the four weeks before would give, most first. Only what is certain: of all
-- that was compared, one in twenty of those shown is expected to be there by chance (Benjamini and Hochberg).
-- answer: rows
WITH $changes,
  $worse
SELECT w.kind AS kind, w.name AS name,
  (SELECT p.profile FROM esp_profile_names p WHERE w.kind = 'espProfile' AND p.profile_id = w.name) AS display_name,
  $worse_columns
FROM worse w ORDER BY excess DESC, w.kind, w.name
