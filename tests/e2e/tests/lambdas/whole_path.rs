//! From a sender's request to the file that an administrator opens.

use reqwest::Method;
use rusqlite::{Connection, OpenFlags};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use vestibule_domain::identity::IdentifierKind;
use vestibule_domain::{Identifier, Millis, TenantSettings, fold};
use vestibule_e2e::{Stack, Tenancy, event_at, now, reading};
use vestibule_host::stream::Stream;

const OPEN: &str = "c02open";
const FAILED: &str = "c02failed";
const SILENT: &str = "c02silent";

fn scheduled() -> Value {
    json!({
        "version": "0",
        "id": "00000000-0000-4000-8000-000000000000",
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": "000000000000",
        "time": now().to_string(),
        "region": "us-east-1",
        "resources": [],
        "detail": {},
    })
}

/// The id of a device's only attempt, folded here.
async fn attempt_id(stack: &Stack, tenancy: &Tenancy, device: &str) -> String {
    let name = Identifier::new(IdentifierKind::SerialNumber, device).unwrap();
    let stored = stack.store.find(&tenancy.tenant.id, &name, now()).await.unwrap().expect("it is in the table");
    let folded = fold(&tenancy.tenant.id, &stored.history, &tenancy.tenant.settings, now());
    assert_eq!(folded.attempts.len(), 1);
    folded.attempts[0].id.to_string()
}

/// Ids of publications by detail type and attempt; a repeated publication has the same id.
fn ids(stack: &Stack) -> BTreeMap<(&'static str, String), Vec<String>> {
    let mut ids: BTreeMap<_, Vec<String>> = BTreeMap::new();
    for kind in ["EnrollmentStarted", "EnrollmentAbandoned", "EnrollmentFailed", "EnrollmentCompleted"] {
        for detail in stack.published(kind) {
            let text = |name: &str| detail[name].as_str().unwrap().to_owned();
            ids.entry((kind, text("attemptId"))).or_default().push(text("id"));
        }
    }
    ids
}

/// Three attempts: one continues, one fails, and one had its latest event an hour ago.
async fn send_events(stack: &Stack, tenancy: &Tenancy) {
    let ios = json!({"platform": "ios"});
    let single = event_at("enrollment.started", OPEN, 6, &ios);
    let answer = stack.post("enrollment-events", "enrollment-events", tenancy, &single).await;
    assert_eq!((answer.status.as_u16(), &answer.json()["accepted"]), (202, &json!(1)), "{}", answer.text());
    let terms = json!({"platform": "ios", "section": "termsOfUse", "action": "TermsofUse", "screen": "termsOfUse"});
    let failure = json!({"platform": "ios", "failure": {"code": "0x80180014", "reason": "deviceTypeRestricted"}});
    let batch = json!([
        event_at("enrollment.step.entered", OPEN, 5, &terms),
        event_at("enrollment.started", FAILED, 6, &ios),
        event_at("enrollment.failed", FAILED, 5, &failure),
    ]);
    let answer = stack.post("enrollment-events", "enrollment-events", tenancy, &batch).await;
    assert_eq!((answer.status.as_u16(), &answer.json()["accepted"]), (202, &json!(3)), "{}", answer.text());

    // As the hook stored it at that time.
    let then = now() - Millis::from_minutes(60);
    let silent =
        [event_at("enrollment.started", SILENT, 61, &ios), event_at("enrollment.step.entered", SILENT, 60, &terms)];
    let events = silent.iter().map(|event| reading(event, then + Millis::from_seconds(1))).collect();
    let added = stack.store.add_events(&tenancy.tenant.id, &tenancy.tenant.settings, events, then).await;
    assert_eq!(added.unwrap().len(), 2);
}

async fn sweep_and_publish(stack: &Stack, tenancy: &Tenancy) {
    stack.settle().await;
    let [open, failed, silent] = [
        attempt_id(stack, tenancy, OPEN).await,
        attempt_id(stack, tenancy, FAILED).await,
        attempt_id(stack, tenancy, SILENT).await,
    ];
    let mut expected = vec![
        ("EnrollmentFailed", failed.clone()),
        ("EnrollmentStarted", failed),
        ("EnrollmentStarted", open),
        ("EnrollmentStarted", silent.clone()),
    ];
    let published = |stack: &Stack| ids(stack).into_keys().collect::<Vec<_>>();
    expected.sort();
    assert_eq!(published(stack), expected, "before the sweep");

    let swept = stack.invoke("abandonment-sweep", &scheduled()).await;
    assert_eq!((&swept["due"], &swept["flagged"]), (&json!(1), &json!(1)), "{swept}");
    let swept = stack.invoke("abandonment-sweep", &scheduled()).await;
    assert_eq!((&swept["due"], &swept["flagged"]), (&json!(0), &json!(0)), "{swept}");
    stack.settle().await;
    expected.push(("EnrollmentAbandoned", silent));
    expected.sort();
    assert_eq!(published(stack), expected, "after the sweep");
    assert!(ids(stack).values().all(|ids| ids.len() == 1), "each is published once");

    // The whole stream again: everything is published again and is recognisable.
    let (client, template) = (stack.host.clients.streams.clone(), stack.host.template());
    let fresh = stack.folder().join("fresh.json");
    let mut again = Stream::open(client, "vestibule", template.stream.clone(), fresh).unwrap();
    again.drain(&stack.functions(&[])).await.unwrap();
    assert_eq!(published(stack), expected);
    for (what, ids) in ids(stack) {
        assert_eq!((ids.len(), &ids[0]), (2, &ids[1]), "{what:?}");
    }
}

