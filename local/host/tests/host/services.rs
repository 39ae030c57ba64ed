//! The services of one machine as a program uses them: through SDK clients and HTTP, across restarts and kills.

use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use bytes::Bytes;
use http::{Request, Response};
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use vestibule_host::{FrontSettings, Functions, Host, HostError, Names};

/// Set in the process that will be killed.
const VICTIM: &str = "VESTIBULE_TEST_VICTIM";

fn names() -> Names {
    Names { table: "table".into(), bucket: "bucket".into(), bus: "vestibule".into() }
}

async fn put_item(host: &Host, number: usize) {
    // The stream's filter lets barriers through, whatever their sort key is.
    put_item_of(host, "b#p", number).await;
}

async fn put_item_of(host: &Host, partition: &str, number: usize) {
    let text = |text: &str| AttributeValue::S(text.to_owned());
    let put = host.clients.dynamodb.put_item().table_name("table").item("pk", text(partition));
    let put = put.item("sk", text(&format!("{number:06}"))).item("b", AttributeValue::B(vec![0, 255].into()));
    put.send().await.unwrap();
}

async fn put_event(host: &Host, detail: Value) {
    let entry = PutEventsRequestEntry::builder().event_bus_name("vestibule").source("vestibule");
    let entry = entry.detail_type("ReportExportRequested").detail(detail.to_string()).build();
    let answer = host.clients.events.put_events().entries(entry).send().await.unwrap();
    assert_eq!(answer.failed_entry_count(), 0);
}

/// The functions that the template names; the one called `name` records its calls and answers with `answer`.
fn functions(
    name: &'static str,
    calls: mpsc::UnboundedSender<Value>,
    answer: impl Fn() -> Value + Send + Sync + 'static,
) -> Functions {
    let mut functions = Functions::default();
    for other in ["abandonment-sweep", "event-publisher", "report-tick", "report-export"] {
        functions = functions.with_events(other, |_| async { Ok(json!({})) });
    }
    functions.with_events(name, move |event| {
        let answer = answer();
        calls.send(event).unwrap();
        async move { Ok(answer) }
    })
}

fn received(calls: &mut mpsc::UnboundedReceiver<Value>) -> Vec<Value> {
    std::iter::from_fn(|| calls.try_recv().ok()).collect()
}

#[tokio::test]
async fn one_process_owns_a_folder_and_others_use_its_services() {
    let folder = tempfile::tempdir().unwrap();
    let mut owner = Host::start(folder.path(), &names()).await.unwrap();
    assert!(matches!(Host::start(folder.path(), &names()).await, Err(HostError::InUse(_))));

    let guest = Host::attach_or_start(folder.path(), &names()).await.unwrap();
    assert!(!guest.is_owner());
    assert_eq!(guest.endpoint, owner.endpoint);
    put_item(&guest, 1).await;
    owner.stop().await.unwrap();
    assert!(!folder.path().join("endpoint.json").exists());

    // The file of an owner that was killed is ignored.
    guest.endpoint.publish(&folder.path().join("endpoint.json")).unwrap();
    let mut next = Host::attach_or_start(folder.path(), &names()).await.unwrap();
    assert!(next.is_owner());
    let items = next.clients.dynamodb.scan().table_name("table").send().await.unwrap();
    assert_eq!(items.count(), 1);
    next.stop().await.unwrap();
}

