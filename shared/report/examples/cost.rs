//! What a file costs: `cargo run --release -p vestibule-report --example cost [DEVICES]`.
//!
//! Builds a file from nothing, refreshes it after one device in a hundred changed, publishes it after each, and times
//! the queries: the best of seven runs.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

#[path = "../tests/common/mod.rs"]
mod common;

use common::{at, build, changes, context, tenant, world};
use std::time::Instant;
use vestibule_domain::{Cause, Millis, TenantSettings};
use vestibule_report::diagnosis::{Known, Subject};
use vestibule_report::reader::{AttemptFilter, EspSessionFilter};

fn main() {
    let devices = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(50_000);
    let (tenant, settings) = (tenant(), TenantSettings::default());
    let context = context(&tenant, &settings);
    let (from, until) = (at("2026-02-20T00:00:00Z"), at("2026-03-20T00:00:00Z"));
    let mut events = world(1, devices, from, until);
    let all = changes(&events, until);
    let folder = tempfile::tempdir().unwrap();

    let begun = Instant::now();
    let mut working = build(&folder.path().join("working"), &context, &all, until);
    let built = begun.elapsed();

    // One device in a hundred reports an event again an hour later.
    let later = until + Millis::from_minutes(60);
    for events in events.iter_mut().step_by(100) {
        let mut again = events[0].clone();
        again.key.id.push_str(" again");
        (again.time, again.received_at) = (later, later);
        events.push(again);
    }
    let changed: Vec<_> = changes(&events, later).into_iter().step_by(100).collect();
    let published = working.publish(&folder.path().join("first"), None).unwrap();
    let attempts = published.rows["attempts"];
    println!(
        "{attempts} attempts, {} events, {} devices",
        published.rows["attempt_events"], published.rows["enrollments"]
    );
    println!("built in {built:?}, {:.0} attempts a second", attempts as f64 / built.as_secs_f64());
    println!("{} bytes, {} an attempt", published.size_bytes, published.size_bytes / attempts);
    println!("publish: {:?}", published.spent);
    let begun = Instant::now();
    let mut refresh = working.refresh(later).unwrap();
    changed.iter().for_each(|change| refresh.apply(change).unwrap());
    refresh.finish().unwrap();
    let refreshed = begun.elapsed();
    println!(
        "refreshed {} devices in {refreshed:?}: 1/{:.0} of the build",
        changed.len(),
        built.as_secs_f64() / refreshed.as_secs_f64()
    );
    let again = working.publish(&folder.path().join("second"), Some(&folder.path().join("first"))).unwrap();
    println!("publish, {} corrections: {:?}", again.corrections, again.spent);

    let begun = Instant::now();
    let summary = vestibule_report::summarise(&folder.path().join("first"), &folder.path().join("summary")).unwrap();
    println!("summary: {} bytes in {:?}", summary.size_bytes, begun.elapsed());

    let reader = working.reader().unwrap();
    let begun = Instant::now();
    println!("page: {} bytes in {:?}", vestibule_report::report_html(&reader).unwrap().len(), begun.elapsed());
    let (from, to) = reader.window().unwrap();
    let time = |what: &str, run: &dyn Fn()| {
        let once = |_| {
            let begun = Instant::now();
            run();
            begun.elapsed()
        };
        println!("{what}: {:?}", (0..7).map(once).min().unwrap());
    };
    time("incomplete, whole window", &|| drop(reader.incomplete(from, to, None, None).unwrap()));
    time("incomplete, fourteen days", &|| drop(reader.incomplete(to.plus(-14), to, None, None).unwrap()));
    time("status", &|| drop(reader.status().unwrap()));
    time("active", &|| drop(reader.active(None, 100).unwrap()));
    time("failures", &|| drop(reader.failures(from, to, None, 50).unwrap()));
    time("attempts", &|| drop(reader.attempts(&AttemptFilter::default(), None, 100).unwrap()));
    let user = AttemptFilter { user: Some("person.7@contoso.example".to_owned()), ..AttemptFilter::default() };
    time("attempts of a user", &|| drop(reader.attempts(&user, None, 100).unwrap()));
    let id = AttemptFilter { user: Some("u-7".to_owned()), ..AttemptFilter::default() };
    time("attempts of a user's id", &|| drop(reader.attempts(&id, None, 100).unwrap()));
    let screen = AttemptFilter { screen: Some("installProfile".to_owned()), ..AttemptFilter::default() };
    time("attempts of a screen", &|| drop(reader.attempts(&screen, None, 100).unwrap()));
    let action = AttemptFilter { action: Some("KnoxActivation".to_owned()), ..AttemptFilter::default() };
    time("attempts of an action", &|| drop(reader.attempts(&action, None, 100).unwrap()));
    let cause = AttemptFilter { cause: Some(Cause::Unenrolled), ..AttemptFilter::default() };
    time("attempts of a cause", &|| drop(reader.attempts(&cause, None, 100).unwrap()));
    let none = AttemptFilter { action: Some("of nobody's".to_owned()), ..AttemptFilter::default() };
    time("attempts of an action that no attempt has", &|| drop(reader.attempts(&none, None, 100).unwrap()));
    let person = Subject::User("person.7@contoso.example".to_owned());
    let known = || Known { device_limit: 15, shows_profiles: true, silent: Vec::new() };
    time("diagnostics of a user", &|| drop(reader.diagnose(&person, known()).unwrap()));
    let row = AttemptFilter { catalogue_row: Some(12), ..AttemptFilter::default() };
    time("attempts of a row", &|| drop(reader.attempts(&row, None, 100).unwrap()));
    time("ESP overview, whole window", &|| drop(reader.esp_overview(from, to, 20).unwrap()));
    time("ESP overview, fourteen days", &|| drop(reader.esp_overview(to.plus(-14), to, 20).unwrap()));
    time("ESP sessions", &|| drop(reader.esp_session_page(&EspSessionFilter::default(), None, 100).unwrap()));
    let stuck = EspSessionFilter { stuck: Some(true), ..EspSessionFilter::default() };
    time("ESP sessions that are stuck", &|| drop(reader.esp_session_page(&stuck, None, 100).unwrap()));
    let size = |sql: &str| {
        let conn = rusqlite::Connection::open(folder.path().join("first")).unwrap();
        let mut rows = conn.prepare(sql).unwrap();
        let rows = rows.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?)));
        rows.map(|rows| rows.map(Result::unwrap).for_each(|(name, bytes)| println!("  {bytes:>12} {name}"))).ok();
    };
    size("SELECT name, sum(pgsize) FROM dbstat GROUP BY 1 ORDER BY 2 DESC LIMIT 16");
}
