-- When the newest event of any sender and device was received.
-- answer: slow row
WITH heard (at) AS (SELECT max(time + received_after) FROM attempt_events)
SELECT $as_of, $iso(at) AS last_received_at FROM heard
