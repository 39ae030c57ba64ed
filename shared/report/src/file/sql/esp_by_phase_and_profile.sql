WITH
  phases AS (
    SELECT x.profile_id_word AS profile, v.phase_id AS phase_id, st.name AS state,
      CASE st.name WHEN 'completed' THEN v.ended_at - v.started_at END AS milliseconds
    FROM esp_session_phases v
    CROSS JOIN esp_sessions x
    LEFT JOIN esp_phase_states st ON st.id = v.state_id
    WHERE x.session_no = v.session_no AND $days),
  counts AS (
    SELECT profile, phase_id, count(state) AS entered,
      sum(CASE state WHEN 'completed' THEN 1 ELSE 0 END) AS completed,
      sum(CASE state WHEN 'failed' THEN 1 ELSE 0 END) AS failed
    FROM phases GROUP BY profile, phase_id),
  ranked AS (
    SELECT profile, phase_id, milliseconds,
      row_number() OVER (PARTITION BY profile, phase_id ORDER BY milliseconds) AS place,
      count(milliseconds) OVER (PARTITION BY profile, phase_id) AS n
    FROM phases WHERE milliseconds IS NOT NULL),
  -- The median and the ninetieth percentile are computed as in esp_by_profile.
  medians AS (
    SELECT profile, phase_id, sum(milliseconds) AS total, count(milliseconds) AS n
    FROM ranked WHERE 2 * place BETWEEN n AND n + 2 GROUP BY profile, phase_id),
  highs AS (
    SELECT profile, phase_id, min(milliseconds) AS milliseconds
    FROM ranked WHERE 10 * place >= 9 * n GROUP BY profile, phase_id)
SELECT
  names.profile_id AS profile_id,
  --: The profile's current name; if it was deleted, its last known name.
  names.profile AS profile,
  ph.name AS phase,
  --: sessions | How many reached the phase.
  CAST(c.entered AS BIGINT) AS entered,
  --: sessions | How many completed it.
  CAST(c.completed AS BIGINT) AS completed,
  --: sessions | How many are failed in it.
  CAST(c.failed AS BIGINT) AS failed,
  --: sessions | Completed and failed together: the denominator of the rate.
  CAST(c.completed + c.failed AS BIGINT) AS n,
  CAST(c.completed * 1.0 / nullif(c.completed + c.failed, 0) AS DOUBLE) AS success_rate,
  CAST(m.total / (m.n * 60000.0) AS DOUBLE) AS median_minutes,
  CAST(h.milliseconds / 60000.0 AS DOUBLE) AS p90_minutes,
  c.phase_id AS phase_id
FROM counts c
LEFT JOIN esp_profile_names names ON names.profile_id_word = c.profile
LEFT JOIN esp_phases ph ON ph.id = c.phase_id
LEFT JOIN medians m ON m.profile = c.profile AND m.phase_id = c.phase_id
LEFT JOIN highs h ON h.profile = c.profile AND h.phase_id = c.phase_id
