//! Three `serve` on one table and one bucket: no event is lost, and nothing is published under a second id, also when one
//! of them is killed.

use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use vestibule_host::dynamodb::DynamoDb;
use vestibule_host::s3::ObjectStore;
use vestibule_host::{Endpoint, Services};
use vestibule_program_tests::{Client, Folder, Serve, Stack, Tenant, event, now};

/// Devices that enroll: every third fails.
const DEVICES: usize = 36;
/// The device after whose events a process is killed.
const KILLED_AT: usize = 12;
/// How long it may take until another process has taken over what the killed one read.
const TAKEN_OVER: Duration = Duration::from_secs(90);

/// A table and a bucket that nobody works on yet.
struct Stores {
    endpoint: Endpoint,
    _table: DynamoDb,
    _files: tempfile::TempDir,
}

impl Stores {
    async fn start() -> Self {
        let files = tempfile::tempdir().unwrap();
        let table = DynamoDb::start(None).unwrap();
        let objects = ObjectStore::open(files.path().join("files")).unwrap();
        let services = Services::new().unwrap().with_table(&table).with_files(objects);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = services.endpoint(&listener).unwrap();
        tokio::spawn(services.serve(listener, std::future::pending()));
        Self { endpoint, _table: table, _files: files }
    }

    fn serve(&self, folder: &Folder) -> Serve {
        let url = self.endpoint.url.as_str();
        let options = ["serve", "--listen", "127.0.0.1:0", "--dynamodb-endpoint", url, "--s3-endpoint", url];
        let mut command = folder.command(&options);
        command.envs(self.endpoint.environment()).env("AWS_EC2_METADATA_DISABLED", "true");
        folder.start(command)
    }
}

/// What the processes published, by attempt and type: the ids, and how often.
fn published(folders: &[Folder]) -> BTreeMap<(String, String), Vec<String>> {
    let mut all: BTreeMap<_, Vec<String>> = BTreeMap::new();
    for folder in folders {
        let text = std::fs::read_to_string(folder.data().join("bus/events.ndjson")).unwrap_or_default();
        // A line that is being written is not whole yet.
        for event in text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()) {
            let text = |value: &Value| value.as_str().map(str::to_owned);
            if let (Some(attempt), Some(id)) = (text(&event["detail"]["attemptId"]), text(&event["detail"]["id"])) {
                all.entry((attempt, text(&event["detail-type"]).unwrap())).or_default().push(id);
            }
        }
    }
    all
}

/// Posts an event to one of the processes, as a sender does that tries again elsewhere.
async fn post(serves: &[Option<Serve>], first: usize, tenant: &Tenant, event: &Value) {
    for turn in 0..serves.len() {
        let Some(serve) = &serves[(first + turn) % serves.len()] else { continue };
        let answer = serve.sender(tenant).post(event).await;
        assert_eq!(answer.ok(202)["accepted"], 1);
        return;
    }
    panic!("nobody serves");
}

async fn enroll(serves: &[Option<Serve>], tenant: &Tenant, device: usize) {
    let data = json!({"device": {"serialNumber": format!("SHARED{device:04}")}, "platform": "ios"});
    let last = if device.is_multiple_of(3) { "failed" } else { "stopped" };
    // Each event of a device goes to another process.
    for (step, kind) in ["started", "step.entered", last].into_iter().enumerate() {
        let mut data = data.clone();
        match kind {
            "step.entered" => {
                data["action"] = json!("iOSProfileLaunch");
                data["screen"] = json!("installProfile");
            }
            "failed" => data["failure"] = json!({"code": "0x80180014"}),
            _ => {}
        }
        let event = event(&format!("{device}-{step}"), &format!("enrollment.{kind}"), now(), &data);
        post(serves, device + step, tenant, &event).await;
    }
}

