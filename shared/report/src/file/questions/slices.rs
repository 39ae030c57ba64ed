//! What questions have in common that tell attempts apart by what was reported of them (docs/DOMAIN.md, K), which replaces
//! `$name` in their texts: a break-down by a slice, and a report about one value alone.
//!
//! Must stay true: both are read from daily sums, and a report about one value has the rows that one about all has, of that
//! value's attempts. A question that takes a value says `values: one`; in a summary, which has no values, it takes none.

use crate::file::questions::macros::Parameter;

/// The rows of one of the tables of slices (`$1`) that are of the slice asked for.
const SLICE: &str = "(
      SELECT d.*, p.name AS platform, p.reported AS reported
      FROM slices k CROSS JOIN $1 d CROSS JOIN platforms p
      WHERE k.name = coalesce(:by, 'model') COLLATE NOCASE AND d.slice_id = k.id AND p.id = d.platform_id)";

/// The values of the slice asked for with what became of their attempts, the commonest first.
const SLICED: &str = "sliced AS MATERIALIZED (
    SELECT s.*, nullif(w.text, '') AS value,
      row_number() OVER (ORDER BY s.initiated DESC, s.value_word = 0, w.text, s.value_word) AS place
    FROM (
      SELECT value_word, sum(initiated) AS initiated, sum(completed) AS completed, sum(abandoned) AS abandoned,
        sum(failed) AS failed, sum(open) AS open, sum(measured) AS measured,
        sum(abandoned_measured) AS abandoned_measured, sum(with_stops) AS with_stops,
        sum(with_failures) AS with_failures
      FROM $slice(daily_slices) WHERE $reported GROUP BY value_word) s
    LEFT JOIN words w ON w.id = s.value_word)";

/// The parameters by which a question takes one value: name, kind and purpose.
const ONE_VALUE: [[&str; 3]; 6] = [
    ["model", "text", "Only attempts of this model, as it was reported."],
    ["osVersion", "text", "Only attempts with this version of the operating system, as it was reported."],
    ["enrollmentType", "text", "Only attempts that enroll in this way, as it was reported."],
    ["source", "text", "Only attempts in which this sender took part; letters count as they are, large or small."],
    [
        "tag",
        "key and value",
        "Only attempts of devices with this tag, as department=Sales; in a file that has pseudonyms, with the pseudonym.",
    ],
    [
        "without",
        "slices",
        "Only attempts of which no model, osVersion, enrollmentType or tag of this key was reported; every attempt has a sender.",
    ],
];

/// Whether one value is asked for.
const IS_ONE: &str = "coalesce(:model, :osVersion, :enrollmentType, :source, :tag, :without) IS NOT NULL";

/// The slice of the value asked for, by name.
const ITS_SLICE: &str = "CASE WHEN :model IS NOT NULL THEN 'model' WHEN :osVersion IS NOT NULL THEN 'osVersion'
      WHEN :enrollmentType IS NOT NULL THEN 'enrollmentType' WHEN :source IS NOT NULL THEN 'source'
      WHEN :tag IS NOT NULL THEN substr(:tag, 1, instr(:tag, '=') - 1) ELSE :without END";

/// The value asked for; null if it is that none was reported.
const ITS_VALUE: &str = "coalesce(:model, :osVersion, :enrollmentType, :source, substr(:tag, instr(:tag, '=') + 1))";

/// The value asked for in the ids of the sums, in each spelling that was reported; no row if none is asked for. Texts are
/// searched among the values, which are far fewer. Spellings of a sender are not added up: an attempt may have two of them.
const PICKED: &str = "picked (slice_id, value_word) AS MATERIALIZED (
    SELECT o.slice_id, o.value_word FROM (
      SELECT DISTINCT d.slice_id AS slice_id, d.value_word AS value_word
      FROM slices k CROSS JOIN daily_slices d
      WHERE k.name = $its_slice COLLATE NOCASE AND (:tag IS NULL OR k.id > 100) AND d.slice_id = k.id) o
    LEFT JOIN words w ON w.id = o.value_word
    WHERE CASE WHEN :without IS NOT NULL THEN o.value_word = 0
      ELSE o.value_word <> 0 AND w.text = $its_value COLLATE NOCASE AND (:source IS NULL OR w.text = :source) END)";

/// The rows `d` of one of the tables of slices (`$1`) that are of the value asked for, on platforms `p`.
const OF_VALUE: &str = "picked v CROSS JOIN $1 d CROSS JOIN platforms p
    WHERE d.slice_id = v.slice_id AND d.value_word = v.value_word AND p.id = d.platform_id";

/// What became of attempts by day and platform. Of this and the next three, `$1` says which days are read: SQLite does not take
/// that from the condition of who reads them.
const DAYS: &str = "(SELECT day, platform, reported, initiated, completed, open, measured, judged, completed_judged,
      with_steps, timed, abandoned_measured FROM attempts_by_day WHERE NOT $is_one AND $1
    UNION ALL
    SELECT d.day, p.name, p.reported, d.initiated, d.completed, d.open, d.measured, d.judged, d.completed_judged,
      d.with_steps, d.timed, d.abandoned_measured FROM $of_value(daily_slices) AND $1)";

