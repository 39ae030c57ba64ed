-- Their unresolved failures outside any attempt, newest first, with what each can mean.
-- answer: rows
WITH $devices
SELECT failed_at, enrollment_key, code, reason, category, message,
  $advice(failure_advice x WHERE x.failure_no = n.failure_no, x.rank) AS advice_json
FROM recent_failures n
WHERE n.failure_no IN (
  SELECT f.failure_no FROM devices d CROSS JOIN failures f
  WHERE f.enrollment_no = d.enrollment_no AND f.subject_id = 3 AND f.resolved = 0)
ORDER BY failed_at_ms DESC, failure_no DESC
