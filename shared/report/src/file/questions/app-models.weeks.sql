-- The weeks of the app asked for, from Monday on, whole, as far as they are kept; none without an app. The week of today is not
-- over.
-- answer: rows
-- booleans: unfinished, partlyKept
WITH RECURSIVE bounds (today, kept) AS (
    SELECT CAST(m.value AS INTEGER), (SELECT CAST(k.value AS INTEGER) FROM meta k WHERE k.key = 'windowFromDay')
    FROM meta m WHERE m.key = 'asOfDay'),
  counted AS MATERIALIZED (
    SELECT app_word, (day + 3) / 7 AS week, $app_totals FROM daily_apps
    WHERE :app IS NOT NULL AND app_word <> 0 GROUP BY app_word, week),
  $shown_apps(counted),
  found AS MATERIALIZED (
    SELECT week, $app_totals FROM counted c CROSS JOIN shown s WHERE s.app_word = c.app_word AND $of_app GROUP BY week),
  weeks (week, last) AS (
    SELECT min(week), max(week) FROM found HAVING min(week) IS NOT NULL
    UNION ALL SELECT week + 1, last FROM weeks WHERE week < last),
  whole AS (
    SELECT w.week AS week, coalesce(sessions, 0) AS sessions, coalesce(tried, 0) AS tried,
      coalesce(installed, 0) AS installed, coalesce(failed, 0) AS failed, coalesce(failing, 0) AS failing,
      coalesce(not_needed, 0) AS not_needed, coalesce(open, 0) AS open
    FROM weeks w LEFT JOIN found f ON f.week = w.week)
SELECT $day(week * 7 - 3) AS "from", $day(week * 7 + 4) AS "to", week * 7 + 4 > today AS unfinished,
  week * 7 - 3 < kept AS partly_kept, $app_columns
FROM (SELECT w.*, $spread(failed, tried) AS spread FROM whole w) CROSS JOIN bounds ORDER BY week
