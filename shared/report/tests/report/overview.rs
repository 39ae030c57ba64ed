//! The overview and what got worse: over files whose sums are known, and held against a plain second implementation.
#![allow(clippy::cast_precision_loss)]

use crate::common;

use common::{at, build, changes, context, tenant, world};
use rusqlite::Connection;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use vestibule_domain::TenantSettings;
use vestibule_model::statistics::{BEYOND, LEAST, certain, p, z};
use vestibule_report::ask::Parameters;
use vestibule_report::{Error, Reader, summarise};

const AS_OF: &str = "2026-03-20T02:00:00Z";

/// A published file of forty days.
fn file(folder: &Path) -> PathBuf {
    let settings = TenantSettings { retention_days: 60, ..TenantSettings::default() };
    let (tenant, as_of) = (tenant(), at(AS_OF));
    let all = changes(&world(5, 400, at("2026-02-08T00:00:00Z"), as_of), as_of);
    let report = folder.join("r.sqlite");
    build(&folder.join("w"), &context(&tenant, &settings), &all, as_of).publish(&report, None).unwrap();
    report
}

fn given(pairs: &[(&str, &str)]) -> Parameters {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn ask(path: &Path, name: &str, pairs: &[(&str, &str)]) -> Map<String, Value> {
    Reader::open(path).unwrap().answer(name, &given(pairs)).unwrap().unwrap()
}

#[test]
fn a_day_that_is_not_over_is_left_out_on_both_sides() {
    let folder = tempfile::tempdir().unwrap();
    let report = file(folder.path());
    let days = |pairs: &[(&str, &str)]| {
        let answer = ask(&report, "overview", pairs);
        ["from", "to", "leftOut", "compareFrom", "compareTo"]
            .map(|name| answer[name].as_str().unwrap_or("-").to_owned())
    };
    let today = "2026-03-20";
    assert_eq!(days(&[]), ["2026-03-06", today, today, "2026-02-20", "2026-03-06"]);
    assert_eq!(days(&[("to", today)]), ["2026-03-06", today, "-", "2026-02-20", "2026-03-06"]);
    assert_eq!(days(&[("from", "2026-03-17")]), ["2026-03-17", today, today, "2026-03-14", "2026-03-17"]);
    // Only today: nothing is over, and that is said.
    assert_eq!(days(&[("from", today)]), [today, today, today, today, today]);
    let other = [("from", "2026-03-01"), ("to", "2026-03-05"), ("compareFrom", "2026-02-10")];
    assert_eq!(days(&other), ["2026-03-01", "2026-03-05", "-", "2026-02-10", "2026-02-14"]);
    let later =
        [("from", "2026-03-01"), ("to", "2026-03-05"), ("compareFrom", "2026-03-10"), ("compareTo", "2026-04-01")];
    assert_eq!(days(&later)[3..], ["2026-03-10", today]);
}

#[test]
fn days_to_compare_with_are_checked() {
    let folder = tempfile::tempdir().unwrap();
    let report = file(folder.path());
    let refused = |pairs: &[(&str, &str)]| match Reader::open(&report).unwrap().answer("overview", &given(pairs)) {
        Err(Error::InvalidFilter { field, problem }) => format!("{field}: {problem}"),
        other => format!("{other:?}"),
    };
    let span = [("from", "2026-03-01"), ("to", "2026-03-05")];
    let with = |more: &[(&'static str, &'static str)]| refused(&[&span[..], more].concat());
    let among = "compareFrom: the days compared with must not be among the days asked for";
    assert_eq!(with(&[("compareFrom", "2026-03-04")]), among);
    assert_eq!(with(&[("compareFrom", "2026-02-01"), ("compareTo", "2026-03-02")]), among);
    let later = "compareTo: must be later than compareFrom";
    assert_eq!(with(&[("compareFrom", "2026-02-02"), ("compareTo", "2026-02-02")]), later);
    assert_eq!(with(&[("compareFrom", "soon")]), "compareFrom: must be a date like 2026-01-31");
    let long = "compareFrom: the range must have at most 1000 days";
    assert_eq!(with(&[("compareFrom", "2020-02-02"), ("compareTo", "2026-02-02")]), long);
    assert_eq!(refused(&[("from", "2026-03-05"), ("to", "2026-03-05")]), "to: must be later than from");
}

/// A summary has the same sums, so it gives the same answer.
#[test]
fn a_summary_answers_as_its_file_does() {
    let folder = tempfile::tempdir().unwrap();
    let (report, summary) = (file(folder.path()), folder.path().join("s.sqlite"));
    summarise(&report, &summary).unwrap();
    let (whole, short) = (Reader::open(&report).unwrap(), Reader::open_summary(&summary).unwrap());
    for pairs in [
        &[][..],
        &[("os", "all")],
        &[("os", "ios"), ("section", "platformScreens")],
        &[("from", "2026-03-01"), ("compareFrom", "2026-02-10"), ("compareTo", "2026-02-12")],
    ] {
        let [one, other] = [&whole, &short].map(|reader| reader.answer("overview", &given(pairs)).unwrap().unwrap());
        // Actions that senders named may name somebody.
        for member in one.keys().filter(|member| *member != "ways") {
            assert_eq!(one[member], other[member], "{member} {pairs:?}");
        }
    }
    assert_eq!(whole.answer("got-worse", &given(&[])).unwrap(), short.answer("got-worse", &given(&[])).unwrap());
}

#[test]
fn what_is_said_of_a_difference_follows_from_the_counts() {
    let folder = tempfile::tempdir().unwrap();
    let report = file(folder.path());
    let conn = Connection::open(&report).unwrap();
    // The same share of each day: of iOS only.
    let asked = [("from", "2026-03-06"), ("os", "ios")];
    let set = |now: (u64, u64), before: (u64, u64)| {
        for (table, sum) in [("daily_totals", "measured"), ("daily_incomplete", "abandoned_measured")] {
            conn.execute_batch(&format!("UPDATE {table} SET {sum} = 0")).unwrap();
        }
        for (from, to, (k, n)) in [("2026-03-06", "2026-03-20", now), ("2026-02-20", "2026-03-06", before)] {
            let one = "platform_id = (SELECT id FROM platforms WHERE name = 'ios')
                AND day >= julianday(?2) - 2440587.5 AND day < julianday(?3) - 2440587.5 LIMIT 1";
            for (table, sum, count) in [("daily_totals", "measured", n), ("daily_incomplete", "abandoned_measured", k)]
            {
                let keys = if table == "daily_totals" {
                    "day, platform_label_id"
                } else {
                    "day, section_id, action_id, cause_id, catalogue_row, limit_minutes, place_reported"
                };
                let sql = format!(
                    "UPDATE {table} SET {sum} = ?1 WHERE platform_id = 3 AND ({keys}) = (SELECT {keys} FROM {table} WHERE {one})"
                );
                let sql = sql.replace("platform_id = 3", "platform_id = (SELECT id FROM platforms WHERE name = 'ios')");
                assert_eq!(conn.execute(&sql, (count, from, to)).unwrap(), 1, "{table}");
            }
        }
        ask(&report, "overview", &asked)["comparison"].as_str().unwrap().to_owned()
    };
    assert_eq!(set((30, 100), (30, 100)), "same");
    assert_eq!(set((60, 100), (30, 100)), "worse");
    assert_eq!(set((10, 100), (30, 100)), "better");
    assert_eq!(set((29, 29), (1, 1_000)), "tooFew");
    assert_eq!(set((5, 30), (5, 30)), "same");
    assert_eq!(set((0, 0), (30, 100)), "notReported");
    let kept = ask(&report, "overview", &[("from", "2026-01-25"), ("to", "2026-02-20")]);
    assert_eq!(kept["comparison"], "notKept");
    assert!(kept["z"].is_null() && kept["p"].is_null() && kept["difference"].is_null());
}

/// How many of how many, by day.
type Series = BTreeMap<(String, String), Vec<(i64, u64, u64)>>;

/// By what the question compares.
fn series(conn: &Connection, question: &str, today: i64) -> Series {
    match question {
        "got-worse" => of_steps_and_others(conn, today),
        "got-worse-apps" => of_apps(conn, today),
        _ => of_slices(conn, today),
    }
}

/// From the items of sessions, not from their sums.
fn of_apps(conn: &Connection, today: i64) -> Series {
    let items = "FROM (
        SELECT x.started_day AS day, coalesce(w.text, v.text) AS app, m.text AS model, max(i.errors > 0) AS failed,
          max(i.began_at IS NOT NULL) AS tried
        FROM esp_items i JOIN esp_sessions x ON x.session_no = i.session_no
        JOIN esp_categories c ON c.id = i.category_id AND c.name = 'apps'
        LEFT JOIN words v ON v.id = i.item_word LEFT JOIN words w ON w.id = i.name_word
        LEFT JOIN words m ON m.id = x.model_word GROUP BY i.session_no, coalesce(w.text, v.text))";
    let alone = format!("SELECT 'app', app, day, sum(failed), sum(tried) {items} GROUP BY app, day");
    let on_models = format!(
        "SELECT 'appModel', app || ' on ' || model, day, sum(failed), sum(tried) {items} WHERE model IS NOT NULL
         GROUP BY app, model, day"
    );
    let first = conn.query_row("SELECT min(day) FROM days", [], |row| row.get::<_, i64>(0)).unwrap();
    let mut all = Series::new();
    for sql in [alone, on_models] {
        let mut rows = conn.prepare(&sql).unwrap();
        let mut rows = rows.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            let day: i64 = row.get(2).unwrap();
            if (first.max(today - 35)..today).contains(&day) {
                let key = (row.get(0).unwrap(), row.get(1).unwrap());
                all.entry(key).or_default().push((day, row.get(3).unwrap(), row.get(4).unwrap()));
            }
        }
    }
    all
}

