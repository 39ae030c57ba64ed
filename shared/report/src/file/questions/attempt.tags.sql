-- The tags of the device.
-- answer: rows
SELECT tag, value FROM device_tags
WHERE enrollment_no = (SELECT enrollment_no FROM attempts
  WHERE attempt_no = (SELECT min(attempt_no) FROM attempts WHERE attempt_id = unhex(:id))) ORDER BY tag