async fn until(what: &str, mut is: impl AsyncFnMut() -> bool) {
    let began = Instant::now();
    while !is().await {
        assert!(began.elapsed() < TAKEN_OVER, "not in time: {what}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn three_processes_on_one_table_lose_nothing_and_publish_under_one_id() {
    let stores = Stores::start().await;
    let folders = [Folder::new(), Folder::new(), Folder::new()];
    let mut serves: Vec<Option<Serve>> = folders.iter().map(|folder| Some(stores.serve(folder))).collect();
    let added = Stack::at(&stores.endpoint.environment()).json(&["tenant", "add", "contoso"]);
    let text = |name: &str| added[name].as_str().unwrap().to_owned();
    let tenant = Tenant { name: "contoso".to_owned(), secret: text("webhookSecret"), admin: text("adminToken") };

    for device in 0..KILLED_AT {
        enroll(&serves, &tenant, device).await;
    }
    // One process reads the stream. That one dies while it has something to publish.
    let bus_of = |folder: &Folder| !published(std::slice::from_ref(folder)).is_empty();
    until("somebody publishes", async || folders.iter().any(bus_of)).await;
    let readers: Vec<usize> = (0..3).filter(|which| bus_of(&folders[*which])).collect();
    assert_eq!(readers.len(), 1, "a shard has one reader");
    let killed = readers[0];
    enroll(&serves, &tenant, KILLED_AT).await;
    serves[killed].take().unwrap().kill();
    for device in KILLED_AT + 1..DEVICES {
        enroll(&serves, &tenant, device).await;
    }

    // Two publications of each device, whoever made them, and how often.
    until("all is published", async || published(&folders).len() == 2 * DEVICES).await;
    let all = published(&folders);
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    for ((attempt, kind), ids) in &all {
        *kinds.entry(kind).or_default() += 1;
        let ids: BTreeSet<&String> = ids.iter().collect();
        assert_eq!(ids.len(), 1, "{kind} of {attempt} has one id");
    }
    let failed = DEVICES.div_ceil(3);
    let wanted =
        [("EnrollmentAbandoned", DEVICES - failed), ("EnrollmentFailed", failed), ("EnrollmentStarted", DEVICES)];
    assert_eq!(kinds, BTreeMap::from(wanted));
    let others: Vec<usize> = (0..3).filter(|which| *which != killed && bus_of(&folders[*which])).collect();
    assert_eq!(others.len(), 1, "one process took over");

    // The killed one begins again on its folder. Any of them answers for all, and a file has every device.
    serves[killed] = Some(stores.serve(&folders[killed]));
    for serve in serves.iter().flatten() {
        let status = Client::new(&serve.url, &tenant.admin).json("/api/devices/enrollment-status").await;
        assert_eq!(status["devices"], DEVICES, "{status}");
    }
    let exported = Stack::at(&stores.endpoint.environment()).json(&["verify"]);
    assert_eq!(exported["tenants"][0]["enrollments"], DEVICES, "{exported}");
    let [first, second, _] = &serves[..] else { panic!() };
    let (first, second) = (first.as_ref().unwrap(), second.as_ref().unwrap());
    let file = Client::new(&first.url, &tenant.admin).next_file(&Value::Null).await;
    let asks = Client::new(&second.url, &tenant.admin);
    let link = asks.json(&format!("/api/reports/files/{}/link", file["id"].as_str().unwrap())).await;
    let content = reqwest::get(link["url"].as_str().unwrap()).await.unwrap();
    assert!(content.status().is_success());
    let path = folders[0].beside("file.sqlite");
    std::fs::write(&path, content.bytes().await.unwrap()).unwrap();
    let file = rusqlite::Connection::open(path).unwrap();
    let count = |condition: &str| -> usize {
        let query = format!("SELECT count(*) FROM enrollment_attempts WHERE {condition}");
        file.query_row(&query, [], |row| row.get(0)).unwrap()
    };
    assert_eq!((count("true"), count("outcome = 'failed'")), (DEVICES, failed));
    assert_eq!(count("screen = 'installProfile'"), DEVICES, "the event between is there, too");

    for serve in serves.into_iter().flatten() {
        assert_eq!(serve.terminate().code(), Some(0));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_stops_leaves_the_stream_to_the_others_at_once() {
    let stores = Stores::start().await;
    let folders = [Folder::new(), Folder::new()];
    let mut serves = vec![Some(stores.serve(&folders[0]))];
    let added = Stack::at(&stores.endpoint.environment()).json(&["tenant", "add", "contoso"]);
    let text = |name: &str| added[name].as_str().unwrap().to_owned();
    let tenant = Tenant { name: "contoso".to_owned(), secret: text("webhookSecret"), admin: text("adminToken") };
    enroll(&serves, &tenant, 0).await;
    until("the first reads", async || published(&folders).len() == 2).await;
    serves.push(Some(stores.serve(&folders[1])));
    assert_eq!(serves[0].take().unwrap().terminate().code(), Some(0));
    enroll(&serves, &tenant, 1).await;
    let began = Instant::now();
    until("the second reads", async || published(&folders[1..]).len() == 2).await;
    assert!(began.elapsed() < Duration::from_secs(10), "it did not wait for a lease to end");
    assert!(published(&folders).values().all(|ids| ids.len() == 1), "nothing was read twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_shares_has_a_folder_of_its_own_that_is_no_data_folder() {
    let stores = Stores::start().await;
    let folder = Folder::new();
    let url = stores.endpoint.url.as_str();
    let shares = ["serve", "--listen", "127.0.0.1:0", "--dynamodb-endpoint", url, "--s3-endpoint", url];
    let serve = stores.serve(&folder);
    assert!(folder.fails(&shares).contains("another process is using"), "one folder, one process");
    assert!(folder.fails(&["tenant", "list"]).contains("not a data folder"));
    assert_eq!(serve.terminate().code(), Some(0));
    // A data folder has a table of its own, which nobody would see any more.
    let other = Folder::new();
    other.add_tenant("contoso");
    assert!(other.fails(&shares).contains("table of its own"));
    assert!(folder.fails(&shares[..5]).contains("--s3-endpoint"));
}