/// From the attempts themselves, not from their sums.
fn of_slices(conn: &Connection, today: i64) -> Series {
    let counted = "sum(has_starts AND outcome = 'abandoned'), sum(has_starts) FROM enrollment_attempts a";
    let by_column = |slice: &str, column: &str| {
        format!(
            "SELECT '{slice}', {column}, started_day, {counted} WHERE {column} IS NOT NULL GROUP BY {column}, started_day"
        )
    };
    let by_sender = format!(
        "SELECT 'source', w.text, started_day, {counted} JOIN attempt_sources s ON s.attempt_no = a.attempt_no
         JOIN words w ON w.id = s.source_word GROUP BY w.text, started_day"
    );
    let by_tag = format!(
        "SELECT 'tag', t.tag || '=' || t.value, started_day, {counted} JOIN device_tags t
           ON t.enrollment_key = a.enrollment_key GROUP BY t.tag, t.value, started_day"
    );
    let first = conn.query_row("SELECT min(day) FROM attempts_by_day", [], |row| row.get::<_, i64>(0)).unwrap();
    let mut all = Series::new();
    for sql in [
        by_column("model", "model"),
        by_column("osVersion", "os_version"),
        by_column("enrollmentType", "enrollment_type"),
        by_sender,
        by_tag,
    ] {
        let mut rows = conn.prepare(&sql).unwrap();
        let mut rows = rows.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            let key = (row.get(0).unwrap(), row.get(1).unwrap());
            let date: String = row.get(2).unwrap();
            let day = i64::from(vestibule_domain::Day::parse(&date).unwrap().get());
            if (first.max(today - 35)..today).contains(&day) {
                all.entry(key).or_default().push((day, row.get(3).unwrap(), row.get(4).unwrap()));
            }
        }
    }
    all
}

