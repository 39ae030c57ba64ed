-- Devices that left and did not come back, by day and by the sender they left, newest first.
-- answer: rows
SELECT date, source, devices, may_be_elsewhere FROM devices_left_by_day
WHERE :source IS NULL OR source = :source COLLATE NOCASE
ORDER BY day DESC, devices DESC, source LIMIT $limit
