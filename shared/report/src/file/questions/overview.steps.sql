-- What became of those who reached each step, in the order of time, on the days asked for and on those compared with; it adds
-- up. The last row of each is what ended or stands at no step, or was reported by senders that report no screens. Where no
-- sender reports screens, nothing is said of the steps.
-- answer: rows
WITH $asked, $totals, $steps,
  every AS (
    SELECT t.period AS period, k.step AS step, c.name AS section, k.name AS action,
      CASE WHEN s.reached > 0 OR t.with_steps > 0 THEN 0 END AS none, reached, went_on, gave_up, s.failed AS failed,
      still_there, not_reported, $spread(gave_up, reached) AS spread
    FROM totals t CROSS JOIN actions k LEFT JOIN sections c ON c.id = k.section_id
    LEFT JOIN steps s ON s.at_step = k.step AND s.period = t.period WHERE k.step IS NOT NULL)
SELECT * FROM (
  SELECT period, step, section, action, coalesce(reached, none) AS reached, coalesce(went_on, none) AS went_on,
    coalesce(gave_up, none) AS gave_up, coalesce(failed, none) AS failed, coalesce(still_there, none) AS still_there,
    coalesce(not_reported, none) AS not_reported, 1.0 * gave_up / nullif(reached, 0) AS rate,
    $low(gave_up - spread, reached) AS low, $high(gave_up + spread, reached) AS high
  FROM every WHERE $in_section
  UNION ALL
  SELECT t.period, NULL, NULL, NULL, NULL, NULL, t.abandoned - coalesce(sum(s.gave_up), 0), t.failed - coalesce(sum(s.failed), 0),
    CASE WHEN :section IS NULL THEN t.open - coalesce(sum(s.still_there), 0) END, NULL, NULL, NULL, NULL
  FROM totals t LEFT JOIN steps s ON s.period = t.period GROUP BY t.period)
ORDER BY period DESC, step IS NULL, step
