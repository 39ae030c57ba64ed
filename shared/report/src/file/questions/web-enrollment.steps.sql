-- The steps in the order in which people reach them, with how many people a day reached each; a person counts once for
-- each operating system.
-- answer: rows
-- booleans: opens
WITH $asked,
  counted AS (
    SELECT step, sum(people) AS people, sum(only_this) AS only_this FROM web_enrollment_by_step
    WHERE $days AND (:os IS NULL OR platform = :os COLLATE NOCASE) GROUP BY step)
SELECT s.name AS step, s.title AS title, s.opens AS opens, c.people AS people, c.only_this AS only_this
FROM web_steps s LEFT JOIN counted c ON c.step = s.id WHERE s.id > 0 ORDER BY s.id
