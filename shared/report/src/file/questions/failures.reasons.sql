-- Why enrollment failed, commonest reason first, with what each reason can mean. It counts the same failures as the
-- list: of attempts, of sessions of the Enrollment Status Page that belong to no attempt, and of devices outside any
-- attempt.
-- answer: rows
WITH $asked,
  reasons AS MATERIALIZED (
    SELECT code, reason, category, sum(failed) AS count, code_word, reason_word, category_id FROM failures_by_day
    WHERE $failed GROUP BY code_word, reason_word, category_id
    ORDER BY count DESC, code, reason, category LIMIT $limit)
SELECT code, reason, category, count,
  $advice(failure_reason_advice x WHERE x.code_word = r.code_word AND x.reason_word = r.reason_word
    AND x.category_id = r.category_id, x.rank) AS advice_json
FROM reasons r ORDER BY count DESC, code, reason, category
