-- One attempt, with what its failure can mean and what to do, likeliest first.
-- answer: row
-- booleans: clockSkew
-- :id id | The attempt's id.
SELECT $as_of, attempt_id, enrollment_key, number, device_name, user_principal_name, user_id, platform,
  platform_label, os_version, enrollment_type, manufacturer, model, started_at, started_day, last_activity_at, ended_at,
  outcome, cause, section, action, screen, catalogue_row, failure_code, failure_reason, failure_category,
  failure_message, clock_skew, event_count,
  $advice(failure_advice x WHERE x.attempt_no = v.attempt_no, x.rank) AS advice_json
FROM enrollment_attempts v
WHERE v.attempt_no = (SELECT min(attempt_no) FROM attempts WHERE attempt_id = unhex(:id))
