//! The rules that must hold in a run, checked against the answers to senders and against the plain model.

mod bus;
mod files;
mod shown;
mod stored;

pub use bus::bus;
pub use files::files;

use crate::run::{SKEWS_MS, Violation};
use crate::sent::{Copy, Key, secret, tenant_id};
use crate::world::{OBSERVER, World};
use shown::{Shown, by_id};
use std::collections::{BTreeMap, BTreeSet};
use stored::{Held, stored};
use vestibule_domain::{Enrollment, Millis, Plan, TenantSettings, Timestamp, fold};
use vestibule_model::{Delivered, Device, devices};

/// The default retention, in days.
const RETENTION_DAYS: u32 = 30;
/// What passed its retention less than this ago may be there or not: settings are cached for a minute, clocks are
/// slightly off, and a file's window begins with a day.
const SLACK: Millis = Millis::from_days(2);
/// A device that is silent for this long, and neither enrolled nor pending, may have been forgotten.
const FORGOTTEN: Millis = Millis::from_days(29);

/// A tenant's settings and what is stored of its devices.
struct Tenant {
    number: u8,
    settings: TenantSettings,
    held: Vec<Held>,
    /// What was placed before this has passed its retention.
    boundary: Timestamp,
    now: Timestamp,
}

/// The tenants whose items are readable.
async fn tenants(world: &World) -> Result<Vec<Tenant>, Violation> {
    let observer = world.machine(OBSERVER);
    let now = Timestamp::from_millis(world.time.now_ms());
    let mut all = stored(world).await?;
    let mut tenants = Vec::new();
    for number in 0..world.plan.tenants {
        if world.state.borrow().unreadable_tenants.contains(&number) {
            continue;
        }
        let found = observer.store.tenant(&tenant_id(number)).await;
        let found = found.map_err(|error| Violation::new("tenant", error))?;
        let found = found.ok_or_else(|| Violation::new("tenant", format!("tenant {number} is gone")))?;
        tenants.push(Tenant {
            number,
            settings: found.settings,
            held: all.remove(&tenant_id(number)).unwrap_or_default(),
            boundary: boundary(world, number),
            now,
        });
    }
    Ok(tenants)
}

impl Tenant {
    fn folded(&self, at: Timestamp) -> Vec<Enrollment> {
        let id = tenant_id(self.number);
        self.held.iter().map(|held| fold(&id, &held.history, &self.settings, at)).collect()
    }

    /// The stored attempts that began after the retention's boundary.
    fn attempts(&self, as_of: Timestamp) -> BTreeMap<String, Shown> {
        by_id(self.folded(as_of).iter().flat_map(Shown::of_enrollment), self.since())
    }

    fn since(&self) -> Timestamp {
        self.boundary + SLACK
    }
}

/// The instant before which the tenant's events have passed their retention; everything placed later must be there. A
/// setting that may or may not have been applied counts if it is shorter.
fn boundary(world: &World, tenant: u8) -> Timestamp {
    let state = world.state.borrow();
    let now_ms = world.time.now_ms();
    let (mut sure, mut perhaps) = (RETENTION_DAYS, Vec::new());
    let mut boundary = 0;
    let changes = state.retained.get(&tenant).map(Vec::as_slice).unwrap_or_default();
    let mut run_out = |until_ms: i64, sure: u32, perhaps: &[u32]| {
        let days = perhaps.iter().copied().chain([sure]).min().unwrap_or(sure);
        boundary = boundary.max(until_ms - Millis::from_days(i64::from(days)).get());
    };
    for change in changes {
        run_out(change.at_ms, sure, &perhaps);
        if change.is_sure {
            sure = change.days;
            perhaps.clear();
        } else {
            perhaps.push(change.days);
        }
    }
    run_out(now_ms, sure, &perhaps);
    Timestamp::from_millis(boundary)
}

/// Every open attempt and session is in the due index, at or before its deadline.
pub async fn due(world: &World, is_settled: bool) -> Result<(), Violation> {
    for tenant in tenants(world).await? {
        let changed = world.state.borrow().retained.contains_key(&tenant.number);
        if changed && !is_settled {
            // The change's effect on deadlines is not applied yet.
            continue;
        }
        let id = tenant_id(tenant.number);
        for held in &tenant.held {
            for at in [held.folded_at, held.folded_at.max(tenant.now)] {
                let folded = fold(&id, &held.history, &tenant.settings, at);
                let Some(deadline) = Plan::of(&folded, &held.history).due_at else { continue };
                if held.due_at.is_none_or(|due| due > deadline) {
                    let due = held.due_at.map(|due| due.to_string());
                    return Err(Violation::new(
                        "due index",
                        format!("{} open as of {at} until {deadline}, in the index: {due:?}", held.key),
                    ));
                }
            }
        }
    }
    Ok(())
}

