-- A page of sessions, newest first.
-- answer: page
-- booleans: hybridJoin, timedOut, failed, endNotReported, isStuck
WITH $asked,
  $person,
  theirs (session_no) AS (
    SELECT session_no FROM esp_sessions WHERE user_principal_name_word IN (SELECT id FROM person)
    UNION SELECT session_no FROM esp_sessions WHERE user_id_word IN (SELECT id FROM person)),
  named (id) AS MATERIALIZED (SELECT id FROM words WHERE :app IS NOT NULL AND text = :app COLLATE NOCASE),
  -- Intune's name counts where no sender reported another.
  by_intune (id) AS MATERIALIZED (
    SELECT w.id FROM app_names n CROSS JOIN words w WHERE n.name_word IN (SELECT id FROM named) AND n.app_id = w.text),
  found (session_no) AS MATERIALIZED (
    SELECT x.session_no FROM esp_sessions x
    WHERE x.started_day >= (SELECT coalesce(first, x.started_day) FROM asked)
      AND x.started_day < (SELECT coalesce(last, x.started_day + 1) FROM asked)
      AND (:state IS NULL OR x.state_id = (SELECT id FROM esp_session_states WHERE name = :state COLLATE NOCASE))
      AND (:profileId IS NULL OR x.profile_id_word IN (SELECT id FROM words WHERE text = :profileId))
      AND (:stuck IS NULL OR x.is_stuck = (:stuck = 'true'))
      AND (:model IS NULL OR x.model_word IN (SELECT id FROM words WHERE text = :model COLLATE NOCASE))
      AND (:app IS NULL OR EXISTS (
        SELECT 1 FROM esp_items i WHERE i.session_no = x.session_no
          AND i.category_id = (SELECT id FROM esp_categories WHERE name = 'apps')
          AND (:appFailed IS NULL OR (i.errors > 0) = (:appFailed = 'true'))
          AND (i.name_word IN (SELECT id FROM named) OR i.item_word IN (SELECT id FROM named)
            OR (coalesce(i.name_word, i.item_word) = i.item_word AND i.item_word IN (SELECT id FROM by_intune)))))
      AND (:user IS NULL OR x.session_no IN (SELECT session_no FROM theirs))
      AND (:cursor IS NULL OR x.session_no < $major)
    ORDER BY x.session_no DESC LIMIT $limit + 1),
  page (session_no) AS MATERIALIZED (SELECT session_no FROM found ORDER BY session_no DESC LIMIT $limit)
SELECT $session,
  CASE WHEN (SELECT count(*) FROM found) > $limit
    THEN $cursor((SELECT min(session_no) FROM page), 0) END AS next_cursor
FROM esp_session_list WHERE session_no IN (SELECT session_no FROM page) ORDER BY session_no DESC
