-- Sessions by the profile that was fixed when they began.
-- answer: rows
WITH $asked
SELECT profile_id, profile, sessions, succeeded, failed, timed_out, in_progress, ended, n, success_rate, over_limit, recovered,
  stuck, median_minutes, p90_minutes
FROM ($esp_by_profile) ORDER BY sessions DESC, profile, profile_id
