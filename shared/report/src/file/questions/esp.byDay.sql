-- Every day of the range that the file covers, including days without sessions.
-- answer: rows
WITH $asked,
  sums AS (
    SELECT day, sum(started) AS started, sum(succeeded) AS succeeded, sum(with_timeout) AS with_timeout,
      sum(on_retry) AS on_retry, sum(failed) AS failed, sum(timed_out) AS timed_out, sum(in_progress) AS in_progress,
      sum(ended) AS ended,       sum(n) AS n, sum(stuck) AS stuck, sum(still_stuck) AS still_stuck
    FROM esp_by_day WHERE $days GROUP BY day)
SELECT d.date AS date, coalesce(s.started, 0) AS started, coalesce(s.succeeded, 0) AS succeeded,
  coalesce(s.with_timeout, 0) AS with_timeout, coalesce(s.on_retry, 0) AS on_retry, coalesce(s.failed, 0) AS failed,
  coalesce(s.timed_out, 0) AS timed_out, coalesce(s.in_progress, 0) AS in_progress,
  coalesce(s.ended, 0) AS ended, coalesce(s.n, 0) AS n,
  s.succeeded * 1.0 / nullif(s.n, 0) AS success_rate, coalesce(s.stuck, 0) AS stuck,
  coalesce(s.still_stuck, 0) AS still_stuck
FROM days d LEFT JOIN sums s ON s.day = d.day
WHERE d.day >= (SELECT first FROM asked) AND d.day < (SELECT last FROM asked) ORDER BY d.day
