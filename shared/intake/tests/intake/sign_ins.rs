//! Sign-ins over a real table: sets only grow, sums equal the counts of the sets, and nothing is kept of anybody else.

use serde_json::{Value, json};
use std::collections::BTreeMap;
use vestibule_domain::web_enrollment::{CountedSteps, WebDays, WebStep};
use vestibule_domain::{Day, Platform, TenantId, TenantSettings, Timestamp};
use vestibule_host::{Host, Names};
use vestibule_intake::{Results, Status, store_batch};
use vestibule_store::{Cause, Secret, SettingsHistory, Store, Tenant};
use vestibule_webhook::sources::intune_operational_logs::SENDER;

const NOW: &str = "2026-11-26T20:00:00Z";
const PORTAL: &str = "74bcdadc-2fdc-4bb3-8459-76d06952a0e9";
const ENROLLMENT: &str = "d4ebce55-015a-49b5-a083-c84d1797ae8c";

struct World {
    store: Store,
    host: Host,
    tenant: TenantId,
    settings: TenantSettings,
    _folder: tempfile::TempDir,
}

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

impl World {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let names = Names { table: "table".into(), bucket: "reports".into(), bus: "bus".into() };
        let host = Host::start(folder.path(), &names).await.unwrap();
        let store = Store::new(host.clients.dynamodb.clone(), "table");
        let settings = TenantSettings { time_zone: "Europe/Berlin".parse().unwrap(), ..TenantSettings::default() };
        let tenant = TenantId::parse("contoso").unwrap();
        for id in ["contoso", "fabrikam"] {
            let mut tenant = Tenant {
                id: TenantId::parse(id).unwrap(),
                created_at: at(NOW),
                settings: settings.clone(),
                webhook_secrets: Vec::new(),
                sources: Vec::new(),
                tokens: Vec::new(),
                sign_in_codes: Vec::new(),
                pseudonym_key: Secret::new("00".repeat(32)).into(),
                settings_history: SettingsHistory::default(),
                source_settings: BTreeMap::new(),
                feed: None,
                sealing: vestibule_store::Sealing::default(),
                version: 0,
            };
            store.create_tenant(&mut tenant).await.unwrap();
        }
        Self { store, host, tenant, settings, _folder: folder }
    }

    /// Another process that uses the same table.
    fn another(&self) -> Store {
        Store::new(self.host.clients.dynamodb.clone(), "table")
    }

    async fn post(&self, store: &Store, records: &[Value]) -> Results {
        let body = json!({"records": records}).to_string();
        let now = at(NOW);
        let batch = (SENDER.read)(body.as_bytes(), &http::HeaderMap::new(), SENDER.received(now, false)).unwrap();
        store_batch(store, &self.tenant, &self.settings, batch, now).await
    }

    async fn sums(&self) -> WebDays {
        self.another().consistently().web_days(&self.tenant, Day::parse("2026-01-01").unwrap()).await.unwrap()
    }

    /// The items of people, by their keys, with their members.
    async fn people(&self) -> BTreeMap<String, BTreeMap<String, String>> {
        let scan = self.host.clients.dynamodb.scan().table_name("table").send().await.unwrap();
        let items = scan.items.unwrap_or_default().into_iter();
        let text = |value: &aws_sdk_dynamodb::types::AttributeValue| {
            value.as_s().or_else(|_| value.as_n()).cloned().unwrap_or_default()
        };
        items
            .map(|item| item.iter().map(|(name, value)| (name.clone(), text(value))).collect::<BTreeMap<_, _>>())
            .filter(|item| item["pk"].starts_with("w#"))
            .map(|item| (item["pk"].clone(), item))
            .collect()
    }
}

/// A record as diagnostic settings stream it.
fn record(user: &str, os: &str, time: &str, code: i64, app: &str) -> Value {
    json!({
        "time": time, "resourceId": "/tenants/T/providers/Microsoft.aadiam", "operationName": "Sign-in activity",
        "category": "SignInLogs", "tenantId": "T", "resultType": code.to_string(), "correlationId": "C1",
        "callerIpAddress": "203.0.113.7", "identity": "Ada Lovelace",
        "properties": {
            "id": format!("R-{user}-{time}-{code}"), "createdDateTime": time, "userPrincipalName": "ada@example.com",
            "userId": user, "appId": app, "resourceId": "R", "isInteractive": true, "ipAddress": "203.0.113.7",
            "location": {"city": "Reutlingen"}, "status": {"errorCode": code},
            "deviceDetail": {"deviceId": "", "operatingSystem": os, "browser": "Mobile Safari", "isManaged": false},
        },
    })
}

