-- Dictionaries: small numbers for closed lists of names. Ids are positions in the domain's lists and never
-- change; id 0 stands for "not reported" and has no name, so that a join never loses a row. Titles are the words that
-- the page and the mailed page show for a name.
CREATE TABLE sections (id INTEGER PRIMARY KEY, name TEXT, title TEXT);
CREATE TABLE actions (
  --: The number other tables use: 1 to 9 are the catalogue's actions, larger numbers are hashes of actions that senders
  --: named themselves, 0 stands for none.
  id INTEGER PRIMARY KEY, name TEXT, title TEXT, section_id INTEGER NOT NULL REFERENCES sections (id),
  step INTEGER, on_ios INTEGER NOT NULL, on_android INTEGER NOT NULL,
  --: 0 or 1 | Whether the step exists only where an organisation set it up, or on the devices of one maker.
  optional INTEGER NOT NULL);
CREATE TABLE screens (
  --: The number other tables use: small numbers are the catalogue's screens, larger ones are hashes of screens that
  --: senders named themselves, 0 stands for none.
  id INTEGER PRIMARY KEY, name TEXT, title TEXT);
CREATE TABLE user_actions (id INTEGER PRIMARY KEY, name TEXT, title TEXT);
CREATE TABLE outcomes (id INTEGER PRIMARY KEY, name TEXT, title TEXT);
CREATE TABLE causes (id INTEGER PRIMARY KEY, name TEXT, title TEXT);
CREATE TABLE waits (id INTEGER PRIMARY KEY, name TEXT, title TEXT);
CREATE TABLE device_states (id INTEGER PRIMARY KEY, name TEXT, title TEXT);
CREATE TABLE slices (
  --: The number other tables use: small numbers are of every organisation, from 101 on they are the tags that this one keeps;
  --: 0 stands for none.
  id INTEGER PRIMARY KEY, name TEXT, title TEXT);
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
  --: The step's place in the order in which people reach the steps, from 1; also its bit in a set of steps. 0 stands
  --: for none.
  id INTEGER PRIMARY KEY, name TEXT, title TEXT,
  --: 0 or 1 | Whether the step may open an enrollment; other steps count only together with one that does.
  opens INTEGER NOT NULL);
-- Times of steps are also counted by the parts of two coarser scales. From each power of two to the next, scale 1 has
-- sixteen parts and scale 2 has two; where there are fewer seconds than that, each second is a part.
CREATE TABLE step_time_parts (
  --: 1, or 2 for the coarsest scale.
  scale INTEGER NOT NULL,
  --: s | The first second of the part.
  from_seconds INTEGER NOT NULL,
  --: s | The last second of the part; in the last part of a scale, the largest possible number.
  to_seconds INTEGER NOT NULL,
  PRIMARY KEY (scale, from_seconds)) WITHOUT ROWID;
CREATE TABLE catalogue_rows (
  --: The row's number, which never changes.
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

-- Texts that senders choose, each once; the id is a hash of the text. Id 0 is the empty text: not reported.
CREATE TABLE words (
  --: The number other tables use, a hash of the text; 0 is the empty text.
  id INTEGER PRIMARY KEY,
  --: The text.
  text TEXT NOT NULL);

-- What failures can mean and what to do about them. Each step is a line; who, platforms and sources are lists separated
-- by commas.
CREATE TABLE advice (
  advice_no INTEGER PRIMARY KEY, advice_id TEXT NOT NULL, problem TEXT NOT NULL,
  --: Why the problem occurs.
  cause TEXT NOT NULL,
  steps TEXT NOT NULL, who TEXT NOT NULL,
  --: Where it occurs: windows, macos, ios, android, separated by commas.
  platforms TEXT NOT NULL, sources TEXT NOT NULL);

-- A code may have several meanings, and a meaning several codes.
CREATE TABLE advice_codes (
  code_value INTEGER NOT NULL, advice_no INTEGER NOT NULL REFERENCES advice (advice_no),
  --: The code, in the one spelling that stands for all its spellings.
  code TEXT NOT NULL,
  PRIMARY KEY (code_value, advice_no)) WITHOUT ROWID;

-- The questions that this file answers, one statement each. A question `x` answers one row; its member `x.name` answers
-- what the answer has under `name`. Parameters are texts or missing; `refusal` says which one is invalid, and why.
CREATE TABLE questions (
  --: The question's name; the name of a member begins with its question's name and a dot.
  name TEXT PRIMARY KEY NOT NULL,
  --: What the question answers, in a sentence.
  purpose TEXT NOT NULL,
  --: What the statement answers: row, rows, page (rows, each with the cursor at which the next page begins) or merged
  --: (a row whose columns are members of the answer itself). "slow" stands before it if it visits every step or item.
  answer TEXT NOT NULL,
  --: Columns that are true or false, by their names in an answer, separated by commas.
  booleans TEXT NOT NULL,
  --: The name and purpose of each parameter, as a JSON object; members take the parameters of their question.
  parameters TEXT NOT NULL,
  --: The statement that says which parameter is invalid, and why; empty for members.
  refusal TEXT,
  --: The statement. Its parameters are texts or missing.
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
