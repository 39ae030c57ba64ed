-- By name. An app has the name that a sender reported last, else its name in Intune; without either only its id is known.
-- Senders write ids in capitals, too. Older sessions are not looked at, so that this never visits every item.
-- answer: rows
WITH newest AS MATERIALIZED (
    SELECT item_word, nullif(name_word, item_word) AS name_word, session_no, seq FROM esp_items
    WHERE category_id = (SELECT id FROM esp_categories WHERE name = 'apps') AND item_word IS NOT NULL
    ORDER BY session_no DESC, seq DESC LIMIT 20000),
  ranked AS (
    SELECT w.text AS id, x.text AS name, row_number() OVER (
        PARTITION BY lower(w.text) ORDER BY x.text IS NULL, n.session_no DESC, n.seq DESC) AS place
    FROM newest n CROSS JOIN words w ON w.id = n.item_word LEFT JOIN words x ON x.id = n.name_word),
  reported AS MATERIALIZED (SELECT lower(id) AS same, id, name FROM ranked WHERE place = 1),
  intune AS MATERIALIZED (
    SELECT lower(a.app_id) AS same, a.app_id AS id, x.text AS name
    FROM app_names a CROSS JOIN words x WHERE x.id = a.name_word),
  known AS (
    SELECT t.id AS id, coalesce(r.name, t.name) AS name FROM intune t LEFT JOIN reported r ON r.same = t.same
    UNION ALL
    SELECT r.id, r.name FROM reported r WHERE r.same NOT IN (SELECT same FROM intune))
SELECT id, name FROM known ORDER BY name IS NULL, lower(name), id LIMIT 1000
