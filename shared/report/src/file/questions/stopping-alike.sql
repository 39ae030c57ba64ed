-- Who else gave up at the screen of an attempt, in the fourteen days before the file's instant: people stop at screens
-- so often that older stops are no evidence.
-- answer: row
-- :id id | The attempt that was abandoned.
-- :except text | The devices to leave out: their keys as a JSON list.
WITH $left_out,
  this AS (
    SELECT platform_id, action_id, screen_id FROM attempts
    WHERE attempt_no = (SELECT min(attempt_no) FROM attempts WHERE attempt_id = unhex(:id))),
  alike AS MATERIALIZED (
    SELECT coalesce(a.user_principal_name_word, a.user_id_word) AS person, a.enrollment_no AS device,
      p.name AS platform, a.ended_at AS at
    FROM this t CROSS JOIN attempts a LEFT JOIN platforms p ON p.id = a.platform_id CROSS JOIN outcomes o
    WHERE $since(a, 14) AND a.platform_id = t.platform_id AND a.action_id = t.action_id
      AND a.screen_id = t.screen_id AND o.id = a.outcome_id AND o.name = 'abandoned'
      AND a.enrollment_no NOT IN (SELECT enrollment_no FROM left_out))
SELECT $as_of, $alike
