-- Dictionaries: small numbers for closed lists of names. Ids are positions in the domain's lists and never
-- change; id 0 stands for "none reported" and has no name, so that a join can never lose a row. Titles are the words that
-- the page and the mailed page have for a name.
CREATE TABLE sections (id INTEGER PRIMARY KEY, name TEXT, title TEXT);
CREATE TABLE actions (
  --: The number other tables use; 1 to 9 are the catalogue's, larger ones hashes of what senders have besides, 0 is
  --: none.
  id INTEGER PRIMARY KEY, name TEXT, title TEXT, section_id INTEGER NOT NULL REFERENCES sections (id),
  step INTEGER, on_ios INTEGER NOT NULL, on_android INTEGER NOT NULL,
  --: 0 or 1 | Whether the step exists only where an organisation set it up, or on the devices of one maker.
  optional INTEGER NOT NULL);
CREATE TABLE screens (
  --: The number other tables use; small ones are the catalogue's, larger ones hashes of what senders have besides, 0
  --: is none.
  id INTEGER PRIMARY KEY, name TEXT, title TEXT);
CREATE TABLE user_actions (id INTEGER PRIMARY KEY, name TEXT, title TEXT);
CREATE TABLE outcomes (id INTEGER PRIMARY KEY, name TEXT, title TEXT);
CREATE TABLE causes (id INTEGER PRIMARY KEY, name TEXT, title TEXT);
CREATE TABLE waits (id INTEGER PRIMARY KEY, name TEXT, title TEXT);
CREATE TABLE device_states (id INTEGER PRIMARY KEY, name TEXT, title TEXT);
CREATE TABLE failure_subjects (id INTEGER PRIMARY KEY, name TEXT, title TEXT);
CREATE TABLE platforms (id INTEGER PRIMARY KEY, name TEXT, title TEXT,
  --: 0 or 1 | Whether the incomplete-enrollments report is about the platform.
  reported INTEGER NOT NULL);
CREATE TABLE platform_labels (id INTEGER PRIMARY KEY, name TEXT);
CREATE TABLE kinds (id INTEGER PRIMARY KEY, name TEXT, title TEXT);
CREATE TABLE failure_categories (id INTEGER PRIMARY KEY, name TEXT, title TEXT);
CREATE TABLE clock_skews (id INTEGER PRIMARY KEY, name TEXT, title TEXT);
CREATE TABLE esp_phases (id INTEGER PRIMARY KEY, name TEXT, title TEXT);
CREATE TABLE esp_categories (id INTEGER PRIMARY KEY, name TEXT, title TEXT);
CREATE TABLE esp_item_states (id INTEGER PRIMARY KEY, name TEXT, title TEXT);
CREATE TABLE esp_session_states (id INTEGER PRIMARY KEY, name TEXT, title TEXT);
CREATE TABLE esp_phase_states (id INTEGER PRIMARY KEY, name TEXT, title TEXT);
CREATE TABLE esp_trackings (id INTEGER PRIMARY KEY, name TEXT, title TEXT);
CREATE TABLE esp_stages (id INTEGER PRIMARY KEY, name TEXT);
CREATE TABLE esp_rules (id INTEGER PRIMARY KEY, name TEXT, title TEXT);
CREATE TABLE deployment_modes (id INTEGER PRIMARY KEY, name TEXT, title TEXT);
CREATE TABLE web_steps (
  --: The step's place in the order in which people come to them: the bit of a set, from 1; 0 is none.
  id INTEGER PRIMARY KEY, name TEXT, title TEXT,
  --: 0 or 1 | Whether the step may open an enrollment; the others count only beside one that does.
  opens INTEGER NOT NULL);