fn of_steps_and_others(conn: &Connection, today: i64) -> Series {
    let steps = "SELECT 'step', action, day, sum(gave_up), sum(reached) FROM steps_by_day GROUP BY action, day";
    let platforms = "SELECT 'platform', platform, day, abandoned_measured, measured FROM attempts_by_day
        WHERE platform IS NOT NULL";
    let failures = "SELECT 'failure', CASE WHEN code LIKE '0x%' THEN code ELSE category END, day, sum(failed), 0
        FROM failures_by_day WHERE subject = 'attempt' AND (code LIKE '0x%' OR category IS NOT NULL) GROUP BY 2, day";
    let profiles = "SELECT 'espProfile', profile_id, day, sum(failed + timed_out), sum(n) FROM esp_by_day
        WHERE profile_id IS NOT NULL GROUP BY profile_id, day";
    let mut all = Series::new();
    for sql in [steps, platforms, failures, profiles] {
        let mut rows = conn.prepare(sql).unwrap();
        let mut rows = rows.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            let key = (row.get(0).unwrap(), row.get(1).unwrap());
            let day: i64 = row.get(2).unwrap();
            if (today - 35..today).contains(&day) {
                all.entry(key).or_default().push((day, row.get(3).unwrap(), row.get(4).unwrap()));
            }
        }
    }
    // Failures are of all that was initiated.
    let mut initiated = conn.prepare("SELECT day, sum(initiated) FROM attempts_by_day GROUP BY day").unwrap();
    let initiated: BTreeMap<i64, u64> =
        initiated.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap().map(Result::unwrap).collect();
    for ((kind, _), days) in &mut all {
        if kind == "failure" {
            let failed: BTreeMap<i64, u64> = days.iter().map(|(day, k, _)| (*day, *k)).collect();
            let range = initiated.range(today - 35..today);
            *days = range.map(|(day, n)| (*day, failed.get(day).copied().unwrap_or(0), *n)).collect();
        }
    }
    all
}

