-- The status page (docs/DOMAIN.md, D), as of the file's instant.
-- Each device is in one state, so the states add up to the devices.
CREATE VIEW status_summary AS
WITH
  counts AS (
    SELECT
      coalesce(sum(CASE s.name WHEN 'inProgress' THEN t.devices END), 0) AS in_progress,
      coalesce(sum(CASE s.name WHEN 'waitingForCompliance' THEN t.devices END), 0) AS waiting_for_compliance,
      coalesce(sum(CASE s.name WHEN 'failed' THEN t.devices END), 0) AS failed,
      coalesce(sum(CASE s.name WHEN 'prepared' THEN t.devices END), 0) AS prepared,
      coalesce(sum(CASE s.name WHEN 'enrolled' THEN t.devices END), 0) AS enrolled,
      coalesce(sum(CASE s.name WHEN 'gaveUp' THEN t.devices END), 0) AS gave_up,
      coalesce(sum(CASE s.name WHEN 'pending' THEN t.devices END), 0) AS pending,
      coalesce(sum(CASE s.name WHEN 'notEnrolled' THEN t.devices END), 0) AS not_enrolled,
      coalesce(sum(t.devices), 0) AS devices
    FROM device_totals t
    LEFT JOIN device_states s ON s.id = t.state_id)
SELECT
  --: devices | Devices with an attempt in progress that is not waiting.
  CAST(c.in_progress AS BIGINT) AS in_progress,
  --: devices | Devices whose attempt is waiting for compliance, or for the release of their Setup Assistant.
  CAST(c.waiting_for_compliance AS BIGINT) AS waiting_for_compliance,
  --: devices | Devices whose latest attempt failed and that have not become complete since, and devices with an
  --: unresolved failure outside any attempt; empty if there are none and no sender reports failures.
  CAST(CASE WHEN c.failed > 0 OR c.devices = c.pending
    OR EXISTS (SELECT 1 FROM coverage WHERE failures = 1) THEN c.failed END AS BIGINT) AS failed,
  --: devices | Devices that a technician prepared and that wait for their user.
  CAST(c.prepared AS BIGINT) AS prepared,
  --: devices | Devices under management.
  CAST(c.enrolled AS BIGINT) AS enrolled,
  --: devices | Devices not under management whose latest attempt was abandoned; empty if there are none and no sender
  --: reports starts or stops.
  CAST(CASE WHEN c.gave_up > 0 OR c.devices = c.pending
    OR EXISTS (SELECT 1 FROM coverage WHERE starts = 1 OR stops = 1) THEN c.gave_up END AS BIGINT) AS gave_up,
  --: devices | Devices registered that never made an attempt.
  CAST(c.pending AS BIGINT) AS pending,
  --: devices | Devices in none of the other states.
  CAST(c.not_enrolled AS BIGINT) AS not_enrolled,
  CAST(c.devices AS BIGINT) AS devices
FROM counts c;

CREATE VIEW status_by_platform AS
WITH
  sums AS (
    SELECT t.platform_label_id AS label_id,
      sum(CASE WHEN t.day > (SELECT CAST(value AS BIGINT) FROM meta WHERE key = 'asOfDay') - 7
        THEN t.initiated ELSE 0 END) AS last_7_days,
      sum(t.initiated) AS initiated, sum(t.completed) AS completed, sum(t.failed) AS failed,
      sum(t.abandoned) AS abandoned, sum(t.measured) AS measured, sum(t.judged) AS judged,
      sum(t.completed_judged) AS completed_judged, sum(t.timed) AS timed, sum(t.completed_ms) AS completed_ms
    FROM daily_totals t
    GROUP BY t.platform_label_id),
  devices AS (
    SELECT t.platform_label_id AS label_id, sum(t.devices) AS total FROM device_totals t GROUP BY t.platform_label_id),
  -- What the senders of a label's platforms report; needed only where a count is 0.
  senders AS (
    SELECT t.platform_label_id AS label_id, c.starts AS starts, c.stops AS stops, c.failures AS failures
    FROM daily_totals t
    CROSS JOIN coverage c
    WHERE c.platform_id = t.platform_id)
