-- What a part of a name, an address, a serial number or an error code may mean: people, devices, apps, codes and steps. It
-- suggests; it decides nothing. One statement answers all, since it visits every text once. Apps are those of the newest
-- sessions of the Enrollment Status Page, so that it never visits every item.
-- answer: row
-- booleans: tooMany
-- :limit limit | At most this many of each kind; 50 without it.
-- :text search text | At least two letters of it; large and small letters of the Latin alphabet are the same.
WITH $found,
  people AS (
    SELECT f.text AS name, (
        SELECT count(*) FROM enrollments e WHERE e.user_principal_name_word = f.id) AS devices,
      -- What begins with the text comes first.
      row_number() OVER (ORDER BY lower(substr(f.text, 1, length(:text))) <> lower(:text), f.text) AS place
    FROM found f
    WHERE EXISTS (SELECT 1 FROM enrollments e WHERE e.user_principal_name_word = f.id)
      OR EXISTS (SELECT 1 FROM attempts a WHERE a.user_principal_name_word = f.id)),
  matching (enrollment_no) AS (
    SELECT e.enrollment_no FROM found f CROSS JOIN enrollments e WHERE e.device_name_word = f.id
    UNION
    SELECT enrollment_no FROM (
      -- Not null, so that the index is read and no row of a device. They are in lower case, so no letters are folded.
      SELECT enrollment_no FROM enrollments
      WHERE serial_number IS NOT NULL AND instr(serial_number, lower(:text)) > 0 LIMIT 2000)),
  devices AS (
    SELECT e.enrollment_no AS enrollment_no, row_number() OVER (
        ORDER BY lower(substr(coalesce(n.text, ''), 1, length(:text))) <> lower(:text)
            AND lower(substr(coalesce(e.serial_number, ''), 1, length(:text))) <> lower(:text),
          coalesce(n.text, e.serial_number), e.enrollment_key) AS place
    FROM matching m
    CROSS JOIN enrollments e ON e.enrollment_no = m.enrollment_no
    LEFT JOIN words n ON n.id = e.device_name_word),
  newest AS MATERIALIZED (
    SELECT i.item_word AS item_word, i.name_word AS name_word FROM esp_items i
    WHERE i.category_id = (SELECT id FROM esp_categories WHERE name = 'apps')
    ORDER BY i.session_no DESC, i.seq DESC LIMIT 20000),
  apps AS (
    SELECT f.text AS name,
      row_number() OVER (ORDER BY lower(substr(f.text, 1, length(:text))) <> lower(:text), f.text) AS place
    FROM found f
    WHERE f.id IN (
      SELECT CASE WHEN n.name_word <> n.item_word THEN n.name_word
        ELSE coalesce(
          CASE WHEN EXISTS (SELECT 1 FROM app_names) THEN
            (SELECT a.name_word FROM words w CROSS JOIN app_names a WHERE w.id = n.item_word AND a.app_id = w.text) END,
          n.name_word, n.item_word) END
      FROM (SELECT DISTINCT item_word, name_word FROM newest) n)),
  counted AS (
    SELECT f.text AS code, sum(d.failed) AS failures FROM daily_failures d CROSS JOIN found f
    WHERE d.code_word <> 0 AND f.id = d.code_word GROUP BY f.id),
  codes AS (SELECT code, failures, row_number() OVER (ORDER BY failures DESC, code) AS place FROM counted),
  steps AS (
    SELECT name, title, row_number() OVER (ORDER BY coalesce(step, 99), title) AS place FROM actions
    WHERE id > 0 AND (title LIKE $pattern ESCAPE '\' OR name LIKE $pattern ESCAPE '\'))
SELECT $as_of, :text AS text, (SELECT count(*) >= 2000 FROM found) AS too_many,
  (SELECT json_group_array(json_object('userPrincipalName', name, 'devices', devices) ORDER BY place)
    FROM people WHERE place <= $limit) AS people_json,
  (SELECT json_group_array(json_object('enrollmentKey', e.enrollment_key, 'deviceName', n.text, 'serialNumber', e.serial_number,
      'platform', p.name, 'userPrincipalName', u.text, 'state', s.name) ORDER BY d.place)
    FROM devices d
    CROSS JOIN enrollments e ON e.enrollment_no = d.enrollment_no
    LEFT JOIN words n ON n.id = e.device_name_word
    LEFT JOIN words u ON u.id = e.user_principal_name_word
    LEFT JOIN platforms p ON p.id = e.platform_id
    LEFT JOIN device_states s ON s.id = e.state_id
    WHERE d.place <= $limit) AS devices_json,
  (SELECT json_group_array(json_object('app', name) ORDER BY place) FROM apps WHERE place <= $limit) AS apps_json,
  (SELECT json_group_array(json_object('code', code, 'failures', failures) ORDER BY place)
    FROM codes WHERE place <= $limit) AS codes_json,
  (SELECT json_group_array(json_object('action', name, 'title', title) ORDER BY place)
    FROM steps WHERE place <= $limit) AS steps_json
