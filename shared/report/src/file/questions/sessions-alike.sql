-- Who else has such a session of the Enrollment Status Page: one in the same state, one that is stuck, or one in which
-- the same item failed.
-- answer: row
-- :state esp_session_states | Their state.
-- :stuck boolean | Whether their list of apps is overdue and still not known.
-- :item text | The id of an item that failed in them, whatever their state is.
-- :except text | The devices to leave out: their keys as a JSON list.
WITH $left_out,
  alike AS MATERIALIZED (
    SELECT coalesce(x.user_principal_name_word, x.user_id_word) AS person, x.enrollment_no AS device,
      'windows' AS platform, x.started_at AS at
    FROM esp_sessions x
    WHERE (:state IS NULL OR x.state_id = (SELECT id FROM esp_session_states WHERE name = :state COLLATE NOCASE))
      AND (:stuck IS NULL OR x.is_stuck = (:stuck = 'true'))
      AND (:item IS NULL OR x.session_no IN (
        SELECT i.session_no FROM words w CROSS JOIN esp_items i CROSS JOIN esp_item_states s
        WHERE w.text = :item AND i.item_word = w.id AND s.id = i.state_id AND s.name = 'error'))
      AND x.enrollment_no NOT IN (SELECT enrollment_no FROM left_out))
SELECT $as_of, $alike
