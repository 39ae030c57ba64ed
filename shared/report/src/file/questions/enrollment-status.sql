-- The status of enrollment: devices by state. Each device has one state, so the counts add up to the number of devices.
-- answer: row
-- also: summary
SELECT $as_of, $time_zone, enrolled, in_progress, waiting_for_compliance, prepared, gave_up, failed, pending,
  not_enrolled, devices
FROM status_summary
