-- What happened, one row a fact. Keys are made from what a row is about, never from the order of
-- arrival: a file refreshed step by step has the rows of one built from nothing.
CREATE TABLE enrollments (
  enrollment_no INTEGER PRIMARY KEY,
  enrollment_key TEXT NOT NULL,
  --: The serial number, trimmed and in lower case.
  serial_number TEXT,
  --: Apple's unique device identifier.
  udid TEXT,
  --: The MDM server's id of the device.
  mdm_device_id TEXT,
  --: The sender's id of the enrollment.
  enrollment_id TEXT,
  --: ms since 1970-01-01 UTC | Since when the organisation knows the device; empty when it was not registered.
  registered_at INTEGER,
  --: 0 or 1 | Whether the device is under management.
  enrolled INTEGER NOT NULL,
  --: 0 or 1 | Whether compliance was reported.
  compliant INTEGER NOT NULL,
  --: 0 or 1 | Enrolled and, where the organisation requires it, compliant.
  complete INTEGER NOT NULL,
  --: 0 or 1 | Whether the device is registered and never made an attempt.
  pending INTEGER NOT NULL,
  --: How the device stands: the first that fits of the list.
  state_id INTEGER NOT NULL REFERENCES device_states (id),
  platform_id INTEGER NOT NULL REFERENCES platforms (id),
  platform_label_id INTEGER NOT NULL REFERENCES platform_labels (id),
  device_name_word INTEGER REFERENCES words (id),
  manufacturer_word INTEGER REFERENCES words (id),
  model_word INTEGER REFERENCES words (id),
  os_version_word INTEGER REFERENCES words (id),
  user_principal_name_word INTEGER REFERENCES words (id),
  user_id_word INTEGER REFERENCES words (id),
  first_outcome_id INTEGER NOT NULL REFERENCES outcomes (id),
  first_judged INTEGER NOT NULL,
  --: How the device's latest attempt stands; 0 when none is in the window.
  last_outcome_id INTEGER NOT NULL REFERENCES outcomes (id),
  --: The device's latest attempt; empty when none is in the window.
  last_attempt_no INTEGER REFERENCES attempts (attempt_no),
  --: The Enrollment Status Page session in progress; empty for none.
  open_session_no INTEGER REFERENCES esp_sessions (session_no),
  active_since INTEGER);

-- Who reported of a device within the window, and when each said last whether it is under management. A removal is mostly part
-- of no attempt, so it stands here alone.
CREATE TABLE device_sources (
  enrollment_no INTEGER NOT NULL REFERENCES enrollments (enrollment_no),
  source_word INTEGER NOT NULL REFERENCES words (id),
  --: 0 or 1 | Whether it reports that a device is no longer under management, as its newest event of the device says.
  removals INTEGER NOT NULL,
  --: days since 1970-01-01 | The day of its newest event of the device, in the organisation's time zone.
  last_day INTEGER NOT NULL,
  --: ms since 1970-01-01 UTC | When it reported last that the device is under management; empty where not in the window.
  enrolled_at INTEGER,
  --: ms since 1970-01-01 UTC | When it reported last that the device is no longer under management; empty where not in the
  --: window.
  left_at INTEGER,
  --: days since 1970-01-01 | The day of that, in the organisation's time zone.
  left_day INTEGER,
  PRIMARY KEY (enrollment_no, source_word)) WITHOUT ROWID;

-- The tags of a device, of each key the last by time (docs/DOMAIN.md, E12). All attempts of the device have them.
CREATE TABLE enrollment_tags (
  enrollment_no INTEGER NOT NULL REFERENCES enrollments (enrollment_no),
  slice_id INTEGER NOT NULL REFERENCES slices (id),
  --: What was reported under the key, or its pseudonym.
  value_word INTEGER NOT NULL REFERENCES words (id),
  PRIMARY KEY (enrollment_no, slice_id)) WITHOUT ROWID;

