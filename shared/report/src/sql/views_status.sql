-- The status page (SPEC section 8), as of the file's instant.
CREATE VIEW status_summary AS
SELECT
  CAST(coalesce(sum(CASE WHEN t.enrolled = 1 THEN t.devices END), 0) AS BIGINT) AS enrolled,
  CAST(coalesce(sum(CASE WHEN t.active = 1 THEN t.devices END), 0) AS BIGINT) AS in_progress,
  CAST(coalesce(sum(CASE WHEN t.pending = 1 THEN t.devices END), 0) AS BIGINT) AS pending,
  CAST(coalesce(sum(CASE WHEN o.name = 'failed' AND t.enrolled = 0 THEN t.devices END), 0) AS BIGINT) AS failed,
  CAST(coalesce(sum(t.devices), 0) AS BIGINT) AS devices
FROM device_totals t
LEFT JOIN outcomes o ON o.id = t.last_outcome_id;

CREATE VIEW status_by_platform AS
WITH
  sums AS (
    SELECT t.platform_label_id AS label_id,
      sum(CASE WHEN t.day > (SELECT CAST(value AS BIGINT) FROM meta WHERE key = 'asOfDay') - 7
        THEN t.initiated ELSE 0 END) AS last_7_days,
      sum(t.initiated) AS initiated, sum(t.completed) AS completed, sum(t.failed) AS failed,
      sum(t.abandoned) AS abandoned, sum(t.completed_ms) AS completed_ms
    FROM daily_totals t GROUP BY t.platform_label_id),
  devices AS (
    SELECT t.platform_label_id AS label_id, sum(t.devices) AS total FROM device_totals t GROUP BY t.platform_label_id)
SELECT
  l.name AS platform,
  CAST(coalesce(d.total, 0) AS BIGINT) AS total,
  CAST(coalesce(s.last_7_days, 0) AS BIGINT) AS last_7_days,
  CAST(coalesce(s.initiated, 0) AS BIGINT) AS initiated,
  CAST(coalesce(s.completed, 0) AS BIGINT) AS completed,
  CAST(coalesce(s.failed, 0) AS BIGINT) AS failed,
  CAST(coalesce(s.abandoned, 0) AS BIGINT) AS abandoned,
  CAST(coalesce(s.completed + s.failed + s.abandoned, 0) AS BIGINT) AS n,
  CAST(CAST(s.completed AS DOUBLE) / nullif(s.completed + s.failed + s.abandoned, 0) AS DOUBLE) AS success_rate,
  CAST(s.completed_ms / (nullif(s.completed, 0) * 60000.0) AS DOUBLE) AS average_minutes
FROM platform_labels l
LEFT JOIN sums s ON s.label_id = l.id
LEFT JOIN devices d ON d.label_id = l.id
WHERE l.id > 0 OR d.total > 0 OR s.initiated > 0;

CREATE VIEW active_enrollments AS
SELECT
  e.enrollment_key AS enrollment_key,
  w_device.text AS device_name,
  w_user.text AS user_principal_name,
  p.name AS platform,
  w_os.text AS os_version,
  CAST(coalesce(p.title, 'Unknown') || coalesce(' ' || w_os.text, '') AS TEXT) AS platform_words,
  l.name AS platform_label,
  CAST(CASE WHEN x.session_no IS NULL THEN s.title ELSE coalesce(ph.title, 'Enrollment Status Page') END AS TEXT) AS stage,
  CAST(CASE
    WHEN x.session_no IS NOT NULL THEN x.items_done * 1.0 / nullif(x.items, 0)
    ELSE (SELECT count(DISTINCT v.action_id) FROM attempt_steps v LEFT JOIN actions k ON k.id = v.action_id
          WHERE v.attempt_no = a.attempt_no AND v.left_at IS NOT NULL AND k.step IS NOT NULL) * 1.0 / nullif(p.steps, 0)
    END AS DOUBLE) AS progress,
  $iso(e.active_since) AS started_at,
  CAST(lower(hex(a.attempt_id)) AS TEXT) AS attempt_id,
  CAST(lower(hex(x.session_id)) AS TEXT) AS session_id,
  e.active_since AS active_since,
  e.enrollment_no AS enrollment_no
FROM enrollments e
LEFT JOIN attempts a ON a.attempt_no = e.last_attempt_no AND e.last_outcome_id = 1
LEFT JOIN esp_sessions x ON x.session_no = e.open_session_no
LEFT JOIN platforms p ON p.id = e.platform_id
LEFT JOIN platform_labels l ON l.id = e.platform_label_id
LEFT JOIN sections s ON s.id = a.section_id
LEFT JOIN esp_phases ph ON ph.id = x.phase_id
LEFT JOIN words w_device ON w_device.id = e.device_name_word
LEFT JOIN words w_user ON w_user.id = e.user_principal_name_word
LEFT JOIN words w_os ON w_os.id = e.os_version_word
WHERE e.active_since IS NOT NULL;

CREATE VIEW recent_failures AS
SELECT
  $iso(f.failed_at) AS failed_at,
  CAST(((SELECT CAST(value AS BIGINT) FROM meta WHERE key = 'asOfMillis') - f.failed_at) / 1000 AS BIGINT) AS age_seconds,
  f.abandoned AS abandoned,
  CAST(lower(hex(a.attempt_id)) AS TEXT) AS attempt_id,
  e.enrollment_key AS enrollment_key,
  w_device.text AS device_name,
  w_user.text AS user_principal_name,
  p.name AS platform,
  w_os.text AS os_version,
  CAST(coalesce(p.title, 'Unknown') || coalesce(' ' || w_os.text, '') AS TEXT) AS platform_words,
  w_code.text AS code,
  f.code_value AS code_value,
  w_reason.text AS reason,
  c.name AS category,
  w_message.text AS message,
  s.name AS section,
  k.name AS action,
  $day(a.started_day) AS date,
  a.started_day AS day,
  f.failed_at AS failed_at_ms,
  f.attempt_no AS attempt_no
