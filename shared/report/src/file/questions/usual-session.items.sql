-- The items of the session asked for, in its order, and how long those like it took for the same: from when it was first reported
-- under way to when it was completed, where it never failed. An item that was reported once has no such time. The median, null
-- where they are too few. Spellings of an id are one.
-- answer: rows
WITH $like_this,
  own AS MATERIALIZED (
    SELECT i.seq AS seq, i.phase_id AS phase_id, i.category_id AS category_id, w.text AS item_id, lower(w.text) AS item
    FROM this t CROSS JOIN esp_items i CROSS JOIN words w WHERE i.session_no = t.session_no AND w.id = i.item_word),
  taken AS MATERIALIZED (
    SELECT i.phase_id AS phase_id, i.category_id AS category_id, lower(w.text) AS item,
      i.settled_at - i.began_at AS milliseconds
    FROM like_this l CROSS JOIN esp_items i CROSS JOIN esp_item_states s CROSS JOIN words w
    WHERE i.session_no = l.session_no AND i.errors = 0 AND i.settled_at > i.began_at
      AND s.id = i.state_id AND s.name = 'completed' AND w.id = i.item_word),
  ranked AS MATERIALIZED (
    SELECT o.seq AS seq, k.milliseconds AS milliseconds,
      row_number() OVER (PARTITION BY o.seq ORDER BY k.milliseconds) AS place
    FROM taken k CROSS JOIN own o
    WHERE o.phase_id = k.phase_id AND o.category_id = k.category_id AND o.item = k.item),
  counts AS MATERIALIZED (SELECT seq, max(place) AS n FROM ranked GROUP BY seq),
  medians AS MATERIALIZED (
    SELECT c.seq AS seq, max(c.n) AS n, CASE WHEN max(c.n) >= $least_usual THEN avg(r.milliseconds) / 60000.0 END AS minutes
    FROM ranked r CROSS JOIN counts c WHERE c.seq = r.seq AND 2 * r.place BETWEEN c.n AND c.n + 2 GROUP BY c.seq)
SELECT p.name AS phase, c.name AS category, o.item_id AS item_id, coalesce(m.n, 0) AS n, m.minutes AS median_minutes
FROM own o CROSS JOIN esp_phases p CROSS JOIN esp_categories c LEFT JOIN medians m ON m.seq = o.seq
WHERE p.id = o.phase_id AND c.id = o.category_id ORDER BY o.seq
