-- The days asked for, and those compared with: counts, and rates with their 95 % intervals.
-- answer: rows
WITH $asked, $totals,
  rooted AS (
    SELECT t.*, judged = ended AS is_judged, $spread(abandoned_measured, measured) AS of_abandoned,
      $spread(completed_judged, judged) AS of_completed, $spread(failed, ended) AS of_failed FROM totals t)
SELECT period, initiated, ended, open, abandoned, failed, completed, measured, abandoned_measured,
  1.0 * abandoned_measured / nullif(measured, 0) AS abandoned_rate,
  $low(abandoned_measured - of_abandoned, measured) AS abandoned_low,
  $high(abandoned_measured + of_abandoned, measured) AS abandoned_high,
  judged, 1.0 * completed_judged / nullif(judged, 0) AS completed_rate,
  $low(completed_judged - of_completed, judged) AS completed_low,
  $high(completed_judged + of_completed, judged) AS completed_high,
  CASE WHEN is_judged THEN 1.0 * failed / nullif(ended, 0) END AS failed_rate,
  CASE WHEN is_judged THEN $low(failed - of_failed, ended) END AS failed_low,
  CASE WHEN is_judged THEN $high(failed + of_failed, ended) END AS failed_high, with_steps
FROM rooted ORDER BY period DESC
