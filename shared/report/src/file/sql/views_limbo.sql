-- Devices that left one MDM and did not come back, and devices that were registered and never begun
-- (docs/DOMAIN.md, D9).
CREATE VIEW devices_left AS
WITH left_now AS (
  SELECT x.enrollment_no AS enrollment_no, x.source_word AS source_word, x.left_at AS left_at, x.left_day AS left_day
  FROM device_sources x
  LEFT JOIN enrollments e ON e.enrollment_no = x.enrollment_no
  WHERE x.left_at IS NOT NULL AND e.enrolled = 0 AND NOT EXISTS (
    SELECT 1 FROM device_sources y
    WHERE y.enrollment_no = x.enrollment_no AND (y.enrolled_at > x.left_at OR y.left_at > x.left_at
      OR (y.left_at = x.left_at AND y.source_word < x.source_word))))
SELECT
  e.enrollment_key AS enrollment_key,
  w_device.text AS device_name,
  w_user.text AS user_principal_name,
  p.name AS platform,
  w_os.text AS os_version,
  l.name AS platform_label,
  --: The device's state, as on the status page.
  ds.name AS state,
  --: The sender that last reported that the device is no longer under management.
  w_source.text AS source,
  --: When it left.
  $iso(n.left_at) AS left_at,
  --: The day it left, in the organisation's time zone.
  $day(n.left_day) AS date,
  --: days since 1970-01-01 | The day it left, in the organisation's time zone.
  n.left_day AS day,
  --: Another sender that earlier reported the device as enrolled, and no removal since: the device may still be there.
  --: Empty for none.
  w_other.text AS may_be_at,
  --: ms since 1970-01-01 UTC | When it left.
  n.left_at AS left_at_ms,
  n.enrollment_no AS enrollment_no
FROM left_now n
LEFT JOIN enrollments e ON e.enrollment_no = n.enrollment_no
LEFT JOIN device_states ds ON ds.id = e.state_id
LEFT JOIN platforms p ON p.id = e.platform_id
LEFT JOIN platform_labels l ON l.id = e.platform_label_id
LEFT JOIN words w_source ON w_source.id = n.source_word
LEFT JOIN words w_other ON w_other.id = (
  SELECT y.source_word FROM device_sources y
  WHERE y.enrollment_no = n.enrollment_no AND y.source_word <> n.source_word
    AND y.enrolled_at IS NOT NULL AND coalesce(y.left_at, y.enrolled_at - 1) < y.enrolled_at
  ORDER BY y.enrolled_at DESC, y.source_word LIMIT 1)
LEFT JOIN words w_device ON w_device.id = e.device_name_word
LEFT JOIN words w_user ON w_user.id = e.user_principal_name_word
LEFT JOIN words w_os ON w_os.id = e.os_version_word;

CREATE VIEW devices_not_begun AS
SELECT
  e.enrollment_key AS enrollment_key,
  w_device.text AS device_name,
  w_user.text AS user_principal_name,
  p.name AS platform,
  w_os.text AS os_version,
  l.name AS platform_label,
  --: The device's state, as on the status page.
  ds.name AS state,
  --: When it was registered.
  $iso(e.registered_at) AS registered_at,
  --: days | Whole days from its registration to the file's instant.
  CAST(((SELECT CAST(value AS BIGINT) FROM meta WHERE key = 'asOfMillis') - e.registered_at) / 86400000 AS BIGINT)
    AS registered_days,
  --: ms since 1970-01-01 UTC | When it was registered.
  e.registered_at AS registered_at_ms,
  e.enrollment_no AS enrollment_no
FROM enrollments e
LEFT JOIN device_states ds ON ds.id = e.state_id
LEFT JOIN platforms p ON p.id = e.platform_id
LEFT JOIN platform_labels l ON l.id = e.platform_label_id
LEFT JOIN words w_device ON w_device.id = e.device_name_word
LEFT JOIN words w_user ON w_user.id = e.user_principal_name_word
LEFT JOIN words w_os ON w_os.id = e.os_version_word
WHERE ds.name = 'pending' AND e.registered_at IS NOT NULL;

