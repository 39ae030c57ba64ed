-- How long these sessions took for each phase that they completed and whose end was reported: the median, null where they are too
-- few.
-- answer: rows
WITH $like_this,
  times AS (
    SELECT phase_id, n, milliseconds FROM (
      SELECT v.phase_id AS phase_id, v.ended_at - v.started_at AS milliseconds,
        count(*) OVER (PARTITION BY v.phase_id) AS n,
        row_number() OVER (PARTITION BY v.phase_id ORDER BY v.ended_at - v.started_at) AS place
      FROM like_this l CROSS JOIN esp_session_phases v CROSS JOIN esp_phase_states s
      WHERE v.session_no = l.session_no AND v.ended_at IS NOT NULL AND s.id = v.state_id AND s.name = 'completed')
    WHERE 2 * place BETWEEN n AND n + 2)
SELECT p.name AS phase, max(t.n) AS n, CASE WHEN max(t.n) >= $least_usual THEN avg(t.milliseconds) / 60000.0 END AS median_minutes
FROM times t CROSS JOIN esp_phases p WHERE p.id = t.phase_id GROUP BY p.id ORDER BY p.id
