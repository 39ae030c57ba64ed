-- The devices, at most 200: no person has more, and a name that hundreds of devices share identifies none of them.
-- answer: rows
-- booleans: enrolled, compliant, complete
WITH $devices
SELECT e.enrollment_key AS enrollment_key, w_name.text AS device_name, e.serial_number AS serial_number,
  p.name AS platform, w_os.text AS os_version, w_model.text AS model, w_user.text AS user_principal_name,
  e.enrolled AS enrolled, e.compliant AS compliant, e.complete AS complete, s.name AS state,
  -- A device's state follows its last attempt, which may be another person's.
  (SELECT lower(hex(a.attempt_id)) FROM attempts a WHERE a.attempt_no = e.last_attempt_no) AS last_attempt_id
FROM devices d
CROSS JOIN enrollments e
LEFT JOIN device_states s ON s.id = e.state_id
LEFT JOIN platforms p ON p.id = e.platform_id
LEFT JOIN words w_name ON w_name.id = e.device_name_word
LEFT JOIN words w_os ON w_os.id = e.os_version_word
LEFT JOIN words w_model ON w_model.id = e.model_word
LEFT JOIN words w_user ON w_user.id = e.user_principal_name_word
WHERE e.enrollment_no = d.enrollment_no ORDER BY e.enrollment_key
