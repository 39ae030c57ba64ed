-- A page of devices in limbo, newest first; a registered device is listed only after `afterDays` days.
-- answer: page
WITH
  found AS MATERIALIZED (
    SELECT * FROM devices_in_limbo
    WHERE (why = 'left' OR days >= $after_days)
      AND (:why IS NULL OR why = :why COLLATE NOCASE)
      AND (:source IS NULL OR source = :source COLLATE NOCASE)
      AND (:cursor IS NULL OR since_ms < $major OR (since_ms = $major AND enrollment_no < $minor))
    ORDER BY since_ms DESC, enrollment_no DESC LIMIT $limit + 1),
  page AS (SELECT * FROM found ORDER BY since_ms DESC, enrollment_no DESC LIMIT $limit)
SELECT why, enrollment_key, device_name, user_principal_name, platform, os_version, platform_label, state, since, days,
  source, may_be_at,
  CASE WHEN (SELECT count(*) FROM found) > $limit THEN $cursor(since_ms, enrollment_no) END AS next_cursor
FROM page ORDER BY since_ms DESC, enrollment_no DESC
