-- How enrollment stands: devices by their state.
-- answer: row
SELECT $as_of, $time_zone, enrolled, in_progress, pending, failed, devices FROM status_summary
