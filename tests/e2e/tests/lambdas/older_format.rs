//! Tables as each release left them: every function works on each, writes what the release before reads until an operator
//! says otherwise, and the file stays the same over the move to the next format.
//!
//! `tests/e2e/images/format-N.json` has the items of a small table and the objects of its bucket, as the last release with
//! that format left them. Those of format 1 were written by the rules of encoding from before senders' reports were stored.
//! A new format adds its image:
//!
//! ```sh
//! cargo test --workspace --test lambdas -- --ignored older_format::keep_an_image_of_this_format
//! ```

use aws_sdk_dynamodb::types::AttributeValue;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use rusqlite::{Connection, OpenFlags};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;
use std::time::{Duration, Instant};
use vestibule_domain::{Millis, Reports, StoredFormat, TenantId, TenantSettings, codec};
use vestibule_e2e::{Stack, Tenancy, event_at, now};
use vestibule_permissions::KEY;
use vestibule_store::Store;
use vestibule_test_tools::programs;
use vestibule_webhook::sources::SENDERS;

type Item = HashMap<String, AttributeValue>;

const TABLE: &str = "vestibule";
const BUCKET: &str = "vestibule-reports";
/// The largest that an image may be, in bytes: two report files are most of it, one of the night and one on request.
const MOST_BYTES: u64 = 600_000;
/// Devices of an image that are enrolled or were.
const DEVICES: usize = 8;
/// The secret of the sender that posts in its own form.
const SENDER_SECRET: &str = "kept-for-tests";
/// The device that is posted after the move.
const MOVED: &str = "moved0001";
/// Functions keep a tenant for up to a minute.
const SEEN_WITHIN: Duration = Duration::from_secs(90);

fn path_of(format: u32) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("images/format-{format}.json"))
}

fn text_of(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn attribute(value: &Value) -> AttributeValue {
    let (kind, value) = value.as_object().unwrap().iter().next().unwrap();
    match kind.as_str() {
        "S" => AttributeValue::S(value.as_str().unwrap().to_owned()),
        "N" => AttributeValue::N(value.as_str().unwrap().to_owned()),
        "B" => AttributeValue::B(STANDARD.decode(value.as_str().unwrap()).unwrap().into()),
        "L" => AttributeValue::L(value.as_array().unwrap().iter().map(attribute).collect()),
        "Ns" => AttributeValue::Ns(value.as_array().unwrap().iter().map(text_of).collect()),
        "Ss" => AttributeValue::Ss(value.as_array().unwrap().iter().map(text_of).collect()),
        "M" => AttributeValue::M(
            value.as_object().unwrap().iter().map(|(name, one)| (name.clone(), attribute(one))).collect(),
        ),
        "Bool" => AttributeValue::Bool(value.as_bool().unwrap()),
        other => panic!("{other}"),
    }
}

fn shown(value: &AttributeValue) -> Value {
    match value {
        AttributeValue::S(text) => json!({"S": text}),
        AttributeValue::N(number) => json!({"N": number}),
        AttributeValue::B(bytes) => json!({"B": STANDARD.encode(bytes.as_ref())}),
        AttributeValue::L(list) => json!({"L": list.iter().map(shown).collect::<Vec<_>>()}),
        AttributeValue::Ns(numbers) => json!({"Ns": numbers}),
        AttributeValue::Ss(texts) => json!({"Ss": texts}),
        AttributeValue::M(map) => {
            json!({"M": map.iter().map(|(name, one)| (name.clone(), shown(one))).collect::<Map<_, _>>()})
        }
        AttributeValue::Bool(value) => json!({"Bool": value}),
        other => panic!("{other:?}"),
    }
}

fn text<'i>(item: &'i Item, name: &str) -> &'i str {
    item.get(name).and_then(|value| value.as_s().ok()).map_or("", String::as_str)
}

fn bytes<'i>(item: &'i Item, name: &str) -> Option<&'i [u8]> {
    item.get(name).and_then(|value| value.as_b().ok()).map(AsRef::as_ref)
}

