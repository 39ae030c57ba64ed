//! What several questions have in common, which replaces `$name` or `$name(…)` in their texts, and the statement that
//! refuses invalid parameters.

use crate::error::{Error, Result};
use crate::file::questions::{apps, changes, slices, statistics};
use crate::file::sql::{self, Ranged};

/// A parameter: its name, which values are valid, and what it is for.
pub(super) struct Parameter {
    pub name: String,
    pub kind: String,
    pub purpose: String,
}

/// How a question takes what it is about.
#[derive(Clone, Copy, Default)]
pub(super) struct Scope {
    pub days: Option<Days>,
    /// Whether it can be about the attempts of one model, version, type, sender or tag.
    pub takes_value: bool,
}

/// How a question takes its range of days.
#[derive(Clone, Copy)]
pub(super) enum Days {
    /// If no days are asked for, the question covers the newest.
    Recent,
    /// If no days are asked for, the question covers all.
    Open,
    /// Days that are over, beside other days to compare them with: the parameters `compareFrom` and `compareTo`.
    Compared,
}

impl Days {
    pub(super) fn read(text: &str) -> Result<Self> {
        match text {
            "recent" => Ok(Self::Recent),
            "open" => Ok(Self::Open),
            "compared" => Ok(Self::Compared),
            _ => Err(Error::BuiltIn("question days")),
        }
    }

    pub(super) const fn about_from(self) -> &'static str {
        match self {
            Self::Recent => "First day, like 2026-01-31; without it the range has fourteen days.",
            Self::Open => "First day, like 2026-01-31; without it the range begins with the file's first day.",
            Self::Compared => "First day, like 2026-01-31; without it the range has fourteen days that are over.",
        }
    }

    pub(super) const fn about_to(self) -> &'static str {
        match self {
            Self::Recent => "The day after the last; without it the range ends with the file's own day.",
            Self::Open => "The day after the last; without it the range ends with the file's own day.",
            Self::Compared => {
                "The day after the last; without it the range ends with the file's own day. A day that is not over is left out."
            }
        }
    }

    /// The days asked for as numbers, 1 January 1970 being 0.
    const fn asked(self) -> &'static str {
        match self {
            Self::Recent => {
                "asked (first, last) AS (
    SELECT coalesce(d.first, d.last - 14), d.last FROM (
      SELECT CAST(julianday(:from) - 2440587.5 AS INTEGER) AS first,
        coalesce(CAST(julianday(:to) - 2440587.5 AS INTEGER), CAST(m.value AS INTEGER) + 1) AS last
      FROM meta m WHERE m.key = 'asOfDay') d)"
            }
            Self::Open => {
                "asked (first, last) AS (
    SELECT CAST(julianday(:from) - 2440587.5 AS INTEGER), CAST(julianday(:to) - 2440587.5 AS INTEGER))"
            }
            Self::Compared => COMPARED,
        }
    }
}

/// The days asked for that are over, `until` which day they were asked for, the days to compare them with (by default as
/// many right before), today, which is not over, and the first day that the file has.
const COMPARED: &str = "asked (first, last, until, compare_first, compare_last, today, kept) AS (
    SELECT first, last, until,
      coalesce(compare_first, coalesce(compare_last, first) - (last - first)),
      min(coalesce(compare_last, compare_first + last - first, first), today), today, kept
    FROM (
      SELECT coalesce(first, min(until, today) - 14) AS first, max(min(until, today), coalesce(first, 0)) AS last, until,
        compare_first, compare_last, today, kept
      FROM (
        SELECT CAST(julianday(:from) - 2440587.5 AS INTEGER) AS first,
          coalesce(CAST(julianday(:to) - 2440587.5 AS INTEGER), CAST(m.value AS INTEGER) + 1) AS until,
          CAST(julianday(:compareFrom) - 2440587.5 AS INTEGER) AS compare_first,
          CAST(julianday(:compareTo) - 2440587.5 AS INTEGER) AS compare_last,
          CAST(m.value AS INTEGER) AS today,
          (SELECT CAST(k.value AS INTEGER) FROM meta k WHERE k.key = 'windowFromDay') AS kept
        FROM meta m WHERE m.key = 'asOfDay')))";

const DAYS: &str = "day >= (SELECT first FROM asked) AND day < (SELECT last FROM asked)";

/// The days asked for, of sessions.
const SESSION_DAYS: &str = "x.started_day >= (SELECT first FROM asked) AND x.started_day < (SELECT last FROM asked)";

