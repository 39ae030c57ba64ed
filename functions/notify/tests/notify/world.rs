//! A machine's services in process, the functions over them, and a clock that the test drives.

use abandonment_sweep::Sweep;
use admin_api::Api;
use event_publisher::Publisher;
use notify::{Notify, Reach};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use vestibule_archive::Archive;
use vestibule_domain::{Millis, TenantId, TenantSettings, Timestamp};
use vestibule_host::{Functions, Host, Names};
use vestibule_notices::{Channel, Keys, Policy, Rule, To, Watch};
use vestibule_platform::{Access, Bus, Clock, Config};
use vestibule_store::{Secret, SettingsHistory, Store, Tenant};
use vestibule_webhook::Received;
use vestibule_webhook::cloudevents::{Parsed, parse_event};

pub struct World {
    pub store: Store,
    pub notify: Notify,
    pub api: Api,
    pub bus: Bus,
    archive: Archive,
    clock: Clock,
    host: Host,
    functions: Functions,
    sweep: Sweep,
    now: Arc<AtomicI64>,
    _folder: tempfile::TempDir,
}

/// This many minutes after the first instant of a test, a Thursday.
pub fn minute(minutes: i64) -> Timestamp {
    Timestamp::parse("2026-03-12T08:00:00Z").unwrap() + Millis::from_minutes(minutes)
}

pub fn contoso() -> TenantId {
    TenantId::parse("contoso").unwrap()
}

pub const SIGNING: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

impl World {
    pub async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let names = Names { table: "table".into(), bucket: "bucket".into(), bus: "bus".into() };
        let host = Host::start(&folder.path().join("data"), &names).await.unwrap();
        let config = Config {
            table: names.table.clone(),
            bucket: names.bucket.clone(),
            bus: names.bus.clone(),
            source: "vestibule".to_owned(),
            advice: None,
            staleness_ms: 0,
        };
        let now = Arc::new(AtomicI64::new(minute(0).millis()));
        let driven = Arc::clone(&now);
        let clock = Clock::driven(move || driven.load(Ordering::SeqCst));
        let store = Store::new(host.clients.dynamodb.clone(), names.table);
        let bus = Bus::new(host.clients.events.clone(), &config);
        let advice = vestibule_archive::advice(None).unwrap();
        let scratch = folder.path().join("scratch");
        let archive = Archive::new(store.clone(), host.clients.s3.clone(), names.bucket, scratch, advice);
        let archive = archive.with_barriers(std::num::NonZeroU16::MIN);
        let notify = Notify::new(archive.clone(), Reach::Local, clock.clone());
        let publisher = Publisher::new(store.clone(), bus.clone(), clock.clone());
        let called = notify.clone();
        let functions = Functions::default()
            .with_events("event-publisher", move |event| {
                let publisher = publisher.clone();
                async move { publisher.handle(event).await }
            })
            .with_events("notify", move |event| {
                let notify = called.clone();
                async move { notify.handle(event).await }
            });
        let mut tenant = Tenant {
            id: contoso(),
            created_at: minute(-60 * 24 * 60),
            settings: TenantSettings { require_compliance: false, retention_days: 60, ..TenantSettings::default() },
            webhook_secrets: Vec::new(),
            sources: Vec::new(),
            tokens: Vec::new(),
            sign_in_codes: Vec::new(),
            pseudonym_key: Secret::new("key").into(),
            settings_history: SettingsHistory::default(),
            source_settings: BTreeMap::new(),
            feed: None,
            sealing: vestibule_store::Sealing::default(),
            version: 0,
        };
        store.create_tenant(&mut tenant).await.unwrap();
        let api = Api::new(archive.clone(), bus.clone(), clock.clone(), Access::default()).unwrap();
        let sweep = Sweep::new(store.clone(), clock.clone());
        Self { store, notify, api, bus, archive, clock, host, functions, sweep, now, _folder: folder }
    }

    pub fn archive(&self) -> Archive {
        self.archive.clone()
    }

    pub fn clock(&self) -> Clock {
        self.clock.clone()
    }

    pub fn set(&self, minutes: i64) {
        self.now.store(minute(minutes).millis(), Ordering::SeqCst);
    }

    pub fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.now.load(Ordering::SeqCst))
    }

    pub async fn tenant(&self) -> Tenant {
        self.store.tenant(&contoso()).await.unwrap().unwrap()
    }

    /// An event of a phone, received now, which happened so many minutes after the first instant.
    pub async fn event(&self, serial: &str, kind: &str, at: i64, action: Option<&str>) {
        let mut data = json!({
            "device": {"serialNumber": serial, "name": format!("Phone of {serial}")},
            "user": {"principalName": "ada@contoso.example"},
            "platform": "iOS",
        });
        if let Some(action) = action {
            data["action"] = json!(action);
        }
        let event = json!({
            "specversion": "1.0",
            "id": format!("{serial}-{kind}-{at}"),
            "source": "https://mdm.example.com",
            "type": kind,
            "time": minute(at).to_string(),
            "data": data,
        });
        let Parsed::Event(event) = parse_event(&event, Received::native(self.now(), true)) else {
            panic!("refused: {event}");
        };
        let settings = self.tenant().await.settings;
        self.store.add_events(&contoso(), &settings, vec![*event], self.now()).await.unwrap();
    }

    /// Flags what is due, and hands on what changed until nothing is left.
    pub async fn settle(&self) {
        self.sweep.run().await.unwrap();
        self.host.settle(&self.functions).await.unwrap();
    }

    /// A tick of the schedule, as the host sends it.
    pub async fn tick(&self) -> Value {
        self.notify.handle(json!({"detail-type": "Scheduled Event"})).await.unwrap()
    }

    pub async fn channel(&self, name: &str, to: To, keys: Keys) {
        let channel = Channel { name: name.to_owned(), to, added_at: self.now(), by_administrator: false };
        self.store.set_channel_keys(&contoso(), name, &keys).await.unwrap();
        self.store.change_notices(&contoso(), |notices| notices.channels.push(channel.clone())).await.unwrap();
    }

    pub async fn rule(&self, name: &str, watch: Watch, channels: &[&str]) {
        let channels: BTreeSet<String> = channels.iter().map(|&name| name.to_owned()).collect();
        let rule = Rule { name: name.to_owned(), watch, channels, muted_until: None };
        rule.validate().unwrap();
        self.store.change_notices(&contoso(), |notices| notices.rules.push(rule.clone())).await.unwrap();
    }

    pub async fn policy(&self, policy: Policy) {
        self.store.change_notices(&contoso(), |notices| notices.policy = policy.clone()).await.unwrap();
    }

    pub async fn stop(mut self) {
        self.host.stop().await.unwrap();
    }
}

/// E-mail to a server of the test.
pub fn mail(port: u16, to: &str) -> To {
    To::Email {
        server: "127.0.0.1".to_owned(),
        port,
        tls: false,
        user: None,
        from: "vestibule@contoso.example".to_owned(),
        to: vec![to.to_owned()],
    }
}
