//! What the questions about what got worse have in common (docs/DOMAIN.md, V6, V8 and V9), which replaces `$name` in their texts.
//!
//! Must stay true: what is compared is decided by `daily` alone, a list by kind, name and day; how it is judged is one text.

/// The last seven days that are over and the days before, as many of the four weeks as the file has (docs/DOMAIN.md, V6).
const CHANGED_DAYS: &str = "asked (first, last, compare_first, compare_last) AS (
    SELECT today - 7, today, max(today - 35, min(kept, today - 7)), today - 7 FROM (
      SELECT CAST(m.value AS INTEGER) AS today,
        (SELECT CAST(k.value AS INTEGER) FROM meta k WHERE k.key = 'windowFromDay') AS kept
      FROM meta m WHERE m.key = 'asOfDay'))";

/// What got worse: of `daily`, how many of `n` were affected by day, the last seven days against the days before. What is
/// certain is decided for all together by the procedure of Benjamini and Hochberg, Journal of the Royal Statistical Society B
/// 57 (1995) 289-300.
const JUDGED: &str = "found AS MATERIALIZED (
    SELECT d.kind AS kind, d.name AS name, sum(CASE WHEN d.day >= a.first THEN d.k ELSE 0 END) AS k,
      sum(CASE WHEN d.day >= a.first THEN d.n ELSE 0 END) AS n,
      sum(CASE WHEN d.day < a.first THEN d.k ELSE 0 END) AS k_before,
      sum(CASE WHEN d.day < a.first THEN d.n ELSE 0 END) AS n_before
    FROM daily d CROSS JOIN asked a GROUP BY d.kind, d.name),
  compared AS MATERIALIZED (
    SELECT f.*, $z AS z FROM found f CROSS JOIN asked a
    WHERE n >= $least AND n_before >= $least AND a.first - a.compare_first >= 7),
  tested AS MATERIALIZED (SELECT c.*, CASE WHEN z IS NULL THEN 1.0 ELSE $p(z) END AS p FROM compared c),
  ranked AS (SELECT t.*, rank() OVER (ORDER BY p) AS place, count(*) OVER () AS tests FROM tested t),
  judged AS MATERIALIZED (
    SELECT r.*, p <= coalesce((SELECT max(o.p) FROM ranked o WHERE o.p <= 0.05 * o.place / o.tests), -1) AS is_certain
    FROM ranked r)";

/// Of [`JUDGED`], what is certain, each with the days from which on its rate may have risen.
const WORSE: &str =
    "worse AS MATERIALIZED (SELECT j.*, $spread(k, n) AS spread FROM judged j WHERE is_certain AND z > 0),
  running AS (
    SELECT d.kind AS kind, d.name AS name, d.day AS day, sum(d.k) OVER since_then AS k, sum(d.n) OVER since_then AS n,
      w.k + w.k_before - sum(d.k) OVER since_then AS k_before, w.n + w.n_before - sum(d.n) OVER since_then AS n_before
    FROM daily d CROSS JOIN worse w CROSS JOIN asked a
    WHERE d.kind = w.kind AND d.name = w.name AND d.n > 0 AND d.day >= a.compare_first AND d.day < a.last
    WINDOW since_then AS (PARTITION BY d.kind, d.name ORDER BY d.day DESC)),
  splits AS (
    SELECT kind, name, day, row_number() OVER (PARTITION BY kind, name ORDER BY z DESC, day) AS place
    FROM (SELECT r.*, $z AS z FROM running r) WHERE z IS NOT NULL)";

/// The columns of something that got worse, a row `w` of [`WORSE`], beside its kind and name.
const WORSE_COLUMNS: &str = "w.k AS affected, w.n AS n, 1.0 * w.k / w.n AS rate, $low(w.k - spread, w.n) AS low, $high(w.k + spread, w.n) AS high,
  w.k_before AS affected_before, w.n_before AS n_before, 1.0 * w.k_before / w.n_before AS rate_before,
  w.k - 1.0 * w.k_before * w.n / w.n_before AS excess, w.z AS z, w.p AS p,
  (SELECT $day(s.day) FROM splits s WHERE s.kind = w.kind AND s.name = w.name AND s.place = 1) AS since";