-- The parts of the coarser scales that times of steps are counted by: from each power of two to the next sixteen parts in scale
-- 1 and two in scale 2; before there is room for so many, each second is a part.
CREATE TABLE step_time_parts (
  --: 1 or 2, the coarsest.
  scale INTEGER NOT NULL,
  --: s | The first second of the part.
  from_seconds INTEGER NOT NULL,
  --: s | The last second of the part; of the last part of a scale the largest number there can be.
  to_seconds INTEGER NOT NULL,
  PRIMARY KEY (scale, from_seconds)) WITHOUT ROWID;
CREATE TABLE catalogue_rows (
  --: The row's number, for ever.
  number INTEGER PRIMARY KEY,
  section_id INTEGER NOT NULL REFERENCES sections (id),
  action_id INTEGER NOT NULL REFERENCES actions (id),
  screen_id INTEGER NOT NULL REFERENCES screens (id),
  --: Where the row occurs: ios, android or both.
  platform TEXT NOT NULL, on_ios INTEGER NOT NULL, on_android INTEGER NOT NULL, how TEXT NOT NULL);

-- The days of the window, so that a day on which nothing happened can be shown.
CREATE TABLE days (
  --: days since 1970-01-01 | The day, in the organisation's time zone.
  day INTEGER PRIMARY KEY,
  --: The day.
  date TEXT NOT NULL);

-- Texts that senders choose, each once; the id is a hash of the text. Id 0 is the empty text: none reported.
CREATE TABLE words (
  --: The number other tables use, a hash of the text; 0 is the empty text.
  id INTEGER PRIMARY KEY,
  --: The text.
  text TEXT NOT NULL);

-- What failures can mean and what to do about them. Steps are lines; who, platforms and sources are lists with commas.
CREATE TABLE advice (
  advice_no INTEGER PRIMARY KEY, advice_id TEXT NOT NULL, problem TEXT NOT NULL,
  --: Why it comes.
  cause TEXT NOT NULL,
  steps TEXT NOT NULL, who TEXT NOT NULL,
  --: Where it occurs: windows, macos, ios, android, with commas.
  platforms TEXT NOT NULL, sources TEXT NOT NULL);

-- One code may have several meanings, and one meaning several codes.
CREATE TABLE advice_codes (
  code_value INTEGER NOT NULL, advice_no INTEGER NOT NULL REFERENCES advice (advice_no),
  --: The code, in the one spelling that all its spellings share.
  code TEXT NOT NULL,
  PRIMARY KEY (code_value, advice_no)) WITHOUT ROWID;

-- The questions that this file answers, one statement each. A question `x` answers one row, its members `x.name` what
-- stands in the answer under `name`. Parameters are texts, or missing; `refusal` says which one is invalid, and why.
CREATE TABLE questions (
  --: The question; a member's name has the question's before a dot.
  name TEXT PRIMARY KEY NOT NULL,
  --: What it answers, in a sentence.
  purpose TEXT NOT NULL,
  --: What the statement answers: row, rows, page (rows, each with where the next page begins) or merged (a row whose
  --: columns stand in the answer itself). "slow" before it where it visits every step or item.
  answer TEXT NOT NULL,
  --: Columns that are true or false, by their names in an answer, with commas.
  booleans TEXT NOT NULL,
  --: What it takes and what each is, as a JSON object; members take what their question takes.
  parameters TEXT NOT NULL,
  --: The statement that says which parameter is invalid, and why; empty in members.
  refusal TEXT,
  --: The statement. Parameters are texts, or missing.
  sql TEXT NOT NULL) WITHOUT ROWID;

CREATE TABLE meta (
  --: The name of the value.
  key TEXT PRIMARY KEY NOT NULL,
  --: The value.
  value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE column_docs (
  --: The table or view.
  table_name TEXT NOT NULL,
  --: The column.
  column_name TEXT NOT NULL,
  --: The declared type.
  type TEXT NOT NULL,
  --: The unit, or the column the value refers to.
  unit TEXT,
  --: What the column means.
  meaning TEXT NOT NULL,
  PRIMARY KEY (table_name, column_name)) WITHOUT ROWID;
