-- Dictionaries: small numbers for closed lists of names. Ids are positions in the domain's lists and never
-- change; id 0 stands for "none told" and has no name, so that a join can never lose a row.
CREATE TABLE sections (id INTEGER PRIMARY KEY, name TEXT, title TEXT);
CREATE TABLE actions (
  id INTEGER PRIMARY KEY, name TEXT, section_id INTEGER NOT NULL REFERENCES sections (id),
  step INTEGER, on_ios INTEGER NOT NULL, on_android INTEGER NOT NULL, optional INTEGER NOT NULL);
CREATE TABLE screens (id INTEGER PRIMARY KEY, name TEXT);
CREATE TABLE user_actions (id INTEGER PRIMARY KEY, name TEXT);
CREATE TABLE outcomes (id INTEGER PRIMARY KEY, name TEXT);
CREATE TABLE causes (id INTEGER PRIMARY KEY, name TEXT);
CREATE TABLE platforms (id INTEGER PRIMARY KEY, name TEXT, title TEXT, reported INTEGER NOT NULL);
CREATE TABLE platform_labels (id INTEGER PRIMARY KEY, name TEXT);
CREATE TABLE kinds (id INTEGER PRIMARY KEY, name TEXT);
CREATE TABLE failure_categories (id INTEGER PRIMARY KEY, name TEXT);
CREATE TABLE clock_skews (id INTEGER PRIMARY KEY, name TEXT);
CREATE TABLE esp_phases (id INTEGER PRIMARY KEY, name TEXT, title TEXT);
CREATE TABLE esp_categories (id INTEGER PRIMARY KEY, name TEXT);
CREATE TABLE esp_item_states (id INTEGER PRIMARY KEY, name TEXT);
CREATE TABLE esp_session_states (id INTEGER PRIMARY KEY, name TEXT);
CREATE TABLE esp_phase_states (id INTEGER PRIMARY KEY, name TEXT);
CREATE TABLE esp_trackings (id INTEGER PRIMARY KEY, name TEXT);
CREATE TABLE esp_stages (id INTEGER PRIMARY KEY, name TEXT);
CREATE TABLE esp_rules (id INTEGER PRIMARY KEY, name TEXT);
CREATE TABLE deployment_modes (id INTEGER PRIMARY KEY, name TEXT);
CREATE TABLE catalogue_rows (
  number INTEGER PRIMARY KEY,
  section_id INTEGER NOT NULL REFERENCES sections (id),
  action_id INTEGER NOT NULL REFERENCES actions (id),
  screen_id INTEGER NOT NULL REFERENCES screens (id),
  platform TEXT NOT NULL, on_ios INTEGER NOT NULL, on_android INTEGER NOT NULL, how TEXT NOT NULL);

-- The days of the window, so that a day on which nothing happened can be shown.
CREATE TABLE days (day INTEGER PRIMARY KEY, date TEXT NOT NULL);

-- Texts that senders choose, each once; the id is a hash of the text. Id 0 is the empty text: none told.
CREATE TABLE words (id INTEGER PRIMARY KEY, text TEXT NOT NULL);

-- What failures can mean and what to do about them. Steps are lines; who, platforms and sources are lists with commas.
CREATE TABLE advice (
  advice_no INTEGER PRIMARY KEY, advice_id TEXT NOT NULL, problem TEXT NOT NULL, cause TEXT NOT NULL,
  steps TEXT NOT NULL, who TEXT NOT NULL, platforms TEXT NOT NULL, sources TEXT NOT NULL);

-- One code may have several meanings, and one meaning several codes.
CREATE TABLE advice_codes (
  code_value INTEGER NOT NULL, advice_no INTEGER NOT NULL REFERENCES advice (advice_no), code TEXT NOT NULL,
  PRIMARY KEY (code_value, advice_no)) WITHOUT ROWID;

-- The questions that this file answers, one statement each. A question `x` answers one row, its members `x.name` what
-- stands in the answer under `name`. Parameters are texts, or missing; `refusal` says which one is invalid, and why.
CREATE TABLE questions (
  name TEXT PRIMARY KEY NOT NULL, purpose TEXT NOT NULL, answer TEXT NOT NULL, booleans TEXT NOT NULL,
  parameters TEXT NOT NULL, refusal TEXT, sql TEXT NOT NULL) WITHOUT ROWID;

CREATE TABLE meta (key TEXT PRIMARY KEY NOT NULL, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE column_docs (
  table_name TEXT NOT NULL, column_name TEXT NOT NULL, type TEXT NOT NULL, unit TEXT, meaning TEXT NOT NULL,
  PRIMARY KEY (table_name, column_name)) WITHOUT ROWID;
