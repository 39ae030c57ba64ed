-- The sessions like one of the Enrollment Status Page: of the same profile and deployment mode, begun in the 28 days before it, the
-- newest thousand of them at most; and the median time of those of them that ended well.
-- answer: row
-- :id id | The session's id.
WITH $like_this,
  times AS (
    SELECT n, milliseconds FROM (
      SELECT x.ended_at - x.started_at AS milliseconds, count(*) OVER () AS n,
        row_number() OVER (ORDER BY x.ended_at - x.started_at) AS place
      FROM like_this l CROSS JOIN esp_sessions x CROSS JOIN esp_session_states s
      WHERE x.session_no = l.session_no AND s.id = x.state_id AND s.name LIKE 'success%')
    WHERE 2 * place BETWEEN n AND n + 2)
SELECT $as_of, (SELECT count(*) FROM like_this) AS sessions, $least_usual AS least,
  coalesce((SELECT max(n) FROM times), 0) AS n,
  (SELECT CASE WHEN max(n) >= $least_usual THEN avg(milliseconds) / 60000.0 END FROM times) AS median_minutes
FROM this
