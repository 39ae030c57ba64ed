-- Devices in limbo: those that left one MDM and are enrolled nowhere, and those that were registered but not begun for
-- `afterDays` days. The number that left is missing if no sender reports removals; the number never begun is missing if
-- no device was registered.
-- answer: row
-- :why limbo reasons | Which devices to list: left or notBegun; without it both.
-- :source text | Only devices that left this sender; without it any.
-- :afterDays days | How many days after its registration a device counts as not begun; 14 without it.
-- :cursor cursor | The cursor at which the page before ended.
-- :limit limit | At most this many rows in each list; 50 without it.
WITH
  reporting AS (SELECT EXISTS (SELECT 1 FROM device_sources WHERE removals = 1 OR left_at IS NOT NULL) AS removals),
  gone AS MATERIALIZED (SELECT count(enrollment_no) AS devices, count(may_be_at) AS may_be_elsewhere FROM devices_left),
  known AS (SELECT count(registered_at) AS devices FROM enrollments)
SELECT $as_of, $time_zone, (SELECT value FROM meta WHERE key = 'windowFrom') AS "from", $after_days AS after_days,
  CASE WHEN reporting.removals THEN gone.devices END AS left_devices,
  CASE WHEN reporting.removals THEN gone.may_be_elsewhere END AS may_be_elsewhere,
  known.devices AS registered,
  CASE WHEN known.devices > 0
    THEN (SELECT count(enrollment_no) FROM devices_not_begun WHERE registered_days >= $after_days) END AS not_begun
FROM reporting CROSS JOIN gone CROSS JOIN known
