-- The senders that reported anything about devices, whether each reports removals, and how many devices left it and did
-- not come back; this count is missing if the sender reports no removals.
-- answer: rows
-- booleans: removals
SELECT source, devices, removals, removed, not_back FROM removals_by_source
ORDER BY coalesce(not_back, -1) DESC, devices DESC, source
