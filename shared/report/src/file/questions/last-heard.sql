-- When a sender was last heard of, of any device; without one, when any was.
-- answer: slow row
-- :source text | The events' source.
WITH
  sender (id) AS MATERIALIZED (SELECT id FROM words WHERE text = :source),
  -- Attempts of the last days are few; all are looked through only for a sender that is silent in them.
  heard (at) AS (
    SELECT CASE WHEN :source IS NULL THEN (SELECT max(time + received_after) FROM attempt_events) ELSE coalesce(
      (SELECT max(time + received_after) FROM attempt_events
        WHERE attempt_no >= $since(3) AND source_word = (SELECT id FROM sender)),
      (SELECT max(time + received_after) FROM attempt_events WHERE source_word = (SELECT id FROM sender))) END)
SELECT $as_of, $iso(at) AS last_received_at FROM heard
