-- Sums over the sessions of the Enrollment Status Page. A session belongs to the day it began. Rates leave out sessions
-- that are in progress, and those that ended with the device's removal from management; a session past its limit that
-- did not finish counts as unsuccessful.
-- The first view has only numbers: a summary has it as a table, with the same views over it.
CREATE VIEW esp_daily AS
SELECT
  --: days since 1970-01-01 | The day the sessions began, in the organisation's time zone.
  x.started_day AS day, x.profile_id_word AS profile_id_word, x.deployment_mode_id AS deployment_mode_id,
  CAST(count(x.session_no) AS BIGINT) AS started,
  CAST(sum(CASE WHEN st.name IN ('success', 'successWithTimeout', 'successOnRetry') THEN 1 ELSE 0 END) AS BIGINT)
    AS succeeded,
  CAST(sum(CASE st.name WHEN 'successWithTimeout' THEN 1 ELSE 0 END) AS BIGINT) AS with_timeout,
  CAST(sum(CASE st.name WHEN 'successOnRetry' THEN 1 ELSE 0 END) AS BIGINT) AS on_retry,
  --: sessions | How many are failed.
  CAST(sum(CASE st.name WHEN 'failed' THEN 1 ELSE 0 END) AS BIGINT) AS failed,
  CAST(sum(CASE st.name WHEN 'timedOut' THEN 1 ELSE 0 END) AS BIGINT) AS timed_out,
  --: sessions | How many are under way within their time limit.
  CAST(sum(CASE st.name WHEN 'inProgress' THEN 1 ELSE 0 END) AS BIGINT) AS in_progress,
  --: sessions | How many ended inside their time limit because the device was removed from management.
  CAST(sum(CASE st.name WHEN 'ended' THEN 1 ELSE 0 END) AS BIGINT) AS ended,
  CAST(sum(CASE WHEN x.stuck_since IS NULL THEN 0 ELSE 1 END) AS BIGINT) AS stuck,
  CAST(sum(x.is_stuck) AS BIGINT) AS still_stuck
FROM esp_sessions x
LEFT JOIN esp_session_states st ON st.id = x.state_id
GROUP BY x.started_day, x.profile_id_word, x.deployment_mode_id;

CREATE VIEW esp_by_day AS
SELECT
  --: The day the sessions began, in the organisation's time zone.
  $day(s.day) AS date,
  --: days since 1970-01-01 | The day the sessions began, in the organisation's time zone.
  s.day AS day,
  names.profile_id AS profile_id,
  --: The profile's current name; if it was deleted, its last known name.
  names.profile AS profile,
  m.name AS deployment_mode,
  CAST(s.started AS BIGINT) AS started,
  CAST(s.succeeded AS BIGINT) AS succeeded,
  CAST(s.with_timeout AS BIGINT) AS with_timeout,
  CAST(s.on_retry AS BIGINT) AS on_retry,
  --: sessions | How many are failed.
  CAST(s.failed AS BIGINT) AS failed,
  CAST(s.timed_out AS BIGINT) AS timed_out,
  --: sessions | How many are under way within their time limit.
  CAST(s.in_progress AS BIGINT) AS in_progress,
  --: sessions | How many ended inside their time limit because the device was removed from management.
  CAST(s.ended AS BIGINT) AS ended,
  --: sessions | Succeeded, failed and timed out together: the denominator of the rate.
  CAST(s.started - s.in_progress - s.ended AS BIGINT) AS n,
  --: fraction | Succeeded divided by n; empty where n is 0.
  CAST(s.succeeded * 1.0 / nullif(s.started - s.in_progress - s.ended, 0) AS DOUBLE) AS success_rate,
  CAST(s.stuck AS BIGINT) AS stuck,
  CAST(s.still_stuck AS BIGINT) AS still_stuck
FROM esp_daily s
LEFT JOIN esp_profile_names names ON names.profile_id_word = s.profile_id_word
LEFT JOIN deployment_modes m ON m.id = s.deployment_mode_id;

-- Every day of the window, including days without sessions.
CREATE VIEW esp_stuck_by_day AS
WITH sums AS (
  SELECT b.day AS day, sum(b.started) AS started, sum(b.stuck) AS stuck, sum(b.still_stuck) AS still_stuck
  FROM esp_by_day b GROUP BY b.day)
SELECT
  --: The day the sessions began.
  days.date AS date,
  --: days since 1970-01-01 | The day the sessions began, in the organisation's time zone.
  days.day AS day,
  CAST(coalesce(s.started, 0) AS BIGINT) AS started,
  CAST(coalesce(s.stuck, 0) AS BIGINT) AS stuck,
  CAST(coalesce(s.still_stuck, 0) AS BIGINT) AS still_stuck
FROM days
LEFT JOIN sums s ON s.day = days.day;