SELECT
  --: The platform, as the status page labels it; the technician's part of pre-provisioning has its own label. Empty if
  --: no sender reported the platform.
  l.name AS platform,
  --: devices | Devices with that label; none has the label of the technician's part.
  CAST(coalesce(d.total, 0) AS BIGINT) AS total,
  --: attempts | Attempts started on the day of the file's instant or the six before.
  CAST(coalesce(s.last_7_days, 0) AS BIGINT) AS last_7_days,
  CAST(coalesce(s.initiated, 0) AS BIGINT) AS initiated,
  CAST(coalesce(s.completed, 0) AS BIGINT) AS completed,
  --: attempts | Failed; empty if there are none and no sender of the platform reports failures.
  CAST(CASE WHEN s.failed > 0 THEN s.failed WHEN s.initiated > 0 AND NOT EXISTS (
      SELECT 1 FROM senders r WHERE r.label_id = l.id AND r.failures = 1) THEN NULL ELSE 0 END AS BIGINT) AS failed,
  --: attempts | Abandoned; empty if there are none and no sender of the platform reports starts or stops.
  CAST(CASE WHEN s.abandoned > 0 THEN s.abandoned WHEN s.initiated > 0 AND NOT EXISTS (
      SELECT 1 FROM senders r WHERE r.label_id = l.id AND (r.starts = 1 OR r.stops = 1)) THEN NULL ELSE 0 END AS BIGINT)
    AS abandoned,
  CAST(coalesce(s.initiated - s.measured, 0) AS BIGINT) AS only_end_reported,
  --: attempts | The judged ones: the denominator of the rate.
  CAST(coalesce(s.judged, 0) AS BIGINT) AS n,
  CAST(CAST(s.completed_judged AS DOUBLE) / nullif(s.judged, 0) AS DOUBLE) AS success_rate,
  CAST(coalesce(s.timed, 0) AS BIGINT) AS timed,
  --: min | Mean time from start to completion of completed attempts whose start was reported; empty without any.
  CAST(s.completed_ms / (nullif(s.timed, 0) * 60000.0) AS DOUBLE) AS average_minutes
FROM platform_labels l
LEFT JOIN sums s ON s.label_id = l.id
LEFT JOIN devices d ON d.label_id = l.id
WHERE d.total > 0 OR s.initiated > 0 OR (l.id > 0 AND l.name <> 'Windows (Pre-provisioning)');

-- The catalogue's steps that exist on a platform: those that every device reaches, and those of the others that were
-- reported on it within the window. If the organisation requires compliance, every device reaches that step too. A
-- platform without screens of its own has the steps that all platforms have.
CREATE VIEW platform_steps AS
WITH seen AS (
  SELECT t.platform_id AS platform_id, t.action_id AS action_id
  FROM daily_steps t WHERE t.entered > 0 GROUP BY t.platform_id, t.action_id)
SELECT
  p.name AS platform,
  k.step AS step,
  k.name AS action,
  p.id AS platform_id,
  k.id AS action_id
FROM platforms p
CROSS JOIN actions k
LEFT JOIN seen ON seen.platform_id = p.id AND seen.action_id = k.id
WHERE p.id > 0 AND k.step IS NOT NULL AND (seen.action_id IS NOT NULL OR (
  CASE p.name WHEN 'ios' THEN k.on_ios WHEN 'android' THEN k.on_android ELSE k.on_ios * k.on_android END = 1
  AND (k.optional = 0
    OR (k.name = 'Compliance' AND (SELECT value FROM meta WHERE key = 'requireCompliance') = 'true'))));