/// The lowest number of an attempt that starts three days before a day or later: numbers of attempts follow instants,
/// and no zone is three days from UTC. It limits which rows SQLite visits; the days decide which of them count.
const NUMBER: &str = "(SELECT min(max(($1) * 86400 - 1420070400, 0), 2147483647) << 32 FROM asked)";

/// Conditions on `attempts a`. SQLite checks them in order, so those that the fewest attempts meet come first.
const ATTEMPTS: &str = "(:catalogueRow IS NULL OR coalesce(a.catalogue_row, 0) = CAST(:catalogueRow AS INTEGER))
      AND (:screen IS NULL OR a.screen_id IN (SELECT id FROM screens WHERE name = :screen COLLATE NOCASE))
      AND (:action IS NULL OR a.action_id IN (SELECT id FROM actions WHERE name = :action COLLATE NOCASE))
      AND (:cause IS NULL OR a.cause_id IN (SELECT id FROM causes WHERE name = :cause COLLATE NOCASE))
      AND (:section IS NULL OR a.section_id IN (SELECT id FROM sections WHERE name = :section COLLATE NOCASE))
      AND (:model IS NULL OR a.model_word IN (SELECT id FROM words WHERE text = :model COLLATE NOCASE))
      AND (:osVersion IS NULL OR a.os_version_word IN (SELECT id FROM words WHERE text = :osVersion COLLATE NOCASE))
      AND (:enrollmentType IS NULL OR a.enrollment_type_word IN (
        SELECT id FROM words WHERE text = :enrollmentType COLLATE NOCASE))
      AND (:without IS NULL OR CASE lower(:without) WHEN 'model' THEN a.model_word IS NULL
        WHEN 'osversion' THEN a.os_version_word IS NULL WHEN 'enrollmenttype' THEN a.enrollment_type_word IS NULL
        ELSE EXISTS (SELECT 1 FROM slices k WHERE k.id > 100 AND k.name = :without COLLATE NOCASE AND NOT EXISTS (
          SELECT 1 FROM enrollment_tags t WHERE t.enrollment_no = a.enrollment_no AND t.slice_id = k.id)) END)
      AND (:tag IS NULL OR EXISTS (
        SELECT 1 FROM enrollment_tags t JOIN slices k ON k.id = t.slice_id JOIN words w ON w.id = t.value_word
        WHERE t.enrollment_no = a.enrollment_no AND k.name || '=' || w.text = :tag COLLATE NOCASE))
      AND (:failureCode IS NULL OR a.attempt_no IN (
        SELECT f.failure_no FROM failures f LEFT JOIN words w ON w.id = f.code_word
        WHERE f.attempt_no IS NOT NULL AND lower(:failureCode) IN (lower(w.text), printf('0x%08x', f.code_value))))
      AND (:source IS NULL OR EXISTS (
        SELECT 1 FROM attempt_sources x JOIN words w ON w.id = x.source_word
        WHERE x.attempt_no = a.attempt_no AND w.text = :source COLLATE NOCASE))
      AND (:outcome IS NULL OR a.outcome_id IN (
        SELECT id FROM outcomes WHERE name = :outcome COLLATE NOCASE
          OR (:outcome = 'incomplete' COLLATE NOCASE AND name IN ('abandoned', 'failed'))))
      AND a.attempt_no >= coalesce($number(first - 3), -1)
      AND a.attempt_no < coalesce($number(last + 3), 9223372036854775807)
      AND (:cursor IS NULL OR a.attempt_no < $major)
      AND a.started_day >= (SELECT coalesce(first, -1000000) FROM asked)
      AND a.started_day < (SELECT coalesce(last, 10000000) FROM asked)
      AND (:os = 'all' COLLATE NOCASE OR a.platform_id IN (
        SELECT id FROM platforms WHERE CASE WHEN :os IS NULL THEN reported = 1 ELSE name = :os COLLATE NOCASE END))";

