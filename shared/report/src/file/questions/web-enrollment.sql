-- Web-based enrollment as the organisation's sign-ins show it (beta): people a day, not devices and not attempts. All
-- counts are missing if no sign-in was received on any of the days.
-- answer: row
-- days: recent
-- :os reported platform | One platform; without it both.
WITH $asked,
  heard AS (SELECT count(day) AS days FROM web_enrollment_days WHERE $days),
  counted AS (
    SELECT sum(people) AS people, sum(met_the_wall) AS met_the_wall, sum(went_on) AS went_on,
      sum(reached_portal) AS reached_portal, sum(reached_enrollment) AS reached_enrollment
    FROM web_enrollment_by_day WHERE $days AND (:os IS NULL OR platform = :os COLLATE NOCASE))
SELECT $as_of, $time_zone, $day(first) AS "from", $day(last) AS "to",
  (SELECT name FROM platforms WHERE name = :os COLLATE NOCASE) AS os,
  last - first AS days, heard.days AS days_heard,
  people, met_the_wall, went_on, reached_portal, reached_enrollment
FROM asked CROSS JOIN heard CROSS JOIN counted
