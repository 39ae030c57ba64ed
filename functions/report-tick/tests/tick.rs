//! A tick over real services: which tenants it requests, which wait, and what one unreadable tenant costs the others.
#![allow(clippy::unwrap_used, missing_docs)]

use aws_sdk_dynamodb::types::AttributeValue;
use report_tick::Tick;
use serde_json::{Value, json};
use vestibule_domain::{Millis, TenantId, TenantSettings, Timestamp};
use vestibule_host::{Host, Names};
use vestibule_platform::{Bus, Clock, Config};
use vestibule_store::{ExportReason, Secret, SettingsHistory, Store, Tenant};

const CREATED: Timestamp = Timestamp::from_millis(1_800_000_000_000);

struct Services {
    host: Host,
    store: Store,
    _folder: tempfile::TempDir,
}

impl Services {
    async fn start(tenants: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let names = Names { table: "table".into(), bucket: "reports".into(), bus: "bus".into() };
        let host = Host::start(folder.path(), &names).await.unwrap();
        let store = Store::new(host.clients.dynamodb.clone(), "table");
        for name in tenants {
            let mut tenant = Tenant {
                id: id(name),
                created_at: CREATED,
                settings: TenantSettings::default(),
                webhook_secrets: Vec::new(),
                sources: Vec::new(),
                tokens: Vec::new(),
                sign_in_codes: Vec::new(),
                pseudonym_key: Secret::new("00".repeat(32)).into(),
                settings_history: SettingsHistory::default(),
                source_settings: std::collections::BTreeMap::new(),
                feed: None,
                sealing: vestibule_store::Sealing::default(),
                version: 0,
            };
            store.create_tenant(&mut tenant).await.unwrap();
        }
        Self { host, store, _folder: folder }
    }

    /// A tick at `now`.
    async fn tick(&self, now: Timestamp) -> Value {
        let config = Config {
            table: "table".into(),
            bucket: "reports".into(),
            bus: "bus".into(),
            source: "vestibule".into(),
            advice: None,
            staleness_ms: 0,
        };
        let bus = Bus::new(self.host.clients.events.clone(), &config);
        let clock = Clock::driven(move || now.millis());
        Tick::new(self.store.clone(), bus, clock).handle(json!({"time": now.to_string()})).await.unwrap()
    }

    /// The tenants whose files were requested, and why, in order.
    fn asked_for(&self) -> Vec<(String, String)> {
        let events = self.host.published().unwrap();
        let text = |event: &Value, name: &str| event["detail"][name].as_str().unwrap().to_owned();
        events.iter().map(|event| (text(event, "tenant"), text(event, "reason"))).collect()
    }
}

fn id(name: &str) -> TenantId {
    TenantId::parse(name).unwrap()
}

/// What a tick counted.
fn counts(ticked: &Value) -> Value {
    json!({"requested": ticked["requested"], "waiting": ticked["waiting"], "unreadable": ticked["unreadable"]})
}

fn day(days: i64) -> Timestamp {
    CREATED + Millis::from_days(days)
}

#[tokio::test]
async fn one_unreadable_tenant_keeps_no_others_file_back() {
    let services = Services::start(&["first", "second", "third"]).await;
    let put = services.host.clients.dynamodb.put_item().table_name("table");
    let text = |text: &str| AttributeValue::S(text.to_owned());
    put.item("pk", text("t#second")).item("sk", text("t")).item("c", text("{")).send().await.unwrap();
    let ticked = services.tick(day(2)).await;
    assert_eq!(counts(&ticked), json!({"requested": 2, "waiting": 0, "unreadable": 1}));
    let nightly = |name: &str| (name.to_owned(), "nightly".to_owned());
    let mut asked_for = services.asked_for();
    asked_for.sort();
    assert_eq!(asked_for, [nightly("first"), nightly("third")]);
    // A lost request is due again.
    assert_eq!(services.tick(day(2)).await["requested"], 2);
}

#[tokio::test]
async fn who_is_exported_or_left_alone_waits() {
    let services = Services::start(&["contoso"]).await;
    let (store, contoso, minutes) = (&services.store, id("contoso"), Millis::from_minutes);
    store.take_export(&contoso, "a", day(2), ExportReason::Nightly, day(2)).await.unwrap();
    let waiting = json!({"requested": 0, "waiting": 1, "unreadable": 0});
    let ticked = services.tick(day(2) + minutes(15)).await;
    assert_eq!(counts(&ticked), waiting, "under way");
    // Until the file is there, a tick says since when it is due.
    let due = TenantSettings::default().last_export_due(day(2));
    assert_eq!(ticked["overdueSince"], due.to_string());
    store.fail_export(&contoso, "a", day(2) + minutes(15)).await.unwrap();
    assert_eq!(counts(&services.tick(day(2) + minutes(29)).await), waiting, "left alone");
    assert_eq!(services.tick(day(2) + minutes(30)).await["requested"], 1);
    // Its exporter dies: after the lease and a further wait, its file is requested again.
    store.take_export(&contoso, "b", day(2), ExportReason::Nightly, day(2) + minutes(30)).await.unwrap();
    assert_eq!(counts(&services.tick(day(2) + minutes(75)).await), waiting);
    assert_eq!(services.tick(day(2) + minutes(90)).await["requested"], 1);
}

#[tokio::test]
async fn what_somebody_asked_for_and_got_lost_is_asked_for_again() {
    let services = Services::start(&["contoso"]).await;
    let contoso = id("contoso");
    services.store.take_export(&contoso, "a", day(2), ExportReason::Nightly, day(2)).await.unwrap();
    let asked = services.store.ask_for_export(&contoso, day(2), true).await.unwrap();
    assert!(!asked.send, "the running export sends the request");
    // It does not: the table has the file, but nobody sends the request.
    services.store.finish_export(&contoso, "a", day(2), day(2)).await.unwrap();
    let ticked = services.tick(day(2) + Millis::from_minutes(15)).await;
    assert_eq!(ticked["requested"], 1);
    assert_eq!(services.asked_for(), [("contoso".to_owned(), "asked".to_owned())]);
}
