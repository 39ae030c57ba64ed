//! Posts the simulator's traffic to the intake, and sweeps as the schedule would.

use crate::spy::IndexUnits;
use crate::{BoxError, Table};
use abandonment_sweep::{Sweep, Swept};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use vestibule_domain::{TenantId, TenantSettings, Timestamp};
use vestibule_intake::{Status, store_batch};
use vestibule_platform::Clock;
use vestibule_simulator::{Delivery, Scenario};
use vestibule_store::{Cause, Units};
use vestibule_webhook::{Received, parse};

/// The schedule's period, in milliseconds.
const MINUTE: i64 = 60_000;
/// The causes of what every run of the sweep reads: the due index, and the jobs of changed settings (the sample has
/// none).
pub const SCHEDULED: [Cause; 2] = [Cause::SweepQuery, Cause::Refold];
/// The sample's end. It is later than any machine's clock, by which an engine deletes expired items.
const UNTIL_MS: i64 = 4_000_000_000_000;

/// The sample: `enrollments` enrollments over 30 days.
pub fn scenario(enrollments: usize) -> Scenario {
    Scenario { seed: 1, enrollments, days: 30, until_ms: UNTIL_MS }
}

/// The result of a run over the traffic.
#[derive(Clone, Debug, Default)]
pub struct Run {
    /// Requests posted.
    pub posts: usize,
    /// Events stored.
    pub accepted: usize,
    /// Events that were stored before.
    pub duplicates: usize,
    /// Events that were neither accepted nor duplicates.
    pub others: usize,
    /// Runs of the sweep after a deadline had passed.
    pub sweeps: usize,
    /// What these runs did.
    pub swept: Swept,
    /// Units by cause.
    pub by_cause: BTreeMap<Cause, Units>,
    /// Index units by writer and index.
    pub index_units: IndexUnits,
    /// Writes refused because their condition failed.
    pub failed: u64,
    /// The number of requests by the table units of their writes. With one event in each request, this shows the size
    /// of the items.
    pub posts_by_units: BTreeMap<u64, usize>,
}

impl Run {
    /// The sum of the units of some causes.
    pub fn units(&self, causes: &[Cause]) -> Units {
        let found = causes.iter().filter_map(|cause| self.by_cause.get(cause));
        found.fold(Units::default(), |sum, one| Units {
            read: sum.read + one.read,
            write: sum.write + one.write,
            index_write: sum.index_write + one.index_write,
            calls: sum.calls + one.calls,
        })
    }

    /// Write units of everything, indexes included.
    pub fn written(&self) -> f64 {
        self.by_cause.values().map(|units| units.write + units.index_write).sum()
    }

    /// Read units that the traffic causes. The queries of every run of the sweep are not included, since the schedule
    /// makes them whether events arrive or not.
    pub fn read(&self) -> f64 {
        self.by_cause.iter().filter(|(cause, _)| !SCHEDULED.contains(cause)).map(|(_, units)| units.read).sum()
    }

    /// Units divided by accepted events.
    pub fn per_event(&self, units: f64) -> f64 {
        units / self.accepted.max(1) as f64
    }
}

/// Posts deliveries in their order. Each request has up to `most` of them and is made at the instant of the last. The
/// sweep runs at each whole minute after a deadline.
///
/// # Errors
/// If the table fails.
pub async fn post(table: &Table, deliveries: &[&Delivery], most: usize) -> Result<Run, BoxError> {
    post_at(table, deliveries, most, None).await
}

/// Like [`post`], but all requests are made at one instant, as by a sender that sends everything again.
///
/// # Errors
/// If the table fails.
pub async fn post_again(table: &Table, deliveries: &[&Delivery], most: usize) -> Result<Run, BoxError> {
    post_at(table, deliveries, most, Some(UNTIL_MS)).await
}

async fn post_at(table: &Table, deliveries: &[&Delivery], most: usize, at: Option<i64>) -> Result<Run, BoxError> {
    let (tenant, settings) = (TenantId::parse("contoso")?, TenantSettings::default());
    let meter = table.store.meter();
    meter.reset();
    let (index_units, failed) = (table.spy.index_units(), table.spy.failed());
    let mut schedule = Schedule::of(table);
    let mut run = Run::default();
    for chunk in deliveries.chunks(most) {
        let Some(last) = chunk.last() else { continue };
        let at = at.unwrap_or(last.at_ms);
        schedule.until(at, &mut run).await?;
        let now = Timestamp::from_millis(at);
        let batch = parse(&body(chunk), Received::native(now, false))?;
        let before = meter.by_cause().get(&Cause::Events).map_or(0.0, |units| units.write);
        let results = store_batch(&table.store, &tenant, &settings, batch, now).await;
        let after = meter.by_cause().get(&Cause::Events).map_or(0.0, |units| units.write);
        let (accepted, duplicates) = (results.count(Status::Accepted), results.count(Status::Duplicate));
        run.posts += 1;
        run.accepted += accepted;
        run.duplicates += duplicates;
        run.others += chunk.len() - accepted - duplicates;
        *run.posts_by_units.entry((after - before) as u64).or_default() += 1;
    }
    schedule.until(UNTIL_MS, &mut run).await?;
    run.by_cause = meter.by_cause();
    run.index_units = table.spy.index_units();
    for (key, before) in index_units {
        run.index_units.entry(key).and_modify(|units| *units -= before);
    }
    run.failed = table.spy.failed() - failed;
    Ok(run)
}

/// A request's body: an event, or a list of them.
fn body(deliveries: &[&Delivery]) -> Vec<u8> {
    if let [only] = deliveries {
        return only.event.to_bytes();
    }
    let events: Vec<Vec<u8>> = deliveries.iter().map(|delivery| delivery.event.to_bytes()).collect();
    [b"[".as_slice(), &events.join(b",".as_slice()), b"]"].concat()
}

/// The sweep's schedule. It only makes the runs that may find something due.
struct Schedule<'t> {
    table: &'t Table,
    sweep: Sweep,
    now: Arc<AtomicI64>,
}

impl<'t> Schedule<'t> {
    fn of(table: &'t Table) -> Self {
        let now = Arc::new(AtomicI64::new(0));
        let clock = Arc::clone(&now);
        let clock = Clock::driven(move || clock.load(Ordering::SeqCst));
        Self { table, sweep: Sweep::new(table.store.clone(), clock), now }
    }

    async fn until(&mut self, until: i64, run: &mut Run) -> Result<(), BoxError> {
        while let Some(deadline) = self.table.spy.next_deadline() {
            // An attempt is due if its deadline is before now.
            let minute = (deadline.div_euclid(MINUTE) + 1) * MINUTE;
            if minute > until {
                break;
            }
            self.now.store(minute, Ordering::SeqCst);
            self.table.spy.pass(minute);
            let swept = self.sweep.run().await?;
            run.sweeps += 1;
            run.swept.due += swept.due;
            run.swept.flagged += swept.flagged;
            run.swept.rearmed += swept.rearmed;
            run.swept.cleared += swept.cleared;
            run.swept.moved += swept.moved;
        }
        Ok(())
    }
}
