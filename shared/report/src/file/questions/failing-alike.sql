-- Who else is affected by a failure: attempts that failed with the same code value, else with the same code as
-- reported, else with the same reason.
-- answer: row
-- :id id | The attempt that failed.
-- :except text | The devices to leave out: their keys as a JSON list.
WITH $left_out,
  this AS (
    SELECT code_value, code_word, reason_word FROM failures
    WHERE failure_no = (SELECT min(attempt_no) FROM attempts WHERE attempt_id = unhex(:id))),
  alike AS MATERIALIZED (
    SELECT coalesce(a.user_principal_name_word, a.user_id_word) AS person, a.enrollment_no AS device,
      p.name AS platform, f.failed_at AS at
    FROM this t CROSS JOIN failures f CROSS JOIN attempts a LEFT JOIN platforms p ON p.id = a.platform_id
    WHERE f.abandoned = 0 AND a.attempt_no = f.attempt_no
      AND CASE WHEN t.code_value IS NOT NULL THEN f.code_value = t.code_value
        WHEN t.code_word IS NOT NULL THEN f.code_word = t.code_word ELSE f.reason_word = t.reason_word END
      AND a.enrollment_no NOT IN (SELECT enrollment_no FROM left_out))
SELECT $as_of, $alike
