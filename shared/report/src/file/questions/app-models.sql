-- What became of apps in the sessions of the Enrollment Status Page that began on the days asked for, by the model of the
-- device. A session counts once for each app; `withoutApps` says of how many sessions no app was reported.
-- answer: row
-- days: recent
-- :app text | Only this app, by its name or its id, whole; then also by week.
-- :limit limit | At most this many apps; 50 without it.
-- :models limit | Tells apart at most this many models, the commonest; 8 without it.
WITH $asked, $app_cells
SELECT $as_of, $time_zone, $day(first) AS "from", $day(last) AS "to",
  CASE WHEN :app IS NOT NULL THEN coalesce((SELECT app FROM apps WHERE place = 1), :app) END AS app,
  $least AS least, (SELECT count(*) FROM apps) AS app_count, (SELECT count(*) FROM models) AS model_count,
  (SELECT coalesce(sum(sessions), 0) FROM daily_apps WHERE $days AND app_word = 0) AS without_apps
FROM asked