/// The number that a code stands for, if the file has advice on it. A code may be spelt in hexadecimal, in decimal with
/// or without a sign, or in hexadecimal without its prefix. Some senders widen a negative code to 64 bits.
const CODE: &str = "spelt (text) AS (SELECT lower(trim(:text))),
  digits (place, digits) AS (
    SELECT 1, substr(text, 3) FROM spelt WHERE text LIKE '0x_%' UNION ALL SELECT 2, text FROM spelt WHERE text <> ''),
  hexadecimal (place, digits) AS (
    SELECT place, CASE WHEN length(digits) = 16 AND digits LIKE 'ffffffff%' THEN substr(digits, 9) ELSE digits END
    FROM (SELECT place, ltrim(digits, '0') AS digits FROM digits WHERE digits NOT GLOB '*[^0-9a-f]*')),
  reading (place, rest, value) AS (
    SELECT place, digits, 0 FROM hexadecimal WHERE length(digits) <= 8
    UNION ALL
    SELECT place, substr(rest, 2), value * 16 + instr('0123456789abcdef', substr(rest, 1, 1)) - 1 FROM reading
    WHERE rest <> ''),
  numbers (place, value) AS (
    SELECT 0, value + CASE WHEN value < 0 THEN 4294967296 ELSE 0 END FROM (
      SELECT CAST(text AS INTEGER) AS value FROM spelt
      WHERE ltrim(text, '+-') <> '' AND ltrim(text, '+-') NOT GLOB '*[^0-9]*'
        AND length(text) - length(ltrim(text, '+-')) <= 1 AND length(ltrim(text, '+-')) <= 18)
    WHERE value >= -2147483648 AND value < 4294967296
    UNION ALL SELECT place, value FROM reading WHERE rest = ''),
  code (value) AS (
    SELECT value FROM numbers n WHERE EXISTS (SELECT 1 FROM advice_codes c WHERE c.code_value = n.value)
    ORDER BY place LIMIT 1)";

/// Entries of advice as a JSON array: `$1` is the table that names them, `$2` their order.
const ADVICE: &str = "(SELECT json_group_array(json_object(
    'id', v.advice_id,
    'codes', $list((SELECT group_concat(o.code, char(31)) FROM (
      SELECT c.code FROM advice_codes c WHERE c.advice_no = v.advice_no ORDER BY c.code_value) o)),
    'problem', v.problem, 'cause', v.cause,
    'steps', $list(replace(v.steps, char(10), char(31))),
    'who', $list(replace(v.who, ', ', char(31))),
    'platforms', $list(replace(v.platforms, ', ', char(31))),
    'sources', $list(replace(v.sources, ', ', char(31)))) ORDER BY o_place)
  FROM (SELECT x.advice_no AS o_advice_no, $2 AS o_place FROM $1) CROSS JOIN advice v WHERE v.advice_no = o_advice_no)";

/// The senders of the attempts in `started`, each with what it reports and leaves out, in words. `lacking` counts the
/// attempts in which no other sender reported it either: if an attempt has two senders, one may report what the other
/// does not. None of one value alone: which senders took part in what is not kept by value.
const SENDERS: &str = "summed AS (
    SELECT source, starts, steps, stops, failures, ends, compliance, device_time, sum(attempts) AS attempts,
      sum(measured) AS measured, sum(with_steps) AS with_steps
    FROM coverage_by_day WHERE NOT $is_one AND $reported
    GROUP BY source, starts, steps, stops, failures, ends, compliance, device_time),
  worded AS (
    SELECT s.*,
      CASE WHEN starts = 0 THEN attempts - measured WHEN steps = 0 THEN attempts - with_steps
        WHEN stops + failures + ends + compliance < 4 THEN attempts ELSE 0 END AS lacking,
      CASE
        WHEN starts + steps + stops + failures + ends + compliance = 6 THEN 'everything'
        WHEN starts + steps + stops + failures + compliance = 0 AND ends = 1 THEN 'only the end'
        WHEN starts + steps + stops + failures + ends + compliance = 0 THEN 'nothing of an enrollment'
        ELSE 'only ' || substr(
          CASE starts WHEN 1 THEN ', starts' ELSE '' END || CASE steps WHEN 1 THEN ', screens' ELSE '' END ||
          CASE stops WHEN 1 THEN ', stops' ELSE '' END || CASE failures WHEN 1 THEN ', failures' ELSE '' END ||
          CASE ends WHEN 1 THEN ', ends' ELSE '' END || CASE compliance WHEN 1 THEN ', compliance' ELSE '' END, 3)
        END AS reports,
      substr(
        CASE WHEN starts = 0 THEN ', no give-ups' WHEN steps = 0 THEN ', no screens'
          WHEN stops = 0 THEN ', no stops' ELSE '' END ||
        CASE failures WHEN 0 THEN ', no failures' ELSE '' END || CASE ends WHEN 0 THEN ', no ends' ELSE '' END ||
        CASE starts WHEN 0 THEN ', no times' ELSE '' END ||
        CASE WHEN compliance = 0 AND starts = 1 THEN ', no compliance' ELSE '' END, 3) AS lacks
    FROM summed s),
  senders AS MATERIALIZED (
    SELECT w.*, CASE WHEN lacking > 0 THEN
      format('%,d of %,d enrollments %s from %s, which reports %s: %s.', lacking, (SELECT initiated FROM started),
        iif(lacking = 1, 'comes', 'come'), coalesce(source, 'a sender that is not named here'), reports, lacks) END
      AS sentence
    FROM worded w)";

