-- The incomplete-enrollments report (docs/DOMAIN.md, R): iOS/iPadOS and Android only (`platforms.reported`).
-- The views at the grain of a day are what page and API sum over; the others are the whole window.
CREATE VIEW incomplete_by_day AS
SELECT
  $day(t.day) AS date,
  t.day AS day,
  p.name AS platform,
  CAST(sum(t.initiated) AS BIGINT) AS initiated,
  CAST(sum(t.abandoned) + sum(t.failed) AS BIGINT) AS incomplete,
  CAST(sum(t.abandoned) AS BIGINT) AS abandoned,
  CAST(sum(t.failed) AS BIGINT) AS failed,
  CAST(sum(t.completed) AS BIGINT) AS completed,
  CAST(sum(t.open) AS BIGINT) AS open,
  CAST(CAST(sum(t.abandoned) AS DOUBLE) / nullif(sum(t.initiated), 0) AS DOUBLE) AS incomplete_rate
FROM daily_totals t
CROSS JOIN platforms p
WHERE p.id = t.platform_id AND p.reported = 1
GROUP BY t.day, t.platform_id;

CREATE VIEW incomplete_rollup AS
SELECT
  CAST(coalesce(sum(initiated), 0) AS BIGINT) AS initiated,
  CAST(coalesce(sum(incomplete), 0) AS BIGINT) AS incomplete,
  CAST(coalesce(sum(abandoned), 0) AS BIGINT) AS abandoned,
  CAST(coalesce(sum(failed), 0) AS BIGINT) AS failed,
  CAST(coalesce(sum(completed), 0) AS BIGINT) AS completed,
  CAST(coalesce(sum(open), 0) AS BIGINT) AS open,
  CAST(CAST(sum(abandoned) AS DOUBLE) / nullif(sum(initiated), 0) AS DOUBLE) AS incomplete_rate
FROM incomplete_by_day;

-- Every incomplete attempt counted once, by everything the report tells apart. `part` says under which
-- heading of the section table it stands.
CREATE VIEW incomplete_detail AS
SELECT
  $day(d.day) AS date,
  d.day AS day,
  p.name AS platform,
  s.name AS section,
  a.name AS action,
  c.name AS cause,
  CAST(nullif(d.catalogue_row, 0) AS BIGINT) AS catalogue_row,
  --: Under which heading an abandoned attempt is counted: row, portalClosed, restarted, unenrolled or other.
  CAST(CASE
    WHEN d.abandoned = 0 THEN NULL
    WHEN d.catalogue_row > 0 THEN 'row'
    WHEN c.name IN ('portalClosed', 'restarted', 'unenrolled') THEN c.name
    ELSE 'other' END AS TEXT) AS part,
  d.abandoned AS abandoned,
  d.failed AS failed
FROM daily_incomplete d
CROSS JOIN platforms p
LEFT JOIN sections s ON s.id = d.section_id
LEFT JOIN actions a ON a.id = d.action_id
LEFT JOIN causes c ON c.id = d.cause_id
WHERE p.id = d.platform_id AND p.reported = 1;

-- Every day of the window times every section, zero included.
CREATE VIEW incomplete_by_section_and_day AS
WITH counts AS (
  SELECT d.day AS day, d.section_id AS section_id, sum(d.abandoned) AS abandoned
  FROM daily_incomplete d
  CROSS JOIN platforms p
  WHERE p.id = d.platform_id AND p.reported = 1
  GROUP BY d.day, d.section_id)
SELECT
  days.date AS date,
  s.name AS section,
  CAST(coalesce(counts.abandoned, 0) AS BIGINT) AS abandoned
FROM days
CROSS JOIN sections s
LEFT JOIN counts ON counts.day = days.day AND counts.section_id = s.id
WHERE s.id > 0 OR counts.abandoned > 0;

-- The nineteen rows. With `incomplete_without_row` they add up to all abandoned.
CREATE VIEW incomplete_by_action AS
SELECT
  r.number AS catalogue_row, s.name AS section, a.name AS action,
  --: The screen.
  sc.name AS screen,
  --: Where the row occurs: ios, android or both.
  r.platform AS platform, r.how AS how,
  CAST(coalesce((SELECT sum(d.abandoned) FROM incomplete_detail d WHERE d.catalogue_row = r.number), 0) AS BIGINT)
    AS abandoned
FROM catalogue_rows r
LEFT JOIN sections s ON s.id = r.section_id
LEFT JOIN actions a ON a.id = r.action_id
LEFT JOIN screens sc ON sc.id = r.screen_id;

-- Abandoned in ways that have no row.
CREATE VIEW incomplete_without_row AS
SELECT
  --: How it was abandoned: portalClosed, restarted, unenrolled or other.
  d.part AS part, d.section AS section, d.action AS action, CAST(sum(d.abandoned) AS BIGINT) AS abandoned
FROM incomplete_detail d
WHERE d.part IS NOT NULL AND d.part <> 'row'
GROUP BY d.part, d.section, d.action;

-- Attempts that came to a step (or stopped at it without being seen to enter), left it forward, gave up there.
CREATE VIEW funnel_by_day AS
SELECT
  $day(t.day) AS date,
  t.day AS day,
  p.name AS platform,
  k.step AS step,
  s.name AS section,
  k.name AS action,
  t.entered AS entered,
  t.left_forward AS left_forward,
  t.abandoned AS abandoned
FROM daily_steps t
CROSS JOIN platforms p
CROSS JOIN actions k
LEFT JOIN sections s ON s.id = k.section_id
WHERE p.id = t.platform_id AND k.id = t.action_id AND p.reported = 1 AND k.step IS NOT NULL;

-- How long each visit of a step took, for those that were left forward.
CREATE VIEW step_times AS
SELECT
  v.attempt_no AS attempt_no,
  a.started_day AS day,
  p.name AS platform,
  k.step AS step,
  --: ms | How long the visit took.
  CAST(v.left_at - v.entered_at AS BIGINT) AS milliseconds
FROM attempt_steps v
CROSS JOIN attempts a
CROSS JOIN platforms p
CROSS JOIN actions k
WHERE a.attempt_no = v.attempt_no AND p.id = a.platform_id AND k.id = v.action_id AND p.reported = 1 AND k.step IS NOT NULL AND v.left_at IS NOT NULL;
