//! The delivery log over a real table, with a driven clock: what is counted, how often it is written, and what is never
//! written.

use http::{Request, StatusCode};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use vestibule_domain::{TenantId, TenantSettings, Timestamp};
use vestibule_host::{Host, Names};
use vestibule_intake::Hook;
use vestibule_platform::Clock;
use vestibule_store::{Cause, DayLog, Secret, SettingsHistory, SourceSecret, Store, Tenant, log_day};

/// 2033-05-18T03:33:20Z.
const T0: i64 = 2_000_000_000_000;

/// The secret of Fleet.
pub const SECRET: &str = "0123456789abcdef0123456789abcdef";

pub struct Hooks {
    pub hook: Hook,
    pub store: Store,
    now: Arc<AtomicI64>,
    host: Arc<(Host, tempfile::TempDir)>,
}

impl Hooks {
    pub async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let names = Names { table: "table".into(), bucket: "reports".into(), bus: "bus".into() };
        let host = Host::start(folder.path(), &names).await.unwrap();
        let store = Store::new(host.clients.dynamodb.clone(), "table");
        let at = Timestamp::from_millis(T0);
        let secret =
            |source: &str| SourceSecret { source: source.to_owned(), secret: Secret::new(SECRET), created_at: at };
        let mut tenant = Tenant {
            id: TenantId::parse("contoso").unwrap(),
            created_at: at,
            settings: TenantSettings::default(),
            webhook_secrets: Vec::new(),
            sources: vec![secret("fleet"), secret("jamf")],
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
        let now = Arc::new(AtomicI64::new(T0));
        let hook = Hook::new(store.clone(), clock(&now));
        Self { hook, store, now, host: Arc::new((host, folder)) }
    }

    /// A process more of the same machine, which holds nothing in memory yet.
    pub fn again(&self) -> Self {
        let (store, now) = (Store::new(self.host.0.clients.dynamodb.clone(), "table"), Arc::clone(&self.now));
        Self { hook: Hook::new(store.clone(), clock(&now)), store, now, host: Arc::clone(&self.host) }
    }

    /// The same with a limit of requests a minute.
    pub fn limited(self, a_minute: u32) -> Self {
        Self { hook: self.hook.limited(a_minute), ..self }
    }

    /// The same over another way to the table.
    pub fn over(self, store: Store) -> Self {
        Self { hook: Hook::new(store.clone(), clock(&self.now)), store, ..self }
    }

    /// The configuration of the client of the table.
    pub fn store_config(&self) -> &aws_sdk_dynamodb::Config {
        self.host.0.clients.dynamodb.config()
    }

    pub fn instant(&self) -> Timestamp {
        Timestamp::from_millis(self.now.load(Ordering::SeqCst))
    }

    /// Posts to Fleet's address, this many seconds after the beginning.
    pub async fn post(&self, seconds: i64, body: &str) -> StatusCode {
        self.post_with(seconds, SECRET, body).await
    }

    async fn post_with(&self, seconds: i64, secret: &str, body: &str) -> StatusCode {
        self.now.store(T0 + seconds * 1_000, Ordering::SeqCst);
        let request = Request::post(format!("/hooks/contoso/fleet/{secret}"));
        self.hook.handle(request.body(body.to_owned().into()).unwrap()).await.status()
    }

    async fn day(&self, seconds: i64) -> DayLog {
        let day = log_day(Timestamp::from_millis(T0 + seconds * 1_000));
        self.store.delivery_day(&TenantId::parse("contoso").unwrap(), "fleet", day).await.unwrap()
    }

    fn writes(&self) -> f64 {
        self.store.meter().by_cause().get(&Cause::Deliveries).map_or(0.0, |units| units.write)
    }
}

fn clock(now: &Arc<AtomicI64>) -> Clock {
    let now = Arc::clone(now);
    Clock::driven(move || now.load(Ordering::SeqCst))
}

/// An activity of Fleet's that does not become an event.
pub fn other(kind: &str) -> String {
    json!({"timestamp": "2033-05-18T00:00:00Z", "type": kind, "details": {}}).to_string()
}

