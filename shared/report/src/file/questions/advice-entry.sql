-- One entry of the advice, by its name.
-- answer: row
-- :id text | The entry's name.
SELECT $as_of, $advice(advice x WHERE x.advice_id = :id, x.advice_no) AS meanings_json