fn sum<'d>(days: impl Iterator<Item = &'d (i64, u64, u64)>) -> (u64, u64) {
    days.fold((0, 0), |(k, n), (_, more, of)| (k + more, n + of))
}

/// Something that got worse: its name; how many of how many now and before; since which day.
type Worse = (String, [u64; 4], i64);

/// What the question must answer: how many were seen and compared, and what got worse.
fn plainly(conn: &Connection, question: &str) -> (u64, u64, Vec<Worse>) {
    let today: i64 =
        conn.query_row("SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'asOfDay'", [], |row| row.get(0)).unwrap();
    let all = series(conn, question, today);
    let mut enough = Vec::new();
    for ((_, name), days) in &all {
        let now = sum(days.iter().filter(|(day, ..)| *day >= today - 7));
        let before = sum(days.iter().filter(|(day, ..)| *day < today - 7));
        if now.1 >= LEAST && before.1 >= LEAST {
            enough.push((name.clone(), days, now, before));
        }
    }
    let z_of: Vec<Option<f64>> = enough.iter().map(|(_, _, now, before)| z(*now, *before)).collect();
    let chances: Vec<f64> = z_of.iter().map(|z| z.map_or(1.0, p)).collect();
    let mut worse = Vec::new();
    for (((name, days, now, before), z_now), is_certain) in enough.iter().zip(&z_of).zip(certain(&chances)) {
        if !is_certain || z_now.is_none_or(|z| z <= 0.0) {
            continue;
        }
        let (mut best, mut since) = (f64::MIN, 0);
        for (split, _, n) in *days {
            let after = sum(days.iter().filter(|(day, ..)| day >= split));
            let earlier = sum(days.iter().filter(|(day, ..)| day < split));
            if let Some(z) = z(after, earlier).filter(|z| *n > 0 && *z > best + 1e-12) {
                (best, since) = (z, *split);
            }
        }
        worse.push((name.clone(), [now.0, now.1, before.0, before.1], since));
    }
    let excess = |of: &[u64; 4]| of[0] as f64 - of[2] as f64 * of[1] as f64 / of[3] as f64;
    worse.sort_by(|one, other| excess(&other.1).total_cmp(&excess(&one.1)).then(one.0.cmp(&other.0)));
    let seen = all.values().filter(|days| sum(days.iter().filter(|(day, ..)| *day >= today - 7)).1 > 0).count();
    (seen as u64, enough.len() as u64, worse)
}

fn answered(report: &Path, question: &str) -> (u64, u64, Vec<Worse>) {
    let answer = ask(report, question, &[]);
    let number = |value: &Value| value.as_u64().unwrap();
    let worse = answer["worse"].as_array().unwrap().iter().map(|one| {
        let counts = ["affected", "n", "affectedBefore", "nBefore"].map(|name| number(&one[name]));
        let since = vestibule_domain::Day::parse(one["since"].as_str().unwrap()).unwrap();
        assert!(one["excess"].as_f64().unwrap() > 0.0 && one["z"].as_f64().unwrap() > BEYOND, "{one}");
        let model = one.get("model").and_then(Value::as_str).map(|model| format!(" on {model}"));
        (one["name"].as_str().unwrap().to_owned() + &model.unwrap_or_default(), counts, i64::from(since.get()))
    });
    (number(&answer["seen"]), number(&answer["compared"]), worse.collect())
}

