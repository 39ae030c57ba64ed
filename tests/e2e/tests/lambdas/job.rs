//! Everything that the functions ever ask of AWS, on this machine (`permissions`) and on a stack (`deployed`): segments,
//! merges, links that are cut, what retention ends, dead letters, jobs, files, erasures, and Graph's lists.

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use vestibule_domain::identity::IdentifierKind;
use vestibule_domain::web_enrollment::{SignIn, WebStep, WebSteps};
use vestibule_domain::{Identifier, Millis, Platform, TenantSettings, Timestamp};
use vestibule_e2e::{Answer, Tenancy, event_at, now, reading, send};
use vestibule_graph_tests::{Fake, device, pending};
use vestibule_notices::mute::Mute;
use vestibule_notices::{Channel, Keys, Policy as Messages, Rule, To, Watch};
use vestibule_permissions::{Grant, Judged, Policy};
use vestibule_platform::credentials::{new_browser_session, token_hash};
use vestibule_store::{
    Begun, BrowserSession, Credential, DeadLetter, LookBudget, OlderFiles, PullApp, Secret, SourceSecret, Store,
    Subject, log_day,
};

/// Functions (`*` is any), statements, what of them the job does not use (`*` is all), and why it is allowed.
const UNUSED: [(&str, &str, &str, &str); 8] = [
    ("*", "Logs", "*", "Lambda writes the logs, under the function's role"),
    ("*", "DeadLetters", "*", "Lambda sends what failed, under the function's role"),
    ("event-publisher", "Stream", "*", "Lambda reads the stream, under the function's role"),
    ("event-publisher", "Streams", "*", "Lambda reads the stream, under the function's role"),
    ("enrollment-events", "Table", "dynamodb:DeleteItem", "cuts a link that another writer left behind"),
    ("esp-status", "Table", "dynamodb:DeleteItem", "cuts a link that another writer left behind"),
    ("report-export", "Reports", "s3:AbortMultipartUpload", "ends an upload that failed on its way"),
    ("admin-api", "ErasedMentions", "erasing", "ends an erasure whose part in the table the sweep ended meanwhile"),
];

/// What the job may or may not come to use, by what its steps find.
const SELDOM: [(&str, &str, &str, &str); 6] = [
    ("notify", "Feed", "*", "begins a feed of changes where a question read many, and prolongs it"),
    (
        "esp-status",
        "Table",
        "dynamodb:ConditionCheckItem",
        "leaves older segments to time-to-live, where a device has any",
    ),
    ("graph-pull", "Table", "dynamodb:BatchGetItem", "reads several devices at once, and the job's lists have few"),
    (
        "graph-pull",
        "Table",
        "dynamodb:ConditionCheckItem",
        "leaves older segments to time-to-live, where a device has any",
    ),
    ("graph-pull", "Table", "dynamodb:DeleteItem", "cuts a link that another writer left behind"),
    ("report-tick", "Bus", "events:PutEvents", "requests a file, unless one was requested already"),
];

/// Where the functions run.
pub(crate) trait Place {
    fn store(&self) -> &Store;
    /// A request to a function's address.
    fn request(&self, function: &str, method: Method, path: &str) -> RequestBuilder;
    async fn invoke(&self, function: &str, event: &Value) -> Value;
    /// Waits until what was written is published, and what that requests is done: until `found` has something.
    async fn settles<T>(&self, what: &str, found: impl AsyncFn() -> Option<T>) -> T;
    /// From now on the function that pulls takes this for Microsoft's Graph.
    fn reads_graph_at(&mut self, url: &str);
}

const ADA: &str = "0a4f63b1-7c2d-4e55-9a10-6d1f0b7c9e11";
const SOURCE_SECRET: &str = "5e3c1f9a7b2d4e6f8091a2b3c4d5e6f7";

fn ago(minutes: i64) -> Timestamp {
    now() - Millis::from_minutes(minutes)
}

const DAY: i64 = 24 * 60;

fn done(answer: Answer, status: u16) -> Answer {
    assert_eq!(answer.status.as_u16(), status, "{}", answer.text());
    answer
}

