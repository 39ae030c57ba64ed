-- The steps in the order of time: how many attempts came to each, went on from it, were given up at it. Only steps that
-- were reported count; where no sender reports any, nothing is said of them.
-- answer: rows
WITH $asked
SELECT step, section, action, entered, left_forward AS "left", abandoned, median_seconds
FROM ($funnel) WHERE $in_section ORDER BY step
