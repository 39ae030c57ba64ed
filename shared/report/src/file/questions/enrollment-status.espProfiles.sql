-- The Enrollment Status Page's profiles.
-- answer: rows
-- booleans: isDefault
SELECT profile_id, display_name, status, is_default, priority, limit_minutes, blocking_apps, group_names,
  assigned_groups, sessions
FROM esp_profile_list ORDER BY profile_no
