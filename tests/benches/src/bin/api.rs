//! How fast the API answers over a large file: `cargo run --release -p vestibule-benches --bin api -- [DEVICES]`.
//!
//! Builds a report file (some 2.2 attempts a device; 450 000 devices, a million attempts, unless said otherwise),
//! publishes it, and asks the API for the incomplete report, the status, a page of the drill-down and what a search
//! finds: with its credential, its tenant, its limits and its JSON, over a real table and bucket. Beside each, in the
//! same run, the same statements by SQLite alone. An answer may be a second old, as deployed; what a refresh from the table adds is
//! printed too.
#![allow(clippy::print_stdout, reason = "printing is what it is for")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "the sample is that of the tests")]

#[path = "../../../../shared/report/tests/common/mod.rs"]
mod common;

use admin_api::Api;
use bytes::Bytes;
use common::{ADVICE, Rng, at, changes, context, device_events, tenant};
use http::{Request, StatusCode};
use rusqlite::trace::TraceEvent;
use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use vestibule_archive::Archive;
use vestibule_benches::{BoxError, Table, percentiles};
use vestibule_domain::{Day, Millis, Platform, TenantSettings, Timestamp};
use vestibule_host::Services;
use vestibule_host::s3::ObjectStore;
use vestibule_platform::credentials::{new_token, token_hash};
use vestibule_platform::{Access, Bus, Clock, Config};
use vestibule_report::reader::AttemptFilter;
use vestibule_report::{Change, Reader, SCHEMA_VERSION, Working};
use vestibule_store::{ApiToken, FileRecord, Role, Secret, SettingsHistory, Tenant};

const BUCKET: &str = "reports";
/// Timed answers for each question.
const TIMES: usize = 60;
/// Concurrent requests when throughput is measured.
const AT_ONCE: usize = 8;

/// Statements that the current answer needed.
static SEEN: Mutex<Vec<String>> = Mutex::new(Vec::new());

