-- What an error code or the words of a failure mean, according to the file's advice and failures.
-- answer: row
-- :text text | A code in any spelling, the words of a failure, or a category.
WITH RECURSIVE $code,
  failure (failure_no) AS (
    SELECT failure_no FROM recent_failures WHERE trim(:text) IN (message, reason, code, category)
    ORDER BY failed_at_ms DESC, failure_no DESC LIMIT 1)
SELECT $as_of, (SELECT value FROM meta WHERE key = 'adviceVersion') AS catalogue,
  CASE WHEN EXISTS (SELECT 1 FROM code)
    THEN $advice(advice_codes x WHERE x.code_value = (SELECT value FROM code), x.advice_no)
    ELSE $advice(failure_advice x WHERE x.failure_no = (SELECT failure_no FROM failure), x.rank) END AS meanings_json
WHERE EXISTS (SELECT 1 FROM code)
  OR EXISTS (SELECT 1 FROM failure_advice WHERE failure_no = (SELECT failure_no FROM failure))