/// What one of the two hooks hears: `kind` is a type of event that may repeat, and `data` what it needs.
struct Hook {
    function: &'static str,
    begins: &'static str,
    repeats: &'static str,
}

const HOOKS: [Hook; 2] = [
    Hook { function: "enrollment-events", begins: "enrollment.started", repeats: "enrollment.failed" },
    Hook { function: "esp-status", begins: "esp.started", repeats: "esp.item" },
];

impl Hook {
    fn platform(&self) -> &'static str {
        if self.function == "esp-status" { "windows" } else { "ios" }
    }

    fn event(&self, kind: &str, device: &Value, minutes_ago: i64, number: usize) -> Value {
        let data = match kind {
            "esp.item" => json!({"device": device, "phase": "deviceSetup", "category": "apps",
                "item": {"id": format!("app-{number}"), "name": message(number), "state": "inProgress"}}),
            "enrollment.failed" => json!({"device": device, "platform": self.platform(),
                "failure": {"code": format!("0x{number:08x}"), "message": message(number)}}),
            _ => json!({"device": device, "platform": self.platform()}),
        };
        let mut event = event_at(kind, "", minutes_ago, &data);
        event["id"] = json!(format!("{}-{kind}-{device}-{number}", self.function));
        event
    }

    /// Enough events that the older ones are sealed.
    fn many(&self, device: &Value, minutes_ago: i64) -> Vec<Value> {
        let later = (0..40).map(|number| self.event(self.repeats, device, minutes_ago - 1, number));
        std::iter::once(self.event(self.begins, device, minutes_ago, 0)).chain(later).collect()
    }

    async fn hears(&self, place: &impl Place, tenancy: &Tenancy, events: &[Value]) {
        let body = json!(events).to_string();
        let path = format!("/hooks/{}/{}", tenancy.tenant.id, self.function);
        let mut post = place.request(self.function, Method::POST, &path);
        for (name, value) in tenancy.sign(body.as_bytes()) {
            post = post.header(name, value);
        }
        done(send(post.header("content-type", "application/cloudevents+json").body(body)).await, 202);
    }

    /// As if the hook had stored them then, with what it knew of the tenant at first.
    async fn heard(&self, place: &impl Place, tenancy: &Tenancy, events: &[Value], then: Timestamp) {
        let events = events.iter().map(|event| reading(event, then)).collect();
        // Under the tenant's first settings: whoever writes so knows of no change and of no erasure.
        let added = place.store().add_events(&tenancy.tenant.id, &tenancy.tenant.settings, events, then).await;
        assert!(!added.unwrap().is_empty());
    }
}

/// A text that does not deflate to nothing.
fn message(number: usize) -> String {
    let words = (0..12_usize).map(|word| format!("{:08x}", (number + 1) * 2_654_435_761 % 4_294_967_291 * (word + 7)));
    words.collect::<Vec<_>>().join(" ")
}

