-- The apps that take longest, by their ninetieth percentile, and those that failed in most sessions. One statement
-- answers both, since either visits every item of every session.
-- answer: slow merged
WITH $asked,
  apps AS MATERIALIZED ($esp_apps),
  ranked AS MATERIALIZED (
    SELECT *, json_object('app', app, 'sessions', sessions, 'blocking', blocking, 'tried', tried,
        'completed', completed, 'failed', failed, 'failing', failing, 'failureRate', $real(failure_rate),
        'medianMinutes', $real(median_minutes), 'p90Minutes', $real(p90_minutes)) AS entry,
      row_number() OVER (ORDER BY p90_minutes IS NULL, p90_minutes DESC, sessions DESC, app) AS slowest,
      row_number() OVER (ORDER BY failed DESC, coalesce(failure_rate, 0) DESC, app) AS failing_most
    FROM apps)
SELECT
  (SELECT json_group_array(json(entry) ORDER BY slowest) FROM ranked
    WHERE p90_minutes IS NOT NULL AND slowest <= min($limit, 100)) AS slowest_apps_json,
  (SELECT json_group_array(json(entry) ORDER BY failing_most) FROM ranked
    WHERE failed > 0 AND failing_most <= min($limit, 100)) AS failing_apps_json