/// On which days and platforms it can be seen who gave up, and what failed.
const SEEN: &str = "(SELECT day, platform, reported, starts = 1 OR stops = 1 AS stops, failures
    FROM coverage_by_day WHERE NOT $is_one AND $1
    UNION ALL
    SELECT d.day, p.name, p.reported, d.with_stops > 0, d.with_failures > 0 FROM $of_value(daily_slices) AND $1)";

/// How far attempts came, by day, platform and step.
const STEPS: &str = "(SELECT day, platform, reported, step, section, action, entered, left_forward, abandoned, reached, went_on,
      gave_up, failed, still_there, not_reported FROM steps_by_day WHERE NOT $is_one AND $1
    UNION ALL
    SELECT d.day, p.name, p.reported, a.step, s.name, a.name, d.entered, d.left_forward, d.abandoned,
      d.entered + d.only_there, d.left_forward - d.came_back, d.abandoned + d.only_abandoned, d.failed, d.still_there,
      d.entered + d.only_there - d.left_forward + d.came_back - d.abandoned - d.only_abandoned - d.failed - d.still_there
    FROM picked v CROSS JOIN daily_slice_steps d CROSS JOIN platforms p CROSS JOIN actions a
    LEFT JOIN sections s ON s.id = a.section_id
    WHERE d.slice_id = v.slice_id AND d.value_word = v.value_word AND p.id = d.platform_id AND a.id = d.action_id
      AND a.step IS NOT NULL AND $1)";

/// The incomplete attempts by all that the report distinguishes.
const PLACES: &str = "(SELECT d.day, d.section_id, d.action_id, d.cause_id, d.catalogue_row, d.limit_minutes, d.place_reported,
        d.abandoned, d.failed, d.abandoned_measured, p.name AS platform, p.reported AS reported
      FROM platforms p CROSS JOIN daily_incomplete d WHERE NOT $is_one AND d.platform_id = p.id AND $1
      UNION ALL
      SELECT d.day, d.section_id, d.action_id, d.cause_id, d.catalogue_row, d.limit_minutes, d.action_id <> 0, d.abandoned,
        d.failed, d.abandoned_measured, p.name, p.reported
      FROM $of_value(daily_slice_places) AND $1)";

/// The value asked for, in the answer; null if none is.
const REPEATED: &str = "CASE WHEN $is_one THEN json_object(
    'by', coalesce((SELECT k.name FROM slices k WHERE k.name = $its_slice COLLATE NOCASE), $its_slice),
    'value', CASE WHEN :without IS NULL THEN $its_value END) END AS slice_json";

/// The text that replaces a name. `is_taken` says whether the question takes one value; a summary's never does.
pub(super) fn definition(name: &str, is_taken: bool) -> Option<&'static str> {
    Some(match (name, is_taken) {
        ("slice", _) => SLICE,
        ("sliced", _) => SLICED,
        ("picked", true) => ", $picked_value",
        ("picked", false) => "",
        ("picked_value", true) => PICKED,
        ("is_one", true) => IS_ONE,
        ("is_one", false) => "0",
        ("its_slice", true) => ITS_SLICE,
        ("its_value", true) => ITS_VALUE,
        ("of_value", true) => OF_VALUE,
        ("its_days", true) => DAYS,
        ("its_days", false) => "(SELECT * FROM attempts_by_day WHERE $1)",
        ("its_seen", true) => SEEN,
        ("its_seen", false) => {
            "(SELECT day, platform, reported, starts = 1 OR stops = 1 AS stops, failures FROM coverage_by_day WHERE $1)"
        }
        ("its_steps", true) => STEPS,
        ("its_steps", false) => "(SELECT * FROM steps_by_day WHERE $1)",
        ("its_places", true) => PLACES,
        ("its_places", false) => {
            "(SELECT d.*, p.name AS platform, p.reported AS reported
      FROM platforms p CROSS JOIN daily_incomplete d WHERE d.platform_id = p.id AND $1)"
        }
        // Medians are not kept by value.
        ("of_all", true) => " AND NOT $is_one",
        ("of_all", false) => "",
        ("slice_json", true) => REPEATED,
        ("slice_json", false) => "NULL AS slice_json",
        _ => return None,
    })
}

/// The parameters of a question that takes one value.
pub(super) fn parameters() -> impl Iterator<Item = Parameter> {
    ONE_VALUE.into_iter().map(|[name, kind, purpose]| Parameter {
        name: name.to_owned(),
        kind: kind.to_owned(),
        purpose: purpose.to_owned(),
    })
}

/// The parameter that is one too many: its name, what is wrong, and the condition.
pub(super) fn too_many() -> impl Iterator<Item = (&'static str, String, String)> {
    let names = ONE_VALUE.map(|[name, ..]| name);
    let problem = format!("'cannot be combined: only one of {} and {}'", names[..5].join(", "), names[5]);
    (1..names.len()).map(move |at| {
        let before: Vec<String> = names[..at].iter().map(|name| format!(":{name}")).collect();
        let before = match before.as_slice() {
            [one] => one.clone(),
            some => format!("coalesce({})", some.join(", ")),
        };
        (names[at], problem.clone(), format!(":{} IS NOT NULL AND {before} IS NOT NULL", names[at]))
    })
}