-- The senders that the number of devices that left is counted from: who reported anything about devices within the
-- window, and whether each reports removals.
CREATE VIEW removals_by_source AS
WITH
  counts AS (
    SELECT x.source_word AS source_word, count(x.enrollment_no) AS devices,
      max(CASE WHEN x.removals = 1 OR x.left_at IS NOT NULL THEN 1 ELSE 0 END) AS removals,
      count(x.left_at) AS removed
    FROM device_sources x GROUP BY x.source_word),
  left_from AS (SELECT d.source AS source, count(d.enrollment_no) AS devices FROM devices_left d GROUP BY d.source)
SELECT
  w.text AS source,
  --: devices | Devices about which it reported anything within the window.
  CAST(c.devices AS BIGINT) AS devices,
  --: 0 or 1 | Whether it reports that a device is no longer under management.
  CAST(c.removals AS BIGINT) AS removals,
  --: devices | Of these, how many it reported as no longer under management; empty if it reports no removals.
  CAST(CASE c.removals WHEN 1 THEN c.removed END AS BIGINT) AS removed,
  --: devices | How many left it and are not enrolled anywhere; empty if it reports no removals.
  CAST(CASE c.removals WHEN 1 THEN coalesce(f.devices, 0) END AS BIGINT) AS not_back
FROM counts c
LEFT JOIN words w ON w.id = c.source_word
LEFT JOIN left_from f ON f.source = w.text;

CREATE VIEW devices_left_by_day AS
SELECT
  --: The day they left, in the organisation's time zone.
  date,
  --: days since 1970-01-01 | The day they left, in the organisation's time zone.
  day,
  --: The sender that last reported that the devices are no longer under management.
  source,
  --: devices | How many left it on the day and are not enrolled anywhere.
  CAST(count(enrollment_no) AS BIGINT) AS devices,
  --: devices | Of these, how many may still be enrolled at another sender.
  CAST(count(may_be_at) AS BIGINT) AS may_be_elsewhere
FROM devices_left GROUP BY date, day, source;

-- Both kinds in one list.
CREATE VIEW devices_in_limbo AS
SELECT
  --: Why it is listed: left (it left one MDM and is enrolled nowhere) or notBegun (registered, and nobody has begun).
  CAST(a.why AS TEXT) AS why,
  a.enrollment_key AS enrollment_key,
  a.device_name AS device_name,
  a.user_principal_name AS user_principal_name,
  a.platform AS platform,
  a.os_version AS os_version,
  a.platform_label AS platform_label,
  --: The device's state, as on the status page.
  a.state AS state,
  --: When it left or was registered.
  $iso(a.since_ms) AS since,
  --: days | Whole days from then to the file's instant.
  CAST(((SELECT CAST(value AS BIGINT) FROM meta WHERE key = 'asOfMillis') - a.since_ms) / 86400000 AS BIGINT) AS days,
  --: The sender that it left; empty if it was registered and never begun.
  CAST(a.source AS TEXT) AS source,
  --: Another sender that earlier reported the device as enrolled, and no removal since: the device may still be there.
  CAST(a.may_be_at AS TEXT) AS may_be_at,
  --: ms since 1970-01-01 UTC | When it left or was registered.
  CAST(a.since_ms AS BIGINT) AS since_ms,
  a.enrollment_no AS enrollment_no
FROM (
  SELECT 'left' AS why, enrollment_key, device_name, user_principal_name, platform, os_version, platform_label, state,
    source, may_be_at, left_at_ms AS since_ms, enrollment_no
  FROM devices_left
  UNION ALL
  SELECT 'notBegun', enrollment_key, device_name, user_principal_name, platform, os_version, platform_label, state,
    NULL, NULL, registered_at_ms, enrollment_no
  FROM devices_not_begun
  WHERE enrollment_no NOT IN (SELECT enrollment_no FROM devices_left)) a;
