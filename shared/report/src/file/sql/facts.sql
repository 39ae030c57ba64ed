-- What happened, one row a fact. Keys are made from what a row is about, never from the order of
-- arrival: a file refreshed step by step has the rows of one built from nothing.
CREATE TABLE enrollments (
  enrollment_no INTEGER PRIMARY KEY,
  enrollment_key TEXT NOT NULL,
  serial_number TEXT, udid TEXT, mdm_device_id TEXT, enrollment_id TEXT,
  registered_at INTEGER,
  enrolled INTEGER NOT NULL, compliant INTEGER NOT NULL, complete INTEGER NOT NULL, pending INTEGER NOT NULL,
  platform_id INTEGER NOT NULL REFERENCES platforms (id),
  platform_label_id INTEGER NOT NULL REFERENCES platform_labels (id),
  device_name_word INTEGER REFERENCES words (id),
  manufacturer_word INTEGER REFERENCES words (id),
  model_word INTEGER REFERENCES words (id),
  os_version_word INTEGER REFERENCES words (id),
  user_principal_name_word INTEGER REFERENCES words (id),
  user_id_word INTEGER REFERENCES words (id),
  first_outcome_id INTEGER NOT NULL REFERENCES outcomes (id),
  last_outcome_id INTEGER NOT NULL REFERENCES outcomes (id),
  last_attempt_no INTEGER REFERENCES attempts (attempt_no),
  open_session_no INTEGER REFERENCES esp_sessions (session_no),
  active_since INTEGER);

-- attempt_no begins with the second of the start, so attempts lie in order of time and a page of them
-- is a few pages of the file.
CREATE TABLE attempts (
  attempt_no INTEGER PRIMARY KEY,
  attempt_id BLOB NOT NULL,
  enrollment_no INTEGER NOT NULL REFERENCES enrollments (enrollment_no),
  number INTEGER NOT NULL,
  started_at INTEGER NOT NULL,
  started_day INTEGER NOT NULL,
  last_activity_at INTEGER NOT NULL,
  ended_at INTEGER,
  deadline INTEGER,
  outcome_id INTEGER NOT NULL REFERENCES outcomes (id),
  cause_id INTEGER NOT NULL REFERENCES causes (id),
  section_id INTEGER NOT NULL REFERENCES sections (id),
  action_id INTEGER NOT NULL REFERENCES actions (id),
  screen_id INTEGER NOT NULL REFERENCES screens (id),
  catalogue_row INTEGER REFERENCES catalogue_rows (number),
  platform_id INTEGER NOT NULL REFERENCES platforms (id),
  platform_label_id INTEGER NOT NULL REFERENCES platform_labels (id),
  clock_skew INTEGER NOT NULL,
  event_count INTEGER NOT NULL,
  os_version_word INTEGER REFERENCES words (id),
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
  kind_id INTEGER NOT NULL REFERENCES kinds (id),
  time INTEGER NOT NULL,
  received_after INTEGER NOT NULL,
  source_word INTEGER REFERENCES words (id),
  event_uuid BLOB,
  event_id TEXT,
  section_id INTEGER NOT NULL REFERENCES sections (id),
  action_id INTEGER NOT NULL REFERENCES actions (id),
  screen_id INTEGER NOT NULL REFERENCES screens (id),
  user_action_id INTEGER NOT NULL REFERENCES user_actions (id),
  clock_skew_id INTEGER NOT NULL REFERENCES clock_skews (id),
  code_word INTEGER REFERENCES words (id),
  reason_word INTEGER REFERENCES words (id),
  reported_word INTEGER REFERENCES words (id),
  PRIMARY KEY (attempt_no, seq)) WITHOUT ROWID;

CREATE TABLE attempt_steps (
  attempt_no INTEGER NOT NULL REFERENCES attempts (attempt_no),
  seq INTEGER NOT NULL,
  action_id INTEGER NOT NULL REFERENCES actions (id),
  entered_at INTEGER NOT NULL,
  left_at INTEGER,
  PRIMARY KEY (attempt_no, seq)) WITHOUT ROWID;

-- Attempts that failed, that a person cancelled (marked so), or of which a failure was told.
CREATE TABLE failures (
  attempt_no INTEGER PRIMARY KEY REFERENCES attempts (attempt_no),
  failed_at INTEGER NOT NULL,
  abandoned INTEGER NOT NULL,
  code_word INTEGER REFERENCES words (id),
  code_value INTEGER,
  reason_word INTEGER REFERENCES words (id),
  category_id INTEGER NOT NULL REFERENCES failure_categories (id),
  message_word INTEGER REFERENCES words (id));

