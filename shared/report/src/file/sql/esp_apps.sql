WITH
  -- Apps with the same name count as one. An app whose name no sender reported is named as Intune names it, else by its
  -- id.
  installs AS (
    SELECT CASE WHEN i.name_word <> i.item_word THEN i.name_word
      ELSE coalesce(
        CASE WHEN EXISTS (SELECT 1 FROM app_names) THEN
          (SELECT n.name_word FROM words w CROSS JOIN app_names n WHERE w.id = i.item_word AND n.app_id = w.text) END,
        i.name_word, i.item_word) END AS app, i.session_no AS session_no, i.errors AS errors,
      i.began_at AS began_at, t.name AS tracking, st.name AS state,
      -- If an app was only reported as completed, its duration is unknown.
      CASE WHEN st.name = 'completed' AND i.settled_at > i.began_at THEN i.settled_at - i.began_at END AS milliseconds
    FROM esp_items i
    CROSS JOIN esp_sessions x
    LEFT JOIN esp_categories c ON c.id = i.category_id
    LEFT JOIN esp_trackings t ON t.id = i.tracking_id
    LEFT JOIN esp_item_states st ON st.id = i.state_id
    WHERE x.session_no = i.session_no AND c.name = 'apps' AND $days),
  counts AS (
    SELECT app, count(DISTINCT session_no) AS sessions,
      count(DISTINCT CASE tracking WHEN 'blocking' THEN session_no END) AS blocking,
      count(DISTINCT CASE WHEN began_at IS NOT NULL THEN session_no END) AS tried,
      count(DISTINCT CASE state WHEN 'completed' THEN session_no END) AS completed,
      count(DISTINCT CASE WHEN errors > 0 THEN session_no END) AS failed,
      count(DISTINCT CASE state WHEN 'error' THEN session_no END) AS failing
    FROM installs GROUP BY app),
  ranked AS (
    SELECT app, milliseconds,
      row_number() OVER (PARTITION BY app ORDER BY milliseconds) AS place,
      count(milliseconds) OVER (PARTITION BY app) AS n
    FROM installs WHERE milliseconds IS NOT NULL),
  -- The median and the ninetieth percentile are computed as in esp_by_profile.
  medians AS (
    SELECT app, sum(milliseconds) AS total, count(milliseconds) AS n
    FROM ranked WHERE 2 * place BETWEEN n AND n + 2 GROUP BY app),
  highs AS (SELECT app, min(milliseconds) AS milliseconds FROM ranked WHERE 10 * place >= 9 * n GROUP BY app)
SELECT
  --: The app's name as a sender reported it, else its name in Intune where that is read, else its id. Apps with the
  --: same name count as one.
  w.text AS app,
  --: sessions | How many sessions had it.
  CAST(c.sessions AS BIGINT) AS sessions,
  --: sessions | In how many the page waited for it.
  CAST(c.blocking AS BIGINT) AS blocking,
  --: sessions | In how many it was reported under way or settled.
  CAST(c.tried AS BIGINT) AS tried,
  --: sessions | In how many it is completed.
  CAST(c.completed AS BIGINT) AS completed,
  --: sessions | In how many it ever failed.
  CAST(c.failed AS BIGINT) AS failed,
  --: sessions | In how many it is failed.
  CAST(c.failing AS BIGINT) AS failing,
  --: fraction | Failed divided by tried; empty where it was not tried.
  CAST(c.failed * 1.0 / nullif(c.tried, 0) AS DOUBLE) AS failure_rate,
  --: min | Median time from under way to completed, of those reported under way first.
  CAST(m.total / (m.n * 60000.0) AS DOUBLE) AS median_minutes,
  --: min | The shortest of these times that nine in ten did not exceed.
  CAST(h.milliseconds / 60000.0 AS DOUBLE) AS p90_minutes
FROM counts c
LEFT JOIN words w ON w.id = c.app
LEFT JOIN medians m ON m.app = c.app
LEFT JOIN highs h ON h.app = c.app