-- attempt_no begins with the second of the start, so attempts lie in order of time and a page of them
-- is a few pages of the file.
CREATE TABLE attempts (
  attempt_no INTEGER PRIMARY KEY,
  --: The attempt's name, made from the organisation and the event that opened it; sixteen bytes.
  attempt_id BLOB NOT NULL,
  enrollment_no INTEGER NOT NULL REFERENCES enrollments (enrollment_no),
  number INTEGER NOT NULL,
  --: ms since 1970-01-01 UTC | When the attempt began.
  started_at INTEGER NOT NULL,
  --: days since 1970-01-01 | The day it began, in the organisation's time zone.
  started_day INTEGER NOT NULL,
  --: ms since 1970-01-01 UTC | When its newest activity was.
  last_activity_at INTEGER NOT NULL,
  --: ms since 1970-01-01 UTC | When it ended; empty while it has not.
  ended_at INTEGER,
  --: ms since 1970-01-01 UTC | While in progress: until when it is if nothing more happens.
  deadline INTEGER,
  --: How the attempt stands.
  outcome_id INTEGER NOT NULL REFERENCES outcomes (id),
  cause_id INTEGER NOT NULL REFERENCES causes (id),
  --: min | The limit that ran out; empty where none did.
  limit_minutes INTEGER,
  --: What it waits for, while in progress; 0 for nothing.
  wait_id INTEGER NOT NULL REFERENCES waits (id),
  section_id INTEGER NOT NULL REFERENCES sections (id),
  --: The action it stopped or is at; 0 where no sender reported a place.
  action_id INTEGER NOT NULL REFERENCES actions (id),
  screen_id INTEGER NOT NULL REFERENCES screens (id),
  catalogue_row INTEGER REFERENCES catalogue_rows (number),
  has_starts INTEGER NOT NULL, has_steps INTEGER NOT NULL, start_reported INTEGER NOT NULL,
  --: 0 or 1 | Whether it is closed, and success and failure can be distinguished.
  judged INTEGER NOT NULL,
  technician INTEGER NOT NULL, release_not_reported INTEGER NOT NULL,
  --: Its session of the Enrollment Status Page; empty for none, or when that is not in the window.
  session_no INTEGER REFERENCES esp_sessions (session_no),
  platform_id INTEGER NOT NULL REFERENCES platforms (id),
  platform_label_id INTEGER NOT NULL REFERENCES platform_labels (id),
  clock_skew INTEGER NOT NULL,
  event_count INTEGER NOT NULL,
  os_version_word INTEGER REFERENCES words (id),
  --: How the device is enrolled, by Graph's names.
  enrollment_type_word INTEGER REFERENCES words (id),
  device_name_word INTEGER REFERENCES words (id),
  manufacturer_word INTEGER REFERENCES words (id),
  model_word INTEGER REFERENCES words (id),
  user_principal_name_word INTEGER REFERENCES words (id),
  user_id_word INTEGER REFERENCES words (id));

-- Without rowid the events of an attempt lie together and need no index. An id that is a UUID in its
-- usual spelling is kept as its sixteen bytes, another as text.
CREATE TABLE attempt_events (
  attempt_no INTEGER NOT NULL REFERENCES attempts (attempt_no),
  seq INTEGER NOT NULL,
  --: The event's type.
  kind_id INTEGER NOT NULL REFERENCES kinds (id),
  --: ms since 1970-01-01 UTC | The event's own time.
  time INTEGER NOT NULL,
  --: ms | Time from the event's own time to when we received its first copy; negative when its clock is ahead.
  received_after INTEGER NOT NULL,
  --: The event's source; with its id it names the event.
  source_word INTEGER REFERENCES words (id),
  --: The event's id where it is a UUID; sixteen bytes.
  event_uuid BLOB,
  --: The event's id where it is no UUID.
  event_id TEXT,
  section_id INTEGER NOT NULL REFERENCES sections (id),
  action_id INTEGER NOT NULL REFERENCES actions (id),
  screen_id INTEGER NOT NULL REFERENCES screens (id),
  --: What the person chose; 0 for nothing.
  user_action_id INTEGER NOT NULL REFERENCES user_actions (id),
  --: Which way the event's clock cannot be right; 0 when it may be.
  clock_skew_id INTEGER NOT NULL REFERENCES clock_skews (id),
  code_word INTEGER REFERENCES words (id),
  reason_word INTEGER REFERENCES words (id),
  --: Spellings of the sender that differ from the canonical ones.
  reported_word INTEGER REFERENCES words (id),
  PRIMARY KEY (attempt_no, seq)) WITHOUT ROWID;

-- The senders that took part in an attempt, events of the Enrollment Status Page counted, and what each can report.
CREATE TABLE attempt_sources (
  attempt_no INTEGER NOT NULL REFERENCES attempts (attempt_no),
  source_word INTEGER NOT NULL REFERENCES words (id),
  starts INTEGER NOT NULL,
  --: 0 or 1 | Whether it reports screens.
  steps INTEGER NOT NULL, stops INTEGER NOT NULL, failures INTEGER NOT NULL,
  ends INTEGER NOT NULL, compliance INTEGER NOT NULL, device_time INTEGER NOT NULL,
  PRIMARY KEY (attempt_no, source_word)) WITHOUT ROWID;

