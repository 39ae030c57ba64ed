-- Abandoned at places that have no row, as they were reported: they add up to `other`. The limits are those that ran out.
-- answer: rows
WITH $asked
SELECT section, action, cause, sum(abandoned) AS abandoned, min(limit_minutes) AS shortest_limit_minutes,
  max(limit_minutes) AS longest_limit_minutes
FROM incomplete_of_all_platforms
WHERE $reported AND $in_section AND part = 'other' GROUP BY section, action, cause ORDER BY 1, 2, 3
