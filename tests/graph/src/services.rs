//! A tenant over real services, a clock that tests drive, and the whole content of its table.

use crate::Fake;
use aws_sdk_dynamodb::types::AttributeValue;
use graph_pull::{GraphPull, Puller, Ran, Which};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use vestibule_domain::web_enrollment::WebDays;
use vestibule_domain::{Day, Enrollment, Millis, TenantId, TenantSettings, Timestamp, fold};
use vestibule_graph::Https;
use vestibule_host::{Host, Names};
use vestibule_intake::Hook;
use vestibule_platform::{Bus, Clock, Config};
use vestibule_store::{Listing, PullApp, PullList, Secret, SettingsHistory, Store, Tenant};

use vestibule_webhook::sources::intune_operational_logs::SENDER as FORWARDER;

/// The start of the clock.
const BEGIN: &str = "2026-11-27T12:00:00Z";
const TABLE: &str = "table";

/// Services of a machine, with tenants whose lists are pulled.
pub struct Services {
    /// The machine.
    pub host: Host,
    /// The table.
    pub store: Store,
    /// Graph.
    pub fake: Fake,
    clock: Arc<AtomicI64>,
    pull: GraphPull<Https>,
    _folder: tempfile::TempDir,
}

impl Services {
    /// Services with the tenant `contoso`, whose app registration Graph accepts.
    pub async fn start() -> Self {
        let services = Self::without_tenant().await;
        services.add("contoso", "secret").await;
        services
    }

    /// Services without a tenant.
    pub async fn without_tenant() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let names = Names { table: TABLE.into(), bucket: "reports".into(), bus: "bus".into() };
        let host = Host::start(folder.path(), &names).await.unwrap();
        let store = Store::new(host.clients.dynamodb.clone(), TABLE);
        let clock = Arc::new(AtomicI64::new(Timestamp::parse(BEGIN).unwrap().millis()));
        let fake = Fake::start().await;
        let pull = function(&host, &store, &fake, &clock);
        Self { host, store, fake, clock, pull, _folder: folder }
    }

    /// Adds a tenant whose app registration Graph accepts.
    pub async fn add(&self, name: &str, secret: &str) {
        self.store.create_tenant(&mut tenant(name, self.now())).await.unwrap();
        self.fake.accept(&format!("{name}.example"), "client", secret);
        let app = PullApp {
            directory: format!("{name}.example"),
            client: "client".to_owned(),
            cloud: "global".to_owned(),
            added_at: self.now(),
            expires_at: None,
            chosen: BTreeSet::new(),
        };
        self.store.set_pull(&id(name), app, &Secret::new(secret), self.now()).await.unwrap();
    }

    /// The function's puller.
    pub fn puller(&self) -> &Puller<Https> {
        self.pull.puller()
    }

    /// The function.
    pub fn function(&self) -> &GraphPull<Https> {
        &self.pull
    }

    /// A new function with nothing in memory.
    pub fn restarted(&self) -> GraphPull<Https> {
        function(&self.host, &self.store, &self.fake, &self.clock)
    }

    /// Now.
    pub fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.clock.load(Ordering::SeqCst))
    }

    /// Lets time pass.
    pub fn pass(&self, minutes: i64) {
        self.clock.fetch_add(minutes * 60_000, Ordering::SeqCst);
    }

    /// A function that lets seconds pass, which the fake can call.
    pub fn passing(&self, seconds: i64) -> impl Fn() + Send + Sync + 'static {
        let clock = Arc::clone(&self.clock);
        move || {
            let _before = clock.fetch_add(seconds * 1_000, Ordering::SeqCst);
        }
    }

    /// Reads what is due for `contoso`.
    pub async fn run(&self) -> Ran {
        self.puller().run(&id("contoso"), Which::Due).await.unwrap()
    }

    /// Chooses exactly these lists for `contoso`.
    pub async fn choose(&self, lists: &[&str]) {
        let chosen: BTreeSet<String> = lists.iter().map(|list| (*list).to_owned()).collect();
        let change = |now: &mut BTreeSet<String>| now.clone_from(&chosen);
        self.store.choose_pull_lists(&id("contoso"), change, self.now()).await.unwrap();
    }

    /// The tenant `contoso`.
    pub async fn contoso(&self) -> Tenant {
        self.store.tenant(&id("contoso")).await.unwrap().unwrap()
    }

    /// Stores records for `contoso` in the form in which Intune's forwarder posts them.
    pub async fn forward(&self, records: &[Value]) {
        let body = json!({"records": records}).to_string();
        let ours = Arc::clone(&self.clock);
        let hook = Hook::new(self.store.clone(), Clock::driven(move || ours.load(Ordering::SeqCst)));
        let took = hook.take(&self.contoso().await, &FORWARDER, body.as_bytes(), false, self.now()).await.unwrap();
        assert_eq!(took.rejected, 0, "{took:?}");
    }

    /// How many people of `contoso` came to which steps of web-based enrollment, by day.
    pub async fn web_days(&self) -> WebDays {
        self.store.web_days(&id("contoso"), Day::parse("2026-01-01").unwrap()).await.unwrap()
    }

    /// The state of a list of `contoso`.
    pub async fn list(&self, name: &str) -> PullList {
        self.store.pull_lists(&id("contoso")).await.unwrap().remove(name).unwrap_or_default()
    }

    /// All enrollments of `contoso` as text, by key: their events, and their state at one instant. The times at which
    /// we received the events are left out.
    pub async fn enrollments(&self) -> BTreeMap<String, String> {
        let contoso = id("contoso");
        let settings = self.store.tenant(&contoso).await.unwrap().unwrap().settings;
        let at = Timestamp::parse(BEGIN).unwrap() + Millis::from_days(100);
        let (mut all, mut listing) = (BTreeMap::new(), Listing::new(&contoso));
        while let Some(keys) = self.store.next_page(&mut listing).await.unwrap() {
            for stored in self.store.load(&keys, self.now()).await.unwrap().all().unwrap() {
                let events =
                    stored.history.events().map(|event| format!("{:?} {:?} {:?}", event.key, event.time, event.body));
                let mut events: Vec<String> = events.collect();
                events.sort();
                let Enrollment { state, about, attempts, sessions, registered_at, .. } =
                    fold(&contoso, &stored.history, &settings, at);
                let comes_to = format!("{state:?} {about:?} {attempts:?} {sessions:?} {registered_at:?}");
                all.insert(stored.key.to_string(), format!("{events:?}\n{comes_to}"));
            }
        }
        all
    }

    /// The whole content of the table as text: the same for the same items.
    pub async fn everything(&self) -> Vec<String> {
        let page = self.host.clients.dynamodb.scan().table_name(TABLE).send().await.unwrap();
        let text = |item: &HashMap<String, AttributeValue>| format!("{:?}", item.iter().collect::<BTreeMap<_, _>>());
        page.items.unwrap_or_default().iter().map(text).collect()
    }
}