CREATE TABLE attempt_steps (
  attempt_no INTEGER NOT NULL REFERENCES attempts (attempt_no),
  seq INTEGER NOT NULL,
  action_id INTEGER NOT NULL REFERENCES actions (id),
  --: ms since 1970-01-01 UTC | When the step's first screen was shown.
  entered_at INTEGER NOT NULL,
  --: ms since 1970-01-01 UTC | When the step was left forward; empty when it was not.
  left_at INTEGER,
  PRIMARY KEY (attempt_no, seq)) WITHOUT ROWID;

-- Attempts that failed, that a person cancelled (marked so), or of which a failure was reported; sessions of the
-- Enrollment Status Page that failed and belong to no attempt; failures of devices outside any attempt. A failure has the
-- number of its attempt or session.
CREATE TABLE failures (
  failure_no INTEGER PRIMARY KEY,
  --: What failed: an attempt, a session without an attempt, or a device outside any attempt.
  subject_id INTEGER NOT NULL REFERENCES failure_subjects (id),
  enrollment_no INTEGER NOT NULL REFERENCES enrollments (enrollment_no),
  --: The attempt; empty where a session or a device failed.
  attempt_no INTEGER REFERENCES attempts (attempt_no),
  --: The session without an attempt; empty otherwise.
  session_no INTEGER REFERENCES esp_sessions (session_no),
  platform_id INTEGER NOT NULL REFERENCES platforms (id),
  --: days since 1970-01-01 | The day the attempt or session started, or the device failed, in the organisation's time zone.
  day INTEGER NOT NULL,
  --: ms since 1970-01-01 UTC | When the attempt or session ended, or the device failed.
  failed_at INTEGER NOT NULL,
  resolved INTEGER,
  --: 0 or 1 | Whether the attempt counts as abandoned rather than failed: a person cancelled, or stopped with an
  --: error reported.
  abandoned INTEGER NOT NULL,
  code_word INTEGER REFERENCES words (id),
  code_value INTEGER,
  reason_word INTEGER REFERENCES words (id),
  category_id INTEGER NOT NULL REFERENCES failure_categories (id),
  --: The message reported; a pseudonymised file has none.
  message_word INTEGER REFERENCES words (id));

-- What a failure can mean, likeliest first: by its code, its words, its category, its platform.
CREATE TABLE failure_advice (
  failure_no INTEGER NOT NULL REFERENCES failures (failure_no),
  rank INTEGER NOT NULL,
  advice_no INTEGER NOT NULL REFERENCES advice (advice_no),
  PRIMARY KEY (failure_no, rank)) WITHOUT ROWID;

-- The same for a code, a reason and a category, as failures are counted by them; 0 stands for none reported.
CREATE TABLE failure_reason_advice (
  --: The error code, all its spellings as one; 0 for none.
  code_word INTEGER NOT NULL REFERENCES words (id),
  --: The short reason reported; 0 for none.
  reason_word INTEGER NOT NULL REFERENCES words (id),
  category_id INTEGER NOT NULL REFERENCES failure_categories (id),
  rank INTEGER NOT NULL,
  advice_no INTEGER NOT NULL REFERENCES advice (advice_no),
  PRIMARY KEY (code_word, reason_word, category_id, rank)) WITHOUT ROWID;

-- The profiles as they are at the file's instant; a session carries what was fixed for it when it began.
CREATE TABLE esp_profiles (
  profile_no INTEGER PRIMARY KEY,
  profile_id TEXT NOT NULL,
  display_name TEXT NOT NULL,
  description TEXT,
  --: 0 or 1 | Whether the profile takes part.
  enabled INTEGER NOT NULL, is_default INTEGER NOT NULL,
  priority INTEGER,
  --: min | The time limit.
  limit_minutes INTEGER NOT NULL,
  blocking_apps INTEGER,
  group_names TEXT,
  version INTEGER NOT NULL,
  show_installation_progress INTEGER NOT NULL, block_device_use INTEGER NOT NULL,
  --: ms since 1970-01-01 UTC | When the profile was changed last; empty for never.
  modified_at INTEGER);

-- What the organisation's Intune calls its apps, for those that senders report by their id alone; empty where that is not read.
CREATE TABLE app_names (
  --: The app's id, in small letters.
  app_id TEXT PRIMARY KEY NOT NULL COLLATE NOCASE,
  --: Its name as it is at the file's instant.
  name_word INTEGER NOT NULL REFERENCES words (id)) WITHOUT ROWID;

