-- One attempt, with what its failure can mean and what to do about it, likeliest meaning first.
-- answer: row
-- :id id | The attempt's id.
SELECT $as_of, $columns(enrollment_attempts),
  $advice(failure_advice x WHERE x.failure_no = v.attempt_no, x.rank) AS advice_json
FROM enrollment_attempts v
WHERE v.attempt_no = (SELECT min(attempt_no) FROM attempts WHERE attempt_id = unhex(:id))
