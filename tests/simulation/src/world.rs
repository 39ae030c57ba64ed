//! The world of a run: machines, senders, tenants, and what happens in a step.

use crate::aws::Aws;
use crate::aws::faults::Conditions;
use crate::generate::MACHINES;
use crate::machine::Machine;
use crate::plan::{Act, Plan, Setting, Step, What};
use crate::rng::Rng;
use crate::sent::{Request, Sent, json_of, names, secret, tenant_id};
use crate::time::Time;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hmac::{Hmac, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;
use vestibule_domain::identity::{Identifier, IdentifierKind};
use vestibule_domain::{TenantSettings, Timestamp};
use vestibule_platform::bus::EXPORT_REQUESTED;
use vestibule_report::reader::AttemptFilter;
use vestibule_store::{Secret, SettingsHistory, Tenant};

/// The time after which the platform ends a function.
const FUNCTION_TIME: Duration = Duration::from_secs(900);

/// DynamoDB keeps a record of a stream for a day; it is delivered within that time, or lost.
const STREAM_KEEPS_MS: u64 = 20 * 3_600_000;

/// The machine that sees everything as it is and has no faults.
pub const OBSERVER: usize = MACHINES;

/// A requested change of a setting: when, to how many days of retention, and whether it was confirmed.
#[derive(Clone, Copy, Debug)]
pub struct Retained {
    /// When.
    pub at_ms: i64,
    /// To what.
    pub days: u32,
    /// Whether it was certainly applied.
    pub is_sure: bool,
}

/// The state of a run besides the services.
#[derive(Default)]
pub struct State {
    /// By tenant.
    pub sent: BTreeMap<u8, Sent>,
    /// Requests in order.
    pub requests: Vec<Request>,
    /// The time of each device's latest event, in milliseconds.
    pub last_ms: BTreeMap<usize, i64>,
    /// Number of the stream's records that were delivered.
    pub checkpoint: usize,
    /// Number of the bus's entries that were searched for requests of files.
    pub bus_cursor: usize,
    /// Requests of files that wait.
    pub exports: VecDeque<Value>,
    /// The history of each tenant's retention.
    pub retained: BTreeMap<u8, Vec<Retained>>,
    /// Devices whose item was made unreadable.
    pub unreadable: BTreeSet<usize>,
    /// Tenants whose item was made unreadable.
    pub unreadable_tenants: BTreeSet<u8>,
}

/// A run's world.
pub struct World {
    /// The run.
    pub plan: Plan,
    /// The time.
    pub time: Time,
    /// The services.
    pub aws: Aws,
    /// Everything else.
    pub state: RefCell<State>,
    machines: RefCell<Vec<Machine>>,
    /// The folder in which machines work on files.
    pub folder: tempfile::TempDir,
}

impl World {
    /// The world before the first step.
    pub async fn new(plan: Plan, keeps_log: bool) -> Self {
        let time = Time::begin();
        let aws = Aws::new(time, plan.lag_ms, keeps_log);
        let folder = scratch();
        let mut specs = plan.machines.clone();
        specs.push((1, 0));
        let machine = |(number, (tries, skew)): (usize, &(u64, i64))| {
            Machine::new(&aws, time, number, *tries, *skew, folder.path().join(format!("m{number}")))
        };
        let machines = specs.iter().enumerate().map(machine).collect();
        let world = Self { plan, time, aws, state: RefCell::default(), machines: RefCell::new(machines), folder };
        for number in 0..world.plan.tenants {
            world.add_tenant(&world.machine(OBSERVER), number).await.unwrap();
        }
        world
    }

    /// A machine in its present state.
    pub fn machine(&self, number: usize) -> Machine {
        self.machines.borrow()[number].clone()
    }

    fn restart(&self, number: usize) {
        let mut machines = self.machines.borrow_mut();
        machines[number] = machines[number].restarted();
    }

    /// Corrects all clocks.
    pub fn set_clocks(&self) {
        self.machines.borrow().iter().for_each(|machine| machine.skew.set(0));
    }

    fn log(&self, line: String) {
        self.aws.services().log.line(line);
    }

    /// Plays a step.
    pub async fn step(&self, step: &Step) {
        let Plan { seed, permille, .. } = self.plan;
        let conditions = Conditions {
            seed,
            step: step.id,
            permille: if step.calm { 0 } else { permille },
            timed: true,
            stale: !step.calm,
        };
        if step.acts.iter().any(|act| matches!(act.what, What::Pass(ms) if ms > STREAM_KEEPS_MS)) {
            // Lambda repeats until it succeeds; how often does not matter to a run.
            self.aws.begin(Conditions::CALM);
            self.hand_on_all().await;
        }
        self.aws.begin(conditions);
        self.log(format!("step {} at {}", step.id, self.time.now_ms()));
        // Requests are prepared before any of them is sent.
        let requests: Vec<Option<Request>> = step.acts.iter().map(|act| self.request_of(act)).collect();
        let acts = step.acts.iter().zip(requests).map(|(act, request)| async move {
            let machine = self.machine(act.machine);
            let death = act.dies_after.map(|half_calls| self.aws.kill(act.machine, half_calls));
            let died = async {
                match &death {
                    Some(death) => death.notified().await,
                    None => std::future::pending().await,
                }
            };
            let done = tokio::time::timeout(FUNCTION_TIME, self.act(&machine, act, request));
            let outcome = tokio::select! {
                biased;
                done = done => done.unwrap_or_else(|_| "took too long".to_owned()),
                () = died => {
                    self.aws.services().log.fault("died");
                    if Rng::of(&[seed, step.id, 3]).permille(600) {
                        self.restart(act.machine);
                    }
                    "died".to_owned()
                }
            };
            self.log(format!("m{} {}: {outcome}", act.machine, name(&act.what)));
        });
        futures::future::join_all(acts).await;
    }

    fn request_of(&self, act: &Act) -> Option<Request> {
        let mut state = self.state.borrow_mut();
        match &act.what {
            What::Send { tenant, backfill, events } => {
                let mut written = Vec::with_capacity(events.len());
                for posted in events {
                    let last = state.last_ms.get(&posted.device).copied();
                    let (json, at_ms) = json_of(posted, self.plan.devices[posted.device], self.time.now_ms(), last);
                    state.last_ms.insert(posted.device, at_ms);
                    written.push((posted.device, json));
                }
                let request = Request { tenant: *tenant, backfill: *backfill, events: written };
                state.requests.push(request.clone());
                Some(request)
            }
            What::Again(which) if !state.requests.is_empty() => {
                Some(state.requests[which % state.requests.len()].clone())
            }
            _ => None,
        }
    }

    async fn act(&self, machine: &Machine, act: &Act, request: Option<Request>) -> String {
        match &act.what {
            What::Send { .. } | What::Again(_) => match request {
                Some(request) => self.post(machine, &request).await,
                None => "nothing".to_owned(),
            },
            What::Sweep => said(machine.sweep.run().await),
            What::Publish(most, kept) => self.publish(machine, *most, *kept).await.0,
            What::Tick => {
                let time = Timestamp::from_millis(self.time.now_ms()).to_string();
                said(machine.tick.handle(json!({"time": time})).await)
            }
            What::Export => self.export_next(machine, act.machine).await,
            What::ExportNow(tenant, ago) => {
                let as_of = Timestamp::from_millis(machine.now().millis() - ago).to_string();
                let detail = json!({"tenant": tenant_id(*tenant), "asOf": as_of});
                said(machine.exporter.handle(export_event(&detail)).await.map(|result| outcome_of_export(&result)))
            }
            What::Ask(tenant) => self.ask(machine, *tenant).await,
            What::Set(tenant, setting) => self.set(machine, *tenant, *setting).await,
            What::AddTenant(tenant) => said(self.add_tenant(machine, *tenant).await),
            What::Pass(ms) => {
                self.time.leap(*ms).await;
                String::new()
            }
            What::Expire => {
                let mut services = self.aws.services();
                let now_ms = self.time.now_ms();
                services.table.arrive(now_ms);
                format!("{} items", services.table.expire(now_ms))
            }
            What::Skew(ms) => {
                machine.skew.set(*ms);
                String::new()
            }
            What::Restart => {
                self.restart(act.machine);
                String::new()
            }
            What::Corrupt(device) => self.corrupt(*device).await,
            What::CorruptTenant(tenant) => self.corrupt_tenant(*tenant),
            What::LoseFile(tenant) => {
                let begins = format!("reports/{}/", tenant_id(*tenant));
                let mut services = self.aws.services();
                let before = services.bucket.objects.len();
                services.bucket.objects.retain(|key, _| !key.starts_with(&begins) || !key.ends_with(".sqlite"));
                format!("{} objects", before - services.bucket.objects.len())
            }
            // The run itself does this.
            What::Check => String::new(),
        }
    }

    /// Posts a signed request and notes the answer.
    pub async fn post(&self, machine: &Machine, request: &Request) -> String {
        let tenant = request.tenant;
        let places = self.state.borrow_mut().sent.entry(tenant).or_default().note(request, machine.now());
        let events: Vec<&Value> = request.events.iter().map(|(_, json)| json).collect();
        let body = serde_json::to_vec(&events).unwrap();
        let time = self.time.now_ms() / 1_000;
        let path = format!("/hooks/{}/enrollment-events", tenant_id(tenant));
        let query = if request.backfill { "?backfill=true" } else { "" };
        let signed = http::Request::post(format!("{path}{query}"))
            .header("webhook-id", "m")
            .header("webhook-timestamp", time)
            .header("webhook-signature", signature(tenant, time, &body))
            .body(Bytes::from(body))
            .unwrap();
        let answer = machine.hook.handle(signed).await;
        let body: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
        let statuses: Vec<String> = body["results"]
            .as_array()
            .map(|results| results.iter().map(|one| one["status"].as_str().unwrap_or_default().to_owned()).collect())
            .unwrap_or_default();
        self.state.borrow_mut().sent.entry(tenant).or_default().answer(&places, &statuses);
        format!("{} {}", answer.status().as_u16(), statuses.join(" "))
    }

    /// Delivers at most this many records, as Lambda does; returns the result and how many were handled.
    pub async fn publish(&self, machine: &Machine, most: usize, kept: bool) -> (String, usize) {
        let from = self.state.borrow().checkpoint;
        let records: Vec<Value> = self.aws.services().table.stream.iter().skip(from).take(most).cloned().collect();
        if records.is_empty() {
            return ("nothing".to_owned(), 0);
        }
        let number = |record: &Value| record["dynamodb"]["SequenceNumber"].clone();
        let answer = match machine.publisher.handle(json!({"Records": records})).await {
            Ok(answer) => answer,
            Err(error) => return (format!("failed: {error}"), 0),
        };
        let failed = answer["batchItemFailures"][0]["itemIdentifier"].clone();
        let done = match failed.is_null() {
            true => records.len(),
            false => records.iter().position(|record| number(record) == failed).unwrap_or(0),
        };
        if kept {
            let mut state = self.state.borrow_mut();
            state.checkpoint = state.checkpoint.max(from + done);
        }
        (format!("{done} of {} from {from}", records.len()), done)
    }

    /// Delivers everything in the stream. What is never handled stays.
    async fn hand_on_all(&self) {
        let observer = self.machine(OBSERVER);
        while self.publish(&observer, 100, true).await.1 > 0 {}
    }

    /// Searches the bus for requests of files.
    pub fn collect_exports(&self) {
        let mut state = self.state.borrow_mut();
        let services = self.aws.services();
        for (kind, detail) in services.bus.iter().skip(state.bus_cursor) {
            if kind == EXPORT_REQUESTED {
                state.exports.push_back(detail.clone());
            }
        }
        state.bus_cursor = services.bus.len();
    }

    async fn export_next(&self, machine: &Machine, number: usize) -> String {
        self.collect_exports();
        // It stays in the queue until it is done: if a machine dies during it, it is delivered again.
        let next = {
            let mut state = self.state.borrow_mut();
            let next = state.exports.pop_front();
            state.exports.extend(next.clone());
            next
        };
        let Some(detail) = next else { return "nothing".to_owned() };
        let done = machine.exporter.handle(export_event(&detail)).await;
        if done.is_ok() && !Rng::of(&[self.plan.seed, number as u64, 5]).permille(100) {
            let mut state = self.state.borrow_mut();
            if let Some(at) = state.exports.iter().rposition(|one| *one == detail) {
                state.exports.remove(at);
            }
        }
        said(done.map(|result| outcome_of_export(&result)))
    }

    async fn ask(&self, machine: &Machine, tenant: u8) -> String {
        let found = machine.store.tenant(&tenant_id(tenant)).await;
        let Ok(Some(found)) = found else { return "no tenant".to_owned() };
        let question = |reader: &vestibule_report::Reader<'_>| reader.attempts(&AttemptFilter::default(), None, 1_000);
        let answer = machine.archive.ask(&found, machine.now(), question).await;
        said(answer.map(|page| json!({"attempts": page.attempts.len(), "asOf": page.as_of})))
    }

    async fn set(&self, machine: &Machine, tenant: u8, setting: Setting) -> String {
        let at_ms = self.time.now_ms();
        let note = |settings: &TenantSettings, is_sure| {
            let mut state = self.state.borrow_mut();
            let all = state.retained.entry(tenant).or_default();
            all.push(Retained { at_ms, days: settings.retention_days, is_sure });
        };
        let mut found = match machine.store.tenant(&tenant_id(tenant)).await {
            Ok(Some(found)) => found,
            other => return format!("not read: {}", other.is_ok()),
        };
        let settings = &mut found.settings;
        match setting {
            Setting::RequireCompliance(value) => settings.require_compliance = value,
            Setting::WindowsIdle(minutes) => settings.windows_idle_limit_minutes = minutes,
            Setting::Retention(days) => settings.retention_days = days,
            Setting::TimeZone(zone) => settings.time_zone = zone.parse().unwrap(),
            Setting::ExportAt(at) => settings.export_at = at.to_owned().try_into().unwrap(),
        }
        let wanted = found.settings.clone();
        // From here on it is uncertain whether it will be applied.
        note(&wanted, false);
        let done = machine.store.update_tenant(&mut found).await;
        if done.is_ok() {
            note(&wanted, true);
        }
        said(done)
    }

    async fn add_tenant(&self, machine: &Machine, number: u8) -> Result<(), vestibule_store::StoreError> {
        let mut tenant = Tenant {
            id: tenant_id(number),
            created_at: Timestamp::from_millis(self.time.now_ms()),
            settings: TenantSettings::default(),
            webhook_secrets: vec![Secret::new(secret(number))],
            sources: Vec::new(),
            tokens: Vec::new(),
            sign_in_codes: Vec::new(),
            pseudonym_key: Secret::new(format!("pseudonyms of {number}")).into(),
            settings_history: SettingsHistory::default(),
            source_settings: std::collections::BTreeMap::new(),
            feed: None,
            sealing: vestibule_store::Sealing::default(),
            version: 0,
        };
        machine.store.create_tenant(&mut tenant).await
    }

    async fn corrupt(&self, device: usize) -> String {
        let tenant = self.plan.devices[device].tenant;
        let [serial, ..] = names(device);
        let Some(name) = Identifier::new(IdentifierKind::SerialNumber, &serial) else { return String::new() };
        self.aws.begin(Conditions::CALM);
        let observer = self.machine(OBSERVER);
        let found = observer.store.find(&tenant_id(tenant), &name, Timestamp::from_millis(self.time.now_ms())).await;
        let Ok(Some(found)) = found else { return "not there".to_owned() };
        let now_ms = self.time.now_ms();
        let mut services = self.aws.services();
        let items = services.table.items();
        let head = items
            .into_iter()
            .find(|item| item["pk"]["S"].as_str() == Some(found.key.as_str()) && item["sk"]["S"].as_str() == Some("h"));
        let Some(mut head) = head else { return "not there".to_owned() };
        head["d"] = json!({"B": STANDARD.encode(b"no history at all")});
        services.table.put(now_ms, &head);
        drop(services);
        self.state.borrow_mut().unreadable.insert(device);
        "made unreadable".to_owned()
    }

    fn corrupt_tenant(&self, tenant: u8) -> String {
        let pk = format!("t#{}", tenant_id(tenant));
        let now_ms = self.time.now_ms();
        let mut services = self.aws.services();
        let items = services.table.items();
        let own = items.into_iter().find(|item| item["pk"]["S"] == pk.as_str() && item["sk"]["S"] == "t");
        let Some(mut own) = own else { return "not there".to_owned() };
        own["c"] = json!({"S": "{"});
        services.table.put(now_ms, &own);
        drop(services);
        self.state.borrow_mut().unreadable_tenants.insert(tenant);
        "made unreadable".to_owned()
    }
}

/// The event with which the bus calls the exporter.
pub fn export_event(detail: &Value) -> Value {
    json!({"detail-type": EXPORT_REQUESTED, "detail": detail})
}

/// The part of an export's result that does not depend on how long it took.
pub fn outcome_of_export(result: &Value) -> Value {
    json!({"asOf": result["asOf"], "sha256": result["sha256"], "isNew": result["isNew"]})
}

fn said<T: serde::Serialize, E: std::fmt::Display>(outcome: Result<T, E>) -> String {
    match outcome {
        Ok(result) => serde_json::to_string(&result).unwrap_or_default(),
        // The text may come from the SDK, which draws ids at random.
        Err(error) => format!("failed: {}", error.to_string().chars().take(24).collect::<String>()),
    }
}

fn name(what: &What) -> &'static str {
    match what {
        What::Send { .. } => "send",
        What::Again(_) => "again",
        What::Sweep => "sweep",
        What::Publish(..) => "publish",
        What::Tick => "tick",
        What::Export => "export",
        What::ExportNow(..) => "export now",
        What::Ask(_) => "ask",
        What::Set(..) => "set",
        What::AddTenant(_) => "add tenant",
        What::Pass(_) => "pass",
        What::Expire => "expire",
        What::Skew(_) => "skew",
        What::Restart => "restart",
        What::Corrupt(_) => "corrupt",
        What::CorruptTenant(_) => "corrupt tenant",
        What::LoseFile(_) => "lose file",
        What::Check => "check",
    }
}

fn signature(tenant: u8, time: i64, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(&[tenant + 1; 32]).unwrap();
    mac.update(format!("m.{time}.").as_bytes());
    mac.update(body);
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

/// A folder in memory, if there is one: files are made and thrown away by the thousand.
fn scratch() -> tempfile::TempDir {
    let memory = std::path::Path::new("/dev/shm");
    let made = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    made.unwrap()
}
