//! One Windows device through the Enrollment Status Page with a number of apps: what each update of its session costs.
//!
//! The session is complete: the enrollment's own events, groups, a profile with a blocking list, the lists of all
//! subtasks, each app first in progress and then installed, random ids and times.

use crate::{BoxError, Table};
use serde_json::{Value, json};
use vestibule_domain::esp::profile::{Assignment, Settings, Target};
use vestibule_domain::identity::IdentifierKind;
use vestibule_domain::{Identifier, TenantId, TenantSettings, Timestamp};
use vestibule_intake::store_batch;
use vestibule_store::StoreError;
use vestibule_webhook::{Received, parse};

/// The device.
const SERIAL: &str = "5CG1234XYZ";
const START: i64 = 1_760_000_400_000;
/// Apps a profile may wait for.
const MOST_SELECTED: usize = 100;

/// The cost of a session's events, each in a request of its own.
#[derive(Clone, Copy, Debug, Default)]
pub struct SessionCost {
    /// Apps of the session.
    pub apps: usize,
    /// Updates of its items, lists and phases.
    pub updates: usize,
    /// Write units an update, indexes included.
    pub written: f64,
    /// Read units an update, if one process receives all updates.
    pub read: f64,
    /// Read units an update, if a new process receives each update.
    pub read_cold: f64,
    /// Write units of the most expensive update.
    pub dearest: f64,
    /// Write units of `esp.started`.
    pub start: f64,
    /// Read units of `esp.started`, including those of the profiles.
    pub start_read: f64,
}

/// A number that looks random and is the same each time (splitmix64).
fn scramble(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

fn uuid(seed: u64) -> String {
    let hex = format!("{:016x}{:016x}", scramble(seed), scramble(!seed));
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

fn app(number: usize) -> Value {
    let makers = ["Contoso", "Fabrikam", "Adventure Works", "Northwind", "Tailspin"];
    json!({"id": uuid(number as u64), "name": format!("{} Suite {number} (x64)", makers[number % makers.len()])})
}

/// The session's events in order, `esp.started` first, as a sender writes them.
fn reported(apps: usize) -> Vec<(&'static str, Value)> {
    // A third of the apps are the user's.
    let is_users = |number: usize| number % 3 == 2;
    let of = |users: bool| (0..apps).filter(move |number| is_users(*number) == users);
    let targeted: Vec<Value> = (0..apps)
        .map(|number| {
            let mut target = app(number);
            target["context"] = json!(if is_users(number) { "user" } else { "device" });
            target
        })
        .collect();
    let groups = |from: u64| -> Vec<String> { (from..from + 3).map(uuid).collect() };
    let mut events = vec![(
        "esp.started",
        json!({"deploymentMode": "userDriven", "targetedApps": targeted, "model": "Surface Laptop 5",
               "groups": {"device": groups(1_000), "user": groups(2_000)}}),
    )];
    for (phase, users) in [("deviceSetup", false), ("accountSetup", true)] {
        events.push(("esp.phase", json!({"phase": phase, "state": "started"})));
        for (category, items) in [("securityPolicies", 1), ("certificates", 2), ("networkConnections", 1)] {
            let ids: Vec<Value> = (0..items).map(|at| json!({"id": format!("{category}-{at}")})).collect();
            events.push(("esp.tracked", json!({"phase": phase, "category": category, "items": ids})));
            for item in ids {
                let item = json!({"id": item["id"], "state": "completed"});
                events.push(("esp.item", json!({"phase": phase, "category": category, "item": item})));
            }
        }
        let items: Vec<Value> = of(users).map(app).collect();
        events.push(("esp.tracked", json!({"phase": phase, "category": "apps", "items": items})));
        for number in of(users) {
            for state in ["inProgress", "completed"] {
                let mut item = app(number);
                item["state"] = json!(state);
                events.push(("esp.item", json!({"phase": phase, "category": "apps", "item": item})));
            }
        }
        events.push(("esp.phase", json!({"phase": phase, "state": "completed"})));
    }
    events.push(("esp.completed", json!({})));
    events
}

/// Runs one session with `apps` apps over an empty table.
///
/// # Errors
/// If the table can't be written.
pub async fn session(apps: usize) -> Result<SessionCost, BoxError> {
    let table = Table::start().await?;
    let tenant = TenantId::parse("contoso")?;
    let mut profile = Settings::named("Standard ESP");
    profile.selected_mobile_app_ids = (0..apps.min(MOST_SELECTED)).map(|number| uuid(number as u64)).collect();
    let everyone = Assignment { target: Target::AllDevices, filter: None };
    table
        .store
        .change_profiles(&tenant, |profiles| {
            let at = Timestamp::from_millis(START);
            let added = profiles.add(&tenant, profile.clone(), vec![everyone.clone()], None, at);
            added.map_err(|error| StoreError::Refused(error.to_string()))
        })
        .await?;
    let mut clock = START;
    for (seed, kind) in (1..).zip(["enrollment.registered", "enrollment.started", "enrollment.enrolled"]) {
        clock += post(&table, &tenant, clock, seed, kind, &json!({"enrollmentType": "windowsAzureADJoin"})).await?;
    }
    let mut cost = SessionCost { apps, ..SessionCost::default() };
    let mut before = table.store.meter().total();
    for (seed, (kind, data)) in (100..).zip(reported(apps)) {
        let cold = read_cold(&table, &tenant, clock).await?;
        clock += post(&table, &tenant, clock, seed, kind, &data).await?;
        let now = table.store.meter().total();
        let written = now.write + now.index_write - before.write - before.index_write;
        let read = now.read - before.read;
        before = now;
        match kind {
            "esp.started" => (cost.start, cost.start_read) = (written, read),
            _ => {
                cost.updates += 1;
                cost.written += written;
                cost.read += read;
                cost.read_cold += cold;
                cost.dearest = cost.dearest.max(written);
            }
        }
    }
    cost.written /= cost.updates.max(1) as f64;
    cost.read /= cost.updates.max(1) as f64;
    cost.read_cold /= cost.updates.max(1) as f64;
    Ok(cost)
}

/// Read units of a new process before it can add an event: it reads the head and the sealed events.
async fn read_cold(table: &Table, tenant: &TenantId, at: i64) -> Result<f64, BoxError> {
    let name = Identifier::new(IdentifierKind::SerialNumber, SERIAL).ok_or("no serial number")?;
    let another = table.another_store();
    another.find(tenant, &name, Timestamp::from_millis(at)).await?;
    Ok(another.meter().total().read)
}

/// Posts one event; returns the milliseconds until the next.
async fn post(table: &Table, tenant: &TenantId, at: i64, seed: u64, kind: &str, data: &Value) -> Result<i64, BoxError> {
    let delay = i64::try_from(scramble(seed) % 900)?;
    let mut data = data.clone();
    data["device"] = json!({"serialNumber": SERIAL, "name": "DESKTOP-NEW001"});
    data["user"] = json!({"principalName": "john.doe@contoso.example"});
    data["platform"] = json!("windows");
    let event = json!({"specversion": "1.0", "id": uuid(seed << 32), "source": "urn:agent:esp", "type": kind,
                       "time": Timestamp::from_millis(at).to_string(), "data": data});
    let now = Timestamp::from_millis(at + delay);
    let batch = parse(&serde_json::to_vec(&event)?, Received::native(now, false))?;
    let results = store_batch(&table.store, tenant, &TenantSettings::default(), batch, now).await;
    if results.accepted != 1 {
        return Err(format!("{kind} was not accepted: {results:?}").into());
    }
    Ok(1_000 + i64::try_from(scramble(seed ^ 0xff) % 20_000)?)
}
