//! Each alarm of the template is raised by its cause, through the metric that it watches; a stack that works raises none.
//!
//! The functions are the real programs. What only AWS counts is counted by `Account`, and the age of records and the
//! next minute are said to it, so that nobody waits for them.

use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use tokio::sync::Semaphore;
use vestibule_conformance::proxy::{Fault, Proxy};
use vestibule_domain::{Millis, TenantSettings};
use vestibule_e2e::{Account, Answer, Failing, Sink, Stack, Template, Tenancy, dead_endpoint, event_at, now};

/// More than any test runs at once.
const LARGE: usize = 1_000;

const NOT_STARTED: [&str; 4] = ["EnrollmentEventsErrors", "EspStatusErrors", "AdminApiErrors", "ApiFails"];
/// Those on webhooks with addresses of their own.
const NOT_STARTED_THERE: [&str; 2] = ["EnrollmentEventsUrlFails", "EspStatusUrlFails"];
const CROWDED: [&str; 4] =
    ["EnrollmentEventsThrottles", "EspStatusThrottles", "AdminApiThrottles", "AccountConcurrency"];
const SCARCE_TABLE: [&str; 4] =
    ["TableWritesThrottled", "DueIndexThrottled", "ChangesIndexThrottled", "TableReadsThrottled"];
const NO_TABLE: [&str; 7] = [
    "SweepMissed",
    "AbandonmentSweepFails",
    "ReportTickFails",
    "GraphPullFails",
    "NotifyFails",
    "ReportExportHasDeadLetters",
    "RulesHaveDeadLetters",
];
const NO_FILE: [&str; 1] = ["ExportMissed"];
const STREAM: [&str; 4] =
    ["EventPublisherErrors", "EventPublisherBehind", "EventPublisherHasDeadLetters", "StreamHasDeadLetters"];

#[test]
fn every_alarm_is_raised_by_a_test() {
    let raised = [&NOT_STARTED[..], &NOT_STARTED_THERE, &CROWDED, &SCARCE_TABLE, &NO_TABLE, &NO_FILE, &STREAM].concat();
    let raised: BTreeSet<String> = raised.into_iter().map(str::to_owned).collect();
    let alarms: BTreeSet<String> = Template::read(&[]).alarms().into_iter().map(|alarm| alarm.name).collect();
    assert_eq!(raised, alarms);
}

/// These are raised, some minutes from now, and not before it happened.
fn assert_raised(account: &Account<'_>, minutes: i64, expected: &[&str]) {
    let raised = account.raised_in(minutes);
    for alarm in expected {
        assert!(raised.contains(*alarm), "{alarm} is not raised: {raised:?}");
    }
}

/// Those that are raised although nothing has run for a while, as in a stack that was just created.
fn without_a_run() -> BTreeSet<String> {
    ["ExportMissed", "SweepMissed"].map(str::to_owned).into()
}

fn scheduled() -> Value {
    json!({"detail-type": "Scheduled Event", "source": "aws.events", "time": now().to_string(), "detail": {}})
}

/// Settings under which a nightly file became due so many minutes ago.
fn due_since(minutes: i64) -> TenantSettings {
    let at = (now() - Millis::from_minutes(minutes)).to_string();
    TenantSettings { export_at: at[11..16].to_owned().try_into().unwrap(), ..TenantSettings::default() }
}

fn devices(number: usize) -> Value {
    let event =
        |device: usize| event_at("enrollment.started", &format!("C02{device:04}"), 1, &json!({"platform": "ios"}));
    (0..number).map(event).collect::<Vec<_>>().into()
}

