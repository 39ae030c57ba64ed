-- The items that the session waits for, and the others that were reported.
-- answer: rows
SELECT phase, category, item_id, name, tracking, state, error_code, updated_at, began_at, settled_at, errors
FROM esp_item_list
WHERE session_no = (SELECT min(session_no) FROM esp_sessions WHERE session_id = unhex(:id)) ORDER BY seq
