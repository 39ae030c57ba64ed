//! What operators see of a running `serve`: health, readiness, metrics and the lines of requests; and that nobody else
//! sees more than he may.

use crate::description::Document;
use crate::page::Page;
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::Write as _;
use std::process::{Command, Stdio};
use vestibule_platform::metrics::{ALL, Description, Kind, LABELS};
use vestibule_program_tests::{Answer, Client, Folder, Serve, enrollment, eventually, now};
use vestibule_test_tools::venv;

/// Reads metrics by the parser of Prometheus' client, and prints their series as JSON.
const PARSER: &str = r#"
import json, sys
from prometheus_client.parser import text_string_to_metric_families
series = {}
for family in text_string_to_metric_families(sys.stdin.read()):
    assert family.documentation and family.type in ("counter", "gauge", "histogram"), family
    for sample in family.samples:
        labels = ",".join(f'{name}="{value}"' for name, value in sample.labels.items())
        series[sample.name + ("{" + labels + "}" if labels else "")] = sample.value
print(json.dumps(series))
"#;

/// The same as [`read`], by a parser of others.
fn parsed(text: &str) -> BTreeMap<String, f64> {
    let python = venv("prometheus", &["prometheus-client==0.26.0"]).join("python");
    let mut command = Command::new(python);
    let mut child = command.args(["-c", PARSER]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{text}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// A program whose metrics are served.
fn measured(folder: &Folder) -> (Serve, String) {
    let serve = folder.serve_by(&["--metrics", "127.0.0.1:0"]);
    let url = serve.first["metrics"].as_str().unwrap().trim_end_matches("/metrics").to_owned();
    (serve, url)
}

/// Series by name and labels, as in `vestibule_events_total{result="accepted",source="jamf"}`. Every line must be one that
/// Prometheus reads, and every series one of a family that was announced with its help and its type.
fn read(text: &str) -> BTreeMap<String, f64> {
    let (mut series, mut families, mut helped) = (BTreeMap::new(), BTreeMap::new(), BTreeSet::new());
    assert!(text.ends_with('\n'), "{text}");
    for line in text.lines() {
        if let Some(about) = line.strip_prefix("# HELP ") {
            let (name, help) = about.split_once(' ').unwrap();
            assert!(!help.is_empty() && helped.insert(name), "{line}");
            continue;
        }
        if let Some(about) = line.strip_prefix("# TYPE ") {
            let (name, kind) = about.split_once(' ').unwrap();
            assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
            assert!(families.insert(name, kind).is_none(), "{line}");
            continue;
        }
        let (named, value) = line.rsplit_once(' ').unwrap();
        let name = named.split('{').next().unwrap();
        assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{line}");
        if let Some(labels) = named.strip_prefix(name).filter(|labels| !labels.is_empty()) {
            let labels = labels.strip_prefix('{').and_then(|labels| labels.strip_suffix('}')).unwrap();
            for label in labels.split("\",") {
                let (label, value) = label.split_once("=\"").unwrap_or_else(|| panic!("{line}"));
                assert!(!label.is_empty() && !value.contains('\\'), "{line}");
            }
        }
        let family = ["_bucket", "_sum", "_count"].iter().find_map(|end| {
            let family = name.strip_suffix(end)?;
            (families.get(family) == Some(&"histogram")).then_some(family)
        });
        let family = family.unwrap_or(name);
        assert!(families.contains_key(family) && helped.contains(family), "{line}");
        let value = value.parse::<f64>().unwrap_or_else(|error| panic!("{error}: {line}"));
        assert!(series.insert(named.to_owned(), value).is_none(), "{line}");
    }
    series
}

async fn scrape(url: &str) -> BTreeMap<String, f64> {
    let answer = Client::new(url, "").get("/metrics").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.headers["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    read(std::str::from_utf8(&answer.body).unwrap())
}

#[tokio::test]
async fn metrics_agree_with_what_was_posted_and_asked() {
    let folder = Folder::new();
    let contoso = folder.add_tenant("contoso");
    let (serve, url) = measured(&folder);
    let before = scrape(&url).await;
    assert_eq!(before["vestibule_tenants"], 1.0);
    assert!(!before.keys().any(|name| name.starts_with("vestibule_events_total")), "{before:?}");
    let sender = serve.sender(&contoso);
    let event = |id: &str, kind: &str| enrollment(id, kind, now(), "SERIAL0001");
    sender.post(&event("e1", "enrollment.started")).await.ok(202);
    sender.post(&event("e1", "enrollment.started")).await.ok(202);
    let some = json!([event("e2", "enrollment.stepStarted"), event("e3", "nobody.knows"), {"specversion": "1.0"}]);
    let results = sender.post(&some).await.json();
    let api = Client::new(&serve.url, &contoso.admin);
    for _ in 0..3 {
        api.json("/api/tenant").await;
    }
    api.get("/api/attempts/0a").await.problem(404);
    api.json("/api/reports/incomplete-enrollments").await;
    Client::new(&serve.url, "vst_contoso_wrong").get("/api/tenant").await.problem(401);
    Client::new(&serve.url, "").get("/nothing/secret").await.problem(404);
    // An answer is counted once it is sent, which may be after it was received.
    let after = eventually("everything is counted", async || {
        let after = scrape(&url).await;
        after.contains_key(r#"vestibule_answers_total{operation="getTenant",status="401"}"#).then_some(after)
    })
    .await;
    let of = |name: &str| after.get(name).copied().unwrap_or_else(|| panic!("no {name}: {after:#?}"));
    let mut by_status = BTreeMap::<String, f64>::new();
    for result in results["results"].as_array().unwrap() {
        *by_status.entry(result["status"].as_str().unwrap().to_owned()).or_default() += 1.0;
    }
    *by_status.entry("accepted".to_owned()).or_default() += 1.0;
    *by_status.entry("duplicate".to_owned()).or_default() += 1.0;
    assert!(by_status.len() > 3, "{by_status:?}");
    for (status, events) in by_status {
        let series = format!(r#"vestibule_events_total{{result="{status}",source="enrollment-events"}}"#);
        assert_eq!(of(&series), events, "{series}");
    }
    assert_eq!(of(r#"vestibule_answers_total{operation="postEnrollmentEvents",status="202"}"#), 2.0);
    assert_eq!(of(r#"vestibule_answers_total{operation="getTenant",status="200"}"#), 3.0);
    assert_eq!(of(r#"vestibule_answers_total{operation="getAttempt",status="404"}"#), 1.0);
    assert_eq!(of(r#"vestibule_answer_seconds_count{operation="getTenant"}"#), 4.0);
    assert_eq!(of(r#"vestibule_refusals_total{reason="unauthenticated"}"#), 1.0);
    assert_eq!(of(r#"vestibule_refusals_total{reason="not_served"}"#), 1.0);
    assert!(of(r#"vestibule_refresh_seconds_count{kind="anew"}"#) >= 1.0);
    assert!(of("vestibule_stream_lag_seconds") < 60.0);
    assert_eq!(of("vestibule_files_lost_total"), 0.0);
    let text = Client::new(&url, "").get("/metrics").await.body;
    let text = std::str::from_utf8(&text).unwrap();
    assert_eq!(parsed(text), read(text));
    // Labels are names of the description or of the list, never a part of a request or a tenant.
    let described = Document::read();
    let operations: BTreeSet<String> = described
        .operations()
        .map(|(_, _, operation)| operation["operationId"].as_str().unwrap().to_owned())
        .chain(["page", "file", "healthz", "readyz", "preflight", "none"].map(str::to_owned))
        .collect();
    for series in after.keys() {
        assert!(!series.contains("contoso") && !series.contains('/') && !series.contains("secret"), "{series}");
        if let Some((_, operation)) = series.split_once("operation=\"") {
            let operation = operation.split('"').next().unwrap();
            assert!(operations.contains(operation), "{series}");
        }
        let family = series.split('{').next().unwrap();
        assert!(is_listed(family), "{series}");
    }
}

/// Whether a series is of the list: a metric, or one of those that a histogram consists of.
fn is_listed(name: &str) -> bool {
    let is_of = |one: &Description| {
        name == one.name
            || matches!(one.kind, Kind::Histogram(_))
                && name.strip_prefix(one.name).is_some_and(|end| end.starts_with('_'))
    };
    ALL.iter().any(is_of)
}

#[test]
fn the_rules_for_prometheus_are_about_metrics_of_the_list() {
    let page = Page::open("docs/OPERATIONS.md").text;
    let mut named = 0;
    for block in page.split("```yaml\n").skip(1) {
        let block = block.split("```").next().unwrap();
        for name in block.split(|c: char| !c.is_ascii_lowercase() && c != '_') {
            if name.starts_with("vestibule_") {
                assert!(is_listed(name), "{name}");
                named += 1;
            }
        }
    }
    assert!(named > 3, "{named}");
}

#[tokio::test]
async fn metrics_are_read_only_where_the_operator_serves_them() {
    let folder = Folder::new();
    let contoso = folder.add_tenant("contoso");
    let (serve, url) = measured(&folder);
    // Not by senders and people, with or without a token, though all come from this machine.
    for token in ["", contoso.admin.as_str()] {
        assert_eq!(Client::new(&serve.url, token).get("/metrics").await.status, 404);
    }
    // Not through a proxy or a page that was led here.
    let client = Client::new(&url, "");
    for (name, value) in [
        ("x-forwarded-for", "203.0.113.9"),
        ("forwarded", "for=203.0.113.9"),
        ("via", "1.1 proxy"),
        ("origin", "https://attacker.example"),
        ("host", "rebound.example"),
    ] {
        for path in ["/metrics", "/healthz"] {
            let request = client.request(Method::GET, path).header(name, value);
            Answer::of(request.send().await.unwrap()).await.problem(403);
        }
    }
    assert_eq!(Answer::of(client.request(Method::POST, "/metrics").send().await.unwrap()).await.status, 405);
    client.get("/api/tenant").await.problem(404);
    assert_eq!(client.get("/metrics").await.status, 200);
    // Without the option nothing listens.
    drop(serve);
    assert_eq!(folder.serve().first["metrics"], Value::Null);
}

#[tokio::test]
async fn readiness_ends_with_the_bucket_and_comes_back_with_it() {
    let folder = Folder::new();
    folder.add_tenant("contoso");
    let serve = folder.serve();
    let anybody = Client::new(&serve.url, "");
    for path in ["/healthz", "/readyz"] {
        assert_eq!(anybody.json(path).await, json!({"status": "ok"}));
        let head = Answer::of(anybody.request(Method::HEAD, path).send().await.unwrap()).await;
        assert_eq!((head.status, head.body.len()), (200, 0));
        assert_eq!(head.headers["cache-control"], "no-store");
        let posted = Answer::of(anybody.request(Method::POST, path).send().await.unwrap()).await;
        posted.problem(405);
    }
    let bucket = folder.data().join("files/buckets/vestibule-reports");
    let aside = folder.beside("aside");
    std::fs::rename(&bucket, &aside).unwrap();
    let refused = eventually("the bucket is missed", async || {
        let answer = anybody.get("/readyz").await;
        (answer.status == 503).then_some(answer)
    })
    .await;
    let problem = refused.problem(503);
    assert_eq!(problem["parts"], json!(["bucket"]), "{problem}");
    assert!(refused.headers.contains_key("retry-after"));
    // No path, no name of a file, no error of the system.
    assert!(!problem.to_string().contains('/') || problem["type"] == "about:blank", "{problem}");
    let members: Vec<&String> = problem.as_object().unwrap().keys().collect();
    assert_eq!(members.len(), 4, "{problem}");
    // The process answers all the same.
    assert_eq!(anybody.json("/healthz").await, json!({"status": "ok"}));
    std::fs::rename(&aside, &bucket).unwrap();
    eventually("the bucket is back", async || (anybody.get("/readyz").await.status == 200).then_some(())).await;
}

#[tokio::test]
async fn a_flood_does_not_hide_that_the_process_lives() {
    let folder = Folder::new();
    folder.add_tenant("contoso");
    let serve = folder.serve_by(&["--refusals-a-minute", "2"]);
    let stranger = Client::new(&serve.url, "vst_contoso_wrong");
    for _ in 0..5 {
        stranger.get("/api/tenant").await;
    }
    assert_eq!(stranger.get("/api/tenant").await.status, 429);
    assert_eq!((stranger.get("/healthz").await.status, stranger.get("/readyz").await.status), (200, 200));
}

/// The lines of requests in a log.
fn lines(log: &str) -> Vec<&str> {
    log.lines().filter(|line| line.contains("access")).collect()
}

#[tokio::test]
async fn each_answered_request_has_one_line_without_secrets() {
    let folder = Folder::new();
    let contoso = folder.add_tenant("contoso");
    for form in ["json", "text"] {
        let serve = folder.serve_by(&["--log", form]);
        let api = Client::new(&serve.url, &contoso.admin);
        let secret = "hush_hush_hush";
        let answer = api.get("/api/tenant").await;
        assert_eq!(answer.status, 200);
        let id = answer.headers["x-request-id"].to_str().unwrap().to_owned();
        // A token in the query, a person in the path, a secret in the path of a sender.
        api.get(&format!("/api/tenant?token={secret}")).await.problem(400);
        api.get("/api/devices/jane.doe@contoso.example/esp").await;
        let event = serde_json::to_vec(&enrollment("e1", "enrollment.started", now(), "SERIAL0001")).unwrap();
        let sender = serve.sender(&contoso);
        let hook = format!("enrollment-events?token={secret}");
        let posted = Answer::of(sender.signed(&hook, event.clone(), now()).send().await.unwrap()).await;
        posted.ok(202);
        // Refused: only in the sum.
        for _ in 0..5 {
            Client::new(&serve.url, secret).get("/api/tenant").await.problem(401);
            let unsigned = sender.unsigned(&format!("jamf/{secret}"), event.clone());
            Answer::of(unsigned.send().await.unwrap()).await.problem(401);
            Client::new(&serve.url, "").get(&format!("/{secret}")).await.problem(404);
        }
        let log = serve.log_file().to_owned();
        assert_eq!(serve.terminate().code(), Some(0));
        let text = std::fs::read_to_string(&log).unwrap();
        std::fs::remove_file(&log).unwrap();
        let found = lines(&text);
        assert_eq!(found.len(), 4, "{text}");
        assert!(text.contains("refused since"), "{text}");
        for hidden in [secret, contoso.admin.as_str(), contoso.secret.as_str(), "jane", "127.0.0.1", "SERIAL0001", "?"]
        {
            assert!(!found.iter().any(|line| line.contains(hidden)), "{hidden}: {text}");
            assert!(hidden == "?" || hidden == "127.0.0.1" || !text.contains(hidden), "{hidden}: {text}");
        }
        let line = found.iter().find(|line| line.contains(&id)).unwrap_or_else(|| panic!("no {id}: {text}"));
        if form == "json" {
            for line in text.lines() {
                let read: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
                assert!(read["timestamp"].is_string() && read["level"].is_string(), "{line}");
            }
            let read: Value = serde_json::from_str(line).unwrap();
            assert_eq!((&read["operation"], &read["status"]), (&json!("getTenant"), &json!(200)), "{line}");
            assert_eq!(read["bytes"], answer.body.len(), "{line}");
            assert!(read["ms"].as_f64().is_some_and(|ms| ms > 0.0 && ms < 30_000.0), "{line}");
        } else {
            assert!(line.contains("operation=\"getTenant\" status=200"), "{line}");
        }
    }
    // Without the option, none.
    let serve = folder.serve();
    Client::new(&serve.url, &contoso.admin).json("/api/tenant").await;
    let log = serve.log_file().to_owned();
    assert_eq!(serve.terminate().code(), Some(0));
    assert!(lines(&std::fs::read_to_string(log).unwrap()).is_empty());
}

#[tokio::test]
async fn strangers_cannot_fill_the_log_with_what_anybody_may_ask() {
    let folder = Folder::new();
    let contoso = folder.add_tenant("contoso");
    let serve = folder.serve_by(&["--log", "json"]);
    let stranger = Client::new(&serve.url, "");
    let begun = std::time::Instant::now();
    let mut asked = 0;
    for _ in 0..60 {
        for path in ["/healthz", "/", "/openapi.json", "/config.json", "/api/session"] {
            assert_eq!(stranger.get(path).await.status, 200, "{path}");
        }
        let handshake = stranger.request(Method::OPTIONS, "/hooks/contoso/enrollment-events");
        handshake.send().await.unwrap().bytes().await.unwrap();
        let invalid = stranger.request(Method::POST, "/api/session").body("{");
        invalid.send().await.unwrap().bytes().await.unwrap();
        asked += 7;
    }
    // Who is known still has a line for each request.
    let api = Client::new(&serve.url, &contoso.admin);
    for _ in 0..5 {
        api.json("/api/tenant").await;
    }
    let seconds = begun.elapsed().as_secs();
    let log = serve.log_file().to_owned();
    assert_eq!(serve.terminate().code(), Some(0));
    let text = std::fs::read_to_string(log).unwrap();
    let read: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let (theirs, others): (Vec<&Value>, _) =
        read.iter().filter(|line| line["message"] == "answered").partition(|line| line["operation"] == "getTenant");
    assert_eq!(theirs.len(), 5, "{text}");
    // A minute's at once, and one a second.
    let few = u64::try_from(others.len()).unwrap();
    assert!(few >= 60 && few <= 60 + seconds + 1, "{few} lines in {seconds} seconds");
    let sums = read.iter().filter_map(|line| line["answers"].as_u64());
    let of = |reason: &str| read.iter().filter_map(|line| line[reason].as_u64()).sum::<u64>();
    let refused = of("not_served") + of("unauthenticated");
    assert_eq!(sums.sum::<u64>() + few + refused, asked, "{text}");
}

#[test]
fn the_documentation_is_of_this_file_of_metrics() {
    let page = Page::open("docs/METRICS.md");
    let mut out = String::from("| metric | kind | labels | what it measures | what to do |\n|---|---|---|---|---|\n");
    for Description { name, kind, labels, help, act } in ALL {
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Rare => "counter, rare",
            Kind::Gauge => "gauge",
            Kind::Histogram(_) => "histogram",
        };
        let labels: Vec<String> = labels.iter().map(|label| format!("`{label}`")).collect();
        writeln!(out, "| `{name}` | {kind} | {} | {help} | {act} |", labels.join(", ")).unwrap();
    }
    out.push_str("\n| label | is | dimension in CloudWatch |\n|---|---|---|\n");
    for (label, is_dimension, is) in LABELS {
        writeln!(out, "| `{label}` | {is} | {} |", if *is_dimension { "yes" } else { "no" }).unwrap();
    }
    page.holds("<!-- metrics: begin -->", "<!-- metrics: end -->", &out);
}
