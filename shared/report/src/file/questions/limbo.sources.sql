-- The senders that reported of devices, whether each reports removals, and how many devices left each and did not come back:
-- missing where it reports none.
-- answer: rows
-- booleans: removals
SELECT source, devices, removals, removed, not_back FROM removals_by_source
ORDER BY coalesce(not_back, -1) DESC, devices DESC, source
