-- The commonest values and what became of their attempts; the value is null where none was reported. The place is the one
-- where most of those who gave up stopped. A count is null where there is none and no sender could have reported one.
-- answer: rows
WITH $asked, $sliced,
  stopped AS (
    SELECT value_word, action_id, sum(abandoned) AS abandoned FROM $slice(daily_slice_places)
    WHERE $reported AND action_id <> 0 GROUP BY value_word, action_id HAVING sum(abandoned) > 0),
  placed AS (
    SELECT value_word, action_id, abandoned,
      row_number() OVER (PARTITION BY value_word ORDER BY abandoned DESC, coalesce(a.step, 99), a.name) AS place
    FROM stopped s JOIN actions a ON a.id = s.action_id)
SELECT value, initiated, CASE WHEN s.abandoned > 0 OR with_stops > 0 THEN s.abandoned END AS abandoned,
  CASE WHEN failed > 0 OR with_failures > 0 THEN failed END AS failed, completed, open, measured, abandoned_measured,
  CASE WHEN measured > 0 THEN CAST(abandoned_measured AS REAL) / measured END AS incomplete_rate,
  c.name AS section, a.name AS action, p.abandoned AS stopped_there
FROM sliced s
LEFT JOIN placed p ON p.value_word = s.value_word AND p.place = 1
LEFT JOIN actions a ON a.id = p.action_id
LEFT JOIN sections c ON c.id = a.section_id
WHERE s.place <= $limit ORDER BY s.place
