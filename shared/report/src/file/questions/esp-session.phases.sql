-- The phases that the session reached, in order.
-- answer: rows
SELECT phase, title, state, started_at, ended_at, minutes FROM esp_phase_list
WHERE session_no = (SELECT min(session_no) FROM esp_sessions WHERE session_id = unhex(:id)) ORDER BY phase_id