/// Segments, merges, links that are cut, merges that are refused, and a device that was gone.
async fn senders(place: &impl Place, tenancy: &Tenancy) {
    for hook in HOOKS {
        let named = |name: &str| format!("{name}-{}", hook.function);
        let serial = |name: &str| json!({"serialNumber": named(name)});
        let udid = |name: &str| json!({"udid": named(name)});
        let both = |one: &str, other: &str| json!({"serialNumber": named(one), "udid": named(other)});
        // Another is sealed while events come in.
        for part in hook.many(&serial("S-LONG"), 50).chunks(10) {
            hook.hears(place, tenancy, part).await;
        }
        let devices: Vec<Value> =
            (0..30).map(|number| hook.event(hook.begins, &serial(&format!("S-{number}")), 40, number)).collect();
        hook.hears(place, tenancy, &devices).await;
        // Two enrollments with segments are one device.
        hook.hears(place, tenancy, &hook.many(&udid("u-merged"), 30)).await;
        hook.hears(place, tenancy, &hook.many(&serial("S-MERGED"), 29)).await;
        let merges = hook.event(hook.begins, &both("S-MERGED", "u-merged"), 20, 99);
        hook.hears(place, tenancy, &[merges]).await;
        // A board that was changed: the UDID is that of another serial number.
        hook.hears(place, tenancy, &[hook.event(hook.begins, &both("S-FIRST", "u-board"), 19, 1)]).await;
        hook.hears(place, tenancy, &[hook.event(hook.begins, &both("S-SECOND", "u-board"), 18, 2)]).await;
        // What retention has ended begins anew.
        let long_ago = 600 * DAY;
        hook.heard(place, tenancy, &hook.many(&serial("S-GONE"), long_ago), ago(long_ago - 2)).await;
        hook.hears(place, tenancy, &[hook.event(hook.begins, &serial("S-GONE"), 10, 7)]).await;
    }
    let record = json!({"time": ago(5).to_string(), "operationName": "Sign-in activity", "category": "SignInLogs",
        "resultType": "53000", "properties": {"id": "sign-in", "createdDateTime": ago(5).to_string(), "userId": ADA,
        "userPrincipalName": "ada@contoso.example", "appId": "mail", "isInteractive": true,
        "status": {"errorCode": 53000}, "deviceDetail": {"operatingSystem": "Ios 26.1", "isManaged": false}}});
    let path = format!("/hooks/contoso/intune-operational-logs/{SOURCE_SECRET}");
    let body = json!({"records": [record]}).to_string();
    done(send(place.request("enrollment-events", Method::POST, &path).body(body)).await, 200);
}

async fn ask(place: &impl Place, tenancy: &Tenancy, path: &str) -> Value {
    let get = place.request("admin-api", Method::GET, path).bearer_auth(&tenancy.token);
    done(send(get).await, 200).json()
}

async fn change(place: &impl Place, tenancy: &Tenancy, method: Method, path: &str, body: &Value) -> Answer {
    let change = place.request("admin-api", method, path).bearer_auth(&tenancy.token);
    send(if body.is_null() { change } else { change.json(body) }).await
}

/// Somebody works with the page.
async fn administrator(place: &impl Place, tenancy: &Tenancy) {
    for path in ["reports/incomplete-enrollments", "devices/enrollment-status", "reports/esp", "sources"] {
        ask(place, tenancy, &format!("/api/{path}")).await;
    }
    let profile = json!({"displayName": "Kiosk"});
    let made = done(change(place, tenancy, Method::POST, "/api/devices/esp-profiles", &profile).await, 201).json();
    let path = format!("/api/devices/esp-profiles/{}", made["id"].as_str().unwrap());
    done(change(place, tenancy, Method::DELETE, &path, &Value::Null).await, 204);
    let settings = json!({"macosIdleLimitMinutes": 45, "pseudonymise": true});
    done(change(place, tenancy, Method::PATCH, "/api/tenant", &settings).await, 200);

    let address = json!({"url": "https://vestibule.example"});
    done(change(place, tenancy, Method::POST, "/api/sources/nanomdm/secrets", &address).await, 201);

    let begun = done(change(place, tenancy, Method::POST, "/api/browser-sessions", &Value::Null).await, 201);
    let cookie = begun.header("set-cookie").split(';').next().unwrap().to_owned();
    let by_cookie = place.request("admin-api", Method::GET, "/api/tenant").header("cookie", cookie);
    done(send(by_cookie).await, 200);
    // One that was last used a while ago.
    let secret = new_browser_session(tenancy.tenant.id.as_str()).unwrap();
    let credential = Credential::Token { sha256: token_hash(&tenancy.token) };
    let session = BrowserSession::new(token_hash(&secret), credential, None, None, ago(30));
    place.store().begin_browser_session(&tenancy.tenant.id, &session).await.unwrap();
    let name = begun.header("set-cookie").split('=').next().unwrap();
    let by_cookie = place.request("admin-api", Method::GET, "/api/tenant").header("cookie", format!("{name}={secret}"));
    done(send(by_cookie).await, 200);
    let path = format!("/api/browser-sessions/{}", begun.json()["session"]["id"].as_str().unwrap());
    done(change(place, tenancy, Method::DELETE, &path, &Value::Null).await, 204);
}

