//! Compares a finished file with what it must be: its sums with its facts, and its tables, views, indexes and triggers
//! with those that this program makes.
//!
//! Must stay true: a finding is in our words and names only what the file calls its own parts. Nothing of the file but its
//! tables is run.

use crate::error::Result;
use crate::file::schema;
use crate::file::sql::INDEXES;
use crate::publish::summary;
use rusqlite::Connection;
use std::collections::BTreeMap;
use vestibule_advice::Catalogue;

/// A statement over what is known of each attempt, by slice.
macro_rules! of_slices {
    ($statement:expr) => {
        concat!(
            "WITH values_of (slice_id, attempt_no, value_word) AS (
               SELECT 1, attempt_no, coalesce(model_word, 0) FROM attempts
               UNION ALL SELECT 2, attempt_no, coalesce(os_version_word, 0) FROM attempts
               UNION ALL SELECT 3, attempt_no, coalesce(enrollment_type_word, 0) FROM attempts
               UNION ALL SELECT 4, attempt_no, source_word FROM attempt_sources
               UNION ALL SELECT k.id, a.attempt_no, coalesce(t.value_word, 0)
                 FROM slices k CROSS JOIN attempts a
                 LEFT JOIN enrollment_tags t ON t.enrollment_no = a.enrollment_no AND t.slice_id = k.id WHERE k.id > 100)
             ",
            $statement
        )
    };
}

/// A statement over the steps that each attempt reached, between its keys and how they are grouped.
macro_rules! steps_of {
    ($keys:literal, $grouped:literal) => {
        concat!(
            $keys,
            ", sum(r.visited), sum(r.went_on),
               sum(a.outcome_id = 3 AND a.action_id = r.action_id AND r.visited), sum(NOT r.visited),
               sum(r.went_on AND a.action_id = r.action_id),
               sum(a.outcome_id = 3 AND a.action_id = r.action_id AND NOT r.visited),
               sum(a.outcome_id = 4 AND a.action_id = r.action_id), sum(a.outcome_id = 1 AND a.action_id = r.action_id)
             FROM attempts a JOIN (
               SELECT attempt_no, action_id, max(visited) AS visited, max(went_on) AS went_on FROM (
                 SELECT attempt_no, action_id, 1 AS visited, left_at IS NOT NULL AS went_on FROM attempt_steps
                 UNION ALL SELECT attempt_no, action_id, 0, 0 FROM attempts WHERE has_steps)
               WHERE action_id BETWEEN 1 AND 9 GROUP BY 1, 2) r ON r.attempt_no = a.attempt_no",
            $grouped
        )
    };
}

