-- One session of the Enrollment Status Page, with what its failure can mean and what to do about it, likeliest meaning
-- first.
-- answer: row
-- booleans: hybridJoin, timedOut, failed, endNotReported, isStuck
-- :id id | The session's id.
SELECT $as_of, $time_zone, $session,
  (SELECT k.meaning FROM esp_stuck_identifying k WHERE k.session_no = s.session_no) AS stuck_means,
  -- If the session belongs to an attempt, the failure is the attempt's; otherwise it is the session's own.
  $advice(failure_advice x WHERE s.failed = 1 AND x.failure_no = (
    SELECT coalesce(n.attempt_no, n.session_no) FROM esp_sessions n WHERE n.session_no = s.session_no), x.rank)
    AS advice_json
FROM esp_session_list s
WHERE s.session_no = (SELECT min(session_no) FROM esp_sessions WHERE session_id = unhex(:id))