CREATE VIEW active_enrollments AS
WITH steps AS (SELECT q.platform_id AS platform_id, count(q.step) AS n FROM platform_steps q GROUP BY q.platform_id)
SELECT
  e.enrollment_key AS enrollment_key,
  w_device.text AS device_name,
  w_user.text AS user_principal_name,
  p.name AS platform,
  w_os.text AS os_version,
  CAST(coalesce(p.title, 'Unknown') || coalesce(' ' || w_os.text, '') AS TEXT) AS platform_words,
  l.name AS platform_label,
  --: The device's state: inProgress or waitingForCompliance; another one if only a session is in progress.
  ds.name AS state,
  --: What the attempt is waiting for: compliance, or configuration (the release of the Setup Assistant); empty for
  --: nothing.
  waits.name AS waits_for,
  --: The stage of the Enrollment Status Page, else the section, in words; empty if no sender reported a place.
  CAST(CASE WHEN x.session_no IS NULL THEN s.title ELSE g.name END AS TEXT) AS stage,
  --: fraction | The share of the platform's steps (see platform_steps) that are passed, or the progress of the
  --: Enrollment Status Page; empty if it is unknown, for example because no sender reports steps.
  CAST(CASE
    WHEN x.session_no IS NOT NULL THEN x.progress
    WHEN a.has_steps = 1 THEN (SELECT count(DISTINCT v.action_id) FROM attempt_steps v LEFT JOIN actions k ON k.id = v.action_id
          WHERE v.attempt_no = a.attempt_no AND v.left_at IS NOT NULL AND k.step IS NOT NULL) * 1.0 / nullif(steps.n, 0)
    END AS DOUBLE) AS progress,
  $iso(e.active_since) AS started_at,
  --: ISO 8601, UTC | Until when it is in progress if nothing more happens: the limit of the Enrollment Status Page, else that
  --: of the attempt.
  CAST(coalesce($iso(x.deadline), $iso(a.deadline)) AS TEXT) AS deadline,
  --: The attempt in progress, in hexadecimal; empty when only a session is.
  CAST(lower(nullif(hex(a.attempt_id), '')) AS TEXT) AS attempt_id,
  CAST(lower(nullif(hex(x.session_id), '')) AS TEXT) AS session_id,
  e.active_since AS active_since,
  e.enrollment_no AS enrollment_no
FROM enrollments e
LEFT JOIN outcomes o ON o.id = e.last_outcome_id
LEFT JOIN device_states ds ON ds.id = e.state_id
LEFT JOIN attempts a ON a.attempt_no = e.last_attempt_no AND o.name = 'inProgress'
LEFT JOIN waits ON waits.id = a.wait_id
LEFT JOIN steps ON steps.platform_id = a.platform_id
LEFT JOIN esp_sessions x ON x.session_no = e.open_session_no
LEFT JOIN platforms p ON p.id = e.platform_id
LEFT JOIN platform_labels l ON l.id = e.platform_label_id
LEFT JOIN sections s ON s.id = a.section_id
LEFT JOIN esp_stages g ON g.id = x.stage_id
LEFT JOIN words w_device ON w_device.id = e.device_name_word
LEFT JOIN words w_user ON w_user.id = e.user_principal_name_word
LEFT JOIN words w_os ON w_os.id = e.os_version_word
WHERE e.active_since IS NOT NULL;