/// What got worse by step, platform, failure and profile: see [`JUDGED`]. Of one value alone by step and platform: failures
/// and sessions are not counted by value.
const CHANGES: &str = "$changed_days$picked,
  failed AS MATERIALIZED (
    -- Codes of a number, else categories: a summary leaves out what else senders may have written.
    SELECT CASE WHEN code GLOB '0x[0-9a-f]*' THEN code ELSE category END AS name, day, sum(failed) AS failed
    FROM failures_by_day
    WHERE NOT $is_one AND $between(compare_first, last) AND subject = 'attempt' AND (code GLOB '0x[0-9a-f]*' OR category IS NOT NULL)
    GROUP BY 1, day),
  daily AS MATERIALIZED (
    SELECT 'step' AS kind, action AS name, day, sum(gave_up) AS k, sum(reached) AS n FROM $its_steps($between(compare_first, last)) GROUP BY action, day
    UNION ALL
    SELECT 'platform', platform, day, sum(abandoned_measured), sum(measured) FROM $its_days($between(compare_first, last))
    WHERE platform IS NOT NULL GROUP BY platform, day
    UNION ALL
    SELECT 'failure', x.name, t.day, coalesce(f.failed, 0), t.initiated
    FROM (SELECT DISTINCT name FROM failed) x
    CROSS JOIN (SELECT day, sum(initiated) AS initiated FROM attempts_by_day WHERE $between(compare_first, last) GROUP BY day) t
    LEFT JOIN failed f ON f.name = x.name AND f.day = t.day
    UNION ALL
    SELECT 'espProfile', profile_id, day, sum(failed) + sum(timed_out), sum(n) FROM esp_by_day
    WHERE NOT $is_one AND $between(compare_first, last) AND profile_id IS NOT NULL GROUP BY profile_id, day),
  $judged";

/// What got worse by model, OS version, enrollment type, sender and tag: see [`JUDGED`]. The name of a tag has its key.
const SLICE_CHANGES: &str = "$changed_days,
  daily AS MATERIALIZED (
    SELECT CASE WHEN t.id > 0 THEN 'tag' ELSE slice END AS kind,
      CASE WHEN t.id > 0 THEN slice || '=' || value ELSE value END AS name,
      day, sum(abandoned_measured) AS k, sum(measured) AS n
    FROM slices_by_day s LEFT JOIN (SELECT id, name FROM slices WHERE id > 100) t ON t.name = s.slice
    WHERE $between(compare_first, last) AND value IS NOT NULL GROUP BY slice, value, day),
  $judged";

/// What got worse by app, and by app and model: see [`JUDGED`]. The name of an app and a model is both, as a JSON list.
const APP_CHANGES: &str = "$changed_days,
  counted AS MATERIALIZED (
    SELECT day, app_word, model_word, failed, tried FROM daily_apps
    WHERE $between(compare_first, last) AND app_word <> 0 AND tried > 0),
  $shown_apps(counted),
  daily AS MATERIALIZED (
    SELECT 'app' AS kind, app AS name, day, sum(failed) AS k, sum(tried) AS n
    FROM counted c CROSS JOIN shown s WHERE s.app_word = c.app_word GROUP BY app, day
    UNION ALL
    SELECT 'appModel', json_array(app, w.text), day, sum(failed), sum(tried)
    FROM counted c CROSS JOIN shown s CROSS JOIN words w
    WHERE s.app_word = c.app_word AND c.model_word <> 0 AND w.id = c.model_word GROUP BY app, w.text, day),
  $judged";

/// The text that replaces a name.
pub(super) fn definition(name: &str) -> Option<&'static str> {
    Some(match name {
        "changed_days" => CHANGED_DAYS,
        "judged" => JUDGED,
        "changes" => CHANGES,
        "slice_changes" => SLICE_CHANGES,
        "app_changes" => APP_CHANGES,
        "worse" => WORSE,
        "worse_columns" => WORSE_COLUMNS,
        _ => return None,
    })
}