/// Sums of thirty-five days and today, of two steps.
fn sums(conn: &Connection, counts: impl Fn(&str, i64) -> (u64, u64)) -> i64 {
    conn.execute_batch(
        "PRAGMA foreign_keys = OFF; PRAGMA synchronous = OFF; BEGIN; DELETE FROM daily_steps; DELETE FROM daily_totals; DELETE FROM daily_failures;
         DELETE FROM esp_sessions",
    )
    .unwrap();
    let today: i64 =
        conn.query_row("SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'asOfDay'", [], |row| row.get(0)).unwrap();
    let mut insert = conn
        .prepare(
            "INSERT INTO daily_steps SELECT ?1, p.id, a.id, ?3, ?3 - ?4, ?4, 0, 0, 0, 0, 0 FROM platforms p, actions a
             WHERE p.name = 'ios' AND a.name = ?2",
        )
        .unwrap();
    for day in today - 40..=today {
        for step in ["TermsofUse", "iOSProfileLaunch", "Compliance"] {
            let (gave_up, reached) = counts(step, day - today);
            assert_eq!(insert.execute((day, step, reached, gave_up)).unwrap(), 1);
        }
    }
    conn.execute_batch("COMMIT").unwrap();
    today
}

#[test]
fn what_got_worse_is_found_with_its_day_and_nothing_else_is() {
    let folder = tempfile::tempdir().unwrap();
    let report = file(folder.path());
    let conn = Connection::open(&report).unwrap();
    assert_eq!(answered(&report, "got-worse"), plainly(&conn, "got-worse"), "a file as it is");

    let same = |_: &str, _: i64| (4, 40);
    sums(&conn, same);
    assert_eq!(answered(&report, "got-worse"), (3, 3, vec![]));

    // From five days ago on, three times as many. Today is not over: it does not count.
    let today = sums(&conn, |step, day| match (step, day) {
        ("iOSProfileLaunch", -5..=-1) => (9, 30),
        ("iOSProfileLaunch", 0) => (30, 30),
        ("iOSProfileLaunch", _) => (3, 30),
        _ => (4, 40),
    });
    let expected = vec![("iOSProfileLaunch".to_owned(), [51, 210, 84, 840], today - 5)];
    assert_eq!(answered(&report, "got-worse"), (3, 3, expected.clone()));
    assert_eq!(plainly(&conn, "got-worse").2, expected);
    let one = &ask(&report, "got-worse", &[])["worse"][0];
    assert!((one["excess"].as_f64().unwrap() - 30.0).abs() < 1e-9 && one["kind"] == "step", "{one}");

    // Better is not worse, and a few are too few.
    sums(&conn, |_, day| if day >= -7 { (0, 40) } else { (8, 40) });
    assert_eq!(answered(&report, "got-worse").2, vec![]);
    sums(&conn, |_, day| if day >= -7 { (4, 4) } else { (0, 4) });
    assert_eq!(answered(&report, "got-worse"), (3, 0, vec![]), "28 on one side");
}

/// Where nothing changed, chance alone must rarely be taken for a change.
#[test]
fn chance_is_rarely_taken_for_a_change() {
    let folder = tempfile::tempdir().unwrap();
    let report = file(folder.path());
    let conn = Connection::open(&report).unwrap();
    let state = std::cell::Cell::new(0x2545_f491_4f6c_dd1d_u64);
    let next = || {
        let mut x = state.get();
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        state.set(x);
        x >> 33
    };
    let mut wrong = 0;
    for _ in 0..60 {
        sums(&conn, |_, _| ((0..25).filter(|_| next() % 5 == 0).count() as u64, 25));
        let (answer, plain) = (answered(&report, "got-worse"), plainly(&conn, "got-worse"));
        assert_eq!(answer, plain);
        wrong += u64::from(!answer.2.is_empty());
    }
    // One in twenty at most is expected, of sixty: three.
    assert!(wrong <= 8, "{wrong} of 60");
}

