-- A page of sessions, newest first.
-- answer: page
-- booleans: hybridJoin, timedOut, failed, endNotReported, isStuck
WITH $asked,
  found (session_no) AS MATERIALIZED (
    SELECT x.session_no FROM esp_sessions x
    WHERE x.started_day >= (SELECT coalesce(first, x.started_day) FROM asked)
      AND x.started_day < (SELECT coalesce(last, x.started_day + 1) FROM asked)
      AND (:state IS NULL OR x.state_id = (SELECT id FROM esp_session_states WHERE name = :state COLLATE NOCASE))
      AND (:profileId IS NULL OR x.profile_id_word IN (SELECT id FROM words WHERE text = :profileId))
      AND (:stuck IS NULL OR x.is_stuck = (:stuck = 'true'))
      AND (:cursor IS NULL OR x.session_no < $major)
    ORDER BY x.session_no DESC LIMIT $limit + 1),
  page (session_no) AS MATERIALIZED (SELECT session_no FROM found ORDER BY session_no DESC LIMIT $limit)
SELECT session_id, enrollment_key, attempt_id, sender_session_id, device_name, user_principal_name, os_version, started_at,
  started_day, last_event_at, ended_at, deadline, limit_minutes, state, phase, stage, progress, profile, profile_id,
  profile_version, rule, rule_group, deployment_mode, hybrid_join, items AS items_counted, items_done, timed_out, failed,
  failed_phase, failed_item, end_not_reported, retries, stuck_since, stuck_phase, is_stuck, error_code, error_message,
  CASE WHEN (SELECT count(*) FROM found) > $limit
    THEN $cursor((SELECT min(session_no) FROM page), 0) END AS next_cursor
FROM esp_session_list WHERE session_no IN (SELECT session_no FROM page) ORDER BY session_no DESC