/// The tables of sums, each with the rows that its facts add up to.
const SUMS: [(&str, &str); 11] = [
    (
        "daily_totals",
        "SELECT started_day, platform_id, platform_label_id, count(*), sum(outcome_id = 2), sum(outcome_id = 3),
                    sum(outcome_id = 4), sum(outcome_id = 1), sum(has_starts), sum(has_starts * (outcome_id = 3)),
                    sum(has_steps), sum(judged), sum(judged * (outcome_id = 2)),
                    coalesce(sum(start_reported * (outcome_id = 2) * (ended_at > started_at)), 0),
                    coalesce(sum(CASE WHEN outcome_id = 2 AND start_reported THEN ended_at - started_at END), 0)
             FROM attempts GROUP BY 1, 2, 3",
    ),
    (
        "coverage",
        "SELECT a.started_day, a.platform_id, s.source_word, s.starts, s.steps, s.stops, s.failures, s.ends,
                    s.compliance, s.device_time, count(*), sum(a.has_starts), sum(a.has_steps)
             FROM attempts a JOIN attempt_sources s ON s.attempt_no = a.attempt_no
             GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10",
    ),
    (
        "daily_incomplete",
        "SELECT started_day, platform_id, section_id, action_id, cause_id, coalesce(catalogue_row, 0),
                    coalesce(limit_minutes, 0), action_id <> 0, sum(outcome_id = 3), sum(outcome_id = 4),
                    sum(has_starts * (outcome_id = 3))
             FROM attempts WHERE outcome_id IN (3, 4) GROUP BY 1, 2, 3, 4, 5, 6, 7, 8",
    ),
    (
        "daily_slices",
        of_slices!(
            "SELECT v.slice_id, a.started_day, a.platform_id, v.value_word, count(*), sum(outcome_id = 2),
                    sum(outcome_id = 3), sum(outcome_id = 4), sum(outcome_id = 1), sum(has_starts),
                    sum(has_starts * (outcome_id = 3)), sum(has_steps), coalesce(sum(can_stop), 0),
                    coalesce(sum(can_fail), 0), sum(judged), sum(judged * (outcome_id = 2)),
                    coalesce(sum(start_reported * (outcome_id = 2) * (ended_at > started_at)), 0)
             FROM values_of v JOIN attempts a ON a.attempt_no = v.attempt_no
             LEFT JOIN (SELECT attempt_no, max(starts OR stops) AS can_stop, max(failures) AS can_fail
               FROM attempt_sources GROUP BY 1) x ON x.attempt_no = v.attempt_no GROUP BY 1, 2, 3, 4"
        ),
    ),
    (
        "daily_slice_places",
        of_slices!(
            "SELECT v.slice_id, a.started_day, a.platform_id, v.value_word, a.section_id, a.action_id, a.cause_id,
                    coalesce(catalogue_row, 0), coalesce(limit_minutes, 0), sum(outcome_id = 3), sum(outcome_id = 4),
                    sum(has_starts * (outcome_id = 3))
             FROM values_of v JOIN attempts a ON a.attempt_no = v.attempt_no WHERE outcome_id IN (3, 4)
             GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9"
        ),
    ),
    (
        "daily_slice_steps",
        of_slices!(steps_of!(
            "SELECT v.slice_id, v.value_word, a.started_day, a.platform_id, r.action_id",
            " JOIN values_of v ON v.attempt_no = a.attempt_no GROUP BY 1, 2, 3, 4, 5"
        )),
    ),
    (
        "device_totals",
        "SELECT platform_id, platform_label_id, state_id, first_outcome_id, first_judged, count(*)
             FROM enrollments GROUP BY 1, 2, 3, 4, 5",
    ),
    ("daily_steps", steps_of!("SELECT a.started_day, a.platform_id, r.action_id", " GROUP BY 1, 2, 3")),
    (
        "esp_profile_totals",
        "SELECT profile_id_word, count(*) FROM esp_sessions WHERE profile_id_word IS NOT NULL GROUP BY 1",
    ),
    (
        "daily_apps",
        "WITH of_app AS (
               SELECT session_no, coalesce(name_word, item_word, 0) AS app, max(began_at IS NOT NULL) AS tried,
                 max(errors > 0) AS failed, max(state_id = 4) AS failing, max(state_id = 3) AS installed,
                 max(state_id IN (5, 6, 7)) AS not_needed
               FROM esp_items WHERE category_id = 7 GROUP BY 1, 2),
             standing AS (
               SELECT session_no, app, tried, failed, failing, installed AND NOT failing AS installed,
                 not_needed AND NOT installed AND NOT failing AS not_needed FROM of_app)
             SELECT x.started_day, coalesce(a.app, 0), coalesce(x.model_word, 0), count(*), coalesce(sum(tried), 0),
                    coalesce(sum(installed), 0), coalesce(sum(a.failed), 0), coalesce(sum(failing), 0),
                    coalesce(sum(not_needed), 0),
                    coalesce(sum(x.state_id = 1 AND NOT failing AND NOT installed AND NOT not_needed), 0)
             FROM esp_sessions x LEFT JOIN standing a ON a.session_no = x.session_no GROUP BY 1, 2, 3",
    ),
    (
        "daily_step_times",
        "SELECT a.platform_id, v.action_id, p.scale, coalesce(p.from_seconds, (v.left_at - v.entered_at) / 1000),
                    a.started_day, count(*)
             FROM attempts a JOIN attempt_steps v ON v.attempt_no = a.attempt_no
             JOIN (SELECT scale, from_seconds, to_seconds FROM step_time_parts UNION ALL SELECT 0, NULL, NULL) p
               ON p.scale = 0 OR (v.left_at - v.entered_at) / 1000 BETWEEN p.from_seconds AND p.to_seconds
             WHERE v.action_id BETWEEN 1 AND 9 AND v.left_at IS NOT NULL GROUP BY 1, 2, 3, 4, 5",
    ),
];

