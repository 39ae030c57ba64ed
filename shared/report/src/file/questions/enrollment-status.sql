-- How enrollment stands: devices by their state. Each device is in one, so they add up to the devices.
-- answer: row
SELECT $as_of, $time_zone, enrolled, in_progress, waiting_for_compliance, prepared, gave_up, failed, pending,
  not_enrolled, devices
FROM status_summary
