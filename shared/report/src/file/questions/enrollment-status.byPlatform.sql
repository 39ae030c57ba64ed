-- Devices and attempts by platform.
-- answer: rows
SELECT platform, total, last_7_days, initiated, completed, failed, abandoned, n, success_rate, average_minutes
FROM status_by_platform
