WITH
  reached AS (
    SELECT step, sum(entered) AS entered, sum(left_forward) AS left_forward, sum(abandoned) AS abandoned
    FROM steps_by_day WHERE $days GROUP BY step),
  stepped AS (SELECT sum(with_steps) AS n FROM attempts_by_day WHERE $days),
  -- Sorted once, the steps one after the other: it is most of the work.
  ranked AS MATERIALIZED (
    SELECT step, milliseconds, row_number() OVER (ORDER BY step, milliseconds) AS place
    FROM step_times WHERE $attempts AND $days),
  -- The median: the middle one, or the mean of the two in the middle. Nothing is divided to find it: whether a
  -- quotient of whole numbers is whole is not the same in all readers.
  middles AS (SELECT step, min(place) + max(place) AS twice FROM ranked GROUP BY step),
  medians AS (
    SELECT r.step AS step, sum(r.milliseconds) AS total, count(r.step) AS n
    FROM ranked r
    CROSS JOIN middles h
    WHERE h.step = r.step AND 2 * r.place BETWEEN h.twice - 1 AND h.twice + 1
    GROUP BY r.step)
SELECT
  k.step AS step, s.name AS section, k.name AS action,
  --: attempts | Attempts that came to the step; empty where no sender reports steps.
  CAST(CASE WHEN r.entered > 0 THEN r.entered WHEN stepped.n > 0 THEN 0 END AS BIGINT) AS entered,
  --: attempts | Attempts that went on from the step; empty where no sender reports steps.
  CAST(CASE WHEN r.entered > 0 THEN r.left_forward WHEN stepped.n > 0 THEN 0 END AS BIGINT) AS left_forward,
  --: attempts | Attempts given up at the step; empty where no sender reports steps.
  CAST(CASE WHEN r.entered > 0 THEN r.abandoned WHEN stepped.n > 0 THEN 0 END AS BIGINT) AS abandoned,
  --: s | Median length of the visits of the step that were left forward.
  CAST(m.total / (m.n * 1000.0) AS DOUBLE) AS median_seconds
FROM actions k
CROSS JOIN stepped
LEFT JOIN sections s ON s.id = k.section_id
LEFT JOIN reached r ON r.step = k.step
LEFT JOIN medians m ON m.step = k.step
WHERE k.step IS NOT NULL
