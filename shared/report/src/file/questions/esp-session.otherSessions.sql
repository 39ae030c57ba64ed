-- The device's other sessions, newest first.
-- answer: rows
SELECT session_id, started_at, ended_at, state, deployment_mode, user_principal_name FROM esp_session_list
WHERE session_no IN (
  SELECT o.session_no FROM esp_sessions x CROSS JOIN esp_sessions o ON o.enrollment_no = x.enrollment_no
  WHERE x.session_id = unhex(:id) AND o.session_no <> x.session_no)
ORDER BY session_no DESC