/// The sums of slices alone are set: of one model, one version and one sender.
#[test]
fn a_model_that_got_worse_is_found_and_what_was_not_reported_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let report = file(folder.path());
    let conn = Connection::open(&report).unwrap();
    assert_eq!(answered(&report, "got-worse-slices"), plainly(&conn, "got-worse-slices"), "a file as it is");

    conn.execute_batch("PRAGMA foreign_keys = OFF; DELETE FROM daily_slices").unwrap();
    let today: i64 =
        conn.query_row("SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'asOfDay'", [], |row| row.get(0)).unwrap();
    let words: Vec<i64> = {
        let mut words = conn.prepare("SELECT id FROM words WHERE id <> 0 ORDER BY text LIMIT 3").unwrap();
        words.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    };
    let mut insert = conn
        .prepare(
            "INSERT INTO daily_slices SELECT k.id, ?2, p.id, ?3, 40, 0, ?4, 0, 0, 40, ?4, 0, 40, 0, 0, 0, 0
             FROM platforms p, slices k
             WHERE p.name = 'ios' AND k.name = ?1",
        )
        .unwrap();
    for day in today - 40..=today {
        let rises = if day >= today - 3 { 20 } else { 4 };
        for (slice, word, abandoned) in
            [("model", words[0], rises), ("model", words[1], 4), ("model", 0, rises), ("osVersion", words[2], 4)]
        {
            assert_eq!(insert.execute((slice, day, word, abandoned)).unwrap(), 1);
        }
    }
    let (seen, compared, worse) = answered(&report, "got-worse-slices");
    assert_eq!((seen, compared, worse.len()), (3, 3, 1));
    assert_eq!(worse[0].1, [4 * 4 + 3 * 20, 280, 4 * 28, 40 * 28]);
    assert_eq!(worse[0].2, today - 3);
    let one = &ask(&report, "got-worse-slices", &[])["worse"][0];
    assert_eq!((&one["kind"], &one["displayName"]), (&Value::from("model"), &Value::Null));
}

/// The sums of apps alone are set: of two apps on two models, one of which was not reported.
#[test]
fn an_app_that_got_worse_on_a_model_is_found_since_its_day() {
    let folder = tempfile::tempdir().unwrap();
    let report = file(folder.path());
    let conn = Connection::open(&report).unwrap();
    let (as_it_is, plain) = (answered(&report, "got-worse-apps"), plainly(&conn, "got-worse-apps"));
    assert!(as_it_is.0 > 10, "{as_it_is:?}");
    assert_eq!(as_it_is, plain, "a file as it is");

    conn.execute_batch("PRAGMA foreign_keys = OFF; DELETE FROM daily_apps").unwrap();
    let today: i64 =
        conn.query_row("SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'asOfDay'", [], |row| row.get(0)).unwrap();
    let word = |text: &str| -> i64 {
        conn.query_row("SELECT id FROM words WHERE text = ?1", [text], |row| row.get(0)).unwrap()
    };
    let (one, two, model) = (word("App 1"), word("App 2"), word("Model 1"));
    let mut insert = conn.prepare("INSERT INTO daily_apps VALUES (?1, ?2, ?3, 40, 40, 40 - ?4, ?4, ?4, 0, 0)").unwrap();
    for day in today - 40..=today {
        let rises = if day >= today - 3 { 20 } else { 4 };
        for (app, model, failed) in [(one, model, rises), (one, 0, 4), (two, model, 4), (two, 0, 4)] {
            insert.execute((day, app, model, failed)).unwrap();
        }
        insert.execute((day, 0, model, 0)).unwrap();
    }
    let answer = ask(&report, "got-worse-apps", &[]);
    let (seen, compared, worse) = answered(&report, "got-worse-apps");
    // Two apps, and each on the one model that was reported.
    assert_eq!((seen, compared), (4, 4));
    let both = [4 * 4 + 3 * 20, 280, 4 * 28, 40 * 28];
    // As many more than before: first the app, then the app on its model.
    assert_eq!(worse[0], ("App 1".to_owned(), [both[0] + 28, 560, 8 * 28, 80 * 28], today - 3));
    assert_eq!(worse[1], ("App 1 on Model 1".to_owned(), both, today - 3));
    assert_eq!(worse.len(), 2);
    let [alone, on_model] = [&answer["worse"][0], &answer["worse"][1]];
    assert_eq!((&alone["kind"], &alone["model"]), (&"app".into(), &Value::Null));
    assert_eq!(
        ["kind", "name", "model"].map(|name| on_model[name].as_str().unwrap()),
        ["appModel", "App 1", "Model 1"]
    );
}
