-- The incomplete-enrollments report (docs/DOMAIN.md, R): iOS/iPadOS and Android only (`platforms.reported`), but for the
-- views that have a column `reported`. Those at the grain of a day are what page and API sum over; the others are the
-- whole window. A rate or time is empty where no sender reported what it stands on, and so is a count of the whole window
-- where there is none and no sender that took part could have reported one.
CREATE VIEW attempts_by_day AS
WITH sums AS (
  SELECT t.day AS day, t.platform_id AS platform_id, sum(t.initiated) AS initiated, sum(t.abandoned) AS abandoned,
    sum(t.failed) AS failed, sum(t.completed) AS completed, sum(t.open) AS open, sum(t.measured) AS measured,
    sum(t.abandoned_measured) AS abandoned_measured, sum(t.with_steps) AS with_steps, sum(t.judged) AS judged,
    sum(t.completed_judged) AS completed_judged, sum(t.timed) AS timed, sum(t.completed_ms) AS completed_ms
  FROM daily_totals t GROUP BY t.day, t.platform_id)
SELECT
  $day(s.day) AS date,
  s.day AS day,
  p.name AS platform,
  p.reported AS reported,
  CAST(s.initiated AS BIGINT) AS initiated,
  CAST(s.abandoned + s.failed AS BIGINT) AS incomplete,
  CAST(s.abandoned AS BIGINT) AS abandoned,
  CAST(s.failed AS BIGINT) AS failed,
  CAST(s.completed AS BIGINT) AS completed,
  CAST(s.open AS BIGINT) AS open,
  CAST(s.measured AS BIGINT) AS measured,
  CAST(s.initiated - s.measured AS BIGINT) AS only_end_reported,
  CAST(s.abandoned_measured AS BIGINT) AS abandoned_measured,
  CAST(CAST(s.abandoned_measured AS DOUBLE) / nullif(s.measured, 0) AS DOUBLE) AS incomplete_rate,
  CAST(s.with_steps AS BIGINT) AS with_steps,
  CAST(s.judged AS BIGINT) AS judged,
  CAST(s.completed_judged AS BIGINT) AS completed_judged,
  CAST(s.timed AS BIGINT) AS timed,
  --: ms | Time from start to completion, added up over completed attempts whose start was reported.
  CAST(s.completed_ms AS BIGINT) AS completed_ms
FROM sums s
LEFT JOIN platforms p ON p.id = s.platform_id;

CREATE VIEW incomplete_by_day AS
SELECT date, day, platform, initiated, incomplete, abandoned, failed, completed, open, measured, only_end_reported,
  abandoned_measured, incomplete_rate, with_steps, judged
FROM attempts_by_day
WHERE reported = 1;

CREATE VIEW incomplete_rollup AS
WITH
  sums AS (
    SELECT coalesce(sum(initiated), 0) AS initiated, coalesce(sum(abandoned), 0) AS abandoned,
      coalesce(sum(failed), 0) AS failed, coalesce(sum(completed), 0) AS completed, coalesce(sum(open), 0) AS open,
      coalesce(sum(measured), 0) AS measured, coalesce(sum(only_end_reported), 0) AS only_end_reported,
      coalesce(sum(abandoned_measured), 0) AS abandoned_measured, coalesce(sum(with_steps), 0) AS with_steps,
      coalesce(sum(judged), 0) AS judged
    FROM incomplete_by_day),
  counted AS (
    SELECT s.*,
      CASE WHEN s.abandoned > 0 OR s.initiated = 0 OR EXISTS (
        SELECT 1 FROM coverage_by_day WHERE reported = 1 AND (starts = 1 OR stops = 1)) THEN s.abandoned END AS stopped,
      CASE WHEN s.failed > 0 OR s.initiated = 0 OR EXISTS (
        SELECT 1 FROM coverage_by_day WHERE reported = 1 AND failures = 1) THEN s.failed END AS went_wrong
    FROM sums s)