/// A device that comes under management.
fn enrolled() -> String {
    let details = json!({"host_serial": "DMPVW2XXJF8M", "installed_from_dep": true});
    json!({"timestamp": "2033-05-18T03:30:00Z", "type": "mdm_enrolled", "details": details}).to_string()
}

#[tokio::test]
async fn a_source_is_written_once_a_minute_with_the_counts_since() {
    let hooks = Hooks::start().await;
    assert_eq!(hooks.post(0, &other("created_pack")).await, StatusCode::OK);
    assert_eq!((hooks.writes(), hooks.day(0).await.passed()), (1.0, 1), "the first is seen at once");
    for second in 1..60 {
        hooks.post(second, &other("created_pack")).await;
    }
    hooks.post(59, &other("deleted_pack")).await;
    hooks.post(59, "{").await;
    assert_eq!((hooks.writes(), hooks.day(0).await.passed()), (1.0, 1), "nothing more within the minute");
    hooks.post(60, r#"{"type":"mdm_enrolled","timestamp":"2033-05-18T00:00:00Z","details":{}}"#).await;
    let day = hooks.day(0).await;
    assert_eq!(hooks.writes(), 2.0);
    assert_eq!((day.passed_over["created_pack"], day.passed_over["deleted_pack"]), (60, 1));
    assert_eq!((day.refused["notJson"], day.refused["invalid"]), (1, 1));
    assert_eq!(day.last_heard, Some(Timestamp::from_millis(T0 + 60_000)));
    assert_eq!(day.last_accepted, None);
    let refusal = day.last_refusal.unwrap();
    assert_eq!((refusal.at.millis(), &*refusal.reason), (T0 + 60_000, "invalid"));
    assert!(!refusal.field.is_empty() && !refusal.problem.is_empty(), "{refusal:?}");
    assert_eq!(day.newest.len(), 20);
    assert_eq!((day.newest[0].at_ms, day.newest[0].refused), (T0 + 60_000, 1));
}

#[tokio::test]
async fn stored_repeated_and_refused_events_are_counted_separately_and_a_stop_writes_the_rest() {
    let hooks = Hooks::start().await;
    let body = enrolled();
    hooks.post(0, &body).await;
    hooks.post(1, &body).await;
    hooks.post(2, &other("created_pack")).await;
    hooks.hook.flush().await;
    let day = hooks.day(0).await;
    assert_eq!(day.accepted, day.known, "{day:?}");
    assert!(day.accepted > 0 && day.refusals() == 0, "{day:?}");
    assert_eq!(day.last_accepted, Some(Timestamp::from_millis(T0)));
    assert_eq!(day.passed(), 1);
    let writes = hooks.writes();
    hooks.hook.flush().await;
    assert_eq!(hooks.writes(), writes, "nothing is left");
}

#[tokio::test]
async fn an_unproven_sender_causes_no_write() {
    let hooks = Hooks::start().await;
    for second in 0..200 {
        assert_eq!(hooks.post_with(second, "guessed", &other("created_pack")).await, StatusCode::UNAUTHORIZED);
    }
    let elsewhere = Request::post("/hooks/nobody/fleet/guessed").body("{}".into()).unwrap();
    assert_eq!(hooks.hook.handle(elsewhere).await.status(), StatusCode::UNAUTHORIZED);
    hooks.hook.flush().await;
    assert_eq!(hooks.store.meter().by_cause().get(&Cause::Deliveries), None);
}

#[tokio::test]
async fn a_new_day_has_an_item_of_its_own() {
    let hooks = Hooks::start().await;
    let midnight = 86_400 - T0.rem_euclid(86_400_000) / 1_000;
    hooks.post(midnight - 90, &other("created_pack")).await;
    hooks.post(midnight - 31, &other("created_pack")).await;
    // A minute has passed: the previous day is written first, and the new day waits for its own minute.
    hooks.post(midnight, &other("created_pack")).await;
    assert_eq!(hooks.day(midnight - 1).await.passed(), 2);
    assert_eq!(hooks.day(midnight).await, DayLog::default());
    hooks.post(midnight + 60, &other("created_pack")).await;
    assert_eq!((hooks.day(midnight - 1).await.passed(), hooks.day(midnight).await.passed()), (2, 2));
    assert_eq!(hooks.writes(), 3.0);
}
