-- Devices and attempts by platform; the technician's part of pre-provisioning has its own row. The rate is over the
-- judged attempts, the average over the completed ones whose start was reported.
-- answer: rows
SELECT platform, total, last_7_days, initiated, completed, failed, abandoned, only_end_reported, n,
  success_rate, timed, average_minutes
FROM status_by_platform
