-- The senders that took part, and what each can report.
-- answer: rows
-- booleans: starts, steps, stops, failures, ends, compliance, deviceTime
SELECT source, starts, steps, stops, failures, ends, compliance, device_time FROM attempt_senders
WHERE attempt_no = (SELECT min(attempt_no) FROM attempts WHERE attempt_id = unhex(:id)) ORDER BY source
