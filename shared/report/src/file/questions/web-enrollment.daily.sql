-- The same by day, for the days on which sign-ins were received.
-- answer: rows
WITH $asked
SELECT date, sum(people) AS people, sum(met_the_wall) AS met_the_wall, sum(went_on) AS went_on,
  sum(reached_portal) AS reached_portal, sum(reached_enrollment) AS reached_enrollment
FROM web_enrollment_by_day WHERE $days AND (:os IS NULL OR platform = :os COLLATE NOCASE)
GROUP BY day, date ORDER BY day