/// The days asked for and those compared with, and the attempts that started in each, counted (docs/DOMAIN.md, R3): a count of
/// how they ended is null where there is none and no sender that took part could have reported one.
const TOTALS: &str = "ranges (period, first, last) AS (
    SELECT 'now', first, last FROM asked UNION ALL SELECT 'before', compare_first, compare_last FROM asked),
  started AS (
    SELECT period, coalesce(sum(initiated), 0) AS initiated, coalesce(sum(completed), 0) AS completed,
      coalesce(sum(open), 0) AS open, coalesce(sum(measured), 0) AS measured, coalesce(sum(judged), 0) AS judged,
      coalesce(sum(completed_judged), 0) AS completed_judged, coalesce(sum(with_steps), 0) AS with_steps
    FROM ranges LEFT JOIN $its_days($in_both) ON day >= first AND day < last AND $of_os GROUP BY period),
  stopped AS (
    SELECT period, coalesce(sum(abandoned), 0) AS abandoned, coalesce(sum(failed), 0) AS failed,
      coalesce(sum(abandoned_measured), 0) AS abandoned_measured
    FROM ranges LEFT JOIN $ended_where($in_either) ON day >= first AND day < last GROUP BY period),
  covered AS (
    SELECT period, max(stops) AS stops, max(failures) AS failures
    FROM ranges LEFT JOIN $its_seen($in_both) ON day >= first AND day < last AND $of_os GROUP BY period),
  totals AS MATERIALIZED (
    SELECT s.*, initiated - open AS ended, e.abandoned_measured AS abandoned_measured,
      CASE WHEN abandoned > 0 OR initiated = 0 OR stops THEN abandoned END AS abandoned,
      CASE WHEN failed > 0 OR initiated = 0 OR failures THEN failed END AS failed
    FROM started s JOIN stopped e ON e.period = s.period JOIN covered c ON c.period = s.period)";

/// What became of those who reached each step in each range, where any did.
const STEPS: &str = "steps AS MATERIALIZED (
    SELECT period, step AS at_step, action AS at_action, sum(reached) AS reached, sum(went_on) AS went_on,
      sum(gave_up) AS gave_up, sum(failed) AS failed, sum(still_there) AS still_there, sum(not_reported) AS not_reported
    FROM ranges CROSS JOIN $its_steps($in_both) WHERE day >= first AND day < last AND $of_os AND $in_section
    GROUP BY period, step, action)";

/// The incomplete attempts of the days, platforms and section asked for. Places and causes are numbers: names are looked
/// up for what is added up, not for each of thousands of rows.
const ENDED: &str = "(SELECT day, section_id, action_id, cause_id, catalogue_row, limit_minutes, part, abandoned, failed, abandoned_measured
    FROM (SELECT d.*, $part(d) AS part FROM $its_places($1) d)
    WHERE $of_os AND (:section IS NULL OR section_id IN (
      SELECT id FROM sections WHERE name = :section COLLATE NOCASE)))";

/// The columns of `esp_session_list` that describe a session.
const SESSION: &str = "session_id, enrollment_key, attempt_id, sender_session_id, device_name, user_principal_name, os_version, started_at,
  started_day, last_event_at, ended_at, deadline, limit_minutes, state, phase, stage, progress, profile, profile_id,
  profile_version, rule, rule_group, deployment_mode, hybrid_join, items AS items_counted, items_done, timed_out, failed,
  failed_phase, failed_item, end_not_reported, retries, stuck_since, stuck_phase, is_stuck, error_code, error_message";