/// Every acknowledged event is in the table, as the copy received first, or has passed its retention.
pub async fn events(world: &World) -> Result<(), Violation> {
    for tenant in tenants(world).await? {
        let state = world.state.borrow();
        let Some(sent) = state.sent.get(&tenant.number) else { continue };
        let there = tenant.by_key()?;
        for copy in sent.copies.iter().filter(|copy| !state.unreadable.contains(&copy.device)) {
            let key = &copy.key;
            let is_kept = copy.event.placed() > tenant.since();
            let answer = sent.answered.get(key).map(String::as_str);
            match there.get(key) {
                None if is_kept && copy.acknowledged => {
                    return Err(Violation::new(
                        "acknowledged event",
                        format!("{key:?} placed {} is not in the table", copy.event.placed()),
                    ));
                }
                None if is_kept && answer == Some("tooOld") => {
                    return Err(Violation::new("too old", format!("{key:?} placed {}", copy.event.placed())));
                }
                Some(received_at) if copy.acknowledged && copy.event.received_at < *received_at => {
                    return Err(Violation::new(
                        "first copy",
                        format!("{key:?}: {received_at} is stored, {} was acknowledged", copy.event.received_at),
                    ));
                }
                _ => {}
            }
        }
        let posted =
            |key: &Key, at: Timestamp| sent.copies.iter().any(|copy| copy.key == *key && copy.event.received_at == at);
        if let Some((key, at)) = there.iter().find(|(key, at)| !posted(key, **at)) {
            return Err(Violation::new("invented event", format!("{key:?} received {at}")));
        }
    }
    Ok(())
}

impl Tenant {
    /// When the stored copy of each event was received.
    fn by_key(&self) -> Result<BTreeMap<Key, Timestamp>, Violation> {
        let mut there = BTreeMap::new();
        for held in &self.held {
            for event in held.history.events() {
                if there.insert((held.device, event.key.clone()), event.received_at).is_some() {
                    return Err(Violation::new("two enrollments", format!("{:?} is in two of them", event.key)));
                }
            }
        }
        Ok(there)
    }
}

/// The attempts of what is stored equal the plain model's attempts of what was posted.
pub async fn attempts(world: &World) -> Result<(), Violation> {
    for tenant in tenants(world).await? {
        let there = tenant.by_key()?;
        let state = world.state.borrow();
        let Some(sent) = state.sent.get(&tenant.number) else { continue };
        if !sent.unanswered(tenant.number).is_empty() || sent.answered.values().any(|answer| answer == "deviceFull") {
            // The link between two names in such an event may be stored without the event.
            continue;
        }
        let readable = |copy: &&Copy| !state.unreadable.contains(&copy.device);
        let mut counting: BTreeMap<&Key, &Copy> = BTreeMap::new();
        for copy in sent.copies.iter().filter(readable) {
            let key = &copy.key;
            let counts = match there.get(key) {
                Some(received_at) => copy.event.received_at == *received_at,
                None => copy.acknowledged && !counting.contains_key(key),
            };
            if counts {
                counting.insert(key, copy);
            }
        }
        let settings = model_settings(&tenant.settings);
        let doubtful = doubtful(&counting, &settings);
        let certain = counting.values().filter(|copy| !doubtful.contains(&copy.device));
        let delivered: Vec<Delivered> =
            certain.map(|copy| Delivered { dropped: !there.contains_key(&copy.key), ..delivered(copy) }).collect();
        // Later than any machine's clock, so that every event counts.
        let as_of = tenant.now + Millis::new(SKEWS_MS.cast_signed());
        let expected = devices(&delivered, &settings, as_of.millis());
        let id = tenant_id(tenant.number);
        let expected = by_id(expected.iter().flat_map(|device: &Device| Shown::of_model(&id, device)), tenant.since());
        let mut found = tenant.attempts(as_of);
        found.retain(|_, shown| !doubtful.iter().any(|device| shown.is_of(*device)));
        shown::same("attempts", "stored", &found, "the model's", &expected)?;
    }
    Ok(())
}