/// The key of a device.
async fn key(place: &impl Place, tenancy: &Tenancy, device: &str) -> String {
    let name = Identifier::new(IdentifierKind::SerialNumber, device).unwrap();
    place.store().find(&tenancy.tenant.id, &name, now()).await.unwrap().expect("it is there").key.as_str().to_owned()
}

/// A record that does not even parse, about a device that is erased later.
async fn poison(place: &impl Place, tenancy: &Tenancy) {
    let item = key(place, tenancy, "s-merged-enrollment-events").await;
    let record = json!({"eventID": "1", "eventName": "MODIFY", "eventSource": "aws:dynamodb", "awsRegion": "us-east-1",
        "dynamodb": {"ApproximateCreationDateTime": now().seconds(), "Keys": {"pk": {"S": item}, "sk": {"S": "h"}},
            "NewImage": "x", "SequenceNumber": "111", "SizeBytes": 9, "StreamViewType": "NEW_AND_OLD_IMAGES"}});
    let answer = place.invoke("event-publisher", &json!({"Records": [record]})).await;
    assert_eq!(answer, json!({"batchItemFailures": []}));
    assert_eq!(place.store().dead_letters(10).await.unwrap().len(), 1);
}

fn scheduled() -> Value {
    json!({"version": "0", "id": "00000000-0000-4000-8000-000000000000", "detail-type": "Scheduled Event",
        "source": "aws.events", "account": "000000000000", "time": now().to_string(), "region": "us-east-1",
        "resources": [], "detail": {}})
}

/// The files that there are.
async fn files_of(place: &impl Place, tenancy: &Tenancy) -> BTreeSet<String> {
    let files = place.store().files(&tenancy.tenant.id, 100).await.unwrap();
    files.into_iter().map(|file| file.sha256).collect()
}

/// Waits until there is a file that was not there before; an erasure also removes some.
async fn another_file(place: &impl Place, tenancy: &Tenancy, before: &BTreeSet<String>) {
    let is_there = async || (!files_of(place, tenancy).await.is_subset(before)).then_some(());
    place.settles("another file is published", is_there).await;
}

/// Settings were changed an hour ago; somebody was erased ten minutes ago, and a writer that did not know of it stored
/// something since.
async fn sweeps(place: &impl Place, tenancy: &Tenancy) {
    let [hook, _] = HOOKS;
    let silent = json!({"serialNumber": "S-SILENT"});
    hook.heard(place, tenancy, &[hook.event(hook.begins, &silent, 90, 0)], ago(90)).await;
    // The first pass was made then, so the second one need not wait.
    if let Some(job) = place.store().refolds().await.unwrap().pop() {
        let settings = place.store().tenant(&tenancy.tenant.id).await.unwrap().unwrap().settings;
        place.store().go_on_refolding(job, &settings, ago(60), usize::MAX).await.unwrap();
    }

    let late = json!({"serialNumber": "S-LATE", "udid": "u-late"});
    let all = hook.many(&late, 30);
    hook.heard(place, tenancy, &all, ago(28)).await;
    let tenant = place.store().tenant(&tenancy.tenant.id).await.unwrap().unwrap();
    let (subject, at) = (Subject::Device("S-LATE".into()), ago(10));
    let erased = place.store().erase(&tenant, &subject, OlderFiles::Rebuild, ("1", "operator"), at).await.unwrap();
    assert_eq!(erased.record.enrollments, 1);
    hook.heard(place, tenancy, &all, ago(9)).await;
    let is_done = async || {
        place.invoke("abandonment-sweep", &scheduled()).await;
        let is_due = place.store().erasings().await.unwrap().iter().any(|erasing| erasing.is_due(now()));
        (!is_due && place.store().refolds().await.unwrap().is_empty()).then_some(())
    };
    place.settles("changed settings are applied, and the erasure has ended in the table", is_done).await;
    searches(place, tenancy).await;
}