/// The sessions like the one asked for: of its profile and deployment mode, begun in the 28 days before it, the newest
/// thousand of them: more make a median no better, and each has dozens of items. Numbers of sessions follow instants by
/// the minute at least (`lists::ids`), so they limit which rows are visited.
const LIKE_THIS: &str = "this AS MATERIALIZED (
    SELECT session_no, started_at, profile_id_word, deployment_mode_id FROM esp_sessions
    WHERE session_no = (SELECT min(session_no) FROM esp_sessions WHERE session_id = unhex(:id))),
  like_this AS MATERIALIZED (
    SELECT session_no FROM esp_sessions
    WHERE session_no < (SELECT session_no FROM this) + (64 << 32)
      AND session_no > (SELECT session_no FROM this) - (28 * 86400 + 64 << 32)
      AND started_at < (SELECT started_at FROM this) AND started_at > (SELECT started_at FROM this) - 28 * 86400000
      AND profile_id_word IS (SELECT profile_id_word FROM this)
      AND deployment_mode_id = (SELECT deployment_mode_id FROM this)
    ORDER BY session_no DESC LIMIT 1000)";

/// The text asked for, anywhere in another.
const PATTERN: &str = "('%' || replace(replace(replace(:text, '\\', '\\\\'), '%', '\\%'), '_', '\\_') || '%')";

/// The texts that contain the one asked for. So many that nobody would read them are not all looked up. Every text is
/// visited, so the quickest comparison that will do is made: only letters are folded, and only jokers are escaped.
const FOUND: &str = "found (id, text) AS MATERIALIZED (
    SELECT id, text FROM (
      SELECT id, text FROM words WHERE lower(:text) = upper(:text) AND instr(text, :text) > 0
      UNION ALL SELECT id, text FROM words
      WHERE lower(:text) <> upper(:text) AND :text NOT GLOB '*[%_\\]*' AND text LIKE '%' || :text || '%'
      UNION ALL SELECT id, text FROM words
      WHERE lower(:text) <> upper(:text) AND :text GLOB '*[%_\\]*' AND text LIKE $pattern ESCAPE '\\')
    LIMIT 2000)";

/// The ids of the texts that name the person asked for.
const PERSON: &str = "person (id) AS MATERIALIZED (SELECT id FROM words WHERE text = :user COLLATE NOCASE)";

/// The devices of a person, including those of any attempt or session of theirs; or those that a text names: the one
/// with that key, else those with that identifier, else those with that name.
const DEVICES: &str = "$person,
  found (rank, enrollment_no) AS MATERIALIZED (
    SELECT 0, enrollment_no FROM enrollments WHERE :user IS NOT NULL
      AND (user_principal_name_word IN (SELECT id FROM person) OR user_id_word IN (SELECT id FROM person))
    UNION SELECT 0, enrollment_no FROM attempts
      WHERE :user IS NOT NULL AND user_principal_name_word IN (SELECT id FROM person)
    UNION SELECT 0, enrollment_no FROM attempts WHERE :user IS NOT NULL AND user_id_word IN (SELECT id FROM person)
    UNION SELECT 0, enrollment_no FROM esp_sessions WHERE :user IS NOT NULL
      AND (user_principal_name_word IN (SELECT id FROM person) OR user_id_word IN (SELECT id FROM person))
    UNION SELECT 0, enrollment_no FROM enrollments WHERE enrollment_key = :device COLLATE NOCASE
    UNION SELECT 1, enrollment_no FROM enrollments WHERE :device IS NOT NULL
      AND (serial_number = :device COLLATE NOCASE OR udid = :device COLLATE NOCASE
        OR mdm_device_id = :device COLLATE NOCASE OR enrollment_id = :device COLLATE NOCASE)
    UNION SELECT 2, enrollment_no FROM enrollments WHERE :name IS NOT NULL
      AND device_name_word IN (SELECT id FROM words WHERE text = :name COLLATE NOCASE)),
  devices (enrollment_no) AS MATERIALIZED (
    SELECT e.enrollment_no FROM found f CROSS JOIN enrollments e
    WHERE f.rank = (SELECT min(rank) FROM found) AND e.enrollment_no = f.enrollment_no
    ORDER BY e.enrollment_key LIMIT 200)";

/// The devices that the caller asks to leave out.
const LEFT_OUT: &str = "left_out (enrollment_no) AS MATERIALIZED (
    SELECT e.enrollment_no FROM json_each(coalesce(:except, '[]')) j CROSS JOIN enrollments e
    WHERE e.enrollment_key = j.value)";

