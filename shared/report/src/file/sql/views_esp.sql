-- The Enrollment Status Page (docs/DOMAIN.md, S) in words: profiles, sessions, their phases and items.
CREATE VIEW esp_profile_list AS
WITH
  used AS (
    SELECT w.text AS profile_id, t.sessions AS sessions FROM esp_profile_totals t
    LEFT JOIN words w ON w.id = t.profile_id_word)
SELECT
  pr.display_name AS display_name,
  --: Whether the profile takes part: active or disabled.
  CAST(CASE pr.enabled WHEN 1 THEN 'active' ELSE 'disabled' END AS TEXT) AS status,
  pr.is_default AS is_default,
  pr.priority AS priority,
  --: min | The time limit.
  pr.limit_minutes AS limit_minutes,
  pr.blocking_apps AS blocking_apps,
  pr.group_names AS group_names,
  --: The same as group_names; the default, which applies where no other profile does, has All Devices.
  CAST(CASE pr.is_default WHEN 1 THEN coalesce(pr.group_names, 'All Devices') ELSE pr.group_names END AS TEXT)
    AS assigned_groups,
  pr.profile_id AS profile_id,
  pr.description AS description,
  pr.version AS version,
  pr.show_installation_progress AS show_installation_progress,
  pr.block_device_use AS block_device_use,
  --: When the profile was last changed; empty if it never was.
  $iso(pr.modified_at) AS modified_at,
  --: sessions | For how many sessions in the file the profile was fixed.
  CAST(coalesce(used.sessions, 0) AS BIGINT) AS sessions,
  pr.profile_no AS profile_no
FROM esp_profiles pr
LEFT JOIN used ON used.profile_id = pr.profile_id;

CREATE VIEW esp_session_list AS
SELECT
  CAST(lower(hex(x.session_id)) AS TEXT) AS session_id,
  e.enrollment_key AS enrollment_key,
  --: The attempt that the session belongs to, in hexadecimal; empty for none.
  CAST(lower(nullif(hex(a.attempt_id), '')) AS TEXT) AS attempt_id,
  --: The sender's id of the session.
  w_sender.text AS sender_session_id,
  w_device.text AS device_name,
  w_user.text AS user_principal_name,
  w_user_id.text AS user_id,
  --: The model of the device, as the session's events reported it.
  w_model.text AS model,
  w_os.text AS os_version,
  $iso(x.started_at) AS started_at,
  $day(x.started_day) AS started_day,
  --: The time of its newest event.
  $iso(x.last_event_at) AS last_event_at,
  $iso(x.ended_at) AS ended_at,
  --: The last instant of the time limit.
  $iso(x.deadline) AS deadline,
  st.name AS state,
  ph.name AS phase,
  --: Where the session is, in words.
  g.name AS stage,
  --: fraction | The session's progress: preparation counts once, device setup twice, account setup once; empty while it
  --: is unknown what the session has to do.
  x.progress AS progress,
  w_profile.text AS profile,
  --: The id of the profile that was fixed for the session when it began.
  w_profile_id.text AS profile_id,
  x.profile_version AS profile_version,
  --: Why the profile applies: deviceGroup, allDevices, userGroup, allLicensedUsers or default.
  r.name AS rule,
  --: The group through which the profile applies; empty if it applies for another reason.
  w_group.text AS rule_group,
  x.limit_minutes AS limit_minutes,
  m.name AS deployment_mode,
  x.hybrid_join AS hybrid_join,
  x.items AS items,
  x.items_done AS items_done,
  --: 0 or 1 | Whether it ever passed its time limit.
  x.timed_out AS timed_out,
  --: 0 or 1 | Whether it ever failed.
  x.failed AS failed,
  --: The phase in which the session failed last; empty if it never failed.
  f.name AS failed_phase,
  --: The item whose failure made the session fail: its name, else its id.
  CAST(coalesce(w_app.text, w_item.text) AS TEXT) AS failed_item,
  x.end_not_reported AS end_not_reported,
  x.retries AS retries,
  $iso(x.stuck_since) AS stuck_since,
  --: The phase whose list of apps was not known in time.
  k.name AS stuck_phase,
  x.is_stuck AS is_stuck,
  w_code.text AS error_code,
  --: The message that the sender reported with the failure; a pseudonymised file leaves it out.
  w_message.text AS error_message,
  --: days since 1970-01-01 | The day the session began, in the organisation's time zone.
  x.started_day AS day,
  x.session_no AS session_no
