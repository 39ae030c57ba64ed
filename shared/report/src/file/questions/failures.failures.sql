-- The newest failures, cancellations among them marked, with what each can mean.
-- answer: rows
-- booleans: abandoned
WITH $asked,
  newest AS MATERIALIZED (
    SELECT * FROM recent_failures WHERE $failed ORDER BY failed_at_ms DESC, attempt_no DESC LIMIT $limit)
SELECT failed_at, age_seconds, abandoned, attempt_id, enrollment_key, device_name, user_principal_name, platform,
  platform_words, code, reason, category, message, section, action,
  $advice(failure_advice x WHERE x.attempt_no = n.attempt_no, x.rank) AS advice_json
FROM newest n ORDER BY failed_at_ms DESC, attempt_no DESC
