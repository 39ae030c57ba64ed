-- Devices, by their names and serial numbers; those that begin with the text first.
-- answer: rows
WITH $found,
  matching (enrollment_no) AS (
    SELECT e.enrollment_no FROM found f CROSS JOIN enrollments e WHERE e.device_name_word = f.id
    UNION
    SELECT enrollment_no FROM (
      SELECT enrollment_no FROM enrollments WHERE serial_number LIKE $pattern ESCAPE '\' LIMIT 2000))
SELECT e.enrollment_key AS enrollment_key, n.text AS device_name, e.serial_number AS serial_number, p.name AS platform,
  u.text AS user_principal_name, s.name AS state
FROM matching m
CROSS JOIN enrollments e ON e.enrollment_no = m.enrollment_no
LEFT JOIN words n ON n.id = e.device_name_word
LEFT JOIN words u ON u.id = e.user_principal_name_word
LEFT JOIN platforms p ON p.id = e.platform_id
LEFT JOIN device_states s ON s.id = e.state_id
ORDER BY lower(substr(coalesce(n.text, ''), 1, length(:text))) <> lower(:text)
    AND lower(substr(coalesce(e.serial_number, ''), 1, length(:text))) <> lower(:text),
  coalesce(n.text, e.serial_number), e.enrollment_key LIMIT $limit