/// All items of the table, in the order of their keys.
async fn items(stack: &Stack) -> Vec<Item> {
    let mut pages = stack.host.clients.dynamodb.scan().table_name(TABLE).into_paginator().items().send();
    let mut items = Vec::new();
    while let Some(item) = pages.next().await {
        items.push(item.unwrap());
    }
    items.sort_by_key(|item| (text(item, "pk").to_owned(), text(item, "sk").to_owned()));
    items
}

/// Puts an image into the services of a stack.
async fn load(stack: &Stack, image: &Value) -> Tenancy {
    for item in image["items"].as_array().unwrap() {
        let item: Item =
            item.as_object().unwrap().iter().map(|(name, value)| (name.clone(), attribute(value))).collect();
        stack.host.clients.dynamodb.put_item().table_name(TABLE).set_item(Some(item)).send().await.unwrap();
    }
    for (key, object) in image["objects"].as_object().unwrap() {
        let deflated = STANDARD.decode(object.as_str().unwrap()).unwrap();
        let content = miniz_oxide::inflate::decompress_to_vec(&deflated).unwrap();
        stack.host.clients.s3.put_object().bucket(BUCKET).key(key).body(content.into()).send().await.unwrap();
    }
    let tenant = stack.store.tenant(&TenantId::parse("contoso").unwrap()).await.unwrap().unwrap();
    let member = |name: &str| image[name].as_str().unwrap().to_owned();
    Tenancy { tenant, secret: member("secret"), token: member("token") }
}

/// Runs the program on the stack's table.
fn vestibule(stack: &Stack, arguments: &[&str]) -> Output {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let mut command = Command::new(BUILT.get_or_init(|| programs(&["vestibule"])).join("vestibule"));
    command.args(arguments).args(["--table", TABLE, "--bucket", BUCKET, "--bus", "vestibule", "--json"]);
    command.args(["--kms-key", KEY]);
    command.env_clear().envs(stack.host.endpoint.environment()).env("AWS_EC2_METADATA_DISABLED", "true");
    command.env("AWS_ENDPOINT_URL_KMS", &stack.kms.url);
    command.current_dir(stack.folder()).output().unwrap()
}