/// Failures by all but their code, which is one of several spellings of the same.
const FAILURES: [&str; 2] = [
    "SELECT day, platform_id, subject_id, coalesce(reason_word, 0), category_id, sum(failed) FROM daily_failures
     GROUP BY 1, 2, 3, 4, 5",
    "SELECT day, platform_id, subject_id, coalesce(reason_word, 0), category_id, count(*) FROM failures
     WHERE NOT abandoned GROUP BY 1, 2, 3, 4, 5",
];

/// Failed apps by all but their code.
const APP_CODES: [&str; 2] = [
    "SELECT day, app_word, sum(failing) FROM daily_app_codes GROUP BY 1, 2",
    "SELECT day, app_word, sum(failing) FROM daily_apps GROUP BY 1, 2 HAVING sum(failing) > 0",
];

/// How a report file's sums differ from its facts; `None` if they don't. The file must have the schema of this program
/// ([`compare_schema`]).
///
/// # Errors
/// If the file can't be read.
pub fn compare_sums(conn: &Connection) -> Result<Option<String>> {
    let rows_but = |one: &str, two: &str| {
        let count = format!("SELECT count(*) FROM (SELECT * FROM ({one}) EXCEPT SELECT * FROM ({two}))");
        conn.query_row(&count, [], |row| row.get::<_, u64>(0))
    };
    let whole = SUMS.map(|(table, facts)| (table, format!("SELECT * FROM {table}"), facts));
    let failures = ("daily_failures", FAILURES[0].to_owned(), FAILURES[1]);
    let codes = ("daily_app_codes", APP_CODES[0].to_owned(), APP_CODES[1]);
    for (table, sums, facts) in whole.into_iter().chain([failures, codes]) {
        let (more, less) = (rows_but(&sums, facts)?, rows_but(facts, &sums)?);
        if more + less > 0 {
            return Ok(Some(format!(
                "{table} is not what the facts add up to: {more} of its rows are wrong, and {less} are missing"
            )));
        }
    }
    Ok(None)
}

/// A part of a schema, and the statement that made it; an index of a key has none.
type Parts = BTreeMap<(String, String), Option<String>>;

/// How the tables, views, indexes and triggers of a report file, or a summary, differ from those that this program
/// makes, and its questions; `None` if they don't.
///
/// # Errors
/// If the file can't be read.
pub fn compare_schema(conn: &Connection, is_summary: bool) -> Result<Option<String>> {
    let expected = Connection::open_in_memory()?;
    schema::create(&expected, Catalogue::built_in())?;
    let expected = if is_summary {
        let summary = Connection::open_in_memory()?;
        summary::create_empty(&expected, &summary)?;
        summary
    } else {
        expected.execute_batch(INDEXES)?;
        expected
    };
    let (ours, theirs) = (parts(&expected)?, parts(conn)?);
    for ((kind, name), sql) in &theirs {
        match ours.get(&(kind.clone(), name.clone())) {
            None => return Ok(Some(format!("it has a {kind} {name}, which this program does not make"))),
            Some(own) if own != sql => {
                return Ok(Some(format!("its {kind} {name} is not the one that this program makes")));
            }
            Some(_) => {}
        }
    }
    if let Some((kind, name)) = ours.keys().find(|part| !theirs.contains_key(*part)) {
        return Ok(Some(format!("the {kind} {name} is missing")));
    }
    let (ours, theirs) = (questions(&expected)?, questions(conn)?);
    let changed = theirs.iter().find(|(name, sql)| ours.get(*name) != Some(sql)).map(|(name, _)| name);
    let changed = changed.or_else(|| ours.keys().find(|name| !theirs.contains_key(*name)));
    Ok(changed.map(|name| format!("its question {name} is not the one that this program makes")))
}

fn parts(conn: &Connection) -> Result<Parts> {
    let mut parts = conn.prepare("SELECT type, name, sql FROM sqlite_schema")?;
    let parts = parts.query_map([], |row| Ok(((row.get(0)?, row.get(1)?), row.get(2)?)))?;
    Ok(parts.collect::<rusqlite::Result<_>>()?)
}

/// The statements of the questions that the file carries.
fn questions(conn: &Connection) -> Result<BTreeMap<String, String>> {
    let mut questions = conn.prepare("SELECT name, sql FROM questions")?;
    let questions = questions.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(questions.collect::<rusqlite::Result<_>>()?)
}