CREATE VIEW recent_failures AS
SELECT
  $iso(f.failed_at) AS failed_at,
  --: s | Seconds from the failure to the file's instant.
  CAST(((SELECT CAST(value AS BIGINT) FROM meta WHERE key = 'asOfMillis') - f.failed_at) / 1000 AS BIGINT) AS age_seconds,
  --: What failed: attempt, session (of the Enrollment Status Page, without an attempt) or device (outside any attempt).
  b.name AS subject,
  f.resolved AS resolved,
  --: 0 or 1 | Whether the attempt counts as abandoned rather than failed: a person cancelled, or stopped after an error
  --: was reported.
  f.abandoned AS abandoned,
  CAST(lower(nullif(hex(a.attempt_id), '')) AS TEXT) AS attempt_id,
  CAST(lower(nullif(hex(x.session_id), '')) AS TEXT) AS session_id,
  e.enrollment_key AS enrollment_key,
  w_device.text AS device_name,
  w_user.text AS user_principal_name,
  p.name AS platform,
  w_os.text AS os_version,
  CAST(coalesce(p.title, 'Unknown') || coalesce(' ' || w_os.text, '') AS TEXT) AS platform_words,
  --: The error code as reported.
  w_code.text AS code,
  f.code_value AS code_value,
  w_reason.text AS reason,
  c.name AS category,
  --: The message reported; a pseudonymised file leaves it out.
  w_message.text AS message,
  s.name AS section,
  k.name AS action,
  --: The day the attempt or session started, or the device failed, in the organisation's time zone.
  $day(f.day) AS date,
  --: days since 1970-01-01 | The day the attempt or session started, or the device failed, in the organisation's time
  --: zone.
  f.day AS day,
  --: ms since 1970-01-01 UTC | When the attempt or session ended, or the device failed.
  f.failed_at AS failed_at_ms,
  f.failure_no AS failure_no
FROM failures f
LEFT JOIN failure_subjects b ON b.id = f.subject_id
LEFT JOIN attempts a ON a.attempt_no = f.attempt_no
LEFT JOIN esp_sessions x ON x.session_no = f.session_no
LEFT JOIN enrollments e ON e.enrollment_no = f.enrollment_no
LEFT JOIN platforms p ON p.id = f.platform_id
LEFT JOIN sections s ON s.id = a.section_id
LEFT JOIN actions k ON k.id = a.action_id
LEFT JOIN failure_categories c ON c.id = f.category_id
LEFT JOIN words w_device ON w_device.id = CASE b.name WHEN 'attempt' THEN a.device_name_word
  WHEN 'session' THEN x.device_name_word ELSE e.device_name_word END
LEFT JOIN words w_user ON w_user.id = CASE b.name WHEN 'attempt' THEN a.user_principal_name_word
  WHEN 'session' THEN x.user_principal_name_word ELSE e.user_principal_name_word END
LEFT JOIN words w_os ON w_os.id = CASE b.name WHEN 'attempt' THEN a.os_version_word
  WHEN 'session' THEN x.os_version_word ELSE e.os_version_word END
LEFT JOIN words w_code ON w_code.id = f.code_word
LEFT JOIN words w_reason ON w_reason.id = f.reason_word
LEFT JOIN words w_message ON w_message.id = f.message_word;

-- Failures of devices outside any attempt.
CREATE VIEW device_failures AS
SELECT failed_at,
  --: s | Seconds from the failure to the file's instant.
  age_seconds,
  enrollment_key, device_name, user_principal_name, platform, os_version,
  --: The error code as reported.
  code,
  code_value, reason, category,
  --: The message reported; a pseudonymised file leaves it out.
  message,
  resolved,
  --: The day the device failed, in the organisation's time zone.
  date,
  failure_no
FROM recent_failures
WHERE subject = 'device';

CREATE VIEW failures_by_day AS
SELECT
  $day(d.day) AS date,
  d.day AS day,
  p.name AS platform,
  --: What failed: attempt, session (of the Enrollment Status Page, without an attempt) or device (outside any attempt).
  b.name AS subject,
  CAST(nullif(w_code.text, '') AS TEXT) AS code,
  CAST(nullif(w_reason.text, '') AS TEXT) AS reason,
  c.name AS category,
  --: failures | How often it failed in this way.
  d.failed AS failed,
  d.code_word AS code_word,
  d.reason_word AS reason_word,
  d.category_id AS category_id
