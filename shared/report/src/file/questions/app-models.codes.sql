-- The error codes with which the apps are failed, commonest first, with what each can mean; null where none was reported.
-- answer: rows
WITH $asked,
  counted AS MATERIALIZED (
    SELECT app_word, code_word, sum(failing) AS failing FROM daily_app_codes WHERE $days GROUP BY app_word, code_word),
  $shown_apps(counted),
  found AS MATERIALIZED (
    SELECT s.app AS app, nullif(w.text, '') AS code, sum(c.failing) AS failing
    FROM counted c CROSS JOIN shown s LEFT JOIN words w ON w.id = c.code_word
    WHERE s.app_word = c.app_word AND $of_app GROUP BY s.app, w.text
    ORDER BY sum(c.failing) DESC, s.app, w.text = '', w.text LIMIT $limit)
SELECT app, code, failing, $advice(advice_codes x WHERE x.code = f.code, x.advice_no) AS advice_json
FROM found f ORDER BY failing DESC, app, code IS NULL, code
