-- What a summary stores differently from the report file: `daily_incomplete` is most of its bytes, so each combination
-- of keys, including how the attempts ended, is stored once, and each day refers to it. The view has the columns of the
-- report file's table.
CREATE TABLE incomplete_places (
  place_no INTEGER PRIMARY KEY,
  platform_id INTEGER NOT NULL REFERENCES platforms (id),
  section_id INTEGER NOT NULL REFERENCES sections (id),
  action_id INTEGER NOT NULL REFERENCES actions (id),
  cause_id INTEGER NOT NULL REFERENCES causes (id),
  catalogue_row INTEGER NOT NULL,
  limit_minutes INTEGER NOT NULL,
  place_reported INTEGER NOT NULL,
  ending INTEGER NOT NULL);

CREATE TABLE daily_places (
  day INTEGER NOT NULL,
  place_no INTEGER NOT NULL REFERENCES incomplete_places (place_no),
  attempts INTEGER NOT NULL,
  PRIMARY KEY (place_no, day)) WITHOUT ROWID;

CREATE VIEW daily_incomplete AS
SELECT d.day AS day, p.platform_id AS platform_id, p.section_id AS section_id, p.action_id AS action_id,
  p.cause_id AS cause_id, p.catalogue_row AS catalogue_row, p.limit_minutes AS limit_minutes,
  p.place_reported AS place_reported,
  CAST(CASE p.ending WHEN 1 THEN 0 ELSE d.attempts END AS BIGINT) AS abandoned,
  CAST(CASE p.ending WHEN 1 THEN d.attempts ELSE 0 END AS BIGINT) AS failed,
  CAST(CASE p.ending WHEN 2 THEN d.attempts ELSE 0 END AS BIGINT) AS abandoned_measured
FROM incomplete_places p
CROSS JOIN daily_places d
WHERE d.place_no = p.place_no;