/// A person whom a request had no time to find, with a device that was refused a merge and a change that was set aside, and
/// with a sign-in.
async fn searches(place: &impl Place, tenancy: &Tenancy) {
    const CLEO: &str = "cleo@contoso.example";
    let of = |serial: &str, user: &str, minutes| {
        let device = json!({"serialNumber": serial, "udid": "u-cleo"});
        let data = json!({"device": device, "platform": "ios", "user": {"principalName": user}});
        let mut event = event_at("enrollment.started", "", minutes, &data);
        event["id"] = json!(serial);
        event
    };
    let [hook, _] = HOOKS;
    hook.hears(place, tenancy, &[of("S-CLEO", CLEO, 30)]).await;
    hook.hears(place, tenancy, &[of("S-OTHER", "ben@contoso.example", 20)]).await;
    let store = place.store();
    let item = key(place, tenancy, "s-cleo").await;
    let letter = DeadLetter { sequence_number: "222".into(), item, reason: "broken".into(), at: ago(1) };
    store.put_dead_letter(&letter).await.unwrap();
    let steps = WebSteps::of(WebStep::PortalSignIn, true);
    let sign_in = SignIn { user_id: CLEO.into(), platform: Platform::Ios, at: ago(60), steps };
    let day = log_day(sign_in.at);
    store.add_sign_ins(&tenancy.tenant.id, &[(sign_in, day)], Millis::from_days(90)).await.unwrap();
    let tenant = store.tenant(&tenancy.tenant.id).await.unwrap().unwrap();
    let (subject, of) = (Subject::User(CLEO.into()), ("2", "operator"));
    let mut budget = LookBudget::new(1, &|| true);
    let begun = store.erase_within(&tenant, &subject, OlderFiles::Rebuild, of, &mut budget, now()).await.unwrap();
    assert!(matches!(begun, Begun::Searching(_)), "{begun:?}");
    let is_done = async || {
        place.invoke("abandonment-sweep", &scheduled()).await;
        let records = store.erasures(&tenancy.tenant.id, 10).await.unwrap();
        records.into_iter().find(|record| record.id == "2")
    };
    let record = place.settles("who was searched for is erased", is_done).await;
    assert_eq!((record.enrollments, record.web_enrollment_days), (1, 1));
}

async fn pulls(place: &mut impl Place, tenancy: &Tenancy) -> Fake {
    let fake = Fake::with_app("contoso.example", "client", "secret").await;
    let enrolled = ago(30);
    fake.set("managedDevices", (1..=3).map(|number| device(number, enrolled, "compliant")).collect());
    fake.set("windowsAutopilotDeviceIdentities", vec![pending(9)]);
    for list in ["troubleshootingEvents", "autopilotEvents", "deviceEnrollmentConfigurations"] {
        fake.set(list, vec![]);
    }
    let app = PullApp {
        directory: "contoso.example".to_owned(),
        client: "client".to_owned(),
        cloud: "global".to_owned(),
        added_at: now(),
        expires_at: None,
        chosen: BTreeSet::new(),
    };
    place.store().set_pull(&tenancy.tenant.id, app, &Secret::new("secret"), now()).await.unwrap();
    place.reads_graph_at(&fake.url());
    assert_eq!(place.invoke("graph-pull", &scheduled()).await["requested"], 1);
    let is_read = async || {
        let lists = place.store().pull_lists(&tenancy.tenant.id).await.unwrap();
        lists.get("managed-devices").is_some_and(|list| list.rows == 3).then_some(())
    };
    place.settles("Graph's lists are read", is_read).await;
    fake
}

async fn follow(link: &str) -> Answer {
    send(reqwest::Client::builder().no_proxy().build().unwrap().get(link)).await
}

/// A device of which nothing is kept, one of which something is, and who asked for files meanwhile.
async fn files(place: &impl Place, tenancy: &Tenancy) {
    let [hook, _] = HOOKS;
    let old = json!({"serialNumber": "S-OLD"});
    hook.heard(place, tenancy, &hook.many(&old, 60 * DAY), ago(60 * DAY - 2)).await;
    hook.heard(place, tenancy, &[hook.event(hook.begins, &old, 15, 1)], ago(14)).await;
    place.invoke("report-tick", &scheduled()).await;
    another_file(place, tenancy, &BTreeSet::new()).await;
    let before = files_of(place, tenancy).await;
    done(change(place, tenancy, Method::POST, "/api/reports/files", &Value::Null).await, 202);
    another_file(place, tenancy, &before).await;
    let get = place.request("admin-api", Method::GET, "/api/reports/files/latest").bearer_auth(&tenancy.token);
    let latest = done(send(get).await, 302);
    let file = done(follow(latest.header("location")).await, 200);
    assert!(file.body.starts_with(b"SQLite format 3\0"));
    let asks = async || drop(ask(place, tenancy, "/api/reports/incomplete-enrollments").await);
    follows_the_feed(place, tenancy, "admin-api", asks).await;
}