-- What the organisation did, by date, as its administrators wrote it down; shown beside the numbers of those days.
CREATE TABLE annotations (
  annotation_id TEXT PRIMARY KEY NOT NULL,
  from_day INTEGER NOT NULL,
  to_day INTEGER NOT NULL,
  --: What happened, in an administrator's words.
  text TEXT NOT NULL,
  written_by TEXT NOT NULL,
  --: ms since 1970-01-01 UTC | When it was written last.
  written_at INTEGER NOT NULL) WITHOUT ROWID;

CREATE TABLE esp_sessions (
  session_no INTEGER PRIMARY KEY,
  --: The session's name; sixteen bytes.
  session_id BLOB NOT NULL,
  enrollment_no INTEGER NOT NULL REFERENCES enrollments (enrollment_no),
  --: The attempt that the session belongs to; empty for none, or when that is not in the window.
  attempt_no INTEGER REFERENCES attempts (attempt_no),
  --: The sender's id of the session.
  sender_session_word INTEGER REFERENCES words (id),
  --: ms since 1970-01-01 UTC | When the session began.
  started_at INTEGER NOT NULL,
  --: days since 1970-01-01 | The day it began, in the organisation's time zone.
  started_day INTEGER NOT NULL,
  --: ms since 1970-01-01 UTC | When its newest event was.
  last_event_at INTEGER NOT NULL,
  --: ms since 1970-01-01 UTC | When it finished or failed; empty while it has not.
  ended_at INTEGER,
  --: ms since 1970-01-01 UTC | The last instant of the time limit.
  deadline INTEGER NOT NULL,
  --: How the session stands.
  state_id INTEGER NOT NULL REFERENCES esp_session_states (id),
  profile_id_word INTEGER REFERENCES words (id),
  --: The name that profile had then.
  profile_name_word INTEGER REFERENCES words (id),
  profile_version INTEGER NOT NULL,
  --: What made the profile apply.
  rule_id INTEGER NOT NULL REFERENCES esp_rules (id),
  --: The group by which the profile applied, where it is one.
  rule_group_word INTEGER REFERENCES words (id),
  limit_minutes INTEGER NOT NULL,
  deployment_mode_id INTEGER NOT NULL REFERENCES deployment_modes (id),
  hybrid_join INTEGER NOT NULL,
  phase_id INTEGER NOT NULL REFERENCES esp_phases (id),
  --: Where the session is.
  stage_id INTEGER NOT NULL REFERENCES esp_stages (id),
  --: fraction | How far the session is: preparation counts once, the setup of the device twice, that of the account
  --: once; empty while nothing is known of what it has to do.
  progress REAL,
  items INTEGER NOT NULL,
  items_done INTEGER NOT NULL,
  --: 0 or 1 | Whether it was ever past its time limit.
  timed_out INTEGER NOT NULL,
  --: 0 or 1 | Whether it ever failed.
  failed INTEGER NOT NULL,
  --: The phase that failed it last; 0 for none.
  failed_phase_id INTEGER NOT NULL REFERENCES esp_phases (id),
  --: The item that failed it: its name, else its id.
  failed_item_word INTEGER REFERENCES words (id),
  end_not_reported INTEGER NOT NULL,
  retries INTEGER NOT NULL,
  --: ms since 1970-01-01 UTC | Since when the list of apps of a phase was not known in time; empty for never.
  stuck_since INTEGER,
  --: The phase whose list of apps was not known in time; 0 for none.
  stuck_phase_id INTEGER NOT NULL REFERENCES esp_phases (id),
  is_stuck INTEGER NOT NULL,
  error_code_word INTEGER REFERENCES words (id),
  --: What the sender said of the failure; a pseudonymised file has none.
  error_message_word INTEGER REFERENCES words (id),
  --: The model of the device, as the session's events reported it.
  model_word INTEGER REFERENCES words (id),
  os_version_word INTEGER REFERENCES words (id),
  device_name_word INTEGER REFERENCES words (id),
  user_principal_name_word INTEGER REFERENCES words (id),
  user_id_word INTEGER REFERENCES words (id));