/// How many people and devices the rows `alike` name. Each row has a person, a device, a platform and an instant.
const ALIKE: &str = "o.users AS users, o.devices AS devices, o.count AS count,
  (SELECT json_group_array(platform ORDER BY platform) FROM (
    SELECT DISTINCT platform FROM alike WHERE platform IS NOT NULL)) AS platforms_json,
  $iso(o.first) AS since, $iso(o.last) AS until
FROM (SELECT count(DISTINCT person) AS users, count(DISTINCT device) AS devices, count(*) AS count,
  min(at) AS first, max(at) AS last FROM alike) o";

/// The attempts `$1` that started `$2` days before the file's instant or later. Their numbers limit which rows are visited.
const SINCE: &str = "$1.attempt_no >= (
        SELECT (min(max(CAST(m.value AS INTEGER) / 1000 - $2 * 86400 - 1420070400, 0), 2147483647) & ~63) << 32
        FROM meta m WHERE m.key = 'asOfMillis')
      AND $1.started_at / 1000 >= (
        SELECT CAST(m.value AS INTEGER) / 1000 - $2 * 86400 FROM meta m WHERE m.key = 'asOfMillis')";

/// The text that replaces a name; `$1` and `$2` are its arguments.
fn definition(name: &str, scope: Scope) -> Option<String> {
    let text = match name {
        "as_of" => "(SELECT value FROM meta WHERE key = 'asOf') AS as_of",
        "time_zone" => "(SELECT value FROM meta WHERE key = 'timeZone') AS time_zone",
        "first_page" => {
            "(SELECT $iso(ms) FROM (SELECT CAST(coalesce(:cursor, m.value) AS INTEGER) AS ms FROM meta m
    WHERE m.key = 'asOfMillis')) AS first_page_as_of"
        }
        "asked" => return Some(format!("{}$picked", scope.days?.asked())),
        "days" | "in_days" => DAYS,
        "between" => "day >= (SELECT $1 FROM asked) AND day < (SELECT $2 FROM asked)",
        "reported" => "$days AND $of_os",
        "of_os" => {
            "CASE WHEN :os IS NULL THEN reported = 1
      ELSE :os = 'all' COLLATE NOCASE OR platform = :os COLLATE NOCASE END"
        }
        "totals" => TOTALS,
        "steps" => STEPS,
        // From the first day of both ranges to the last, days between them too.
        "in_both" => {
            "day >= (SELECT min(first, compare_first) FROM asked) AND day < (SELECT max(last, compare_last) FROM asked)"
        }
        "in_either" => "($in_both AND ($days OR $between(compare_first, compare_last)))",
        "os" => {
            "CASE WHEN :os = 'all' COLLATE NOCASE THEN 'all'
    ELSE (SELECT name FROM platforms WHERE name = :os COLLATE NOCASE) END AS os"
        }
        "senders" => SENDERS,
        "failed" => "$days AND (:platform IS NULL OR platform = :platform COLLATE NOCASE)",
        "ended" => "$ended_where($days)",
        "ended_where" => ENDED,
        "like_this" => LIKE_THIS,
        "pattern" => PATTERN,
        "found" => FOUND,
        "in_section" => "(:section IS NULL OR section = :section COLLATE NOCASE)",
        "attempts" => ATTEMPTS,
        "number" => NUMBER,
        "limit" => "CAST(coalesce(:limit, 50) AS INTEGER)",
        "after_days" => "CAST(coalesce(:afterDays, 14) AS INTEGER)",
        // A cursor has three decimal numbers: the instant of the first page, and two at which the page before ended.
        "major" => "CAST(substr(:cursor, instr(:cursor, '-') + 1) AS INTEGER)",
        "minor" => {
            "CAST(substr(:cursor, instr(:cursor, '-') + instr(substr(:cursor, instr(:cursor, '-') + 1), '-') + 1)
        AS INTEGER)"
        }
        "cursor" => {
            "printf('%d-%d-%d', (SELECT CAST(coalesce(:cursor, m.value) AS INTEGER) FROM meta m
      WHERE m.key = 'asOfMillis'), $1, $2)"
        }
        "code" => CODE,
        "advice" => ADVICE,
        "session" => SESSION,
        "person" => PERSON,
        "devices" => DEVICES,
        "left_out" => LEFT_OUT,
        "alike" => ALIKE,
        "since" => SINCE,
        // SQLite writes JSON numbers with fifteen digits, which is too few to restore every value exactly.
        "real" => "CASE WHEN $1 IS NOT NULL THEN json(printf('%!.17g', $1)) END",
        "list" => {
            "json('[' || CASE WHEN coalesce($1, '') = '' THEN '' ELSE replace(json_quote($1), '\\u001f', '\",\"') END || ']')"
        }
        "funnel" => return Some(Ranged::Funnel.over("$reported")),
        "esp_by_profile" => return Some(Ranged::Profiles.over(SESSION_DAYS)),
        "esp_by_phase_and_profile" => return Some(Ranged::Phases.over(SESSION_DAYS)),
        "esp_apps" => return Some(Ranged::Apps.over(SESSION_DAYS)),
        _ => {
            let of_apps = || apps::definition(name).or_else(|| statistics::definition(name));
            let of_slices = || slices::definition(name, scope.takes_value).or_else(of_apps);
            changes::definition(name).or_else(of_slices)?
        }
    };
    Some(text.to_owned())
}

