WITH
  reached AS (
    SELECT step, sum(entered) AS entered, sum(left_forward) AS left_forward, sum(abandoned) AS abandoned
    FROM $its_steps($in_days) WHERE $days GROUP BY step),
  stepped AS (SELECT sum(with_steps) AS n FROM $its_days($in_days) WHERE $days),
  -- Where the median is: the middle one of all visits of a step, or the mean of the two in the middle. On each scale, from the
  -- coarsest on, only that part is read which the scale before found. Of n visits in order the middle ones are at the places
  -- whose double lies between n and n + 2. Nothing is divided to find them: whether a quotient of whole numbers is whole is not
  -- the same in all readers.
  middle_of_all AS (
    SELECT id AS action_id, 0 AS first, 9223372036854775807 AS until, 0 AS before, CAST(NULL AS BIGINT) AS n
    FROM actions WHERE step IS NOT NULL$of_all),
  $scales
SELECT
  k.step AS step, s.name AS section, k.name AS action,
  --: attempts | Attempts that came to the step; empty where no sender reports steps.
  CAST(CASE WHEN r.entered > 0 THEN r.entered WHEN stepped.n > 0 THEN 0 END AS BIGINT) AS entered,
  --: attempts | Attempts that went on from the step; empty where no sender reports steps.
  CAST(CASE WHEN r.entered > 0 THEN r.left_forward WHEN stepped.n > 0 THEN 0 END AS BIGINT) AS left_forward,
  --: attempts | Attempts given up at the step; empty where no sender reports steps.
  CAST(CASE WHEN r.entered > 0 THEN r.abandoned WHEN stepped.n > 0 THEN 0 END AS BIGINT) AS abandoned,
  --: s | Median length of the visits of the step that were left forward, each in whole seconds, rounded down; empty where
  --: none was.
  CAST((m.first + m.last) / 2.0 AS DOUBLE) AS median_seconds
FROM actions k
CROSS JOIN stepped
LEFT JOIN sections s ON s.id = k.section_id
LEFT JOIN reached r ON r.step = k.step
LEFT JOIN middle_of_seconds m ON m.action_id = k.id
WHERE k.step IS NOT NULL
