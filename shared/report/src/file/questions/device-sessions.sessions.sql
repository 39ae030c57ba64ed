-- A device's sessions with their phases and items, newest first.
-- answer: rows
-- booleans: hybridJoin, timedOut, failed, endNotReported, isStuck
WITH $person
SELECT $session,
  (SELECT json_group_array(json_object('phase', phase, 'title', title, 'state', state, 'startedAt', started_at,
      'endedAt', ended_at, 'minutes', $real(minutes)) ORDER BY phase_id)
    FROM esp_phase_list p WHERE p.session_no = s.session_no) AS phases_json,
  (SELECT json_group_array(json_object('phase', phase, 'category', category, 'itemId', item_id, 'name', name,
      'tracking', tracking, 'state', state, 'errorCode', error_code, 'updatedAt', updated_at, 'beganAt', began_at,
      'settledAt', settled_at, 'errors', errors) ORDER BY seq)
    FROM esp_item_list i WHERE i.session_no = s.session_no) AS items_json
FROM esp_session_list s
WHERE s.session_no IN (
  SELECT x.session_no FROM enrollments e CROSS JOIN esp_sessions x ON x.enrollment_no = e.enrollment_no
  WHERE e.enrollment_key = :enrollmentKey
    AND (:user IS NULL OR (x.user_principal_name_word IS NULL AND x.user_id_word IS NULL)
      OR x.user_principal_name_word IN (SELECT id FROM person) OR x.user_id_word IN (SELECT id FROM person)))
ORDER BY s.session_no DESC