const ADA: &str = "0a4f63b1-7c2d-4e55-9a10-6d1f0b7c9e11";
const BEN: &str = "1b4f63b1-7c2d-4e55-9a10-6d1f0b7c9e22";
const CAT: &str = "2c4f63b1-7c2d-4e55-9a10-6d1f0b7c9e33";

/// Three people: Ada was blocked and went on to the portal, on another day also on her iPad; Ben was blocked; Cat only
/// had to set up a second factor, which says nothing about an enrollment.
fn story() -> Vec<Value> {
    vec![
        record(ADA, "Ios 26.1", "2026-11-25T09:00:01Z", 53000, "some-app"),
        record(ADA, "Ios 26.1", "2026-11-25T09:02:00Z", 0, PORTAL),
        record(ADA, "Ios 26.1", "2026-11-25T09:03:00Z", 50079, "some-app"),
        record(ADA, "Ios 26.1", "2026-11-25T09:05:00Z", 0, ENROLLMENT),
        // In Berlin this is the next day.
        record(ADA, "iPadOS 26", "2026-11-25T23:30:00Z", 0, PORTAL),
        record(BEN, "Android 16", "2026-11-25T10:00:00Z", 530003, "some-app"),
        record(CAT, "Ios 26.1", "2026-11-25T11:00:00Z", 50079, "some-app"),
    ]
}

fn steps(all: &[WebStep]) -> CountedSteps {
    CountedSteps::from_bits(all.iter().fold(0, |bits, step| bits | 1 << *step as u16)).unwrap()
}

fn counted(days: &WebDays) -> Vec<(String, Platform, CountedSteps, u64)> {
    let all = days.iter().flat_map(|(day, sets)| sets.iter().map(move |(set, people)| (day, set, people)));
    all.map(|(day, (platform, steps), people)| (day.to_string(), *platform, *steps, *people)).collect()
}