-- What a failure can mean, likeliest first: by its code, its words, its category, its platform.
CREATE TABLE failure_advice (
  attempt_no INTEGER NOT NULL REFERENCES failures (attempt_no),
  rank INTEGER NOT NULL,
  advice_no INTEGER NOT NULL REFERENCES advice (advice_no),
  PRIMARY KEY (attempt_no, rank)) WITHOUT ROWID;

-- The same for a code, a reason and a category, as failed attempts are counted by them; 0 stands for none reported.
CREATE TABLE failure_reason_advice (
  code_word INTEGER NOT NULL REFERENCES words (id),
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
  enabled INTEGER NOT NULL, is_default INTEGER NOT NULL,
  priority INTEGER,
  limit_minutes INTEGER NOT NULL,
  blocking_apps INTEGER,
  group_names TEXT,
  version INTEGER NOT NULL,
  show_installation_progress INTEGER NOT NULL, block_device_use INTEGER NOT NULL,
  modified_at INTEGER);

CREATE TABLE esp_sessions (
  session_no INTEGER PRIMARY KEY,
  session_id BLOB NOT NULL,
  enrollment_no INTEGER NOT NULL REFERENCES enrollments (enrollment_no),
  sender_session_word INTEGER REFERENCES words (id),
  started_at INTEGER NOT NULL,
  started_day INTEGER NOT NULL,
  last_event_at INTEGER NOT NULL,
  ended_at INTEGER,
  deadline INTEGER NOT NULL,
  state_id INTEGER NOT NULL REFERENCES esp_session_states (id),
  profile_id_word INTEGER REFERENCES words (id),
  profile_name_word INTEGER REFERENCES words (id),
  profile_version INTEGER NOT NULL,
  rule_id INTEGER NOT NULL REFERENCES esp_rules (id),
  rule_group_word INTEGER REFERENCES words (id),
  limit_minutes INTEGER NOT NULL,
  deployment_mode_id INTEGER NOT NULL REFERENCES deployment_modes (id),
  hybrid_join INTEGER NOT NULL,
  phase_id INTEGER NOT NULL REFERENCES esp_phases (id),
  stage_id INTEGER NOT NULL REFERENCES esp_stages (id),
  progress REAL,
  items INTEGER NOT NULL,
  items_done INTEGER NOT NULL,
  timed_out INTEGER NOT NULL,
  failed INTEGER NOT NULL,
  failed_phase_id INTEGER NOT NULL REFERENCES esp_phases (id),
  retries INTEGER NOT NULL,
  stuck_since INTEGER,
  stuck_phase_id INTEGER NOT NULL REFERENCES esp_phases (id),
  is_stuck INTEGER NOT NULL,
  error_code_word INTEGER REFERENCES words (id),
  error_message_word INTEGER REFERENCES words (id),
  os_version_word INTEGER REFERENCES words (id),
  device_name_word INTEGER REFERENCES words (id),
  user_principal_name_word INTEGER REFERENCES words (id),
  user_id_word INTEGER REFERENCES words (id));

CREATE TABLE esp_session_phases (
  session_no INTEGER NOT NULL REFERENCES esp_sessions (session_no),
  phase_id INTEGER NOT NULL REFERENCES esp_phases (id),
  started_at INTEGER NOT NULL,
  ended_at INTEGER,
  state_id INTEGER NOT NULL REFERENCES esp_phase_states (id),
  PRIMARY KEY (session_no, phase_id)) WITHOUT ROWID;

CREATE TABLE esp_items (
  session_no INTEGER NOT NULL REFERENCES esp_sessions (session_no),
  seq INTEGER NOT NULL,
  phase_id INTEGER NOT NULL REFERENCES esp_phases (id),
  category_id INTEGER NOT NULL REFERENCES esp_categories (id),
  item_word INTEGER REFERENCES words (id),
  name_word INTEGER REFERENCES words (id),
  tracking_id INTEGER NOT NULL REFERENCES esp_trackings (id),
  state_id INTEGER NOT NULL REFERENCES esp_item_states (id),
  error_code_word INTEGER REFERENCES words (id),
  updated_at INTEGER NOT NULL,
  began_at INTEGER,
  settled_at INTEGER,
  errors INTEGER NOT NULL,
  PRIMARY KEY (session_no, seq)) WITHOUT ROWID;