FROM esp_sessions x
LEFT JOIN enrollments e ON e.enrollment_no = x.enrollment_no
LEFT JOIN attempts a ON a.attempt_no = x.attempt_no
LEFT JOIN words w_item ON w_item.id = x.failed_item_word
LEFT JOIN app_names n ON n.app_id = w_item.text
LEFT JOIN words w_app ON w_app.id = n.name_word
LEFT JOIN esp_session_states st ON st.id = x.state_id
LEFT JOIN esp_phases ph ON ph.id = x.phase_id
LEFT JOIN esp_phases f ON f.id = x.failed_phase_id
LEFT JOIN esp_phases k ON k.id = x.stuck_phase_id
LEFT JOIN esp_stages g ON g.id = x.stage_id
LEFT JOIN esp_rules r ON r.id = x.rule_id
LEFT JOIN deployment_modes m ON m.id = x.deployment_mode_id
LEFT JOIN words w_sender ON w_sender.id = x.sender_session_word
LEFT JOIN words w_profile ON w_profile.id = x.profile_name_word
LEFT JOIN words w_profile_id ON w_profile_id.id = x.profile_id_word
LEFT JOIN words w_group ON w_group.id = x.rule_group_word
LEFT JOIN words w_device ON w_device.id = x.device_name_word
LEFT JOIN words w_user ON w_user.id = x.user_principal_name_word
LEFT JOIN words w_user_id ON w_user_id.id = x.user_id_word
LEFT JOIN words w_model ON w_model.id = x.model_word
LEFT JOIN words w_os ON w_os.id = x.os_version_word
LEFT JOIN words w_code ON w_code.id = x.error_code_word
LEFT JOIN words w_message ON w_message.id = x.error_message_word;

CREATE VIEW esp_phase_list AS
SELECT
  CAST(lower(hex(x.session_id)) AS TEXT) AS session_id,
  ph.name AS phase,
  ph.title AS title,
  --: The phase's state, as the page on the device shows it: started, completed or failed.
  st.name AS state,
  --: When the phase began.
  $iso(v.started_at) AS started_at,
  --: When it completed or failed; empty if it has not, or if nobody reported when.
  $iso(v.ended_at) AS ended_at,
  --: min | From its beginning to its end.
  CAST((v.ended_at - v.started_at) / 60000.0 AS DOUBLE) AS minutes,
  v.session_no AS session_no,
  v.phase_id AS phase_id
FROM esp_session_phases v
LEFT JOIN esp_sessions x ON x.session_no = v.session_no
LEFT JOIN esp_phases ph ON ph.id = v.phase_id
LEFT JOIN esp_phase_states st ON st.id = v.state_id;

CREATE VIEW esp_item_list AS
SELECT
  CAST(lower(hex(x.session_id)) AS TEXT) AS session_id,
  i.seq AS seq,
  ph.name AS phase,
  --: The subtask the item belongs to.
  c.name AS category,
  --: The item's id.
  w_item.text AS item_id,
  --: The item's name as a sender reported it, else the app's name in Intune where that is read; empty if nobody
  --: reported it.
  CAST(coalesce(w_app.text, w_name.text) AS TEXT) AS name,
  --: How the session treats the item: blocking (the page waits for it), nonBlocking (tried, but its failure does not
  --: matter), deferred (left for the user), notTracked.
  t.name AS tracking,
  --: The item's newest state; empty if the item is known to be tracked but no state was reported.
  st.name AS state,
  w_code.text AS error_code,
  --: When the item's newest state was reported.
  $iso(i.updated_at) AS updated_at,
  --: When the item was first reported under way, or as settled if it was never reported under way.
  $iso(i.began_at) AS began_at,
  --: Since when it is completed, not required or failed; empty if it is none of these.
  $iso(i.settled_at) AS settled_at,
  i.errors AS errors,
  i.session_no AS session_no
FROM esp_items i
LEFT JOIN esp_sessions x ON x.session_no = i.session_no
LEFT JOIN esp_phases ph ON ph.id = i.phase_id
LEFT JOIN esp_categories c ON c.id = i.category_id
LEFT JOIN esp_trackings t ON t.id = i.tracking_id
LEFT JOIN esp_item_states st ON st.id = i.state_id
LEFT JOIN words w_item ON w_item.id = i.item_word
LEFT JOIN words w_name ON w_name.id = i.name_word
LEFT JOIN app_names n ON n.app_id = w_item.text AND c.name = 'apps'
  AND (w_name.text IS NULL OR w_name.text = w_item.text COLLATE NOCASE)
