-- People, by their principal names; those that begin with the text first.
-- answer: rows
WITH $found,
  people AS (
    SELECT f.text AS user_principal_name, (
        SELECT count(*) FROM enrollments e WHERE e.user_principal_name_word = f.id) AS devices
    FROM found f
    WHERE EXISTS (SELECT 1 FROM enrollments e WHERE e.user_principal_name_word = f.id)
      OR EXISTS (SELECT 1 FROM attempts a WHERE a.user_principal_name_word = f.id))
SELECT user_principal_name, devices FROM people
ORDER BY lower(substr(user_principal_name, 1, length(:text))) <> lower(:text), user_principal_name LIMIT $limit
