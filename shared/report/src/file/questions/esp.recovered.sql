-- Sessions that passed their limit and finished later, newest first.
-- answer: rows
WITH $asked
SELECT session_id, enrollment_key, device_name, user_principal_name, profile, started_at, deadline, ended_at,
  minutes_over, state
FROM esp_timeouts_recovered WHERE $days ORDER BY session_no DESC LIMIT min($limit, 100)
