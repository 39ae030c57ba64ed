-- What an error code or the reason of a failure means, according to the file's advice and sums.
-- answer: row
-- :text text | A code in any spelling, a reason of failures, or a category.
WITH RECURSIVE $code,
  reason (code_word, reason_word, category_id) AS (
    SELECT code_word, reason_word, category_id FROM failures_by_day WHERE trim(:text) IN (reason, code, category)
    GROUP BY code_word, reason_word, category_id ORDER BY sum(failed) DESC LIMIT 1)
SELECT $as_of, (SELECT value FROM meta WHERE key = 'adviceVersion') AS catalogue,
  CASE WHEN EXISTS (SELECT 1 FROM code)
    THEN $advice(advice_codes x WHERE x.code_value = (SELECT value FROM code), x.advice_no)
    ELSE $advice(reason r CROSS JOIN failure_reason_advice x
      WHERE x.code_word = r.code_word AND x.reason_word = r.reason_word
        AND x.category_id = r.category_id, x.rank) END AS meanings_json
WHERE EXISTS (SELECT 1 FROM code)
  OR EXISTS (SELECT 1 FROM reason r CROSS JOIN failure_reason_advice x
    WHERE x.code_word = r.code_word AND x.reason_word = r.reason_word
      AND x.category_id = r.category_id)