LEFT JOIN words w_app ON w_app.id = n.name_word
LEFT JOIN words w_code ON w_code.id = i.error_code_word;

-- Each profile's name: the current one, or the one it had when its last session began.
CREATE VIEW esp_profile_names AS
WITH newest AS (
  SELECT x.profile_id_word AS profile_id_word, max(x.session_no) AS session_no
  FROM esp_sessions x GROUP BY x.profile_id_word)
SELECT
  n.profile_id_word AS profile_id_word,
  w.text AS profile_id,
  --: The profile's current name; if it was deleted, its last known name.
  CAST(coalesce(pr.display_name, w_name.text) AS TEXT) AS profile
FROM newest n
LEFT JOIN esp_sessions x ON x.session_no = n.session_no
LEFT JOIN words w ON w.id = n.profile_id_word
LEFT JOIN words w_name ON w_name.id = x.profile_name_word
LEFT JOIN esp_profiles pr ON pr.profile_id = w.text;

-- Sessions whose list of apps was not known in time; ordering by session_no descending lists the newest first.
CREATE VIEW esp_stuck_identifying AS
SELECT
  CAST(lower(hex(x.session_id)) AS TEXT) AS session_id,
  e.enrollment_key AS enrollment_key,
  w_device.text AS device_name,
  w_user.text AS user_principal_name,
  --: The phase whose list of apps was not known in time.
  ph.name AS phase,
  $iso(x.stuck_since) AS stuck_since,
  x.is_stuck AS is_stuck,
  st.name AS state,
  --: The name of the profile that was fixed for the session when it began.
  w_profile.text AS profile,
  --: What a stuck session usually means.
  CAST('What the page has to wait for was not known 15 minutes after the phase began: usually the user who signed in has no Intune licence, or the policies for that user and device cannot be computed.' AS TEXT) AS meaning,
  --: The day the session began, in the organisation's time zone.
  $day(x.started_day) AS date,
  --: days since 1970-01-01 | The day the session began, in the organisation's time zone.
  x.started_day AS day,
  x.session_no AS session_no
FROM esp_sessions x
LEFT JOIN enrollments e ON e.enrollment_no = x.enrollment_no
LEFT JOIN esp_phases ph ON ph.id = x.stuck_phase_id
LEFT JOIN esp_session_states st ON st.id = x.state_id
LEFT JOIN words w_profile ON w_profile.id = x.profile_name_word
LEFT JOIN words w_device ON w_device.id = x.device_name_word
LEFT JOIN words w_user ON w_user.id = x.user_principal_name_word
WHERE x.stuck_since IS NOT NULL;

-- Sessions that passed their time limit and succeeded later.
CREATE VIEW esp_timeouts_recovered AS
SELECT
  CAST(lower(hex(x.session_id)) AS TEXT) AS session_id,
  e.enrollment_key AS enrollment_key,
  w_device.text AS device_name,
  w_user.text AS user_principal_name,
  w_profile.text AS profile,
  $iso(x.started_at) AS started_at,
  --: The last instant of the time limit.
  $iso(x.deadline) AS deadline,
  $iso(x.ended_at) AS ended_at,
  --: min | How long after its time limit it finished.
  CAST((x.ended_at - x.deadline) / 60000.0 AS DOUBLE) AS minutes_over,
  st.name AS state,
  --: The day the session began, in the organisation's time zone.
  $day(x.started_day) AS date,
  --: days since 1970-01-01 | The day the session began, in the organisation's time zone.
  x.started_day AS day,
  x.session_no AS session_no
FROM esp_sessions x
LEFT JOIN enrollments e ON e.enrollment_no = x.enrollment_no
LEFT JOIN esp_session_states st ON st.id = x.state_id
LEFT JOIN words w_profile ON w_profile.id = x.profile_name_word
LEFT JOIN words w_device ON w_device.id = x.device_name_word
LEFT JOIN words w_user ON w_user.id = x.user_principal_name_word
WHERE x.timed_out = 1 AND st.name IN ('success', 'successWithTimeout', 'successOnRetry');