CREATE TABLE esp_session_phases (
  session_no INTEGER NOT NULL REFERENCES esp_sessions (session_no),
  phase_id INTEGER NOT NULL REFERENCES esp_phases (id),
  --: ms since 1970-01-01 UTC | When the phase began.
  started_at INTEGER NOT NULL,
  --: ms since 1970-01-01 UTC | When it was over or failed; empty where it is not, or nobody reported it.
  ended_at INTEGER,
  --: How the phase stands, as the page on the device shows it.
  state_id INTEGER NOT NULL REFERENCES esp_phase_states (id),
  PRIMARY KEY (session_no, phase_id)) WITHOUT ROWID;

CREATE TABLE esp_items (
  session_no INTEGER NOT NULL REFERENCES esp_sessions (session_no),
  seq INTEGER NOT NULL,
  phase_id INTEGER NOT NULL REFERENCES esp_phases (id),
  --: The subtask the item belongs to.
  category_id INTEGER NOT NULL REFERENCES esp_categories (id),
  --: The item's id.
  item_word INTEGER REFERENCES words (id),
  --: The item's name.
  name_word INTEGER REFERENCES words (id),
  --: What the item means to the session.
  tracking_id INTEGER NOT NULL REFERENCES esp_trackings (id),
  --: The item's newest state; 0 while only its being tracked is known.
  state_id INTEGER NOT NULL REFERENCES esp_item_states (id),
  error_code_word INTEGER REFERENCES words (id),
  --: ms since 1970-01-01 UTC | When the item's newest state was reported.
  updated_at INTEGER NOT NULL,
  --: ms since 1970-01-01 UTC | When it was first reported under way, or settled without that.
  began_at INTEGER,
  --: ms since 1970-01-01 UTC | Since when it is completed, not required or failed; empty where it is none of these.
  settled_at INTEGER,
  errors INTEGER NOT NULL,
  PRIMARY KEY (session_no, seq)) WITHOUT ROWID;

-- Sums of the facts, kept by adding and subtracting; a test holds them against the facts.
CREATE TABLE daily_totals (
  day INTEGER NOT NULL,
  platform_id INTEGER NOT NULL REFERENCES platforms (id),
  platform_label_id INTEGER NOT NULL REFERENCES platform_labels (id),
  initiated INTEGER NOT NULL, completed INTEGER NOT NULL, abandoned INTEGER NOT NULL, failed INTEGER NOT NULL,
  open INTEGER NOT NULL,
  measured INTEGER NOT NULL, abandoned_measured INTEGER NOT NULL, with_steps INTEGER NOT NULL,
  judged INTEGER NOT NULL, completed_judged INTEGER NOT NULL, timed INTEGER NOT NULL,
  --: ms | Time from start to completion, added up over completed attempts whose start was reported.
  completed_ms INTEGER NOT NULL,
  PRIMARY KEY (day, platform_id, platform_label_id)) WITHOUT ROWID;

-- What the numbers stand on: the senders that took part in the attempts of a day, and what each can report. What a sender
-- reports is part of the key, since it may change.
CREATE TABLE coverage (
  day INTEGER NOT NULL,
  platform_id INTEGER NOT NULL REFERENCES platforms (id),
  source_word INTEGER NOT NULL REFERENCES words (id),
  starts INTEGER NOT NULL,
  --: 0 or 1 | Whether it reports screens.
  steps INTEGER NOT NULL, stops INTEGER NOT NULL, failures INTEGER NOT NULL,
  ends INTEGER NOT NULL, compliance INTEGER NOT NULL, device_time INTEGER NOT NULL,
  attempts INTEGER NOT NULL,
  --: attempts | Of these, those that have starts, whichever of their senders reports them.
  measured INTEGER NOT NULL,
  --: attempts | Of these, those that have steps, whichever of their senders reports them.
  with_steps INTEGER NOT NULL,
  PRIMARY KEY (day, platform_id, source_word, starts, steps, stops, failures, ends, compliance, device_time))
  WITHOUT ROWID;

-- The platform comes first in the key: the report is about few of them, and reads their days alone.
CREATE TABLE daily_incomplete (
  day INTEGER NOT NULL,
  platform_id INTEGER NOT NULL REFERENCES platforms (id),
  section_id INTEGER NOT NULL REFERENCES sections (id),
  action_id INTEGER NOT NULL REFERENCES actions (id),
  cause_id INTEGER NOT NULL REFERENCES causes (id),
  --: catalogue_rows.number | Which of the places where people stop; 0 for none.
  catalogue_row INTEGER NOT NULL,
  --: min | The limit that ran out; 0 where none did.
  limit_minutes INTEGER NOT NULL,
  --: 0 or 1 | Whether a sender reported where the attempts stopped.
  place_reported INTEGER NOT NULL,
  abandoned INTEGER NOT NULL, failed INTEGER NOT NULL, abandoned_measured INTEGER NOT NULL,
  PRIMARY KEY (platform_id, day, section_id, action_id, cause_id, catalogue_row, limit_minutes, place_reported))
  WITHOUT ROWID;

