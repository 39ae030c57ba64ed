-- Attempts and their events in words. `$iso(x)` is an instant in milliseconds as text, `$day(x)` a day number as a
-- date. The views use outer and cross joins only, because old query planners keep their order. They use only SQL that
-- other readers can parse too (DuckDB parses a view's text itself): no UNION, a cross join without ON, and the types
-- BIGINT and DOUBLE, which SQLite treats as INTEGER and REAL.
CREATE VIEW enrollment_attempts AS
SELECT
  CAST(lower(hex(a.attempt_id)) AS TEXT) AS attempt_id,
  e.enrollment_key AS enrollment_key,
  a.number AS number,
  w_device.text AS device_name,
  w_user.text AS user_principal_name,
  w_user_id.text AS user_id,
  platforms.name AS platform,
  platform_labels.name AS platform_label,
  w_os.text AS os_version,
  --: How the device is enrolled, by Graph's names.
  w_type.text AS enrollment_type,
  --: Who made the device.
  w_manufacturer.text AS manufacturer,
  --: The device's model.
  w_model.text AS model,
  $iso(a.started_at) AS started_at,
  $day(a.started_day) AS started_day,
  --: The time of its newest activity.
  $iso(a.last_activity_at) AS last_activity_at,
  $iso(a.ended_at) AS ended_at,
  --: The attempt's outcome: inProgress, completed, abandoned, failed.
  outcomes.name AS outcome,
  causes.name AS cause,
  --: min | The limit that ran out; empty if none did.
  a.limit_minutes AS limit_minutes,
  --: What it is waiting for while in progress: compliance, or configuration (the release of the Setup Assistant).
  waits.name AS waits_for,
  sections.name AS section,
  actions.name AS action,
  screens.name AS screen,
  a.catalogue_row AS catalogue_row,
  w_code.text AS failure_code,
  w_reason.text AS failure_reason,
  --: Category of the failure, as Graph's deviceEnrollmentFailureReason names them.
  failure_categories.name AS failure_category,
  --: The message reported; a pseudonymised file leaves it out.
  w_message.text AS failure_message,
  --: min | From start to end; empty if no sender reported the start, or only after the end, or the attempt has not
  --: ended.
  CAST(CASE a.start_reported WHEN 1 THEN nullif(a.ended_at - a.started_at, 0) / 60000.0 END AS DOUBLE) AS minutes,
  a.has_starts AS has_starts,
  a.has_steps AS has_steps,
  a.start_reported AS start_reported,
  --: 0 or 1 | Whether it is closed, and success and failure can be distinguished.
  a.judged AS judged,
  a.technician AS technician,
  a.release_not_reported AS release_not_reported,
  --: Its session of the Enrollment Status Page, in hexadecimal; empty for none.
  CAST(lower(nullif(hex(x.session_id), '')) AS TEXT) AS session_id,
  a.clock_skew AS clock_skew,
  a.event_count AS event_count,
  a.attempt_no AS attempt_no
FROM attempts a
LEFT JOIN enrollments e ON e.enrollment_no = a.enrollment_no
LEFT JOIN failures f ON f.failure_no = a.attempt_no
LEFT JOIN esp_sessions x ON x.session_no = a.session_no
LEFT JOIN platforms ON platforms.id = a.platform_id
LEFT JOIN platform_labels ON platform_labels.id = a.platform_label_id
LEFT JOIN outcomes ON outcomes.id = a.outcome_id
LEFT JOIN causes ON causes.id = a.cause_id
LEFT JOIN waits ON waits.id = a.wait_id
LEFT JOIN sections ON sections.id = a.section_id
LEFT JOIN actions ON actions.id = a.action_id
LEFT JOIN screens ON screens.id = a.screen_id
LEFT JOIN failure_categories ON failure_categories.id = f.category_id
LEFT JOIN words w_device ON w_device.id = a.device_name_word
LEFT JOIN words w_user ON w_user.id = a.user_principal_name_word
LEFT JOIN words w_user_id ON w_user_id.id = a.user_id_word
LEFT JOIN words w_os ON w_os.id = a.os_version_word
LEFT JOIN words w_type ON w_type.id = a.enrollment_type_word
LEFT JOIN words w_manufacturer ON w_manufacturer.id = a.manufacturer_word
LEFT JOIN words w_model ON w_model.id = a.model_word
LEFT JOIN words w_code ON w_code.id = f.code_word
LEFT JOIN words w_reason ON w_reason.id = f.reason_word
LEFT JOIN words w_message ON w_message.id = f.message_word;

CREATE VIEW attempt_timeline AS
SELECT
  CAST(lower(hex(a.attempt_id)) AS TEXT) AS attempt_id,
  v.seq AS seq,
  --: The event's type.
  kinds.name AS kind,
  --: The event's own time.
  $iso(v.time) AS time,
  --: When we received the event's first copy.
  $iso(v.time + v.received_after) AS received_at,
  --: The event's source; with its id it names the event.
  w_source.text AS source,
  --: The event's id; with its source it names the event.
  CAST(coalesce(v.event_id, lower(
    substr(hex(v.event_uuid), 1, 8) || '-' || substr(hex(v.event_uuid), 9, 4) || '-' ||
    substr(hex(v.event_uuid), 13, 4) || '-' || substr(hex(v.event_uuid), 17, 4) || '-' ||
    substr(hex(v.event_uuid), 21, 12))) AS TEXT) AS event_id,
  sections.name AS section,
  actions.name AS action,
  screens.name AS screen,
  --: What the person chose.
  user_actions.name AS user_action,
  w_code.text AS failure_code,
  w_reason.text AS failure_reason,
  --: The sender's spellings, where they differ from the canonical ones.
  w_reported.text AS reported,
  --: How the event's clock is implausible: ahead or behind.
  clock_skews.name AS clock_skew,
  v.attempt_no AS attempt_no
FROM attempt_events v
LEFT JOIN attempts a ON a.attempt_no = v.attempt_no
LEFT JOIN kinds ON kinds.id = v.kind_id
LEFT JOIN sections ON sections.id = v.section_id
LEFT JOIN actions ON actions.id = v.action_id
LEFT JOIN screens ON screens.id = v.screen_id
LEFT JOIN user_actions ON user_actions.id = v.user_action_id
LEFT JOIN clock_skews ON clock_skews.id = v.clock_skew_id
LEFT JOIN words w_source ON w_source.id = v.source_word
LEFT JOIN words w_code ON w_code.id = v.code_word
LEFT JOIN words w_reason ON w_reason.id = v.reason_word
LEFT JOIN words w_reported ON w_reported.id = v.reported_word;

-- The senders that took part in an attempt, and what each can report.
CREATE VIEW attempt_senders AS
SELECT
  CAST(lower(hex(a.attempt_id)) AS TEXT) AS attempt_id,
  w.text AS source,
  v.starts AS starts,
  --: 0 or 1 | Whether it reports screens.
  v.steps AS steps, v.stops AS stops, v.failures AS failures, v.ends AS ends,
  v.compliance AS compliance, v.device_time AS device_time,
  v.attempt_no AS attempt_no
FROM attempt_sources v
LEFT JOIN attempts a ON a.attempt_no = v.attempt_no
LEFT JOIN words w ON w.id = v.source_word;

CREATE VIEW attempt_corrections AS
SELECT
  CAST(lower(hex(c.attempt_id)) AS TEXT) AS attempt_id,
  c.gone AS gone,
  c.erased AS erased,
  --: The attempt's outcome in the file published before.
  old_outcomes.name AS old_outcome,
  --: The attempt's outcome now.
  new_outcomes.name AS new_outcome,
  --: Why it was abandoned, in the file published before.
  old_causes.name AS old_cause,
  --: Why it was abandoned, now.
  new_causes.name AS new_cause,
  --: When it ended, in the file published before.
  $iso(c.old_ended_at) AS old_ended_at,
  --: When it ended, now.
  $iso(c.new_ended_at) AS new_ended_at,
  --: The section it stopped in, in the file published before.
  old_sections.name AS old_section,
  --: The section it stopped in, now.
  new_sections.name AS new_section,
  --: The action it stopped at, in the file published before.
  old_actions.name AS old_action,
  --: The action it stopped at, now.
  new_actions.name AS new_action,
  --: The screen it stopped at, in the file published before.
  old_screens.name AS old_screen,
  --: The screen it stopped at, now.
  new_screens.name AS new_screen
FROM corrections c
LEFT JOIN outcomes old_outcomes ON old_outcomes.id = c.old_outcome_id
LEFT JOIN outcomes new_outcomes ON new_outcomes.id = c.new_outcome_id
LEFT JOIN causes old_causes ON old_causes.id = c.old_cause_id
LEFT JOIN causes new_causes ON new_causes.id = c.new_cause_id
LEFT JOIN sections old_sections ON old_sections.id = c.old_section_id
LEFT JOIN sections new_sections ON new_sections.id = c.new_section_id
LEFT JOIN actions old_actions ON old_actions.id = c.old_action_id
LEFT JOIN actions new_actions ON new_actions.id = c.new_action_id
LEFT JOIN screens old_screens ON old_screens.id = c.old_screen_id
LEFT JOIN screens new_screens ON new_screens.id = c.new_screen_id;