/// How many barriers the publisher met in the tenant's feed of changes.
async fn barriers_met(place: &impl Place, tenancy: &Tenancy) -> usize {
    let (store, id) = (place.store(), &tenancy.tenant.id);
    let feed = store.tenant(id).await.unwrap().unwrap().feed.expect("it was requested");
    let pages = store.feed_pages(id, feed.since, 0).await.unwrap().expect("no page is missing");
    pages.iter().map(|page| page.barriers.len()).sum()
}

/// Asks again and again, since a copy must first have its place in the feed, and some answers are of an earlier reading.
async fn follows_the_feed(place: &impl Place, tenancy: &Tenancy, function: &str, asks: impl AsyncFn()) {
    let before = barriers_met(place, tenancy).await;
    let are_more = async || {
        asks().await;
        (barriers_met(place, tenancy).await > before).then_some(())
    };
    place.settles(&format!("{function} follows the feed of changes"), are_more).await;
}

async fn erasures(place: &impl Place, tenancy: &Tenancy) {
    let before = files_of(place, tenancy).await;
    for body in [
        json!({"device": "S-MERGED-enrollment-events"}),
        json!({"device": "S-SECOND-enrollment-events", "olderFiles": "remove"}),
        json!({"user": ADA}),
    ] {
        done(change(place, tenancy, Method::POST, "/api/erasures", &body).await, 202);
    }
    // Whoever sends it again is looked up among the tombstones.
    for hook in HOOKS {
        let again = json!({"serialNumber": format!("S-MERGED-{}", hook.function)});
        hook.hears(place, tenancy, &[hook.event(hook.begins, &again, 29, 0)]).await;
    }
    another_file(place, tenancy, &before).await;
}

/// Adds a tenant for which a file is due.
pub(crate) async fn tenant(store: &Store) -> Tenancy {
    let export_at = now().to_string()[11..16].to_owned().try_into().unwrap();
    let settings = TenantSettings { export_at, ..TenantSettings::default() };
    let mut tenancy = Tenancy::add(store, "contoso", settings).await;
    let (source, secret) = ("intune-operational-logs".to_owned(), Secret::new(SOURCE_SECRET));
    tenancy.tenant.sources.push(SourceSecret { source, secret, created_at: now() });
    store.update_tenant(&mut tenancy.tenant).await.unwrap();
    tenancy
}

/// Does the whole job.
pub(crate) async fn run(place: &mut impl Place, tenancy: &Tenancy) {
    // Somebody was erased before: whoever reads the tenant from now on also reads the tombstones.
    let nobody = json!({"device": "S-NOBODY"});
    done(change(place, tenancy, Method::POST, "/api/erasures", &nobody).await, 202);
    // A feed of changes that was begun an hour ago.
    place.store().request_feed(&tenancy.tenant.id, ago(60)).await.unwrap();
    ask(place, tenancy, "/api/reports/incomplete-enrollments").await;
    senders(place, tenancy).await;
    administrator(place, tenancy).await;
    poison(place, tenancy).await;
    sweeps(place, tenancy).await;
    files(place, tenancy).await;
    erasures(place, tenancy).await;
    messages(place, tenancy).await;
    let _graph = pulls(place, tenancy).await;
}