-- What became of the attempts of a day, by what was reported of them (docs/DOMAIN.md, K): each attempt counts once for each
-- kind of value, tags among them, and for kind `source` once for each sender that took part. With the two tables after it,
-- the report can be about one value alone.
CREATE TABLE daily_slices (
  slice_id INTEGER NOT NULL REFERENCES slices (id),
  day INTEGER NOT NULL,
  platform_id INTEGER NOT NULL REFERENCES platforms (id),
  --: The value; 0 where none was reported.
  value_word INTEGER NOT NULL REFERENCES words (id),
  initiated INTEGER NOT NULL, completed INTEGER NOT NULL, abandoned INTEGER NOT NULL, failed INTEGER NOT NULL,
  open INTEGER NOT NULL, measured INTEGER NOT NULL, abandoned_measured INTEGER NOT NULL, with_steps INTEGER NOT NULL,
  with_stops INTEGER NOT NULL, with_failures INTEGER NOT NULL, judged INTEGER NOT NULL, completed_judged INTEGER NOT NULL,
  timed INTEGER NOT NULL,
  PRIMARY KEY (slice_id, day, platform_id, value_word)) WITHOUT ROWID;

-- Where and how the incomplete ones of them stopped: `daily_incomplete` by value.
CREATE TABLE daily_slice_places (
  slice_id INTEGER NOT NULL REFERENCES slices (id),
  day INTEGER NOT NULL,
  platform_id INTEGER NOT NULL REFERENCES platforms (id),
  --: The value; 0 where none was reported.
  value_word INTEGER NOT NULL REFERENCES words (id),
  section_id INTEGER NOT NULL REFERENCES sections (id),
  --: The action at which they stopped; 0 where no sender reported a place.
  action_id INTEGER NOT NULL REFERENCES actions (id),
  cause_id INTEGER NOT NULL REFERENCES causes (id),
  --: catalogue_rows.number | Which of the places where people stop; 0 for none.
  catalogue_row INTEGER NOT NULL,
  --: min | The limit that ran out; 0 where none did.
  limit_minutes INTEGER NOT NULL,
  abandoned INTEGER NOT NULL, failed INTEGER NOT NULL, abandoned_measured INTEGER NOT NULL,
  PRIMARY KEY (slice_id, day, platform_id, value_word, section_id, action_id, cause_id, catalogue_row, limit_minutes))
  WITHOUT ROWID;

-- How far they came: `daily_steps` by value. The value stands before the day in the key, since who asks for steps asks for one
-- value. Medians by value are not kept: visits by value and second would be most of a file.
CREATE TABLE daily_slice_steps (
  slice_id INTEGER NOT NULL REFERENCES slices (id),
  --: The value; 0 where none was reported.
  value_word INTEGER NOT NULL REFERENCES words (id),
  day INTEGER NOT NULL,
  platform_id INTEGER NOT NULL REFERENCES platforms (id),
  action_id INTEGER NOT NULL REFERENCES actions (id),
  entered INTEGER NOT NULL,
  left_forward INTEGER NOT NULL,
  --: attempts | Attempts given up at the step that were reported to come to it.
  abandoned INTEGER NOT NULL,
  --: attempts | Attempts that ended or stand at the step and have steps, but were not reported to come to it.
  only_there INTEGER NOT NULL,
  --: attempts | Of those that left the step forward, the ones that came back and ended or stand at it.
  came_back INTEGER NOT NULL,
  --: attempts | Attempts given up at the step that have steps, but were not reported to come to it.
  only_abandoned INTEGER NOT NULL,
  --: attempts | Attempts that failed at the step.
  failed INTEGER NOT NULL,
  still_there INTEGER NOT NULL,
  PRIMARY KEY (slice_id, value_word, day, platform_id, action_id)) WITHOUT ROWID;

