-- The newest failures, with what each can mean: of attempts (cancellations are marked), of sessions of the
-- Enrollment Status Page that belong to no attempt, and of devices outside any attempt.
-- answer: rows
-- booleans: abandoned, resolved
WITH $asked,
  newest AS MATERIALIZED (
    SELECT * FROM recent_failures WHERE $failed ORDER BY failed_at_ms DESC, failure_no DESC LIMIT $limit)
SELECT failed_at, age_seconds, subject, abandoned, resolved, attempt_id, session_id, enrollment_key, device_name, user_principal_name, platform,
  platform_words, code, reason, category, message, section, action,
  $advice(failure_advice x WHERE x.failure_no = n.failure_no, x.rank) AS advice_json
FROM newest n ORDER BY failed_at_ms DESC, failure_no DESC