/// Replaces all names in the text.
pub(super) fn written_out(text: &str, scope: Scope) -> Result<String> {
    let mut out = String::with_capacity(text.len() * 2);
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        let end = after.find(|letter: char| !letter.is_ascii_lowercase() && letter != '_').unwrap_or(after.len());
        let (name, after) = after.split_at(end);
        if matches!(name, "iso" | "day" | "part") {
            // Views have these names too; their argument has no parentheses.
            let end = after.find(')').ok_or(Error::BuiltIn("question"))?;
            out.push_str(&sql::expand(&format!("${name}{}", &after[..=end])));
            rest = &after[end + 1..];
            continue;
        }
        let mut definition = definition(name, scope).ok_or(Error::BuiltIn("question"))?;
        rest = after;
        if definition.contains("$1") {
            let (given, after) = arguments(after).ok_or(Error::BuiltIn("question"))?;
            for (number, one) in given.iter().enumerate() {
                definition = definition.replace(&format!("${}", number + 1), one);
            }
            rest = after;
        }
        out.push_str(&written_out(&definition, scope)?);
    }
    out.push_str(rest);
    Ok(out)
}

/// The arguments of a name, and the text after them. Only the last comma outside inner parentheses separates arguments,
/// because the first argument may be a list of tables.
fn arguments(text: &str) -> Option<(Vec<&str>, &str)> {
    let (mut depth, mut comma) = (0_u32, None);
    for (at, letter) in text.char_indices() {
        match letter {
            '(' => depth += 1,
            ',' if depth == 1 => comma = Some(at),
            ')' if depth == 1 => {
                let given = match comma {
                    Some(comma) => vec![text[1..comma].trim(), text[comma + 1..at].trim()],
                    None => vec![text[1..at].trim()],
                };
                return Some((given, &text[at + 1..]));
            }
            ')' => depth -= 1,
            _ if depth == 0 => return None,
            _ => {}
        }
    }
    None
}

/// The statement that says which parameter is invalid and why; it returns no row if all are valid.
pub(super) fn refusal(parameters: &[Parameter], scope: Scope) -> Result<String> {
    let mut checks = Vec::new();
    let mut check = |field: &str, problem: &str, invalid: &str| {
        let place = checks.len();
        checks.push(format!("SELECT {place} AS place, '{field}' AS field, {problem} AS problem WHERE {invalid}"));
    };
    for Parameter { name, kind, .. } in parameters {
        let Some((problem, valid)) = rule(name, kind)? else { continue };
        // Nothing can be searched without a text; every other question answers without its parameters.
        let missing = if kind == "search text" { "1" } else { "0" };
        let given = format!("CASE WHEN :{name} IS NULL THEN {missing} ELSE NOT coalesce({valid}, 0) END");
        check(name, &problem, &given);
    }
    if scope.takes_value {
        for (field, problem, invalid) in slices::too_many() {
            check(field, &problem, &invalid);
        }
    }
    let asked = match scope.days {
        None => "",
        Some(days) => {
            let until = if matches!(days, Days::Compared) { "until" } else { "last" };
            check("to", "'must be later than from'", &format!("(SELECT {until} <= first FROM asked)"));
            check("from", "'the range must have at most 1000 days'", "(SELECT last - first > 1000 FROM asked)");
            if matches!(days, Days::Compared) {
                let given = "(:compareFrom IS NOT NULL OR :compareTo IS NOT NULL)";
                let mut of_compared = |field: &str, problem: &str, invalid: &str| {
                    check(field, problem, &format!("{given} AND (SELECT {invalid} FROM asked)"));
                };
                of_compared("compareTo", "'must be later than compareFrom'", "compare_last <= compare_first");
                of_compared(
                    "compareFrom",
                    "'the range must have at most 1000 days'",
                    "compare_last - compare_first > 1000",
                );
                of_compared(
                    "compareFrom",
                    "'the days compared with must not be among the days asked for'",
                    "compare_first < last AND compare_last > first",
                );
            }
            "WITH $asked\n"
        }
    };
    if checks.is_empty() {
        return Ok("SELECT NULL AS field, NULL AS problem WHERE 0".to_owned());
    }
    Ok(format!("{asked}SELECT field, problem FROM (\n  {})\nORDER BY place LIMIT 1", checks.join("\n  UNION ALL ")))
}

