-- Sessions by profile and phase, in the order of the phases.
-- answer: rows
WITH $asked
SELECT profile_id, profile, phase, entered, completed, failed, n, success_rate, median_minutes, p90_minutes
FROM ($esp_by_phase_and_profile) ORDER BY profile, profile_id, phase_id
