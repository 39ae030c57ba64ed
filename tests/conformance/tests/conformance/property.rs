//! Any events, in any order, split in any way, with sweeps between: the table holds the same as a history in memory.

use proptest::prelude::*;
use std::collections::{BTreeSet, HashMap};
use vestibule_conformance::fixtures::{self, Device, by_mdm, by_serial, by_udid, tenant};
use vestibule_conformance::{Engine, Table};
use vestibule_domain::event::Event;
use vestibule_domain::{History, Kind, Millis, Plan, TenantSettings, Timestamp, fold};
use vestibule_store::Settlement;

/// An event to report: its id, its kind, its identifiers, when it happened, and whether it is long.
#[derive(Clone, Debug)]
struct Report {
    id: u8,
    kind: Kind,
    names: u8,
    at: i64,
    long: bool,
}

/// What happens next. Each actor has its own clock, minutes ahead or behind.
#[derive(Clone, Debug)]
enum Step {
    Send(Vec<Report>, i64),
    Sweep(i64),
    /// Drops what ended this many minutes before.
    Prune(i64, i64),
    Wait(i64),
}

fn clock() -> impl Strategy<Value = i64> {
    prop::sample::select(vec![0, 0, 0, -45, -1, 2, 40])
}

fn one() -> impl Strategy<Value = Report> {
    let kind = prop::sample::select(Kind::ALL.to_vec());
    (0..40_u8, kind, 1..8_u8, 0..240_i64, prop::bool::weighted(0.1)).prop_map(|(id, kind, names, at, long)| Report {
        id,
        kind,
        names,
        at,
        long,
    })
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        5 => (prop::collection::vec(one(), 1..5), clock()).prop_map(|(reports, clock)| Step::Send(reports, clock)),
        2 => clock().prop_map(Step::Sweep),
        1 => (prop::sample::select(vec![20, 60, 200, 2_000]), clock()).prop_map(|(age, clock)| Step::Prune(age, clock)),
        2 => prop::sample::select(vec![1, 10, 29, 30, 31, 90]).prop_map(Step::Wait),
    ];
    // At some point one event reports all names.
    (prop::collection::vec(step, 1..20), one(), any::<prop::sample::Index>()).prop_map(|(mut steps, all, at)| {
        let at = at.index(steps.len() + 1);
        steps.insert(at, Step::Send(vec![Report { names: 7, ..all }], 0));
        steps
    })
}

fn event(report: &Report, now: Timestamp) -> Event {
    let mut device = if report.names & 1 > 0 { Device::serial("serial-1") } else { Device::default() };
    if report.names & 2 > 0 {
        device = device.and_udid("udid-1");
    }
    if report.names & 4 > 0 {
        device = device.and_mdm("mdm-1");
    }
    let at = fixtures::minute(report.at).min(now);
    let event = device.reports(format!("event-{}", report.id), report.kind, at);
    let body = if report.long { device.reports_at_length(report.id.into(), 2_000, at).body } else { event.body };
    Event { received_at: now, body, ..event }
}

/// Everything open, as last folded or as of now, is in the due index no later than its deadline.
async fn open_is_due(table: &Table, settings: &TenantSettings, now: Timestamp) -> Result<(), TestCaseError> {
    let keys = table.heads().await;
    for stored in table.store.load(&keys, now).await.unwrap().all().unwrap() {
        let due_at = table.due_at(&stored.key).await;
        for as_of in [stored.folded_at, stored.folded_at.max(now)] {
            let plan = Plan::of(&fold(&tenant(), &stored.history, settings, as_of), &stored.history);
            if let Some(deadline) = plan.due_at {
                prop_assert!(due_at.is_some_and(|due| due <= deadline), "{due_at:?} for {deadline}");
                let due = table.store.due(deadline + Millis::new(1)).await.unwrap();
                prop_assert!(due.contains(&stored.key));
            }
        }
    }
    Ok(())
}

async fn sweep(table: &Table, settings: &TenantSettings, now: Timestamp) -> Vec<Settlement> {
    let due = table.store.due(now).await.unwrap();
    table.store.settle_all(&due, &HashMap::from([(tenant(), settings.clone())]), now).await.unwrap()
}

async fn holds(steps: &[Step], require_compliance: bool) -> Result<(), TestCaseError> {
    let table = Engine::embedded().table().await;
    let settings = TenantSettings { require_compliance, ..TenantSettings::default() };
    let mut memory = History::default();
    let mut now = fixtures::minute(60);
    let mut pruned = false;
    for step in steps {
        match step {
            Step::Wait(minutes) => now = now + Millis::from_minutes(*minutes),
            Step::Sweep(clock) => drop(sweep(&table, &settings, now + Millis::from_minutes(*clock)).await),
            Step::Prune(age, clock) => {
                let (cutoff, now) = (now - Millis::from_minutes(*age), now + Millis::from_minutes(*clock));
                for key in table.heads().await {
                    pruned |= table.store.prune(&key, &settings, cutoff, now).await.unwrap();
                }
            }
            Step::Send(batch, clock) => {
                let now = now + Millis::from_minutes(*clock);
                // A batch from the intake is about one device: its events share names.
                let events: Vec<Event> = batch.iter().map(|report| event(report, now)).collect();
                for group in vestibule_store::group_by_device(events) {
                    let events: Vec<Event> = group.into_iter().map(|(_, event)| event).collect();
                    memory = events.iter().fold(memory, |mut memory, event| {
                        memory.add(event.clone());
                        memory
                    });
                    table.store.add_events(&tenant(), &settings, events, now).await.unwrap();
                }
            }
        }
        open_is_due(&table, &settings, now).await?;
    }
    let names = [by_serial("serial-1"), by_udid("udid-1"), by_mdm("mdm-1")];
    let mut keys = BTreeSet::new();
    for name in &names {
        let stored = table.store.find(&tenant(), name, now).await.unwrap().expect("an enrollment");
        if !pruned {
            prop_assert_eq!(&stored.history, &memory);
            prop_assert_eq!(fold(&tenant(), &stored.history, &settings, now), fold(&tenant(), &memory, &settings, now));
        }
        keys.insert(stored.key);
    }
    prop_assert_eq!(keys.len(), 1);
    prop_assert_eq!(table.heads().await.len(), 1);
    // Long after, one sweep settles everything, and a second finds nothing.
    let later = now + Millis::from_days(3);
    let open = table.due_at(keys.first().unwrap()).await.is_some();
    prop_assert_eq!(sweep(&table, &settings, later).await.len(), usize::from(open));
    prop_assert_eq!(table.store.due(Timestamp::MAX).await.unwrap(), []);
    table.drop().await;
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_table_holds_what_a_history_in_memory_does(steps in steps(), require_compliance in any::<bool>()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(holds(&steps, require_compliance))?;
    }
}