#[tokio::test]
async fn the_stream_is_delivered_in_order_once_the_function_succeeds() {
    let folder = tempfile::tempdir().unwrap();
    let mut host = Host::start(folder.path(), &names()).await.unwrap();
    for number in 0..3 {
        put_item(&host, number).await;
    }
    let (calls, mut received_calls) = mpsc::unbounded_channel();
    let refuse: Arc<Mutex<Vec<Value>>> = Arc::default();
    let answers = Arc::clone(&refuse);
    let functions = functions(
        "event-publisher",
        calls,
        move || json!({"batchItemFailures": answers.lock().unwrap().pop().into_iter().collect::<Vec<_>>()}),
    );
    // A first delivery is refused as a whole, to learn the sequence numbers.
    refuse.lock().unwrap().push(json!({"itemIdentifier": "unknown"}));
    host.settle(&functions).await.unwrap();
    let keys = |event: &Value| -> Vec<String> {
        let records = event["Records"].as_array().unwrap();
        records.iter().map(|record| record["dynamodb"]["Keys"]["sk"]["S"].as_str().unwrap().to_owned()).collect()
    };
    let calls = received(&mut received_calls);
    assert_eq!(calls.iter().map(keys).collect::<Vec<_>>(), [["000000", "000001", "000002"]]);
    let record = &calls[0]["Records"][1];
    assert_eq!((&record["eventName"], &record["eventSource"]), (&json!("INSERT"), &json!("aws:dynamodb")));
    assert_eq!(record["dynamodb"]["NewImage"]["b"], json!({"B": "AP8="}));
    assert!(record["dynamodb"].get("OldImage").is_none());

    put_item(&host, 1).await;
    put_item(&host, 3).await;
    host.settle(&functions).await.unwrap();
    let calls = received(&mut received_calls);
    assert_eq!(calls.iter().map(keys).collect::<Vec<_>>(), [["000001", "000003"]], "checkpoints are kept");
    assert_eq!(calls[0]["Records"][0]["dynamodb"]["OldImage"]["sk"]["S"], "000001");

    host.stop().await.unwrap();
    let mut host = Host::start(folder.path(), &names()).await.unwrap();
    host.settle(&functions).await.unwrap();
    assert!(received(&mut received_calls).is_empty(), "also after a restart");

    // What the filter leaves out is passed over, alone and between others.
    put_item_of(&host, "t#contoso", 4).await;
    host.settle(&functions).await.unwrap();
    assert!(received(&mut received_calls).is_empty(), "a tenant's item");
    put_item(&host, 5).await;
    put_item_of(&host, "s#contoso", 6).await;
    put_item(&host, 7).await;
    host.settle(&functions).await.unwrap();
    let calls = received(&mut received_calls);
    assert_eq!(calls.iter().map(keys).collect::<Vec<_>>(), [["000005", "000007"]]);
    host.stop().await.unwrap();
}

#[tokio::test]
async fn a_failed_record_and_all_after_it_are_delivered_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut host = Host::start(folder.path(), &names()).await.unwrap();
    for number in 0..3 {
        put_item(&host, number).await;
    }
    let (seen, mut batches) = mpsc::unbounded_channel();
    let functions = Functions::default().with_events("event-publisher", {
        let first = Mutex::new(true);
        move |event| {
            let records = event["Records"].as_array().unwrap();
            seen.send(records.len()).unwrap();
            let second = records.get(1).map_or(Value::Null, |record| record["dynamodb"]["SequenceNumber"].clone());
            let failed = if std::mem::take(&mut *first.lock().unwrap()) {
                vec![json!({"itemIdentifier": second})]
            } else {
                vec![]
            };
            async move { Ok(json!({"batchItemFailures": failed})) }
        }
    });
    host.settle(&functions).await.unwrap();
    assert_eq!((batches.recv().await, batches.recv().await), (Some(3), Some(2)));
    host.stop().await.unwrap();
}

#[tokio::test]
async fn an_event_of_the_bus_reaches_the_function_of_its_rule() {
    let folder = tempfile::tempdir().unwrap();
    let mut host = Host::start(folder.path(), &names()).await.unwrap();
    let (calls, mut received_calls) = mpsc::unbounded_channel();
    let functions = functions("report-export", calls, || json!({}));
    put_event(&host, json!({"tenant": "a"})).await;
    host.settle(&functions).await.unwrap();
    let events = received(&mut received_calls);
    assert_eq!(events.len(), 1);
    assert_eq!(events[0]["detail"], json!({"tenant": "a"}));
    assert_eq!(events[0]["detail-type"], "ReportExportRequested");
    let time = events[0]["time"].as_str().unwrap();
    assert!(time.len() == 20 && time.ends_with('Z'), "{time}");
    assert_eq!(host.published().unwrap(), events);
    host.stop().await.unwrap();
}

