WITH
  sessions AS (
    SELECT x.profile_id_word AS profile, st.name AS state, x.timed_out AS timed_out, x.stuck_since AS stuck_since,
      CASE WHEN st.name IN ('success', 'successWithTimeout', 'successOnRetry') THEN 1 ELSE 0 END AS success,
      x.ended_at - x.started_at AS milliseconds
    FROM esp_sessions x
    LEFT JOIN esp_session_states st ON st.id = x.state_id
    WHERE $days),
  counts AS (
    SELECT profile, count(state) AS sessions, sum(success) AS succeeded,
      sum(CASE state WHEN 'failed' THEN 1 ELSE 0 END) AS failed,
      sum(CASE state WHEN 'timedOut' THEN 1 ELSE 0 END) AS timed_out,
      sum(CASE state WHEN 'inProgress' THEN 1 ELSE 0 END) AS in_progress,
      sum(CASE state WHEN 'ended' THEN 1 ELSE 0 END) AS ended,
      sum(timed_out) AS over_limit, sum(timed_out * success) AS recovered,
      sum(CASE WHEN stuck_since IS NULL THEN 0 ELSE 1 END) AS stuck
    FROM sessions GROUP BY profile),
  ranked AS (
    SELECT profile, milliseconds,
      row_number() OVER (PARTITION BY profile ORDER BY milliseconds) AS place,
      count(milliseconds) OVER (PARTITION BY profile) AS n
    FROM sessions WHERE success = 1),
  -- The median: the middle one, or the mean of the two in the middle. The ninetieth percentile: the smallest that
  -- nine in ten do not exceed.
  medians AS (
    SELECT profile, sum(milliseconds) AS total, count(milliseconds) AS n
    FROM ranked WHERE 2 * place BETWEEN n AND n + 2 GROUP BY profile),
  highs AS (SELECT profile, min(milliseconds) AS milliseconds FROM ranked WHERE 10 * place >= 9 * n GROUP BY profile)
SELECT
  names.profile_id AS profile_id,
  --: The profile's current name; if it was deleted, its last known name.
  names.profile AS profile,
  --: sessions | For how many sessions the profile was fixed.
  CAST(c.sessions AS BIGINT) AS sessions,
  CAST(c.succeeded AS BIGINT) AS succeeded,
  --: sessions | How many are failed.
  CAST(c.failed AS BIGINT) AS failed,
  CAST(c.timed_out AS BIGINT) AS timed_out,
  --: sessions | How many are under way within their time limit.
  CAST(c.in_progress AS BIGINT) AS in_progress,
  --: sessions | How many ended inside their time limit because the device was removed from management.
  CAST(c.ended AS BIGINT) AS ended,
  --: sessions | Succeeded, failed and timed out together: the denominator of the rate.
  CAST(c.sessions - c.in_progress - c.ended AS BIGINT) AS n,
  --: fraction | Succeeded divided by n; empty where n is 0.
  CAST(c.succeeded * 1.0 / nullif(c.sessions - c.in_progress - c.ended, 0) AS DOUBLE) AS success_rate,
  --: sessions | How many ever passed their time limit.
  CAST(c.over_limit AS BIGINT) AS over_limit,
  --: sessions | How many of them succeeded later.
  CAST(c.recovered AS BIGINT) AS recovered,
  CAST(c.stuck AS BIGINT) AS stuck,
  CAST(m.total / (m.n * 60000.0) AS DOUBLE) AS median_minutes,
  CAST(h.milliseconds / 60000.0 AS DOUBLE) AS p90_minutes
FROM counts c
LEFT JOIN esp_profile_names names ON names.profile_id_word = c.profile
LEFT JOIN medians m ON m.profile = c.profile
LEFT JOIN highs h ON h.profile = c.profile
