-- A person: how many devices of theirs are enrolled.
-- answer: row
-- :user text | The person's principal name or id; their pseudonym in a file that has pseudonyms.
WITH $person
SELECT $as_of, count(*) AS enrolled_devices FROM enrollments
WHERE enrolled = 1
  AND (user_principal_name_word IN (SELECT id FROM person) OR user_id_word IN (SELECT id FROM person))