fn function(host: &Host, store: &Store, fake: &Fake, clock: &Arc<AtomicI64>) -> GraphPull<Https> {
    let config = Config {
        table: TABLE.into(),
        bucket: "reports".into(),
        bus: "bus".into(),
        source: "vestibule".into(),
        advice: None,
        staleness_ms: 0,
    };
    let ours = Arc::clone(clock);
    let clock = Clock::driven(move || ours.load(Ordering::SeqCst));
    let hook = Hook::new(store.clone(), clock.clone());
    let puller = Puller::new(store.clone(), hook, clock, Https::default(), Some(fake.addresses())).unwrap();
    GraphPull::new(puller, Bus::new(host.clients.events.clone(), &config))
}

fn tenant(name: &str, now: Timestamp) -> Tenant {
    Tenant {
        id: id(name),
        created_at: now - Millis::from_days(30),
        settings: TenantSettings::default(),
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
    }
}

/// A tenant's name.
pub fn id(name: &str) -> TenantId {
    TenantId::parse(name).unwrap()
}

/// A managed device as Graph lists it.
pub fn device(number: u32, enrolled: Timestamp, state: &str) -> Value {
    json!({
        "id": format!("11111111-2222-4333-8444-{number:012}"), "serialNumber": format!("PF3{number:05}"),
        "azureADDeviceId": format!("66666666-7777-4888-8999-{number:012}"), "userPrincipalName": "person.a@example.com",
        "deviceName": format!("DESKTOP-{number}"), "operatingSystem": "Windows", "osVersion": "10.0.26100.1742",
        "manufacturer": "LENOVO", "model": "21HMCTO1WW", "enrolledDateTime": enrolled.to_string(),
        "lastSyncDateTime": enrolled.to_string(), "complianceState": state, "deviceEnrollmentType": "windowsAzureADJoin",
    })
}

/// A registered device that nobody has set up, as Graph lists it.
pub fn pending(number: u32) -> Value {
    json!({
        "id": format!("22222222-2222-4222-8222-{number:012}"), "serialNumber": format!("PZ{number:05}"), "manufacturer": "LENOVO",
        "model": "21HM", "enrollmentState": "notContacted", "lastContactedDateTime": "0001-01-01T00:00:00Z",
        "userPrincipalName": "", "azureActiveDirectoryDeviceId": format!("33333333-3333-4333-8333-{number:012}"),
        "managedDeviceId": "00000000-0000-0000-0000-000000000000", "displayName": "",
    })
}

/// The Company Portal.
pub const PORTAL: &str = "9ba1a5c7-f17a-4de9-a1f1-6178c8d51223";

/// A sign-in by a person's phone, as Graph lists it.
pub fn sign_in(user: u32, at: Timestamp, code: i64, app: &str) -> Value {
    json!({
        "id": format!("sign-in-{user}-{code}-{}", at.millis()), "createdDateTime": at.to_string(),
        "userDisplayName": "Ada Lovelace", "userPrincipalName": "ada@example.com",
        "userId": format!("44444444-5555-4666-8777-{user:012}"), "appId": app, "resourceId": "resource",
        "ipAddress": "203.0.113.7", "location": {"city": "Reutlingen"}, "isInteractive": true,
        "status": {"errorCode": code},
        "deviceDetail": {"deviceId": "", "operatingSystem": "Ios 26.1", "isManaged": false, "isCompliant": false},
    })
}

/// The same sign-in in the form that Entra's diagnostic settings stream.
pub fn streamed(sign_in: &Value) -> Value {
    let category = if sign_in["isInteractive"] == json!(true) { "SignInLogs" } else { "NonInteractiveUserSignInLogs" };
    json!({
        "time": sign_in["createdDateTime"], "category": category, "operationName": "Sign-in activity",
        "resultType": sign_in["status"]["errorCode"].to_string(), "properties": sign_in,
    })
}