/// Hands the stream on, and keeps the publisher's batches.
async fn settle(stack: &Stack) -> Vec<Vec<Value>> {
    let batches = Arc::<Mutex<Vec<Vec<Value>>>>::default();
    let (functions, keep) = (stack.functions(&[]), Arc::clone(&batches));
    let kept = stack.functions(&[]).with_events("event-publisher", move |event| {
        keep.lock().unwrap().push(event["Records"].as_array().unwrap().clone());
        let functions = functions.clone();
        async move { functions.call("event-publisher", event).await }
    });
    stack.host.settle(&kept).await.unwrap();
    std::mem::take(&mut *batches.lock().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stack_that_works_wakes_nobody() {
    let stack = Stack::start().await;
    // Accounts whose quota was never raised reserve nothing.
    let nothing =
        ["EnrollmentEvents", "EspStatus", "ReportExport", "GraphPull", "Tick"].map(|name| format!("{name}Concurrency"));
    let nothing: Vec<(&str, &str)> = nothing.iter().map(|name| (name.as_str(), "0")).collect();
    let account = Account::around(&stack, LARGE, &nothing);
    assert_eq!(account.raised_in(0), without_a_run());

    let tenancy = stack.tenant("contoso", due_since(5)).await;
    let events = devices(3);
    let mut unknown = events[0].clone();
    unknown["type"] = "nobody.knows".into();
    for body in [&events, &events, &unknown] {
        let post = stack.post("enrollment-events", "enrollment-events", &tenancy, body);
        assert!(account.pass("enrollment-events", post).await < 500);
    }
    let esp = event_at("esp.started", "C02ESP", 2, &json!({"platform": "windows", "sessionId": "s"}));
    assert_eq!(account.pass("esp-status", stack.post("esp-status", "esp-status", &tenancy, &esp)).await, 202);
    for function in ["abandonment-sweep", "report-tick", "graph-pull", "notify"] {
        account.call(function, function, &scheduled()).await;
    }
    for batch in settle(&stack).await {
        assert!(account.deliver("event-publisher", &batch, 1).await);
    }
    let asked = stack.ask("admin-api", Method::GET, &tenancy, "/api/reports/incomplete-enrollments");
    assert_eq!(account.pass("admin-api", asked).await, 200);
    for path in ["/api/tenant", "/api/attempts/0a"] {
        account.pass("admin-api", stack.ask("admin-api", Method::GET, &tenancy, path)).await;
    }
    let raised = account.raised_in(0);
    assert!(raised.is_empty(), "{raised:?}");

    // What the functions measured, under the names that the dashboard shows.
    let points = account.points();
    let sum = |metric: &str, result: Option<&str>| {
        let is_of = |dimensions: &std::collections::BTreeMap<String, String>| match result {
            Some(result) => dimensions.get("result").is_some_and(|one| one == result),
            None => dimensions.is_empty(),
        };
        let of = points.iter().filter(|point| point.metric == metric && is_of(&point.dimensions));
        of.map(|point| point.value).sum::<f64>()
    };
    // The hooks write the first request's at once, and the others' within a minute.
    assert_eq!(sum("vestibule_events_total", Some("accepted")), 4.0);
    assert_eq!(sum("vestibule_sweep_seconds_count", Some("done")), 1.0);
    assert!(sum("vestibule_publications_total", None) >= 3.0);
    assert!(sum("vestibule_export_rows_total", None) > 0.0 && sum("vestibule_export_bytes_total", None) > 0.0);
    // No tenant is a dimension, and each is named by lines that a saved query adds up.
    assert!(points.iter().all(|point| point.dimensions.values().all(|value| value != "contoso")));
    let lines = stack.lines();
    let of_tenant: Vec<&Value> = lines.iter().filter(|line| line["message"] == "events of a tenant").collect();
    assert!(of_tenant.iter().any(|line| line["tenant"] == "contoso" && line["events"] == 3), "{of_tenant:?}");
    let queries = account.template.of_type("AWS::Logs::QueryDefinition");
    assert!(account.template.text(&queries["QueryTenants"]["QueryString"]).contains("\"events of a tenant\""));
    // Ten minutes later nobody has swept.
    assert!(account.raised_in(10).contains("SweepMissed"));
}

#[tokio::test(flavor = "multi_thread")]
async fn functions_that_do_not_start() {
    let stack = Stack::start().await;
    let account = Account::around(&stack, LARGE, &[]);
    for _ in 0..3 {
        for function in ["enrollment-events", "esp-status", "admin-api"] {
            for _ in 0..2 {
                account.does_not_start(function, &[("STALENESS_MS", "soon")]);
            }
        }
        account.next_minute();
    }
    assert_eq!(account.failed.load(Ordering::SeqCst), 18);
    assert_raised(&account, 0, &NOT_STARTED);

    // At addresses of their own, the API does not see it.
    let account = Account::around(&stack, LARGE, &[("WebhookAddresses", "FunctionUrls")]);
    for _ in 0..3 {
        for function in ["enrollment-events", "esp-status"] {
            for _ in 0..5 {
                account.does_not_start(function, &[("STALENESS_MS", "soon")]);
            }
        }
        account.next_minute();
    }
    assert_raised(&account, 0, &NOT_STARTED_THERE);
    assert!(!account.raised_in(0).contains("ApiFails"));
}

/// Answers once the others have been turned away.
async fn held((begun, others): (&Semaphore, &Semaphore), request: impl Future<Output = Answer>) -> Answer {
    begun.add_permits(1);
    others.acquire().await.unwrap().forget();
    request.await
}

async fn may_not_run() -> Answer {
    panic!("it runs once more")
}

/// The first request to each function is still being answered while ten more arrive.
#[tokio::test(flavor = "multi_thread")]
async fn more_requests_than_may_run() {
    let stack = Stack::start().await;
    let tenancy = stack.tenant("contoso", TenantSettings::default()).await;
    let reserved = [("EnrollmentEventsConcurrency", "1"), ("EspStatusConcurrency", "1"), ("AlarmConcurrency", "3")];
    // Nothing is reserved for the API, so what the account allows is its limit.
    let account = Account::around(&stack, 3, &reserved);
    let (begun, others) = (Semaphore::new(0), Semaphore::new(0));
    let (event, gate) = (devices(1), (&begun, &others));
    let session = event_at("esp.started", "C02ESP", 2, &json!({"platform": "windows", "sessionId": "s"}));
    for _ in 0..3 {
        let events = held(gate, stack.post("enrollment-events", "enrollment-events", &tenancy, &event));
        let sessions = held(gate, stack.post("esp-status", "esp-status", &tenancy, &session));
        let asked = held(gate, stack.ask("admin-api", Method::GET, &tenancy, "/api/tenant"));
        let turned_away = async {
            begun.acquire_many(3).await.unwrap().forget();
            for function in ["enrollment-events", "esp-status", "admin-api"] {
                for _ in 0..10 {
                    assert_eq!(account.pass(function, may_not_run()).await, 503);
                }
            }
            others.add_permits(3);
        };
        let (events, sessions, asked, ()) = tokio::join!(
            account.pass("enrollment-events", events),
            account.pass("esp-status", sessions),
            account.pass("admin-api", asked),
            turned_away,
        );
        assert_eq!([events, sessions, asked], [202, 202, 200]);
        account.next_minute();
    }
    assert_raised(&account, 0, &CROWDED);
}

/// How many refusals a minute are enough for an alarm.
const MANY: usize = 10;

/// Refuses an operation's requests by lack of capacity while forty devices are posted; returns how many it refused.
async fn refused(stack: &mut Stack, tenancy: &Tenancy, name: &'static str, operation: &str) -> usize {
    let scarce = || (0..LARGE).map(|_| Fault::Throttle);
    let table = Proxy::start(&stack.host.endpoint.url, operation, scarce()).await;
    stack.add(name, "enrollment-events", &[("AWS_ENDPOINT_URL_DYNAMODB", table.endpoint())]);
    let mut posts = 0;
    while LARGE - table.left() < MANY {
        let body = devices(40);
        let answer = stack.post(name, "enrollment-events", tenancy, &body).await;
        assert_eq!(answer.status, 503, "{}", answer.text());
        posts += 1;
        assert!(posts < MANY, "{} were refused", LARGE - table.left());
    }
    LARGE - table.left()
}

/// DynamoDB counts a refusal under what lacks capacity: the table, or the index to which the write also goes.
#[tokio::test(flavor = "multi_thread")]
async fn a_table_without_capacity() {
    let mut stack = Stack::start().await;
    let tenancy = stack.tenant("contoso", TenantSettings::default()).await;
    let writes = refused(&mut stack, &tenancy, "another", "PutItem").await;
    let reads = refused(&mut stack, &tenancy, "one-more", "GetItem").await;
    let account = Account::around(&stack, LARGE, &[]);
    let table = ("TableName", "Table");
    for _ in 0..3 {
        account.count("AWS/DynamoDB", "ReadThrottleEvents", &[table], reads as f64);
        account.count("AWS/DynamoDB", "WriteThrottleEvents", &[table], writes as f64);
        for index in ["due", "changes"] {
            let index = ("GlobalSecondaryIndexName", index);
            account.count("AWS/DynamoDB", "WriteThrottleEvents", &[table, index], writes as f64);
        }
        account.next_minute();
    }
    assert_raised(&account, 0, &SCARCE_TABLE);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_cannot_be_reached() {
    let mut stack = Stack::start().await;
    stack.tenant("contoso", TenantSettings::default()).await;
    let nowhere = dead_endpoint();
    let changed = [("AWS_ENDPOINT_URL_DYNAMODB", nowhere.as_str())];
    let failing = [
        ("another", "abandonment-sweep"),
        ("one-more", "report-tick"),
        ("a-third", "graph-pull"),
        ("a-fourth", "notify"),
    ];
    for (name, function) in failing {
        stack.add(name, function, &changed);
    }
    {
        let account = Account::around(&stack, LARGE, &[]);
        account.call("abandonment-sweep", "abandonment-sweep", &scheduled()).await;
        assert!(!account.raised_in(0).contains("SweepMissed"));
        let tick = scheduled();
        for _ in 0..3 {
            join_all(failing.map(|(name, function)| account.call(name, function, &tick))).await;
        }
        // A file of nobody can't be exported, and a rule whose function is not there finds nobody.
        let requested = json!({"detail": {"tenant": "nobody", "asOf": now().to_string(), "reason": "asked"}});
        account.call("report-export", "report-export", &requested).await;
        account.rule_finds_nobody("ExportRequested", &requested).await;
        assert_raised(&account, 8, &NO_TABLE);
    }
    // Each failure is one line with its kind, and without what only programmers read.
    for function in ["another", "one-more", "a-third"] {
        let complaints = stack.complaints(function);
        let failed: Vec<&Value> = complaints.iter().filter(|line| line["message"] == "the invocation failed").collect();
        assert_eq!(failed.len(), 3, "{complaints:?}");
        for line in failed {
            assert!(line["kind"].as_str().unwrap().ends_with("Unavailable"), "{line}");
            assert!(line["span"]["requestId"].is_string(), "{line}");
            let error = line["error"].as_str().unwrap();
            assert!(error.contains("dispatch failure") && !error.contains("DispatchFailure"), "{error}");
            assert!(error.len() < 400, "{error}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_nobody_makes() {
    let stack = Stack::start().await;
    let account = Account::around(&stack, LARGE, &[]);
    stack.tenant("contoso", due_since(90)).await;
    // Requests stay on the bus, since nobody hands them on.
    account.call("report-tick", "report-tick", &scheduled()).await;
    account.call("report-tick", "report-tick", &scheduled()).await;
    // The tick works; it is the file that is missing.
    let missing = account.points().into_iter().filter(|point| point.metric == "vestibule_export_overdue_seconds");
    let seconds: Vec<f64> = missing.map(|point| point.value).collect();
    assert!(seconds.len() == 2 && seconds.iter().all(|seconds| *seconds > 3_600.0), "{seconds:?}");
    assert_raised(&account, 1, &NO_FILE);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_is_not_handed_on() {
    let mut stack = Stack::start().await;
    let tenancy = stack.tenant("contoso", TenantSettings::default()).await;
    let broken = Sink::start(Failing::Calls).await;
    stack.add("another", "event-publisher", &[("AWS_ENDPOINT_URL_EVENTBRIDGE", &broken.url)]);
    let answer = stack.post("enrollment-events", "enrollment-events", &tenancy, &devices(1)).await;
    assert_eq!(answer.status, 202, "{}", answer.text());
    let batch = settle(&stack).await.concat();
    let account = Account::around(&stack, LARGE, &[]);
    assert!(account.deliver("event-publisher", &batch, 1).await);
    assert!(!account.raised_in(0).contains("EventPublisherBehind"));

    // The bus is down: the same batch comes again and again, until the stream loses it.
    for age in [120, 180, 240] {
        assert!(!account.deliver("another", &batch, age).await);
        account.next_minute();
    }
    assert!(!account.raised_in(0).contains("EventPublisherHasDeadLetters"));
    assert!(!account.deliver("another", &batch, 86_460).await);

    // A record that nobody can read is set aside.
    let mut poison = batch.clone();
    poison.iter_mut().for_each(|record| record["dynamodb"]["NewImage"] = "none".into());
    assert!(account.deliver("event-publisher", &poison, 1).await, "the shard goes on");
    // Without a number, the stream can't be asked for what is left of a batch.
    let mut unnumbered = batch;
    unnumbered.iter_mut().for_each(|record| record["dynamodb"]["SequenceNumber"] = Value::Null);
    for _ in 0..3 {
        assert!(!account.deliver("another", &unnumbered, 1).await);
    }
    assert_raised(&account, 0, &STREAM);
}

/// The way that the documentation describes: from API Gateway's access log to what was published.
#[tokio::test(flavor = "multi_thread")]
async fn the_log_leads_from_a_request_to_its_publications() {
    let mut stack = Stack::start().await;
    let tenancy = stack.tenant("contoso", TenantSettings::default()).await;
    let on = [("RUST_LOG", "info,correlation=debug")];
    stack.add("another", "enrollment-events", &on);
    stack.add("one-more", "event-publisher", &on);
    let person = json!({"platform": "ios", "user": {"principalName": "zoe@contoso.example"}});
    let event = event_at("enrollment.started", "C02WAY", 1, &person);
    assert_eq!(stack.post("another", "enrollment-events", &tenancy, &event).await.status, 202);
    stack.host.settle(&stack.functions(&[("event-publisher", "one-more")])).await.unwrap();

    let named = |function: &str, message: &str| {
        let mut lines = stack.lines_of(function);
        lines.retain(|line| line["message"] == message);
        assert_eq!(lines.len(), 1, "{function}: {lines:?}");
        lines.remove(0)
    };
    let stored = named("another", "events were stored");
    assert!(stored["span"]["requestId"].is_string(), "{stored}");
    let published = named("one-more", "an event was put on the bus");
    assert_eq!(published["item"], stored["item"]);
    let version: u64 = published["revision"].as_str().unwrap().split('.').next().unwrap().parse().unwrap();
    assert_eq!(version, stored["version"].as_u64().unwrap());
    assert_eq!(published["id"], stack.published("EnrollmentStarted")[0]["id"]);
    // Nothing personal, and nothing that names a device, is in any line.
    for line in stack.lines().into_iter().map(|line| line.to_string().to_lowercase()) {
        assert!(!line.contains("zoe") && !line.contains("c02way"), "{line}");
    }
    // Without being asked for, there is no such line.
    assert_eq!(stack.post("enrollment-events", "enrollment-events", &tenancy, &devices(1)).await.status, 202);
    assert!(stack.lines_of("enrollment-events").iter().all(|line| line["target"] != "correlation"));
}
