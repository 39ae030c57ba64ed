//! What the questions about apps have in common (docs/DOMAIN.md, N), which replaces `$name` in their texts.
//!
//! Must stay true: apps are counted from their daily sums alone; no session and no item is visited.

/// The apps of `$1`, rows with an `app_word`, by the name that is shown: as reported, else Intune's, else the id.
const SHOWN_APPS: &str = "shown AS MATERIALIZED (
    SELECT c.app_word AS app_word, w.text AS reported_as, coalesce(x.text, w.text) AS app
    FROM (SELECT DISTINCT app_word FROM $1) c CROSS JOIN words w LEFT JOIN app_names n ON n.app_id = w.text
    LEFT JOIN words x ON x.id = n.name_word
    WHERE w.id = c.app_word)";

/// Whether a row of [`SHOWN_APPS`] is the app asked for.
const OF_APP: &str = "(:app IS NULL OR app = :app COLLATE NOCASE OR reported_as = :app COLLATE NOCASE)";

/// What is counted of an app, added up.
const APP_TOTALS: &str =
    "sum(sessions) AS sessions, sum(tried) AS tried, sum(installed) AS installed, sum(failed) AS failed,
      sum(failing) AS failing, sum(not_needed) AS not_needed, sum(open) AS open";

/// The apps and models of the days asked for: `cells` by app and model, `apps` by app, most people affected first, and
/// `models` by model, the commonest first.
const APP_CELLS: &str = "counted AS MATERIALIZED (
    SELECT app_word, model_word, $app_totals FROM daily_apps WHERE $days AND app_word <> 0
    GROUP BY app_word, model_word),
  $shown_apps(counted),
  cells AS MATERIALIZED (
    SELECT app, model_word, $app_totals FROM counted c CROSS JOIN shown s WHERE s.app_word = c.app_word AND $of_app
    GROUP BY app, model_word),
  apps AS MATERIALIZED (
    SELECT g.*, row_number() OVER (ORDER BY failed DESC, tried DESC, sessions DESC, app) AS place FROM (
      SELECT app, count(*) AS models, $app_totals FROM cells GROUP BY app) g),
  models AS MATERIALIZED (
    SELECT g.*, nullif(w.text, '') AS model,
      row_number() OVER (ORDER BY g.sessions DESC, g.model_word = 0, w.text, g.model_word) AS place
    FROM (SELECT model_word, $app_totals FROM cells GROUP BY model_word) g LEFT JOIN words w ON w.id = g.model_word)";

/// The columns of something that [`APP_TOTALS`] counts, of a row with its [`spread`](super::statistics). How it went is
/// null where it was tried in no session.
const APP_COLUMNS: &str = "sessions, tried, CASE WHEN tried > 0 THEN installed END AS installed,
  CASE WHEN tried > 0 THEN failed END AS failed, CASE WHEN tried > 0 THEN failing END AS failing, not_needed, open,
  sessions - installed - failing - not_needed - open AS not_reported, 1.0 * failed / nullif(tried, 0) AS failure_rate,
  $low(failed - spread, tried) AS low, $high(failed + spread, tried) AS high";

/// How many models are listed.
const MODELS: &str = "CAST(coalesce(:models, 8) AS INTEGER)";

/// The text that replaces a name.
pub(super) fn definition(name: &str) -> Option<&'static str> {
    Some(match name {
        "shown_apps" => SHOWN_APPS,
        "of_app" => OF_APP,
        "app_totals" => APP_TOTALS,
        "app_cells" => APP_CELLS,
        "app_columns" => APP_COLUMNS,
        "models" => MODELS,
        _ => return None,
    })
}
