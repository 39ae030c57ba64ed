-- Sessions whose list of apps is overdue and still not known, whenever they began, newest first.
-- answer: rows
SELECT session_id, enrollment_key, device_name, user_principal_name, phase, stuck_since, state, profile, meaning
FROM esp_stuck_identifying WHERE is_stuck = 1 ORDER BY session_no DESC LIMIT min($limit, 100)
