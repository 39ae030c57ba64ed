-- A page of devices being enrolled, newest first.
-- answer: page
WITH
  found AS MATERIALIZED (
    SELECT * FROM active_enrollments
    WHERE :cursor IS NULL OR active_since < $major
      OR (active_since = $major AND enrollment_no < $minor)
    ORDER BY active_since DESC, enrollment_no DESC LIMIT $limit + 1),
  page AS (SELECT * FROM found ORDER BY active_since DESC, enrollment_no DESC LIMIT $limit)
SELECT enrollment_key, device_name, user_principal_name, platform, platform_words, platform_label, state, waits_for, stage, progress,
  started_at, deadline, attempt_id, session_id,
  CASE WHEN (SELECT count(*) FROM found) > $limit THEN $cursor(active_since, enrollment_no) END AS next_cursor
FROM page ORDER BY active_since DESC, enrollment_no DESC