/// An enrolled device keeps what its senders reported of it, however long ago.
pub async fn descriptions(world: &World) -> Result<(), Violation> {
    for tenant in tenants(world).await? {
        let state = world.state.borrow();
        let Some(sent) = state.sent.get(&tenant.number) else { continue };
        let there = tenant.by_key()?;
        let acknowledged: BTreeMap<&Key, &Copy> =
            sent.copies.iter().filter(|copy| copy.acknowledged).map(|copy| (&copy.key, copy)).collect();
        let doubtful = doubtful(&acknowledged, &model_settings(&tenant.settings));
        for held in &tenant.held {
            let alone = tenant.held.iter().filter(|other| other.device == held.device).count() == 1;
            if !alone || doubtful.contains(&held.device) || state.unreadable.contains(&held.device) {
                // Another enrollment of the device may have had it, and may be gone.
                continue;
            }
            let folded = fold(&tenant_id(tenant.number), &held.history, &tenant.settings, tenant.now);
            if !folded.enrolled {
                continue;
            }
            // An event received long after it was placed may be older than what was already dropped.
            let reported = |is: fn(&vestibule_domain::event::About) -> bool| {
                let of_device = acknowledged.values().filter(|copy| copy.device == held.device);
                of_device
                    .filter(|copy| is(&copy.event.about))
                    .any(|copy| there.contains_key(&copy.key) || copy.event.received_at - copy.event.placed() < SLACK)
            };
            for (name, is_reported, is_known) in [
                ("platform", reported(|about| about.platform.is_some()), folded.about.platform.is_some()),
                ("name", reported(|about| about.device_name.is_some()), folded.about.device_name.is_some()),
                (
                    "user",
                    reported(|about| about.user_principal_name.is_some()),
                    folded.about.user_principal_name.is_some(),
                ),
            ] {
                if is_reported && !is_known {
                    return Err(Violation::new("description", format!("{} is enrolled without its {name}", held.key)));
                }
            }
        }
    }
    Ok(())
}

/// No tenant's secret is on the bus.
pub fn secrets(world: &World) -> Result<(), Violation> {
    let secrets: Vec<String> = (0..world.plan.tenants).map(secret).collect();
    let services = world.aws.services();
    let shown = services.bus.iter().find(|(_, detail)| secrets.iter().any(|one| detail.to_string().contains(one)));
    shown.map_or(Ok(()), |(kind, _)| Err(Violation::new("secret on the bus", kind)))
}

/// Devices about which the model may remember more than the table: known to be compliant, not enrolled, and then silent
/// until nothing was stored any more.
fn doubtful(counting: &BTreeMap<&Key, &Copy>, settings: &vestibule_model::Settings) -> BTreeSet<usize> {
    let mut by_device: BTreeMap<usize, Vec<&Copy>> = BTreeMap::new();
    for copy in counting.values() {
        by_device.entry(copy.device).or_default().push(copy);
    }
    let mut doubtful = BTreeSet::new();
    for (device, mut copies) in by_device {
        copies.sort_by_key(|copy| copy.event.received_at);
        for (number, pair) in copies.windows(2).enumerate() {
            if pair[1].event.received_at - pair[0].event.received_at < FORGOTTEN {
                continue;
            }
            let before: Vec<Delivered> = copies[..=number].iter().map(|copy| delivered(copy)).collect();
            let then = devices(&before, settings, pair[1].event.received_at.millis());
            // Their names are forgotten too.
            if then.iter().any(|device| !device.enrolled && !device.pending) {
                doubtful.insert(device);
            }
        }
    }
    doubtful
}

/// The copy under its storage id: updates of items are identified by their content, and for events placed at one
/// instant the id decides.
fn delivered(copy: &Copy) -> Delivered {
    let mut event = copy.json.clone();
    event["id"] = copy.key.1.id.clone().into();
    let (received_at_ms, reports) = (copy.event.received_at.millis(), vestibule_model::Reports::ALL);
    Delivered { event, received_at_ms, reports, dropped: false }
}

fn model_settings(settings: &TenantSettings) -> vestibule_model::Settings {
    vestibule_model::Settings {
        time_zone: settings.time_zone.name().to_owned(),
        require_compliance: settings.require_compliance,
        windows_idle_limit_minutes: i64::from(settings.windows_idle_limit_minutes),
        macos_idle_limit_minutes: i64::from(settings.macos_idle_limit_minutes),
        compliance_limit_minutes: i64::from(settings.compliance_limit_minutes),
        // No tenant of the simulation names a source.
        compliance_source: vestibule_model::ComplianceSource::None,
    }
}