-- What became of each app in the sessions of the Enrollment Status Page that began on a day, by the model of the device
-- (docs/DOMAIN.md, N): a session counts once for each app.
CREATE TABLE daily_apps (
  --: days since 1970-01-01 | The day the sessions began, in the organisation's time zone.
  day INTEGER NOT NULL,
  --: The app's name as reported, else its id; 0 for sessions of which no app was reported.
  app_word INTEGER NOT NULL REFERENCES words (id),
  --: The model of the device; 0 where none was reported.
  model_word INTEGER NOT NULL REFERENCES words (id),
  --: sessions | How many had it.
  sessions INTEGER NOT NULL,
  tried INTEGER NOT NULL, installed INTEGER NOT NULL,
  --: sessions | In how many it ever failed.
  failed INTEGER NOT NULL,
  failing INTEGER NOT NULL, not_needed INTEGER NOT NULL,
  --: sessions | How many are in progress and wait for it.
  open INTEGER NOT NULL,
  PRIMARY KEY (day, app_word, model_word)) WITHOUT ROWID;

-- The error codes of those in which the app is failed.
CREATE TABLE daily_app_codes (
  --: days since 1970-01-01 | The day the sessions began, in the organisation's time zone.
  day INTEGER NOT NULL,
  --: The app's name as reported, else its id.
  app_word INTEGER NOT NULL REFERENCES words (id),
  --: The error code, all its spellings as one; 0 where none was reported.
  code_word INTEGER NOT NULL REFERENCES words (id),
  failing INTEGER NOT NULL,
  PRIMARY KEY (day, app_word, code_word)) WITHOUT ROWID;

CREATE TABLE daily_failures (
  day INTEGER NOT NULL,
  platform_id INTEGER NOT NULL REFERENCES platforms (id),
  --: What failed: an attempt, a session without an attempt, or a device outside any attempt.
  subject_id INTEGER NOT NULL REFERENCES failure_subjects (id),
  --: The error code, all its spellings as one; 0 for none.
  code_word INTEGER NOT NULL REFERENCES words (id),
  --: The short reason reported; 0 for none.
  reason_word INTEGER NOT NULL REFERENCES words (id),
  category_id INTEGER NOT NULL REFERENCES failure_categories (id),
  --: failures | How often it failed so.
  failed INTEGER NOT NULL,
  PRIMARY KEY (day, platform_id, subject_id, code_word, reason_word, category_id)) WITHOUT ROWID;

CREATE TABLE daily_steps (
  day INTEGER NOT NULL,
  platform_id INTEGER NOT NULL REFERENCES platforms (id),
  action_id INTEGER NOT NULL REFERENCES actions (id),
  entered INTEGER NOT NULL,
  left_forward INTEGER NOT NULL,
  --: attempts | Attempts given up at the step that were reported to come to it.
  abandoned INTEGER NOT NULL,
  --: attempts | Attempts that ended or stand at the step and have steps, but were not reported to come to it.
  only_there INTEGER NOT NULL,
  --: attempts | Of those that left the step forward, the ones that came back and ended or stand at it.
  came_back INTEGER NOT NULL,
  --: attempts | Attempts given up at the step that have steps, but were not reported to come to it.
  only_abandoned INTEGER NOT NULL,
  --: attempts | Attempts that failed at the step.
  failed INTEGER NOT NULL,
  still_there INTEGER NOT NULL,
  PRIMARY KEY (day, platform_id, action_id)) WITHOUT ROWID;

-- How long the visits of a step took that were left forward, counted by whole seconds and by two coarser scales: who looks
-- for the middle one of all visits finds its part of the coarsest, then the part of the next within that, then the second.
-- The day comes last in the key, so that visits that took equally long lie together over the days of a range.
CREATE TABLE daily_step_times (
  platform_id INTEGER NOT NULL REFERENCES platforms (id),
  action_id INTEGER NOT NULL REFERENCES actions (id),
  --: How wide the parts are that are counted: 0 for whole seconds, 1 and 2 for those of step_time_parts. Each visit is
  --: counted once a scale.
  scale INTEGER NOT NULL,
  --: s | How long the visits took, in whole seconds, rounded down; of a coarser scale the first second of the part.
  from_seconds INTEGER NOT NULL,
  day INTEGER NOT NULL,
  visits INTEGER NOT NULL,
  PRIMARY KEY (platform_id, action_id, scale, from_seconds, day)) WITHOUT ROWID;

CREATE TABLE esp_profile_totals (
  --: The id of the profile that was fixed for the sessions.
  profile_id_word INTEGER PRIMARY KEY REFERENCES words (id),
  --: sessions | How many sessions in the file it was fixed for.
  sessions INTEGER NOT NULL);

