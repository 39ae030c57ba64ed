-- What became of apps in sessions of the Enrollment Status Page, by the model of the device (docs/DOMAIN.md, N). A session
-- counts once for each app. A session of which no app was reported counts in a row without app, of which nothing else is known. How an app
-- went is empty where no session tried it, never 0.
CREATE VIEW apps_by_day AS
SELECT
  --: The day the sessions began, in the organisation's time zone.
  $day(d.day) AS date,
  --: days since 1970-01-01 | The day the sessions began, in the organisation's time zone.
  d.day AS day,
  --: The app's name as a sender reported it, else its name in Intune where that is read, else its id; empty for sessions of
  --: which no app was reported.
  CAST(nullif(coalesce(w_name.text, w.text), '') AS TEXT) AS app,
  --: The model of the device; empty where none was reported.
  CAST(nullif(w_model.text, '') AS TEXT) AS model,
  --: sessions | How many had it.
  d.sessions AS sessions,
  CAST(CASE WHEN d.app_word <> 0 THEN d.tried END AS BIGINT) AS tried,
  CAST(CASE WHEN d.tried > 0 THEN d.installed END AS BIGINT) AS installed,
  --: sessions | In how many it ever failed.
  CAST(CASE WHEN d.tried > 0 THEN d.failed END AS BIGINT) AS failed,
  CAST(CASE WHEN d.tried > 0 THEN d.failing END AS BIGINT) AS failing,
  CAST(CASE WHEN d.app_word <> 0 THEN d.not_needed END AS BIGINT) AS not_needed,
  --: sessions | How many are in progress and wait for it.
  CAST(CASE WHEN d.app_word <> 0 THEN d.open END AS BIGINT) AS open,
  --: sessions | How many are over, and nobody reported what became of it.
  CAST(CASE WHEN d.app_word <> 0 THEN d.sessions - d.installed - d.failing - d.not_needed - d.open END AS BIGINT)
    AS not_reported
FROM daily_apps d
LEFT JOIN words w ON w.id = d.app_word
LEFT JOIN app_names n ON n.app_id = w.text
LEFT JOIN words w_name ON w_name.id = n.name_word
LEFT JOIN words w_model ON w_model.id = d.model_word;

CREATE VIEW app_codes_by_day AS
SELECT
  --: The day the sessions began, in the organisation's time zone.
  $day(d.day) AS date,
  --: days since 1970-01-01 | The day the sessions began, in the organisation's time zone.
  d.day AS day,
  --: The app's name as a sender reported it, else its name in Intune where that is read, else its id.
  CAST(coalesce(w_name.text, w.text) AS TEXT) AS app,
  --: The error code, all its spellings as one; empty where none was reported.
  CAST(nullif(w_code.text, '') AS TEXT) AS code,
  d.failing AS failing
FROM daily_app_codes d
LEFT JOIN words w ON w.id = d.app_word
LEFT JOIN app_names n ON n.app_id = w.text
LEFT JOIN words w_name ON w_name.id = n.name_word
LEFT JOIN words w_code ON w_code.id = d.code_word;