/// Rules of all kinds that look at something, news of the bus, and a channel that a function may not reach.
async fn messages(place: &impl Place, tenancy: &Tenancy) {
    // An administrator's channel has its secrets, which go with it.
    let mail = json!({"kind": "email", "server": "smtp.contoso.example", "user": "vestibule", "password": "of mail",
        "from": "vestibule@contoso.example", "to": ["it@contoso.example"]});
    let path = "/api/notices/channels/mail";
    done(change(place, tenancy, Method::PUT, path, &mail).await, 200);
    done(change(place, tenancy, Method::DELETE, path, &Value::Null).await, 204);
    let (store, id) = (place.store(), &tenancy.tenant.id);
    let (to, added_at) = (To::Slack { host: "127.0.0.1".to_owned() }, now());
    let channel = Channel { name: "chat".to_owned(), to, added_at, by_administrator: false };
    let keys = Keys { url: Some("https://127.0.0.1/services/x".to_owned()), ..Keys::default() };
    store.set_channel_keys(id, &channel.name, &keys).await.unwrap();
    let watched = [
        ("files", Watch::FileMade),
        ("steps", Watch::StepRate { step: None }),
        ("senders", Watch::Silent { source: None }),
        ("stuck", Watch::Stuck { minutes: 1_440 }),
    ];
    let choose = |notices: &mut vestibule_store::Notices| {
        let rule = |(name, watch): &(&str, Watch)| Rule {
            name: (*name).to_owned(),
            watch: watch.clone(),
            channels: BTreeSet::from(["chat".to_owned()]),
            muted_until: None,
        };
        notices.channels = vec![channel.clone()];
        notices.rules = watched.iter().map(rule).collect();
        notices.policy =
            Messages { digest_minutes: 0, address: Some("https://v.example".to_owned()), ..Messages::default() };
    };
    store.change_notices(id, choose).await.unwrap();
    for sent in 1..=2 {
        let detail = json!({"tenant": id, "asOf": now().to_string()});
        place.invoke("notify", &json!({"detail-type": "ReportPublished", "detail": detail})).await;
        place.invoke("notify", &scheduled()).await;
        let is_given_up = async || {
            let given_up = store.dead_notices(id, 10).await.unwrap();
            let about = given_up.iter().filter(|one| one.text.contains("A report file was published"));
            (about.count() >= sent).then_some(())
        };
        place.settles("a message is given up", is_given_up).await;
        // Under another key, the next run has to ask for the one that the first run made.
        assert!(store.seal_secrets(id).await.unwrap() >= 3);
    }
    // The rule about devices that wait asks for a report at each tick.
    let asks = async || drop(place.invoke("notify", &scheduled()).await);
    follows_the_feed(place, tenancy, "notify", asks).await;
    // The rule is muted by a link, as a person would.
    let key = store.mute_key(id).await.unwrap().unwrap();
    let until = (now() + Millis::from_minutes(DAY)).seconds();
    let mute = Mute { tenant: id.clone(), rule: "files".to_owned(), until };
    let token = mute.token(key.expose().as_bytes()).unwrap();
    done(send(place.request("admin-api", Method::POST, &format!("/notices/mute/{token}"))).await, 200);
    assert!(store.notices(id).await.unwrap().rules[0].muted_until.is_some());
}

/// Fails for what a policy allows and the job did not use, and for a call that a policy does not allow.
pub(crate) fn check(judged: &BTreeMap<String, Judged>) {
    let is_named = |function: &str, (statement, what): &Grant| {
        let names = |pattern: &str, name: &str| pattern == "*" || pattern == name;
        UNUSED
            .iter()
            .chain(&SELDOM)
            .any(|(of, by, part, _)| names(of, function) && by == statement && names(part, what))
    };
    let mut unused: Vec<(String, Grant)> = Vec::new();
    for (function, policy) in Policy::of_functions() {
        let of_it = &judged[&function];
        assert!(of_it.refused.is_empty(), "{function} may not do this: {:#?}", of_it.refused);
        let left = policy.grants().into_iter().filter(|grant| !of_it.used.contains(grant));
        unused.extend(left.filter(|grant| !is_named(&function, grant)).map(|grant| (function.clone(), grant)));
    }
    assert!(unused.is_empty(), "nothing uses this: {unused:#?}");
    for (function, statement, what, reason) in
        UNUSED.iter().filter(|(function, _, what, _)| *function != "*" && *what != "*")
    {
        let used = judged[*function].used.contains(&((*statement).to_owned(), (*what).to_owned()));
        assert!(!used, "{function} uses {statement} {what}, though {reason}");
    }
}