CREATE TABLE device_totals (
  platform_id INTEGER NOT NULL REFERENCES platforms (id),
  platform_label_id INTEGER NOT NULL REFERENCES platform_labels (id),
  --: How the devices stand.
  state_id INTEGER NOT NULL REFERENCES device_states (id),
  first_outcome_id INTEGER NOT NULL REFERENCES outcomes (id),
  first_judged INTEGER NOT NULL,
  devices INTEGER NOT NULL,
  PRIMARY KEY (platform_id, platform_label_id, state_id, first_outcome_id, first_judged)) WITHOUT ROWID;

-- Web-based enrollment as sign-ins show it: people a day, each once an operating system; no person can be distinguished. The
-- days of which sign-ins came in, whoever's; of others nothing is known.
CREATE TABLE web_enrollment_days (
  --: days since 1970-01-01 | The day, in the zone that the organisation had when they came in.
  day INTEGER PRIMARY KEY);
CREATE TABLE web_enrollment_sets (
  --: days since 1970-01-01 | The day of the sign-ins, in the zone that the organisation had when they came in.
  day INTEGER NOT NULL REFERENCES web_enrollment_days (day),
  platform_id INTEGER NOT NULL REFERENCES platforms (id),
  --: The steps as a sum of powers of two: 1 for the first of web_steps, 2 for the second, 4 for the third.
  steps INTEGER NOT NULL,
  --: people | How many came to these steps and to no other.
  people INTEGER NOT NULL,
  PRIMARY KEY (day, platform_id, steps)) WITHOUT ROWID;

-- Attempts that the file published before this one showed closed, and that stand otherwise now.
CREATE TABLE corrections (
  --: The attempt's name; sixteen bytes.
  attempt_id BLOB PRIMARY KEY NOT NULL,
  gone INTEGER NOT NULL,
  erased INTEGER NOT NULL,
  --: How the attempt stood in the file published before; 0 for none.
  old_outcome_id INTEGER NOT NULL REFERENCES outcomes (id),
  --: How the attempt stands now; 0 for none.
  new_outcome_id INTEGER NOT NULL REFERENCES outcomes (id),
  --: Why it was abandoned, in the file published before; 0 for none.
  old_cause_id INTEGER NOT NULL REFERENCES causes (id),
  --: Why it was abandoned, now; 0 for none.
  new_cause_id INTEGER NOT NULL REFERENCES causes (id),
  --: ms since 1970-01-01 UTC | When it ended, in the file published before.
  old_ended_at INTEGER,
  --: ms since 1970-01-01 UTC | When it ended, now.
  new_ended_at INTEGER,
  --: The section it stopped in, in the file published before; 0 for none.
  old_section_id INTEGER NOT NULL REFERENCES sections (id),
  --: The section it stopped in, now; 0 for none.
  new_section_id INTEGER NOT NULL REFERENCES sections (id),
  --: The action it stopped at, in the file published before; 0 for none.
  old_action_id INTEGER NOT NULL REFERENCES actions (id),
  --: The action it stopped at, now; 0 for none.
  new_action_id INTEGER NOT NULL REFERENCES actions (id),
  --: The screen it stopped at, in the file published before; 0 for none.
  old_screen_id INTEGER NOT NULL REFERENCES screens (id),
  --: The screen it stopped at, now; 0 for none.
  new_screen_id INTEGER NOT NULL REFERENCES screens (id)) WITHOUT ROWID;

-- What the next refresh must know of what this file was made from: which version of each stored
-- enrollment, from when on it must be folded again though nothing arrived, when the store lets go of it, and the days
-- of the oldest and the newest event that the store holds of it.
CREATE TABLE refresh_state (
  enrollment_no INTEGER PRIMARY KEY,
  --: The store's key of the enrollment.
  item TEXT NOT NULL,
  --: The enrollment's version in the store.
  version INTEGER NOT NULL,
  --: ms since 1970-01-01 UTC | Until when the rows stand if nothing arrives; empty for ever.
  deadline INTEGER,
  --: ms since 1970-01-01 UTC | When the store lets go of it if nothing arrives; empty for never.
  expires_at INTEGER,
  --: days since 1970-01-01 | The day of the oldest event that the store holds of it, before the window too.
  oldest_day INTEGER,
  --: days since 1970-01-01 | The day of the newest event that the store holds of it; empty where all are yet to come.
  newest_day INTEGER);

-- Enrollments that the store has and that could not be read: nothing of them is in the file.
CREATE TABLE unreadable_enrollments (
  --: The enrollment's key in the store.
  item TEXT PRIMARY KEY NOT NULL,
  --: ms since 1970-01-01 UTC | The instant of the first file or answer that could not read it.
  since INTEGER NOT NULL) WITHOUT ROWID;