FROM failures f
LEFT JOIN attempts a ON a.attempt_no = f.attempt_no
LEFT JOIN enrollments e ON e.enrollment_no = a.enrollment_no
LEFT JOIN platforms p ON p.id = a.platform_id
LEFT JOIN sections s ON s.id = a.section_id
LEFT JOIN actions k ON k.id = a.action_id
LEFT JOIN failure_categories c ON c.id = f.category_id
LEFT JOIN words w_device ON w_device.id = a.device_name_word
LEFT JOIN words w_user ON w_user.id = a.user_principal_name_word
LEFT JOIN words w_os ON w_os.id = a.os_version_word
LEFT JOIN words w_code ON w_code.id = f.code_word
LEFT JOIN words w_reason ON w_reason.id = f.reason_word
LEFT JOIN words w_message ON w_message.id = f.message_word;

CREATE VIEW failures_by_day AS
SELECT
  $day(d.day) AS date,
  d.day AS day,
  p.name AS platform,
  CAST(nullif(w_code.text, '') AS TEXT) AS code,
  CAST(nullif(w_reason.text, '') AS TEXT) AS reason,
  c.name AS category,
  d.failed AS failed
FROM daily_failures d
LEFT JOIN platforms p ON p.id = d.platform_id
LEFT JOIN words w_code ON w_code.id = d.code_word
LEFT JOIN words w_reason ON w_reason.id = d.reason_word
LEFT JOIN failure_categories c ON c.id = d.category_id;

CREATE VIEW failure_reasons AS
SELECT code, reason, category, CAST(sum(failed) AS BIGINT) AS failed
FROM failures_by_day GROUP BY code, reason, category;

CREATE VIEW first_time_right AS
SELECT
  CAST(coalesce(sum(CASE WHEN o.name = 'completed' THEN t.devices END), 0) AS BIGINT) AS completed,
  CAST(coalesce(sum(t.devices), 0) AS BIGINT) AS n,
  CAST(sum(CASE WHEN o.name = 'completed' THEN t.devices ELSE 0 END) * 1.0 / nullif(sum(t.devices), 0) AS DOUBLE) AS rate
FROM device_totals t
LEFT JOIN outcomes o ON o.id = t.first_outcome_id
WHERE o.name IN ('completed', 'abandoned', 'failed');

CREATE VIEW esp_session_list AS
SELECT
  CAST(lower(hex(x.session_id)) AS TEXT) AS session_id,
  e.enrollment_key AS enrollment_key,
  w_sender.text AS sender_session_id,
  w_device.text AS device_name,
  w_user.text AS user_principal_name,
  w_os.text AS os_version,
  $iso(x.started_at) AS started_at,
  $day(x.started_day) AS started_day,
  $iso(x.last_event_at) AS last_event_at,
  $iso(x.ended_at) AS ended_at,
  $iso(x.deadline) AS deadline,
  st.name AS state,
  ph.name AS phase,
  pr.display_name AS profile,
  x.limit_minutes AS limit_minutes,
  m.name AS deployment_mode,
  x.hybrid_join AS hybrid_join,
  x.items AS items,
  x.items_done AS items_done,
  CAST(x.items_done * 1.0 / nullif(x.items, 0) AS DOUBLE) AS progress,
  w_code.text AS error_code,
  x.session_no AS session_no
FROM esp_sessions x
LEFT JOIN enrollments e ON e.enrollment_no = x.enrollment_no
LEFT JOIN esp_session_states st ON st.id = x.state_id
LEFT JOIN esp_phases ph ON ph.id = x.phase_id
LEFT JOIN esp_profiles pr ON pr.profile_no = x.profile_no
LEFT JOIN deployment_modes m ON m.id = x.deployment_mode_id
LEFT JOIN words w_sender ON w_sender.id = x.sender_session_word
LEFT JOIN words w_device ON w_device.id = x.device_name_word
LEFT JOIN words w_user ON w_user.id = x.user_principal_name_word
LEFT JOIN words w_os ON w_os.id = x.os_version_word
LEFT JOIN words w_code ON w_code.id = x.error_code_word;

CREATE VIEW esp_item_list AS
SELECT
  CAST(lower(hex(x.session_id)) AS TEXT) AS session_id,
  i.seq AS seq,
  ph.name AS phase,
  c.name AS category,
  w_item.text AS item_id,
  w_name.text AS name,
  st.name AS state,
  w_code.text AS error_code,
  $iso(i.updated_at) AS updated_at,
  i.session_no AS session_no
FROM esp_items i
LEFT JOIN esp_sessions x ON x.session_no = i.session_no
LEFT JOIN esp_phases ph ON ph.id = i.phase_id
LEFT JOIN esp_categories c ON c.id = i.category_id
LEFT JOIN esp_item_states st ON st.id = i.state_id
LEFT JOIN words w_item ON w_item.id = i.item_word
LEFT JOIN words w_name ON w_name.id = i.name_word
LEFT JOIN words w_code ON w_code.id = i.error_code_word;

CREATE VIEW esp_profile_list AS
SELECT
  pr.display_name AS display_name,
  CAST(CASE pr.enabled WHEN 1 THEN 'enabled' ELSE 'disabled' END AS TEXT) AS status,
  pr.is_default AS is_default,
  pr.priority AS priority,
  pr.limit_minutes AS limit_minutes,
  pr.blocking_apps AS blocking_apps,
  pr.group_names AS group_names
FROM esp_profiles pr;