SELECT
  CAST(initiated AS BIGINT) AS initiated,
  --: attempts | Abandoned and failed; empty where neither can be said.
  CAST(coalesce(stopped + went_wrong, stopped, went_wrong) AS BIGINT) AS incomplete,
  --: attempts | Given up; empty where there is none and no sender reports starts or stops.
  CAST(stopped AS BIGINT) AS abandoned,
  --: attempts | Failed; empty where there is none and no sender reports failures.
  CAST(went_wrong AS BIGINT) AS failed,
  CAST(completed AS BIGINT) AS completed,
  CAST(open AS BIGINT) AS open,
  CAST(measured AS BIGINT) AS measured,
  CAST(only_end_reported AS BIGINT) AS only_end_reported,
  CAST(abandoned_measured AS BIGINT) AS abandoned_measured,
  CAST(CAST(abandoned_measured AS DOUBLE) / nullif(measured, 0) AS DOUBLE) AS incomplete_rate,
  CAST(with_steps AS BIGINT) AS with_steps,
  CAST(judged AS BIGINT) AS judged
FROM counted;

-- Every incomplete attempt counted once, of every platform, by everything the report distinguishes. `part` says under which
-- heading of the section table it stands. Places are as they were reported; the rows of the catalogue are of iOS/iPadOS and Android.
CREATE VIEW incomplete_of_all_platforms AS
SELECT
  $day(d.day) AS date,
  d.day AS day,
  p.name AS platform,
  p.reported AS reported,
  s.name AS section,
  a.name AS action,
  c.name AS cause,
  CAST(nullif(d.catalogue_row, 0) AS BIGINT) AS catalogue_row,
  --: min | The limit that ran out; empty where none did.
  CAST(nullif(d.limit_minutes, 0) AS BIGINT) AS limit_minutes,
  --: Under which heading an abandoned attempt is counted: row, portalClosed, restarted, unenrolled, placeNotReported or
  --: other.
  $part(d) AS part,
  d.abandoned AS abandoned,
  d.failed AS failed,
  d.abandoned_measured AS abandoned_measured
FROM platforms p
CROSS JOIN daily_incomplete d
LEFT JOIN sections s ON s.id = d.section_id
LEFT JOIN actions a ON a.id = d.action_id
LEFT JOIN causes c ON c.id = d.cause_id
WHERE d.platform_id = p.id;

CREATE VIEW incomplete_detail AS
SELECT date, day, platform, section, action, cause, catalogue_row,
  --: min | The limit that ran out; empty where none did.
  limit_minutes,
  --: Under which heading an abandoned attempt is counted: row, portalClosed, restarted, unenrolled, placeNotReported or
  --: other.
  part,
  abandoned, failed, abandoned_measured
FROM incomplete_of_all_platforms
WHERE reported = 1;

-- Every day of the window times every section of the catalogue, zero included; other places only where there are any.
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
WHERE counts.abandoned > 0 OR s.id IN (SELECT r.section_id FROM catalogue_rows r);

-- The rows of the catalogue. With `incomplete_without_row` they add up to all abandoned.
CREATE VIEW incomplete_by_action AS
WITH
  counts AS (
    SELECT d.catalogue_row AS catalogue_row, sum(d.abandoned) AS abandoned, min(d.limit_minutes) AS shortest,
      max(d.limit_minutes) AS longest
    FROM incomplete_detail d GROUP BY d.catalogue_row),
  stepped AS (SELECT coalesce(sum(initiated), 0) AS initiated, coalesce(sum(with_steps), 0) AS n FROM incomplete_by_day)
SELECT
  r.number AS catalogue_row, s.name AS section, a.name AS action,
  --: The screen.
  sc.name AS screen,
  --: Where the row occurs: ios, android or both.
  r.platform AS platform, r.how AS how,
  --: attempts | Given up there; empty where nobody was and no sender that took part reports screens.
  CAST(CASE WHEN c.abandoned > 0 THEN c.abandoned WHEN stepped.n > 0 OR stepped.initiated = 0 THEN 0 END AS BIGINT)
    AS abandoned,
  --: min | The shortest of the limits that ran out there; empty where none did.
  CAST(c.shortest AS BIGINT) AS shortest_limit_minutes,
  --: min | The longest of the limits that ran out there; empty where none did.
  CAST(c.longest AS BIGINT) AS longest_limit_minutes
FROM catalogue_rows r
CROSS JOIN stepped
LEFT JOIN counts c ON c.catalogue_row = r.number
LEFT JOIN sections s ON s.id = r.section_id
LEFT JOIN actions a ON a.id = r.action_id
LEFT JOIN screens sc ON sc.id = r.screen_id;

-- Abandoned in ways that have no row.
CREATE VIEW incomplete_without_row AS
SELECT
  --: How it was abandoned: portalClosed, restarted, unenrolled, placeNotReported (in any other way, where no sender
  --: reported a place) or other.
  d.part AS part, d.section AS section, d.action AS action, CAST(sum(d.abandoned) AS BIGINT) AS abandoned
