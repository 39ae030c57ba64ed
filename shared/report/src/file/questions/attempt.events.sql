-- The events of an attempt, in order.
-- answer: rows
SELECT seq, kind, time, received_at, source, event_id, section, action, screen, user_action, failure_code,
  failure_reason, reported, clock_skew
FROM attempt_timeline
WHERE attempt_no = (SELECT min(attempt_no) FROM attempts WHERE attempt_id = unhex(:id)) ORDER BY seq