type Question = (&'static str, String, fn(&Reader<'_>, Day) -> vestibule_report::Result<()>);

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let devices = std::env::args().nth(1).map_or(Ok(450_000), |text| text.parse())?;
    let (from, as_of) = (at("2026-02-20T00:00:00Z"), at("2026-03-20T00:00:00Z"));
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("report.sqlite");
    let (attempts, sha256, size_bytes) = make(&path, devices, from, as_of)?;
    println!("{attempts} attempts, {size_bytes} bytes");

    // The clock starts at the file's instant and then advances with real time.
    let began = Instant::now();
    let offset = Arc::new(AtomicI64::new(0));
    let moved = Arc::clone(&offset);
    let clock = Clock::driven(move || {
        let elapsed = i64::try_from(began.elapsed().as_millis()).unwrap_or(0);
        as_of.millis() + elapsed + moved.load(Ordering::Relaxed)
    });
    let table = Table::start().await?;
    let objects = ObjectStore::open(folder.path().join("objects"))?;
    let clients = Services::new()?.with_files(objects).clients();
    clients.s3.create_bucket().bucket(BUCKET).send().await?;
    let body = aws_sdk_s3::primitives::ByteStream::from_path(&path).await?;
    clients.s3.put_object().bucket(BUCKET).key("file").body(body).send().await?;
    let token = add_tenant(&table, as_of).await?;
    let record = FileRecord {
        sha256,
        key: "file".to_owned(),
        size_bytes,
        as_of,
        rows: [("attempts".to_owned(), attempts)].into(),
        schema_version: SCHEMA_VERSION,
        corrections: 0,
        corrected: Vec::new(),
        summary: None,
        report_html: None,
    };
    table.store.advance_latest(&tenant(), &record, record.as_of).await?;
    let archive = Archive::new(
        table.store.clone(),
        clients.s3,
        BUCKET.to_owned(),
        folder.path().join("scratch"),
        Arc::clone(&ADVICE),
    );
    let config = Config {
        table: String::new(),
        bucket: BUCKET.to_owned(),
        bus: "bus".to_owned(),
        source: "bench".to_owned(),
        advice: None,
        staleness_ms: 0,
    };
    let bus = Bus::new(clients.events, &config);
    // An hour, so that no refresh falls into the timed requests. When deployed, it is a second.
    let archive = archive.with_staleness(Millis::from_minutes(60));
    let api = Api::new(archive, bus, clock, Access::default())?;

    let day = as_of.day(chrono_tz());
    let report = "/api/reports/incomplete-enrollments";
    let questions: [Question; 8] = [
        ("incomplete, 14 days", report.to_owned(), |reader, today| {
            reader.incomplete(today.plus(-13), today.plus(1), None, None).map(drop)
        }),
        (
            "incomplete, all days, iOS",
            format!("{report}?from={}&to={}&os=ios", day.plus(-27), day.plus(1)),
            |reader, today| reader.incomplete(today.plus(-27), today.plus(1), Some(Platform::Ios), None).map(drop),
        ),
        ("status", "/api/devices/enrollment-status".to_owned(), |reader, _| reader.status().map(drop)),
        ("drill-down, a page of 50", format!("{report}/attempts?catalogueRow=12"), |reader, _| {
            let filter = AttemptFilter { catalogue_row: Some(12), reported: true, ..AttemptFilter::default() };
            reader.attempts(&filter, None, 50).map(drop)
        }),
        ("search, a part of an address", "/api/search?text=rson.9".to_owned(), |reader, _| search(reader, "rson.9")),
        ("search, a part of a number", "/api/search?text=49999".to_owned(), |reader, _| search(reader, "49999")),
        ("search, in most names", "/api/search?text=device".to_owned(), |reader, _| search(reader, "device")),
        ("search, nowhere", "/api/search?text=nowhere".to_owned(), |reader, _| search(reader, "nowhere")),
    ];
    let cold = Instant::now();
    ask(&api, &token, &questions[2].1).await?;
    println!("first answer, which fetches the file: {:.2?}", cold.elapsed());
    println!(
        "{:<29} {:>9} {:>9} {:>9}   {:>9} {:>9}   {:>6} {:>6}",
        "", "API p50", "p99", "a second", "SQL p50", "p99", "p50 x", "p99 x"
    );
    let mut worst: f64 = 0.0;
    for (name, path_of, answer) in &questions {
        let statements = statements(&path, day, *answer)?;
        let plain = rusqlite::Connection::open_with_flags(&path, rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        let (mut of_api, mut of_sql) = (Vec::new(), Vec::new());
        for round in 0..=TIMES {
            let begun = Instant::now();
            ask(&api, &token, path_of).await?;
            let by_api = begun.elapsed();
            let begun = Instant::now();
            run(&plain, &statements)?;
            let by_sql = begun.elapsed();
            // The first answer of each fills caches.
            if round > 0 {
                of_api.push(by_api);
                of_sql.push(by_sql);
            }
        }
        let begun = Instant::now();
        for _ in 0..TIMES / AT_ONCE {
            let all = (0..AT_ONCE).map(|_| ask(&api, &token, path_of));
            futures::future::try_join_all(all).await?;
        }
        let a_second = (TIMES / AT_ONCE * AT_ONCE) as f64 / begun.elapsed().as_secs_f64();
        let ([api50, api99], [sql50, sql99]) = (percentiles(of_api), percentiles(of_sql));
        let ratio = |one: Duration, other: Duration| one.as_secs_f64() / other.as_secs_f64();
        worst = worst.max(ratio(api50, sql50));
        println!(
            "{name:<29} {:>9} {:>9} {a_second:>9.1}   {:>9} {:>9}   {:>6.2} {:>6.2}",
            shown(api50),
            shown(api99),
            shown(sql50),
            shown(sql99),
            ratio(api50, sql50),
            ratio(api99, sql99)
        );
    }
    println!("worst p50: {worst:.2} times plain SQLite");
    // After the hour, every answer reads changes from the table, and finds none.
    let mut refreshing = Vec::new();
    for _ in 0..TIMES / 4 {
        offset.fetch_add(2 * 3_600_000, Ordering::Relaxed);
        let begun = Instant::now();
        ask(&api, &token, &questions[2].1).await?;
        refreshing.push(begun.elapsed());
    }
    println!("status with a refresh from the table: p50 {}", shown(percentiles(refreshing)[0]));
    Ok(())
}