/// The message for an invalid parameter, and the condition under which it is valid.
fn rule(name: &str, kind: &str) -> Result<Option<(String, String)>> {
    let digits = format!(":{name} NOT GLOB '*[^0-9]*' AND length(:{name}) BETWEEN 1 AND 9");
    let number = format!("CAST(:{name} AS INTEGER)");
    let one_of = |names: &str, or: &str| {
        let problem = format!("'must be one of ' || (SELECT group_concat(name, ', ') FROM ({names})){or}");
        (problem, format!("lower(:{name}) IN (SELECT lower(name) FROM ({names}))"))
    };
    Ok(Some(match kind {
        "text" | "id" => return Ok(None),
        "day" => (
            "'must be a date like 2026-01-31'".to_owned(),
            format!("(length(:{name}) = 10 AND :{name} >= '1970-01-01' AND date(:{name}) = :{name})"),
        ),
        "limit" => ("'must be between 1 and 1000'".to_owned(), format!("({digits} AND {number} BETWEEN 1 AND 1000)")),
        "days" => ("'must be between 0 and 1000'".to_owned(), format!("({digits} AND {number} <= 1000)")),
        "limbo reasons" => {
            ("'must be left or notBegun'".to_owned(), format!("(lower(:{name}) IN ('left', 'notbegun'))"))
        }
        "catalogue row" => {
            let last = "(SELECT max(number) FROM catalogue_rows)";
            (format!("'must be between 0 (none) and ' || {last}"), format!("({digits} AND {number} <= {last})"))
        }
        "cursor" => (
            "'must be the cursor of an earlier page'".to_owned(),
            format!(
                "(:{name} GLOB '[0-9]*-[0-9]*-[0-9]*' AND :{name} NOT GLOB '*[^0-9-]*' AND length(:{name}) <= 60
      AND length(:{name}) - length(replace(:{name}, '-', '')) = 2)"
            ),
        ),
        "search text" => (
            "'must have between 2 and 100 letters'".to_owned(),
            format!("(length(trim(:{name})) >= 2 AND length(:{name}) <= 100)"),
        ),
        "key and value" => {
            ("'must be a key and a value, like department=Sales'".to_owned(), format!("(instr(:{name}, '=') > 1)"))
        }
        "boolean" => ("'must be true or false'".to_owned(), format!("(:{name} IN ('true', 'false'))")),
        "reported platform" => {
            let names = "SELECT name FROM platforms WHERE reported = 1 ORDER BY id";
            let problem = format!("'must be ' || (SELECT group_concat(name, ' or ') FROM ({names}))");
            (problem, format!("lower(:{name}) IN (SELECT name FROM ({names}))"))
        }
        "attempts of" => {
            let (problem, valid) = one_of("SELECT name FROM platforms WHERE id > 0 ORDER BY id", " || ', all'");
            (problem, format!("({valid} OR lower(:{name}) = 'all')"))
        }
        "outcomes or incomplete" => {
            let (problem, valid) = one_of("SELECT name FROM outcomes WHERE id > 0 ORDER BY id", " || ', incomplete'");
            (problem, format!("({valid} OR lower(:{name}) = 'incomplete')"))
        }
        "platforms" | "sections" | "causes" | "esp_session_states" | "slices" => {
            one_of(&format!("SELECT name FROM {kind} WHERE id > 0 ORDER BY id"), "")
        }
        _ => return Err(Error::BuiltIn("question parameters")),
    }))
}