fn json_of(stack: &Stack, arguments: &[&str]) -> Value {
    let output = vestibule(stack, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// A file made from the table alone: its attempts, without those of the device that comes after the move.
fn rebuilt(stack: &Stack) -> BTreeMap<String, Vec<String>> {
    let made = json_of(stack, &["rebuild", "contoso"]);
    let path = stack.folder().join(made["path"].as_str().unwrap());
    let file = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let columns = "attempt_id, enrollment_key, number, device_name, user_principal_name, platform, started_at, \
                   last_activity_at, ended_at, outcome, cause";
    let query = format!("SELECT {columns} FROM enrollment_attempts WHERE enrollment_key <> ?1");
    let mut query = file.prepare(&query).unwrap();
    let rows = query.query_map([MOVED], |row| {
        let cells = (0..11).map(|column| row.get::<_, rusqlite::types::Value>(column).map(|cell| format!("{cell:?}")));
        cells.collect::<rusqlite::Result<Vec<String>>>()
    });
    rows.unwrap().map(Result::unwrap).map(|row| (row[0].clone(), row)).collect()
}

fn settings_of(stack: &Stack) -> Value {
    json_of(stack, &["tenant", "set", "contoso"])["settings"].clone()
}

fn scheduled() -> Value {
    json!({"version": "0", "id": "00000000-0000-4000-8000-000000000000", "detail-type": "Scheduled Event",
        "source": "aws.events", "account": "000000000000", "time": now().to_string(), "region": "us-east-1",
        "resources": [], "detail": {}})
}

async fn post(stack: &Stack, tenancy: &Tenancy, hook: &str, event: &Value) {
    let answer = stack.post(hook, hook, tenancy, event).await;
    assert_eq!((answer.status.as_u16(), &answer.json()["accepted"]), (202, &json!(1)), "{}", answer.text());
}

/// Events of devices of the image, of new ones, and of a sender that reports only a part.
async fn post_some(stack: &Stack, tenancy: &Tenancy) {
    // Tags are left out where programs may run that would lose them.
    let ios = json!({"platform": "ios", "tags": {"department": "Sales"}});
    let tagged = event_at("enrollment.tagged", "KEPT0003", 2, &ios);
    let answer = stack.post("enrollment-events", "enrollment-events", tenancy, &tagged).await;
    let result = if tenancy.tenant.settings.format < StoredFormat::Third { "unknownType" } else { "accepted" };
    assert_eq!(
        (answer.status.as_u16(), &answer.json()["results"][0]["status"]),
        (202, &json!(result)),
        "{}",
        answer.text()
    );
    post(stack, tenancy, "enrollment-events", &event_at("enrollment.started", "KEPT0003", 2, &ios)).await;
    post(stack, tenancy, "enrollment-events", &event_at("enrollment.enrolled", "KEPT0007", 2, &ios)).await;
    post(stack, tenancy, "enrollment-events", &event_at("enrollment.started", "LATER0001", 3, &ios)).await;
    let start = json!({"platform": "windows", "deploymentMode": "userDriven", "limitMinutes": 45});
    post(stack, tenancy, "esp-status", &event_at("esp.started", "LATER0002", 5, &start)).await;
    let sender = SENDERS.iter().find(|sender| sender.name == "simplemdm").unwrap();
    let (proof, body) = (sender.own_proof().unwrap(), sender.samples[0].body);
    let path = sender.path("contoso", proof, SENDER_SECRET);
    let answer =
        stack.post_as("enrollment-events", &path, &proof.headers(SENDER_SECRET, body, now()).unwrap(), body).await;
    assert!(answer.status.is_success(), "{}", answer.text());
}

/// Every function that is called by events and schedules, and the API.
async fn run_all(stack: &Stack, tenancy: &Tenancy) {
    let swept = stack.invoke("abandonment-sweep", &scheduled()).await;
    assert_eq!(swept["unreadable"], 0, "{swept}");
    stack.settle().await;
    stack.invoke("report-tick", &scheduled()).await;
    stack.invoke("graph-pull", &scheduled()).await;
    stack.invoke("notify", &scheduled()).await;
    let asked = stack.change("admin-api", Method::POST, tenancy, "/api/reports/files", &json!({})).await;
    assert_eq!(asked.status, 202, "{}", asked.text());
    stack.settle().await;
    assert_ne!(stack.published("ReportPublished").len(), 0);
    let status = stack.ask("admin-api", Method::GET, tenancy, "/api/devices/enrollment-status").await;
    assert_eq!(status.status, 200, "{}", status.text());
    assert!(status.json()["devices"].as_u64().unwrap() as usize > DEVICES / 2, "{}", status.text());
    assert!(stack.store.dead_letters(10).await.unwrap().is_empty());
    for function in ["abandonment-sweep", "event-publisher", "report-export", "report-tick", "graph-pull", "notify"] {
        let errors = stack.complaints(function).into_iter().filter(|line| line["level"] == "ERROR");
        assert_eq!(errors.collect::<Vec<_>>(), [] as [Value; 0], "{function}");
    }
}

/// What a program of format 1 finds in a table: it knows these attributes, ignores one, and no kind of item besides.
fn read_as_format_1(items: &[Item]) {
    let known: BTreeSet<&str> = "pk sk v d f cp cb g z ds da x sv to".split(' ').chain(["m"]).collect();
    let mut beside = 0;
    for item in items.iter().filter(|item| text(item, "pk").starts_with("e#")) {
        let key = format!("{} {}", text(item, "pk"), text(item, "sk"));
        for name in item.keys() {
            assert!(known.contains(name.as_str()), "{key} has {name}");
        }
        let Some(data) = bytes(item, "d") else { continue };
        assert!([2, 3].contains(&data[0]), "{key} is written in a way that it does not know: {}", data[0]);
        let events = codec::decode_events(data).unwrap_or_else(|error| panic!("{key}: {error}"));
        assert!(events.iter().all(|event| event.reports == Reports::ALL), "{key}");
        if let Some(more) = bytes(item, "m") {
            beside += 1;
            // Nobody who knows it lost anything.
            assert_eq!(codec::decode_events_with(data, Some(more)).unwrap().len(), events.len());
        }
    }
    for item in items.iter().filter(|item| text(item, "pk").starts_with("t#") && text(item, "sk") == "t") {
        let content: Value = serde_json::from_str(text(item, "c")).unwrap();
        // It knows of no seals.
        assert!(content["webhook_secrets"].is_array() && content.get("sealed").is_none(), "{content}");
        let known = "timeZone requireCompliance windowsIdleLimitMinutes retentionDays pseudonymise deviceLimit exportAt \
                     complianceSource";
        let known: BTreeSet<&str> = known.split(' ').collect();
        let earlier = content["settings_history"]["earlier"].as_array().into_iter().flatten().map(|one| &one[1]);
        for settings in earlier.chain([&content["settings"]]) {
            for (name, value) in settings.as_object().unwrap() {
                assert!(known.contains(name.as_str()) && !value.is_object(), "{name} of {settings}");
            }
        }
    }
    assert_ne!(beside, 0, "a sender that reports less than everything is there");
    for kind in ["erasing", "gone#", "erasure#"] {
        assert!(items.iter().all(|item| text(item, "pk") != kind && !text(item, "sk").starts_with(kind)), "{kind}");
    }
}

/// What a program of format 2 finds: no way of writing events that it does not know, and no setting.
fn read_as_format_2(items: &[Item]) {
    for item in items.iter().filter(|item| text(item, "pk").starts_with("e#")) {
        if let Some(data) = bytes(item, "d") {
            assert!((2..=5).contains(&data[0]), "{} is written in a way that it does not know", text(item, "pk"));
        }
    }
    for item in items.iter().filter(|item| text(item, "pk").starts_with("t#") && text(item, "sk") == "t") {
        assert!(!text(item, "c").contains("tagKeys"), "{}", text(item, "c"));
    }
}

/// What a sender of this device reports, by the newest event that is stored.
async fn reports_of(stack: &Stack, device: &str) -> Reports {
    let name =
        vestibule_domain::Identifier::new(vestibule_domain::identity::IdentifierKind::SerialNumber, device).unwrap();
    let stored = stack.store.find(&TenantId::parse("contoso").unwrap(), &name, now()).await.unwrap().unwrap();
    stored.history.events().max_by_key(|event| event.received_at).unwrap().reports
}

/// The tags of a device.
async fn tags_of(stack: &Stack, device: &str) -> Value {
    let name =
        vestibule_domain::Identifier::new(vestibule_domain::identity::IdentifierKind::SerialNumber, device).unwrap();
    let contoso = TenantId::parse("contoso").unwrap();
    let stored = stack.store.find(&contoso, &name, now()).await.unwrap().unwrap();
    json!(vestibule_domain::fold(&contoso, &stored.history, &TenantSettings::default(), now()).tags)
}

/// Posts until a function writes in the format that is in force now.
async fn until_written_in(stack: &Stack, tenancy: &Tenancy, format: StoredFormat) {
    let began = Instant::now();
    for number in 0.. {
        let data = json!({"platform": "ios", "tags": {"department": "Sales"}});
        let mut event = event_at("enrollment.started", MOVED, 1, &data);
        event["id"] = json!(format!("moved-{number}"));
        post(stack, tenancy, "enrollment-events", &event).await;
        let items = items(stack).await;
        let is_moved = |item: &Item| {
            bytes(item, "d").is_some_and(|data| {
                let history = codec::decode_with(data, bytes(item, "m")).unwrap();
                codec::format_of(data) == format && history.identifiers().iter().any(|name| name.value == MOVED)
            })
        };
        if items.iter().filter(|item| text(item, "sk") == "h").any(is_moved) {
            return;
        }
        assert!(began.elapsed() < SEEN_WITHIN, "nobody writes in {format:?}");
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_function_works_on_each_released_format_and_the_move_changes_no_row() {
    for format in StoredFormat::ALL {
        let file = path_of(format.number());
        let size = std::fs::metadata(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display())).len();
        assert!(size < MOST_BYTES, "{}: {size} bytes", file.display());
        let image: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
        assert_eq!(image["format"], format.number());
        assert!(
            now().to_string().as_str() < image["expires"].as_str().unwrap(),
            "its devices expire: keep a new image"
        );
        let stack = Stack::start().await;
        let tenancy = load(&stack, &image).await;
        assert_eq!(tenancy.tenant.settings.format, format);
        assert_eq!(json_of(&stack, &["format", "show"])["format"], format.number());
        assert_eq!(rebuilt(&stack).len(), image["attempts"].as_u64().unwrap() as usize);

        post_some(&stack, &tenancy).await;
        run_all(&stack, &tenancy).await;
        assert_ne!(reports_of(&stack, "testmac0001").await, Reports::ALL);
        // A setting that format 1 lacks, changed by the API and by the program.
        let changed = json!({"macosIdleLimitMinutes": 45});
        let changed = stack.change("admin-api", Method::PATCH, &tenancy, "/api/tenant", &changed).await;
        assert_eq!(changed.status, 200, "{}", changed.text());
        json_of(&stack, &["tenant", "set", "contoso", "deviceLimit=7"]);
        stack.invoke("abandonment-sweep", &scheduled()).await;
        stack.settle().await;
        if format == StoredFormat::First {
            read_as_format_1(&items(&stack).await);
            let device = json!({"device": "KEPT0002"});
            let erased = stack.change("admin-api", Method::POST, &tenancy, "/api/erasures", &device).await;
            assert_eq!(erased.status, 409, "{}", erased.text());
            assert!(erased.text().contains("format set 2"), "{}", erased.text());
            let refused = vestibule(&stack, &["erase", "contoso", "--device", "KEPT0002"]);
            assert!(String::from_utf8_lossy(&refused.stderr).contains("format set 2") && !refused.status.success());
            read_as_format_1(&items(&stack).await);
        }

        if format < StoredFormat::Third {
            read_as_format_2(&items(&stack).await);
            let keys = json!({"tagKeys": ["floor"]});
            let refused = stack.change("admin-api", Method::PATCH, &tenancy, "/api/tenant", &keys).await;
            assert_eq!(refused.status, 409, "{}", refused.text());
            assert!(refused.text().contains("format set 3"), "{}", refused.text());
        }

        let before = rebuilt(&stack);
        assert_eq!(settings_of(&stack)["macosIdleLimitMinutes"], 45);
        let newest = StoredFormat::NEWEST;
        let moved = json_of(&stack, &["format", "set", &newest.number().to_string()]);
        assert_eq!((&moved["format"], &moved["behind"]), (&json!(newest.number()), &json!([])), "{moved}");
        until_written_in(&stack, &tenancy, newest).await;
        assert_eq!(rebuilt(&stack), before, "format {format:?}");
        assert_eq!(settings_of(&stack)["macosIdleLimitMinutes"], 45);
        json_of(&stack, &["tenant", "set", "contoso", "deviceLimit=8"]);
        assert_eq!(settings_of(&stack)["macosIdleLimitMinutes"], 45);
        let ios = json!({"platform": "ios"});
        post(&stack, &tenancy, "enrollment-events", &event_at("enrollment.compliant", "KEPT0007", 1, &ios)).await;
        run_all(&stack, &tenancy).await;
        // What lay in clear is sealed, and opens for whoever needs it.
        let sealed = json_of(&stack, &["secret", "seal"]);
        assert_eq!(sealed["sealed"], json!([{"tenant": "contoso", "items": 1}]));
        // Tags are kept from now on, and the keys are the tenant's to choose.
        json_of(&stack, &["tenant", "set", "contoso", r#"tagKeys=["department", "floor"]"#]);
        assert_eq!(settings_of(&stack)["tagKeys"], json!(["department", "floor"]));
        assert_eq!(tags_of(&stack, MOVED).await, json!({"department": "Sales"}));
        let written = format!("{:?}", items(&stack).await);
        assert!(!written.contains(&tenancy.secret) && !written.contains(SENDER_SECRET));
        post(
            &stack,
            &tenancy,
            "esp-status",
            &event_at(
                "esp.item",
                "LATER0002",
                1,
                &json!({"phase": "deviceSetup",
            "category": "apps", "item": {"id": "app", "state": "inProgress"}}),
            ),
        )
        .await;
        let back = vestibule(&stack, &["format", "set", "1"]);
        assert!(String::from_utf8_lossy(&back.stderr).contains("restore a backup") && !back.status.success());
        let erased =
            stack.change("admin-api", Method::POST, &tenancy, "/api/erasures", &json!({"device": "KEPT0002"})).await;
        assert_eq!(
            (erased.status.as_u16(), &erased.json()["erasure"]["enrollments"]),
            (202, &json!(1)),
            "{}",
            erased.text()
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_of_a_later_format_is_refused_by_name_and_stays_as_it_is() {
    let later = StoredFormat::NEWEST.number() + 1;
    let named = format!("is of format {later}");
    let stack = Stack::start().await;
    let tenancy = stack.tenant("contoso", TenantSettings::default()).await;
    let then = now() - Millis::from_minutes(61);
    let event = event_at("enrollment.started", "SILENT0001", 61, &json!({"platform": "ios"}));
    let events = vec![vestibule_e2e::reading(&event, then)];
    stack.store.add_events(&tenancy.tenant.id, &tenancy.tenant.settings, events, then).await.unwrap();
    let client = &stack.host.clients.dynamodb;
    for (pk, sk, name) in [("t#contoso", "t", "fm"), ("format", "in-force", "n")] {
        let key = |text: &str| AttributeValue::S(text.to_owned());
        let update = client.update_item().table_name(TABLE).key("pk", key(pk)).key("sk", key(sk));
        let update = update.update_expression("SET #f = :f").expression_attribute_names("#f", name);
        let update = update.expression_attribute_values(":f", AttributeValue::N(later.to_string()));
        update.send().await.unwrap();
    }
    let before = items(&stack).await;

    let event = event_at("enrollment.started", "LATER0001", 1, &json!({"platform": "ios"}));
    for hook in ["enrollment-events", "esp-status"] {
        let answer = stack.post(hook, hook, &tenancy, &event).await;
        assert!(answer.status.is_server_error(), "{hook}: {}", answer.text());
    }
    let answer = stack.ask("admin-api", Method::GET, &tenancy, "/api/devices/enrollment-status").await;
    assert!(answer.status.is_server_error() && !answer.text().contains("format"), "{}", answer.text());
    stack.invoke_raw("abandonment-sweep", &scheduled()).await;
    stack.invoke_raw("report-tick", &scheduled()).await;
    let request = json!({"detail-type": "ReportExportRequested",
        "detail": {"tenant": "contoso", "asOf": now().to_string()}});
    stack.invoke_raw("report-export", &request).await;
    assert!(stack.host.settle(&stack.functions(&[])).await.is_err(), "its records wait for a later release");
    assert_eq!(items(&stack).await, before);
    assert!(stack.store.dead_letters(10).await.unwrap().is_empty());
    for function in [
        "enrollment-events",
        "esp-status",
        "admin-api",
        "abandonment-sweep",
        "report-tick",
        "report-export",
        "event-publisher",
    ] {
        let complaints = json!(stack.complaints(function)).to_string();
        assert!(complaints.contains(&named), "{function}: {complaints}");
    }
    for arguments in
        [&["tenant", "set", "contoso"][..], &["format", "show"], &["format", "set", "2"], &["export", "contoso"]]
    {
        let refused = vestibule(&stack, arguments);
        let why = String::from_utf8_lossy(&refused.stderr);
        assert!(!refused.status.success() && why.contains(&named), "{arguments:?}: {why}");
    }
    assert_eq!(items(&stack).await, before);
}

/// Makes the image that the first test opens, once for each format, before a release with that format is published.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "it makes a file of the repository"]
async fn keep_an_image_of_this_format() {
    let mut stack = Stack::start().await;
    // The key of this stack is gone tomorrow, so the tenant's secrets are kept in clear: a store without a vault writes them so.
    stack.store = Store::new(stack.host.clients.dynamodb.clone(), TABLE);
    let settings = TenantSettings { retention_days: 400, ..TenantSettings::default() };
    let mut tenancy = stack.tenant("contoso", settings).await;
    stack.add_source(&mut tenancy, "simplemdm", SENDER_SECRET).await;
    let ios = json!({"platform": "ios", "user": {"principalName": "ada@contoso.example"},
        "tags": {"department": "Sales"}});
    let failure = json!({"platform": "windows", "failure": {"code": "0x80180014"}});
    let events = [
        vec![("enrollment.started", "KEPT0000", 20, &ios)],
        vec![("enrollment.started", "KEPT0001", 20, &ios), ("enrollment.enrolled", "KEPT0001", 15, &ios)],
        vec![("enrollment.started", "KEPT0002", 20, &failure), ("enrollment.failed", "KEPT0002", 15, &failure)],
        vec![("enrollment.registered", "KEPT0003", 20, &ios)],
        vec![("enrollment.started", "KEPT0004", 20, &ios), ("enrollment.unenrolled", "KEPT0004", 10, &ios)],
        vec![("enrollment.started", "KEPT0006", 20, &ios), ("enrollment.stopped", "KEPT0006", 10, &ios)],
        vec![("enrollment.enrolled", "KEPT0007", 10, &ios)],
    ];
    for (kind, device, minutes, data) in events.into_iter().flatten() {
        post(&stack, &tenancy, "enrollment-events", &event_at(kind, device, minutes, data)).await;
    }
    post(&stack, &tenancy, "esp-status", &event_at("esp.started", "KEPT0005", 20, &json!({"platform": "windows"})))
        .await;
    post(&stack, &tenancy, "esp-status", &event_at("esp.completed", "KEPT0005", 9, &json!({"platform": "windows"})))
        .await;
    run_all(&stack, &tenancy).await;
    let mut objects = Map::new();
    let listed = stack.host.clients.s3.list_objects_v2().bucket(BUCKET).send().await.unwrap();
    for object in listed.contents() {
        let key = object.key().unwrap();
        let content = stack.host.clients.s3.get_object().bucket(BUCKET).key(key).send().await.unwrap();
        let content = content.body.collect().await.unwrap().into_bytes();
        objects.insert(key.to_owned(), json!(STANDARD.encode(miniz_oxide::deflate::compress_to_vec(&content, 10))));
    }
    let items: Vec<Value> = items(&stack)
        .await
        .iter()
        .map(|item| item.iter().map(|(name, value)| (name.clone(), shown(value))).collect::<Map<_, _>>().into())
        .collect();
    // This publishes another file, which the image need not have.
    let attempts = rebuilt(&stack).len();
    let format = StoredFormat::NEWEST.number();
    let expires = now() + Millis::from_days(395);
    let image = json!({"format": format, "at": now().to_string(), "expires": expires.to_string(), "attempts": attempts,
        "secret": tenancy.secret, "token": tenancy.token, "items": items, "objects": objects});
    std::fs::create_dir_all(path_of(format).parent().unwrap()).unwrap();
    std::fs::write(path_of(format), format!("{image:#}\n")).unwrap();
}