FROM incomplete_detail d
WHERE d.part IS NOT NULL AND d.part <> 'row'
GROUP BY d.part, d.section, d.action;

-- Attempts that came to a step, left it forward, gave up there: only steps that were reported. Those that reached it, be it
-- that they were only reported to end there, each once by what became of it: these columns add up.
CREATE VIEW steps_by_day AS
SELECT
  $day(t.day) AS date,
  t.day AS day,
  p.name AS platform,
  p.reported AS reported,
  k.step AS step,
  s.name AS section,
  k.name AS action,
  t.entered AS entered,
  t.left_forward AS left_forward,
  --: attempts | Attempts given up at the step that were reported to come to it.
  t.abandoned AS abandoned,
  --: attempts | Attempts that were reported to come to the step, or that ended or stand at it and have steps.
  CAST(t.entered + t.only_there AS BIGINT) AS reached,
  --: attempts | Attempts that left the step forward and did not end or stand at it.
  CAST(t.left_forward - t.came_back AS BIGINT) AS went_on,
  --: attempts | Attempts given up at the step.
  CAST(t.abandoned + t.only_abandoned AS BIGINT) AS gave_up,
  --: attempts | Attempts that failed at the step.
  t.failed AS failed,
  t.still_there AS still_there,
  --: attempts | Of those that reached it, the ones of which no sender reported what became of them there.
  CAST(t.entered + t.only_there - t.left_forward + t.came_back - t.abandoned - t.only_abandoned - t.failed - t.still_there
    AS BIGINT) AS not_reported
FROM daily_steps t
CROSS JOIN actions k
LEFT JOIN platforms p ON p.id = t.platform_id
LEFT JOIN sections s ON s.id = k.section_id
WHERE k.id = t.action_id AND k.step IS NOT NULL;

CREATE VIEW funnel_by_day AS
SELECT date, day, platform, step, section, action, entered, left_forward, abandoned
FROM steps_by_day
WHERE reported = 1;

-- How long the visits of a step took that were left forward, counted by whole seconds: sums, so that times of any range of
-- days and of any platforms can be had from them.
CREATE VIEW step_times AS
SELECT
  $day(t.day) AS date,
  t.day AS day,
  p.name AS platform,
  p.reported AS reported,
  k.step AS step,
  s.name AS section,
  k.name AS action,
  --: s | How long the visits took, in whole seconds, rounded down.
  t.from_seconds AS seconds,
  t.visits AS visits
FROM daily_step_times t
LEFT JOIN actions k ON k.id = t.action_id
LEFT JOIN platforms p ON p.id = t.platform_id
LEFT JOIN sections s ON s.id = k.section_id
WHERE t.scale = 0;

-- What the numbers stand on: which senders took part in the attempts of a day, and what each can report.
CREATE VIEW coverage_by_day AS
SELECT
  $day(c.day) AS date,
  c.day AS day,
  p.name AS platform,
  p.reported AS reported,
  CAST(nullif(w.text, '') AS TEXT) AS source,
  c.starts AS starts,
  --: 0 or 1 | Whether it reports screens.
  c.steps AS steps, c.stops AS stops, c.failures AS failures, c.ends AS ends,
  c.compliance AS compliance, c.device_time AS device_time,
  c.attempts AS attempts,
  --: attempts | Of these, those that have starts, whichever of their senders reports them.
  c.measured AS measured,
  --: attempts | Of these, those that have steps, whichever of their senders reports them.
  c.with_steps AS with_steps
FROM coverage c
LEFT JOIN platforms p ON p.id = c.platform_id
LEFT JOIN words w ON w.id = c.source_word;

CREATE VIEW coverage_by_source AS
SELECT source, starts,
  --: 0 or 1 | Whether it reports screens.
  steps,
  stops, failures, ends, compliance, device_time,
  CAST(sum(attempts) AS BIGINT) AS attempts,
  --: attempts | Of these, those that have starts, whichever of their senders reports them.
  CAST(sum(measured) AS BIGINT) AS measured,
  --: attempts | Of these, those that have steps, whichever of their senders reports them.
  CAST(sum(with_steps) AS BIGINT) AS with_steps
FROM coverage_by_day
GROUP BY source, starts, steps, stops, failures, ends, compliance, device_time;