fn chrono_tz() -> vestibule_domain::time::Tz {
    vestibule_domain::time::Tz::UTC
}

fn search(reader: &Reader<'_>, text: &str) -> vestibule_report::Result<()> {
    reader.answer("search", &[("text".to_owned(), text.to_owned())].into()).map(drop)
}

/// Publishes a file of so many devices. Returns its attempts, SHA-256 and length.
fn make(path: &Path, devices: u64, from: Timestamp, as_of: Timestamp) -> Result<(u64, String, u64), BoxError> {
    let (tenant, settings) = (tenant(), TenantSettings::default());
    let context = context(&tenant, &settings);
    let begun = Instant::now();
    // No attempt is open at the end, so that nothing must be read again an hour later.
    let mut rng = Rng(1);
    let mut working = Working::create(&path.with_extension("working"), &context)?;
    let mut refresh = working.refresh(as_of)?;
    for device in 0..devices {
        let events = device_events(&mut rng, device, from, as_of - Millis::from_days(2));
        for change in changes(&[events], as_of) {
            refresh.apply(&Change { item: format!("item-{device}"), ..change })?;
        }
    }
    refresh.finish()?;
    let published = working.publish(path, None)?;
    println!("made in {:.1?}", begun.elapsed());
    Ok((published.rows["attempts"], published.sha256, published.size_bytes))
}

async fn add_tenant(table: &Table, now: Timestamp) -> Result<String, BoxError> {
    let token = new_token(tenant().as_str())?;
    let mut tenant = Tenant {
        id: tenant(),
        created_at: now,
        settings: TenantSettings::default(),
        webhook_secrets: Vec::new(),
        sources: Vec::new(),
        tokens: vec![ApiToken {
            id: "bench".to_owned(),
            name: "bench".to_owned(),
            role: Role::Reader,
            sha256: token_hash(&token),
            created_at: now,
            scope_tags: Vec::new(),
            expires_at: None,
        }],
        sign_in_codes: Vec::new(),
        pseudonym_key: Secret::new("key").into(),
        settings_history: SettingsHistory::default(),
        source_settings: std::collections::BTreeMap::new(),
        version: 0,
        feed: None,
        sealing: vestibule_store::Sealing::default(),
    };
    table.store.create_tenant(&mut tenant).await?;
    Ok(token)
}

async fn ask(api: &Api, token: &str, path: &str) -> Result<(), BoxError> {
    let request = Request::get(path).header("authorization", format!("Bearer {token}")).body(Bytes::new())?;
    let answer = api.handle(request).await;
    if answer.status() != StatusCode::OK {
        return Err(format!("{path}: {}: {}", answer.status(), String::from_utf8_lossy(answer.body())).into());
    }
    Ok(())
}

/// The statements that an answer needs, with their values written out.
fn statements(
    path: &Path,
    day: Day,
    answer: fn(&Reader<'_>, Day) -> vestibule_report::Result<()>,
) -> Result<Vec<String>, BoxError> {
    let seen = || SEEN.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let reader = Reader::open_traced(path, |event| {
        if let TraceEvent::Stmt(statement, _) = event
            && let Some(sql) = statement.expanded_sql()
        {
            SEEN.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(sql);
        }
    })?;
    seen().clear();
    answer(&reader, day)?;
    let found = std::mem::take(&mut *seen());
    Ok(found)
}

/// Prepares, runs and reads through statements, as any SQLite client would.
fn run(conn: &rusqlite::Connection, statements: &[String]) -> Result<(), BoxError> {
    for sql in statements {
        let mut statement = conn.prepare(sql)?;
        let columns = statement.column_count();
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            for column in 0..columns {
                std::hint::black_box(row.get_ref(column)?);
            }
        }
    }
    Ok(())
}

fn shown(time: Duration) -> String {
    format!("{:.2} ms", time.as_secs_f64() * 1_000.0)
}
