-- A page of attempts, newest first.
-- answer: page
WITH $asked,
  $person,
  theirs (attempt_no) AS (
    SELECT attempt_no FROM attempts WHERE user_principal_name_word IN (SELECT id FROM person)
    UNION SELECT attempt_no FROM attempts WHERE user_id_word IN (SELECT id FROM person)),
  -- By time, by place, by person or by device, whichever is asked for. Each part stops when a page is full; if they
  -- were sorted together, SQLite would read all attempts.
  newest AS (
    SELECT a.attempt_no FROM attempts a WHERE :enrollmentKey IS NULL AND :user IS NULL
      AND coalesce(CAST(:catalogueRow AS INTEGER), 0) = 0 AND $attempts
    ORDER BY a.attempt_no DESC LIMIT $limit + 1),
  of_row AS (
    SELECT a.attempt_no FROM attempts a WHERE :enrollmentKey IS NULL AND :user IS NULL
      AND a.catalogue_row = nullif(CAST(:catalogueRow AS INTEGER), 0) AND $attempts
    ORDER BY a.attempt_no DESC LIMIT $limit + 1),
  of_person AS (
    SELECT a.attempt_no FROM attempts a WHERE :enrollmentKey IS NULL AND :user IS NOT NULL
      AND a.attempt_no IN (SELECT attempt_no FROM theirs) AND $attempts
    ORDER BY a.attempt_no DESC LIMIT $limit + 1),
  of_device AS (
    SELECT a.attempt_no FROM attempts a WHERE :enrollmentKey IS NOT NULL
      AND a.enrollment_no IN (SELECT enrollment_no FROM enrollments WHERE enrollment_key = :enrollmentKey)
      AND (:user IS NULL OR a.attempt_no IN (SELECT attempt_no FROM theirs)) AND $attempts
    ORDER BY a.attempt_no DESC LIMIT $limit + 1),
  found (attempt_no) AS MATERIALIZED (
    SELECT attempt_no FROM newest UNION ALL SELECT attempt_no FROM of_row
    UNION ALL SELECT attempt_no FROM of_person UNION ALL SELECT attempt_no FROM of_device),
  page (attempt_no) AS MATERIALIZED (SELECT attempt_no FROM found ORDER BY attempt_no DESC LIMIT $limit)
SELECT $columns(enrollment_attempts),
  CASE WHEN (SELECT count(*) FROM found) > $limit
    THEN $cursor((SELECT min(attempt_no) FROM page), 0) END AS next_cursor
FROM enrollment_attempts WHERE attempt_no IN (SELECT attempt_no FROM page) ORDER BY attempt_no DESC