fn expected() -> Vec<(String, Platform, CountedSteps, u64)> {
    use WebStep::{AccessBlocked, EnrollmentSignIn, MfaSetup, PortalSignIn};
    vec![
        ("2026-11-25".to_owned(), Platform::Ios, steps(&[AccessBlocked, PortalSignIn, EnrollmentSignIn, MfaSetup]), 1),
        ("2026-11-25".to_owned(), Platform::Android, steps(&[AccessBlocked]), 1),
        ("2026-11-26".to_owned(), Platform::Ios, steps(&[PortalSignIn]), 1),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn any_order_and_repetition_gives_the_same_sums() {
    let mut all = None;
    for round in 0..6_usize {
        let world = World::start().await;
        let mut records = story();
        records.rotate_left(round);
        if round % 2 == 1 {
            records.reverse();
        }
        let first = world.post(&world.store, &records).await;
        assert_eq!((first.rejected, first.ignored), (0, 0), "{first:?}");
        assert_eq!((first.accepted, first.duplicates), (7, 0), "{first:?}");
        assert_eq!(counted(&world.sums().await), expected(), "round {round}");
        let people = world.people().await;
        assert_eq!(all.get_or_insert_with(|| people.clone()), &people, "the sets, too");
        // Four more times, one by one: by this process, by a new one, and with another time of delivery.
        for again in 0..4 {
            let store = if again % 2 == 0 { world.store.clone() } else { world.another() };
            for one in &mut records {
                one["time"] = "2026-11-26T01:02:03Z".into();
                let again = world.post(&store, std::slice::from_ref(one)).await;
                assert_eq!((again.accepted, again.duplicates), (0, 1), "{again:?}");
            }
        }
        assert_eq!(counted(&world.sums().await), expected(), "round {round}");
        assert_eq!(world.people().await, people);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_that_write_at_once_count_nobody_twice() {
    let world = World::start().await;
    let users: Vec<String> = (0..60).map(|number| format!("{number:08x}-7c2d-4e55-9a10-6d1f0b7c9e11")).collect();
    let record = |user: &String, code, app| record(user, "Ios 26.1", "2026-11-25T09:00:01Z", code, app);
    let parts: [Vec<Value>; 4] = [
        users.iter().map(|user| record(user, 53000, "some-app")).collect(),
        users.iter().map(|user| record(user, 0, PORTAL)).collect(),
        users.iter().rev().map(|user| record(user, 50079, "some-app")).collect(),
        users.iter().rev().map(|user| record(user, 53000, "some-app")).collect(),
    ];
    let stores: Vec<Store> = parts.iter().map(|_| world.another()).collect();
    let posts = parts.iter().zip(&stores).map(|(records, store)| world.post(store, records));
    for results in futures::future::join_all(posts).await {
        assert_eq!(results.count(Status::Unavailable), 0, "{results:?}");
    }
    let set = steps(&[WebStep::AccessBlocked, WebStep::PortalSignIn, WebStep::MfaSetup]);
    assert_eq!(counted(&world.sums().await), [("2026-11-25".to_owned(), Platform::Ios, set, 60)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_foreign_sign_ins_leave_only_that_some_arrived() {
    let world = World::start().await;
    let before = world.store.meter().by_cause();
    for batch in 0..40 {
        let records: Vec<Value> = (0..250)
            .map(|number| {
                let user = format!("{batch:04x}{number:04x}-7c2d-4e55-9a10-6d1f0b7c9e11");
                let code = [0, 50058, 50097, 50126, 50140, 50199, 50074, 50076, 50078, 53000][number % 10];
                // The last ones have no phone.
                record(&user, if number % 10 == 9 { "Windows10" } else { "Ios 26.1" }, NOW, code, "some-app")
            })
            .collect();
        let results = world.post(&world.store, &records).await;
        assert_eq!((results.ignored, results.accepted, results.rejected), (250, 0, 0));
        assert!(results.results.iter().all(|result| result.id.is_none()), "an answer names nobody's sign-in");
    }
    assert!(world.people().await.is_empty());
    let sums = world.sums().await;
    assert_eq!(sums.keys().map(Day::to_string).collect::<Vec<_>>(), ["2026-11-26"]);
    assert!(counted(&sums).is_empty());
    // One write in total, and no read: neither grows with the number received.
    let after = world.store.meter().by_cause();
    let calls = after[&Cause::WebEnrollment].calls;
    assert_eq!((calls, before.get(&Cause::WebEnrollment)), (1, None));
    assert_eq!(after.keys().filter(|cause| !before.contains_key(cause)).count(), 1, "{after:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_keyed_hash_of_a_person_is_kept_and_it_expires() {
    let world = World::start().await;
    world.post(&world.store, &story()).await;
    let people = world.people().await;
    // Cat's set is there too: only a later record may show whether her step counts.
    assert_eq!(people.len(), 4);
    for (key, item) in &people {
        assert_eq!(item.keys().map(String::as_str).collect::<Vec<_>>(), ["m", "pk", "sk", "x"], "{key}");
        let text = format!("{item:?}");
        for secret in [ADA, BEN, CAT, "ada@example.com", "Lovelace", "203.0.113", "Reutlingen", "some-app"] {
            assert!(!text.contains(secret), "{text}");
        }
        // The following day, the thirty days that the tenant keeps, and a week in which late records still find the
        // set.
        let expires_at = Timestamp::from_millis(item["x"].parse::<i64>().unwrap() * 1_000);
        assert!(
            ["2027-01-02T00:00:00.000Z", "2027-01-03T00:00:00.000Z"].contains(&&*expires_at.to_string()),
            "{item:?}"
        );
    }
    // Another tenant's hash of the same person differs, even with the same secret.
    let fabrikam = World { tenant: TenantId::parse("fabrikam").unwrap(), store: world.another(), ..world };
    fabrikam.post(&fabrikam.store, &story()).await;
    let hashes = |people: BTreeMap<String, BTreeMap<String, String>>| {
        people
            .into_keys()
            .map(|key| key.rsplit_once('#').unwrap().1.to_owned())
            .collect::<std::collections::BTreeSet<_>>()
    };
    assert_eq!(hashes(fabrikam.people().await).len(), 8);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_too_old_for_its_set_is_ignored() {
    let world = World::start().await;
    let old = record(ADA, "Ios 26.1", "2026-10-20T09:00:00Z", 0, PORTAL);
    let ahead = record(BEN, "Ios 26.1", "2026-11-28T09:00:00Z", 0, PORTAL);
    let results = world.post(&world.store, &[old, ahead]).await;
    let statuses: Vec<Status> = results.results.iter().map(|result| result.status).collect();
    assert_eq!(statuses, [Status::TooOld, Status::Accepted]);
    let set = steps(&[WebStep::PortalSignIn]);
    assert_eq!(counted(&world.sums().await), [("2026-11-26".to_owned(), Platform::Ios, set, 1)]);
}
