-- Their attempts, newest first; if several people share a device, only the attempts of this person, or of nobody.
-- answer: rows
WITH $devices
SELECT $columns(enrollment_attempts) FROM enrollment_attempts v
WHERE v.attempt_no IN (
  SELECT a.attempt_no FROM devices d CROSS JOIN attempts a
  WHERE a.enrollment_no = d.enrollment_no
    AND (:user IS NULL OR (a.user_principal_name_word IS NULL AND a.user_id_word IS NULL)
      OR a.user_principal_name_word IN (SELECT id FROM person) OR a.user_id_word IN (SELECT id FROM person)))
ORDER BY v.started_at DESC, v.attempt_no DESC