-- Sums of the facts, kept by adding and subtracting; a test holds them against the facts.
CREATE TABLE daily_totals (
  day INTEGER NOT NULL,
  platform_id INTEGER NOT NULL REFERENCES platforms (id),
  platform_label_id INTEGER NOT NULL REFERENCES platform_labels (id),
  initiated INTEGER NOT NULL, completed INTEGER NOT NULL, abandoned INTEGER NOT NULL, failed INTEGER NOT NULL,
  open INTEGER NOT NULL, completed_ms INTEGER NOT NULL,
  PRIMARY KEY (day, platform_id, platform_label_id)) WITHOUT ROWID;

CREATE TABLE daily_incomplete (
  day INTEGER NOT NULL,
  platform_id INTEGER NOT NULL REFERENCES platforms (id),
  section_id INTEGER NOT NULL REFERENCES sections (id),
  action_id INTEGER NOT NULL REFERENCES actions (id),
  cause_id INTEGER NOT NULL REFERENCES causes (id),
  catalogue_row INTEGER NOT NULL,
  abandoned INTEGER NOT NULL, failed INTEGER NOT NULL,
  PRIMARY KEY (day, platform_id, section_id, action_id, cause_id, catalogue_row)) WITHOUT ROWID;

CREATE TABLE daily_failures (
  day INTEGER NOT NULL,
  platform_id INTEGER NOT NULL REFERENCES platforms (id),
  code_word INTEGER NOT NULL REFERENCES words (id),
  reason_word INTEGER NOT NULL REFERENCES words (id),
  category_id INTEGER NOT NULL REFERENCES failure_categories (id),
  failed INTEGER NOT NULL,
  PRIMARY KEY (day, platform_id, code_word, reason_word, category_id)) WITHOUT ROWID;

CREATE TABLE daily_steps (
  day INTEGER NOT NULL,
  platform_id INTEGER NOT NULL REFERENCES platforms (id),
  action_id INTEGER NOT NULL REFERENCES actions (id),
  entered INTEGER NOT NULL, left_forward INTEGER NOT NULL, abandoned INTEGER NOT NULL,
  PRIMARY KEY (day, platform_id, action_id)) WITHOUT ROWID;

CREATE TABLE device_totals (
  platform_id INTEGER NOT NULL REFERENCES platforms (id),
  platform_label_id INTEGER NOT NULL REFERENCES platform_labels (id),
  enrolled INTEGER NOT NULL, pending INTEGER NOT NULL, active INTEGER NOT NULL,
  first_outcome_id INTEGER NOT NULL REFERENCES outcomes (id),
  last_outcome_id INTEGER NOT NULL REFERENCES outcomes (id),
  devices INTEGER NOT NULL,
  PRIMARY KEY (platform_id, platform_label_id, enrolled, pending, active, first_outcome_id, last_outcome_id)) WITHOUT ROWID;

-- Attempts that the file published before this one showed closed, and that stand otherwise now.
CREATE TABLE corrections (
  attempt_id BLOB PRIMARY KEY NOT NULL,
  gone INTEGER NOT NULL,
  old_outcome_id INTEGER NOT NULL REFERENCES outcomes (id), new_outcome_id INTEGER NOT NULL REFERENCES outcomes (id),
  old_cause_id INTEGER NOT NULL REFERENCES causes (id), new_cause_id INTEGER NOT NULL REFERENCES causes (id),
  old_ended_at INTEGER, new_ended_at INTEGER,
  old_section_id INTEGER NOT NULL REFERENCES sections (id), new_section_id INTEGER NOT NULL REFERENCES sections (id),
  old_action_id INTEGER NOT NULL REFERENCES actions (id), new_action_id INTEGER NOT NULL REFERENCES actions (id),
  old_screen_id INTEGER NOT NULL REFERENCES screens (id), new_screen_id INTEGER NOT NULL REFERENCES screens (id)) WITHOUT ROWID;

-- What the next refresh must know of what this file was made from: which version of each stored
-- enrollment, from when on it must be folded again though nothing arrived, when the store lets go of it, and the day
-- of the oldest event that the store holds of it.
CREATE TABLE refresh_state (
  enrollment_no INTEGER PRIMARY KEY, item TEXT NOT NULL, version INTEGER NOT NULL,
  deadline INTEGER, expires_at INTEGER, oldest_day INTEGER);

-- Enrollments that the store has and that could not be read: nothing of them is in the file.
CREATE TABLE unreadable_enrollments (item TEXT PRIMARY KEY NOT NULL, since INTEGER NOT NULL) WITHOUT ROWID;
