-- The Enrollment Status Page's profiles, as far as the report contains them.
-- answer: row
-- also: summary
SELECT $as_of, count(*) AS profiles FROM esp_profile_list