#[tokio::test]
async fn the_templates_routes_are_served_until_shutdown() {
    let folder = tempfile::tempdir().unwrap();
    let host = Host::start(folder.path(), &names()).await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (calls, _received) = mpsc::unbounded_channel();
    let echo = |request: Request<Bytes>| async move {
        assert_ne!(request.uri().query(), Some("panic"));
        Response::new(Bytes::from(format!("{} {}", request.method(), request.uri().path())))
    };
    let functions = functions("event-publisher", calls, || json!({}));
    let functions = functions.with_http("admin-api", echo).with_http("enrollment-events", echo);
    let (stop, stopped) = oneshot::channel::<()>();
    let running = tokio::spawn(host.run(listener, FrontSettings::default(), functions, async move {
        let _dropped = stopped.await;
    }));

    let client = reqwest::Client::new();
    let send = |method: &str, path: &str, body: Vec<u8>| {
        client.request(method.parse().unwrap(), format!("{url}{path}")).body(body).send()
    };
    let served = send("GET", "/api/reports/files/latest?x=1", vec![]).await.unwrap();
    assert_eq!(served.text().await.unwrap(), "GET /api/reports/files/latest");
    for (method, path, body, status) in [
        ("POST", "/hooks/acme/enrollment-events", 1 << 20, 200),
        ("HEAD", "/api/reports/files/latest", 0, 200),
        ("HEAD", "/api/tenant", 0, 405),
        ("GET", "/nothing", 0, 404),
        ("GET", "/hooks//enrollment-events", 0, 404),
        ("POST", "/hooks/acme/enrollment-events", (1 << 20) + 1, 413),
        // As much as a client may send before it is cut off still gets the answer.
        ("POST", "/hooks/acme/enrollment-events", 10 << 20, 413),
        ("GET", "/api/tenant?panic", 0, 502),
        // The deployment has it, but this test's functions do not.
        ("POST", "/hooks/acme/esp-status", 0, 502),
    ] {
        let answer = send(method, path, vec![b'x'; body]).await.unwrap();
        assert_eq!(answer.status().as_u16(), status, "{method} {path}");
        if status >= 400 {
            assert_eq!(answer.headers()["content-type"], "application/problem+json", "{method} {path}");
        }
    }
    let refused = send("DELETE", "/api/tenant", vec![]).await.unwrap();
    assert_eq!(refused.headers()["allow"], "GET, PATCH");

    stop.send(()).unwrap();
    running.await.unwrap().unwrap();
    assert!(send("GET", "/api/tenant", vec![]).await.is_err(), "nobody listens any more");
    assert!(!folder.path().join("endpoint.json").exists());
}

/// Not a test of its own: the next one starts and kills it.
#[tokio::test]
#[ignore = "the next test starts this process"]
async fn victim() {
    let Ok(folder) = std::env::var(VICTIM) else { return };
    let host = Host::start(Path::new(&folder), &names()).await.unwrap();
    for number in 0.. {
        put_item(&host, number).await;
        put_event(&host, json!({"number": number})).await;
        let put = host.clients.s3.put_object().bucket("bucket").key(number.to_string());
        put.body(vec![b'x'; 1000].into()).send().await.unwrap();
        // Bypasses the capture of the test's output, without buffering.
        let mut out = std::io::stderr();
        writeln!(out, "acknowledged {number}").unwrap();
    }
}

#[tokio::test]
async fn acknowledged_items_survive_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let mut acknowledged = 0;
    for round in 1..=3 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "services::victim", "--ignored", "--nocapture"])
            .env(VICTIM, folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let lines = lines.map_while(Result::ok).filter(|line| line.starts_with("acknowledged"));
        let written = lines.take(20 * round).count();
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(written, 20 * round, "it died before it was killed");
        acknowledged = acknowledged.max(written);

        let mut host = Host::attach_or_start(folder.path(), &names()).await.unwrap();
        assert!(host.is_owner());
        let items = host.clients.dynamodb.scan().table_name("table").send().await.unwrap();
        assert!(items.count() as usize >= acknowledged, "{} of {acknowledged} items", items.count());
        let mut numbers: Vec<_> =
            host.published().unwrap().iter().map(|event| event["detail"]["number"].as_u64().unwrap()).collect();
        numbers.sort_unstable();
        numbers.dedup();
        assert!(numbers.len() >= acknowledged, "{} of {acknowledged} events", numbers.len());
        for number in 0..acknowledged {
            let get = host.clients.s3.get_object().bucket("bucket").key(number.to_string());
            let body = get.send().await.unwrap().body.collect().await.unwrap();
            assert_eq!(body.into_bytes().len(), 1000);
        }
        host.stop().await.unwrap();
    }
}