/// Ticks until the file exists, and then repeats everything once.
async fn export(stack: &Stack, tenancy: &Tenancy) -> Value {
    let tick = scheduled();
    assert_eq!(stack.invoke("report-tick", &tick).await["requested"], 1);
    let requests = stack.published("ReportExportRequested");
    assert_eq!((requests.len(), &requests[0]["tenant"]), (1, &json!("contoso")));
    assert_eq!(stack.published("ReportPublished").len(), 0);
    stack.settle().await;
    let published = stack.published("ReportPublished");
    assert_eq!((published.len(), &published[0]["asOf"]), (1, &requests[0]["asOf"]));

    let request = json!({"detail-type": "ReportExportRequested", "detail": requests[0]});
    let again = stack.invoke("report-export", &request).await;
    assert_eq!((&again["isNew"], &again["sha256"]), (&json!(false), &published[0]["sha256"]));
    let repeated = stack.published("ReportPublished");
    assert!(repeated.iter().all(|one| *one == published[0]), "published again with the same id");
    assert_eq!(stack.store.files(&tenancy.tenant.id, 10).await.unwrap().len(), 1);
    assert_eq!(stack.invoke("report-tick", &tick).await["requested"], 0, "nothing is due any more");
    published[0].clone()
}

async fn link(stack: &Stack, tenancy: &Tenancy, method: Method) -> String {
    let answer = stack.ask("admin-api", method, tenancy, "/api/reports/files/latest").await;
    assert_eq!(answer.status, 302, "{}", answer.text());
    answer.header("location").to_owned()
}

async fn download(stack: &Stack, tenancy: &Tenancy, published: &Value) -> Connection {
    let get = link(stack, tenancy, Method::GET).await;
    let whole = stack.follow(Method::GET, &get, |request| request).await;
    assert_eq!(whole.status, 200, "{}", whole.text());
    let day = &published["asOf"].as_str().unwrap()[..10];
    let name = format!("attachment; filename=\"vestibule-contoso-{day}.sqlite\"");
    assert_eq!(whole.header("content-disposition"), name);
    assert_eq!(published["sizeBytes"], whole.body.len());
    let part = stack.follow(Method::GET, &get, |request| request.header("range", "bytes=0-15")).await;
    assert_eq!((part.status.as_u16(), part.body.as_slice()), (206, b"SQLite format 3\0".as_slice()));

    let head = link(stack, tenancy, Method::HEAD).await;
    let head = stack.follow(Method::HEAD, &head, |request| request).await;
    assert_eq!((head.status.as_u16(), head.body.len()), (200, 0));
    assert_eq!(head.header("content-length"), whole.body.len().to_string());

    let path = stack.folder().join("downloaded.sqlite");
    std::fs::write(&path, whole.body).unwrap();
    Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn from_a_request_to_the_file() {
    let stack = Stack::start().await;
    // A nightly file that became due at the beginning of this minute.
    let export_at = now().to_string()[11..16].to_owned().try_into().unwrap();
    let tenancy = stack.tenant("contoso", TenantSettings { export_at, ..TenantSettings::default() }).await;
    send_events(&stack, &tenancy).await;
    sweep_and_publish(&stack, &tenancy).await;
    let published = export(&stack, &tenancy).await;
    let file = download(&stack, &tenancy, &published).await;

    let checked: String = file.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(checked, "ok");
    let mut query = file.prepare("SELECT outcome, count(*) FROM enrollment_attempts GROUP BY outcome").unwrap();
    let rows = query.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, u64>(1)?))).unwrap();
    let counts: BTreeMap<String, u64> = rows.map(Result::unwrap).collect();
    let expected = [("abandoned", 1), ("failed", 1), ("inProgress", 1)].map(|(name, count)| (name.to_owned(), count));
    assert_eq!(counts, BTreeMap::from(expected));

    let answer = stack.ask("admin-api", Method::GET, &tenancy, "/api/reports/incomplete-enrollments").await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let report = answer.json();
    for (name, count) in [
        ("initiated", counts.values().sum()),
        ("incomplete", counts["abandoned"] + counts["failed"]),
        ("abandoned", counts["abandoned"]),
        ("failed", counts["failed"]),
        ("open", counts["inProgress"]),
        ("completed", 0),
    ] {
        assert_eq!(report[name], count, "{name}: {report}");
        let in_file: u64 =
            file.query_row(&format!("SELECT {name} FROM incomplete_rollup"), [], |row| row.get(0)).unwrap();
        assert_eq!(in_file, count, "{name}");
    }
}
