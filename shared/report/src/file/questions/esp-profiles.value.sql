-- The profiles, with Graph's names, in order of priority.
-- answer: rows
-- booleans: isDefault, enabled, showInstallationProgress, blockDeviceUse
SELECT profile_id AS id, display_name, description, version, coalesce(priority, 0) AS priority, is_default,
  status = 'active' AS enabled, limit_minutes AS install_progress_timeout_in_minutes, show_installation_progress,
  block_device_use, modified_at AS last_modified_date_time
FROM esp_profile_list ORDER BY profile_no
