-- The weeks from Monday on, whole: those of both ranges and of a quarter of a year before, as far as there are attempts. The
-- week of today is not over.
-- answer: rows
-- booleans: unfinished, partlyKept
WITH RECURSIVE $asked,
  wanted (first, last) AS (
    SELECT min(first, compare_first, last - 91), CASE WHEN max(last, compare_last) >= today THEN today ELSE max(last, compare_last) - 1 END
    FROM asked),
  bounds (first, last) AS (
    SELECT ((SELECT min(day) FROM $its_days(1) WHERE $of_os AND day >= w.first AND initiated > 0) + 3) / 7, (w.last + 3) / 7
    FROM wanted w),
  weeks (week) AS (
    SELECT first FROM bounds WHERE first <= last UNION ALL SELECT week + 1 FROM weeks, bounds WHERE week < last),
  started AS (
    SELECT (day + 3) / 7 AS week, sum(initiated) AS initiated, sum(completed) AS completed, sum(open) AS open,
      sum(measured) AS measured
    FROM $its_days(day >= (SELECT first * 7 - 3 FROM bounds)) WHERE $of_os
    GROUP BY 1),
  stopped AS (
    SELECT (day + 3) / 7 AS week, sum(abandoned) AS abandoned, sum(failed) AS failed,
      sum(abandoned_measured) AS abandoned_measured
    FROM $ended_where(day >= (SELECT first * 7 - 3 FROM bounds)) GROUP BY 1),
  covered AS (
    SELECT (day + 3) / 7 AS week, max(stops) AS stops, max(failures) AS failures
    FROM $its_seen(day >= (SELECT first * 7 - 3 FROM bounds)) WHERE $of_os
    GROUP BY 1),
  counted AS (
    SELECT w.week * 7 - 3 AS monday, w.week * 7 + 4 AS monday_after, coalesce(s.initiated, 0) AS initiated,
      coalesce(s.completed, 0) AS completed, coalesce(s.open, 0) AS open, coalesce(s.measured, 0) AS measured,
      coalesce(e.abandoned, 0) AS abandoned, coalesce(e.failed, 0) AS failed,
      coalesce(e.abandoned_measured, 0) AS abandoned_measured, c.stops AS stops, c.failures AS failures,
      $spread(coalesce(abandoned_measured, 0), measured) AS spread
    FROM weeks w LEFT JOIN started s ON s.week = w.week LEFT JOIN stopped e ON e.week = w.week
    LEFT JOIN covered c ON c.week = w.week)
SELECT $day(monday) AS "from", $day(monday_after) AS "to", monday_after > today AS unfinished, monday < kept AS partly_kept,
  initiated, completed, open,
  CASE WHEN abandoned > 0 OR initiated = 0 OR stops THEN abandoned END AS abandoned,
  CASE WHEN failed > 0 OR initiated = 0 OR failures THEN failed END AS failed,
  measured, abandoned_measured, 1.0 * abandoned_measured / nullif(measured, 0) AS rate,
  $low(abandoned_measured - spread, measured) AS low, $high(abandoned_measured + spread, measured) AS high
FROM counted CROSS JOIN asked ORDER BY monday