FROM daily_failures d
LEFT JOIN platforms p ON p.id = d.platform_id
LEFT JOIN failure_subjects b ON b.id = d.subject_id
LEFT JOIN words w_code ON w_code.id = d.code_word
LEFT JOIN words w_reason ON w_reason.id = d.reason_word
LEFT JOIN failure_categories c ON c.id = d.category_id;

CREATE VIEW failure_reasons AS
SELECT code, reason, category,
  --: failures | How many attempts, sessions of the Enrollment Status Page without an attempt, and devices outside any
  --: attempt failed for this reason.
  CAST(sum(failed) AS BIGINT) AS failed
FROM failures_by_day GROUP BY code, reason, category;

CREATE VIEW advice_by_code AS
SELECT c.code AS code, c.code_value AS code_value, v.advice_id AS advice_id, v.problem AS problem,
  --: Why the problem occurs.
  v.cause AS cause,
  v.steps AS steps, v.who AS who,
  --: Where it occurs: windows, macos, ios, android, separated by commas.
  v.platforms AS platforms, v.sources AS sources
FROM advice_codes c
LEFT JOIN advice v ON v.advice_no = c.advice_no;

CREATE VIEW advice_for_failures AS
SELECT
  --: The attempt, in hexadecimal; empty where a session or a device failed.
  CAST(lower(nullif(hex(a.attempt_id), '')) AS TEXT) AS attempt_id,
  $iso(f.failed_at) AS failed_at,
  --: The error code as reported.
  w_code.text AS code,
  w_reason.text AS reason,
  x.rank AS rank,
  v.advice_id AS advice_id, v.problem AS problem,
  --: Why the problem occurs.
  v.cause AS cause, v.steps AS steps, v.who AS who,
  --: Where it occurs: windows, macos, ios, android, separated by commas.
  v.platforms AS platforms, v.sources AS sources,
  x.failure_no AS failure_no
FROM failure_advice x
LEFT JOIN failures f ON f.failure_no = x.failure_no
LEFT JOIN attempts a ON a.attempt_no = f.attempt_no
LEFT JOIN advice v ON v.advice_no = x.advice_no
LEFT JOIN words w_code ON w_code.id = f.code_word
LEFT JOIN words w_reason ON w_reason.id = f.reason_word;

CREATE VIEW advice_for_reasons AS
SELECT
  CAST(nullif(w_code.text, '') AS TEXT) AS code,
  CAST(nullif(w_reason.text, '') AS TEXT) AS reason,
  c.name AS category,
  x.rank AS rank,
  v.advice_id AS advice_id, v.problem AS problem,
  --: Why the problem occurs.
  v.cause AS cause, v.steps AS steps, v.who AS who,
  --: Where it occurs: windows, macos, ios, android, separated by commas.
  v.platforms AS platforms, v.sources AS sources
FROM failure_reason_advice x
LEFT JOIN advice v ON v.advice_no = x.advice_no
LEFT JOIN words w_code ON w_code.id = x.code_word
LEFT JOIN words w_reason ON w_reason.id = x.reason_word
LEFT JOIN failure_categories c ON c.id = x.category_id;

CREATE VIEW first_time_right AS
SELECT
  --: devices | Devices whose first attempt completed.
  CAST(coalesce(sum(CASE WHEN o.name = 'completed' THEN t.devices END), 0) AS BIGINT) AS completed,
  --: devices | Devices whose first attempt is in the window and judged: the denominator of the rate.
  CAST(coalesce(sum(t.devices), 0) AS BIGINT) AS n,
  --: fraction | Devices whose first attempt completed divided by n; empty where n is 0.
  CAST(sum(CASE WHEN o.name = 'completed' THEN t.devices ELSE 0 END) * 1.0 / nullif(sum(t.devices), 0) AS DOUBLE) AS rate
FROM device_totals t
LEFT JOIN outcomes o ON o.id = t.first_outcome_id
WHERE t.first_judged = 1;
