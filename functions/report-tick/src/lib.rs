//! Requests the report files that are due and missing, one event for each tenant; `report-export` makes them.
//!
//! A tick looks at the current state, not at what was done before: whatever was lost or failed is due again in the next
//! tick. It is a separate function, so that long exports never delay it. An erasure that waits for a file without whom it
//! erased has one requested, too.
//!
//! Must stay true: a tenant that can't be looked at does not delay the others' files. A tenant whose export is running
//! or failed not long ago is skipped.

use futures::StreamExt as _;
use serde::Serialize;
use serde_json::Value;
use std::collections::HashSet;
use vestibule_domain::{Millis, TenantId, Timestamp};
use vestibule_platform::bus::{EXPORT_REQUESTED, Outgoing};
use vestibule_platform::{BoxError, Bus, Clock, metrics};
use vestibule_store::{Erasing, ExportReason, ExportRequest, Store, StoreError, UnderWay};

/// Tenants looked at in parallel.
const CONCURRENCY: usize = 16;
/// How often a file is requested for an erasure that no file has ended.
const FOR_ERASURES_EVERY: Millis = Millis::from_minutes(60);

/// The tick.
#[derive(Clone, Debug)]
pub struct Tick {
    store: Store,
    bus: Bus,
    clock: Clock,
}

/// The result of a tick.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Ticked {
    /// Files requested.
    pub requested: usize,
    /// Due files of tenants whose export is running or skipped.
    pub waiting: usize,
    /// Tenants that could not be looked at.
    pub unreadable: usize,
    /// The instant of the nightly file that is due for longest and missing.
    #[serde(rename = "overdueSince", skip_serializing_if = "Option::is_none", serialize_with = "as_text")]
    pub overdue_since: Option<Timestamp>,
}

fn as_text<S: serde::Serializer>(at: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    at.map(|at| at.to_string()).serialize(serializer)
}

/// The result of looking at a tenant.
enum Found {
    Nothing,
    /// The file of this instant is missing, and an export is running or skipped.
    Waiting(Timestamp),
    /// A file must be requested; the instant is that of a missing nightly file.
    Due(ExportRequest, Option<Timestamp>),
}

impl Tick {
    /// A tick over `store` that sends requests on `bus`.
    pub const fn new(store: Store, bus: Bus, clock: Clock) -> Self {
        Self { store, bus, clock }
    }

    /// Handles a tick of the schedule.
    ///
    /// # Errors
    /// If the tenants can't be listed or nothing can be put on the bus; the next tick finds the same.
    pub async fn handle(&self, event: Value) -> Result<Value, BoxError> {
        let now = Timestamp::from_millis(self.clock.now_millis());
        // The tick's own time identifies the run; we do not trust a schedule that is ahead of our clock.
        let tick = event.get("time").and_then(Value::as_str).and_then(|time| Timestamp::parse(time).ok());
        Ok(serde_json::to_value(self.run(tick.unwrap_or(now).min(now), now).await?)?)
    }

    async fn run(&self, tick: Timestamp, now: Timestamp) -> Result<Ticked, BoxError> {
        let tenants = self.store.tenants().await?;
        metrics::TENANTS.set([], f64::from(u32::try_from(tenants.len()).unwrap_or(u32::MAX)));
        let erasing = &self.erasing(now).await;
        let mut looks = futures::stream::iter(tenants)
            .map(|tenant| async move { (self.look(&tenant, erasing.contains(&tenant), tick, now).await, tenant) })
            .buffer_unordered(CONCURRENCY);
        let (mut ticked, mut requests) = (Ticked::default(), Vec::new());
        while let Some((found, tenant)) = looks.next().await {
            match found {
                Ok(Found::Nothing) => {}
                Ok(Found::Waiting(due)) => {
                    ticked.waiting += 1;
                    ticked.has_missing(due);
                }
                Ok(Found::Due(request, due)) => {
                    due.into_iter().for_each(|due| ticked.has_missing(due));
                    requests.push(Outgoing { detail_type: EXPORT_REQUESTED, detail: serde_json::to_string(&request)? });
                }
                Err(error) => {
                    ticked.unreadable += 1;
                    tracing::error!(%tenant, %error, "a tenant could not be looked at; its file waits for the next tick");
                    metrics::EXPORT_TICK_TENANTS_UNREADABLE.count(tenant.as_str(), 1, now.millis());
                }
            }
        }
        ticked.requested = requests.len();
        let overdue = ticked.overdue_since.map_or(0, |since| (now - since).get().max(0));
        metrics::EXPORT_OVERDUE_SECONDS.set([], f64::from(u32::try_from(overdue / 1_000).unwrap_or(u32::MAX)));
        self.bus.put(&requests).await?;
        Ok(ticked)
    }

    /// The tenants with an erasure that waits for a file.
    async fn erasing(&self, now: Timestamp) -> HashSet<TenantId> {
        let UnderWay { erasings, searches, .. } = self.store.erasures_under_way(now).await.unwrap_or_else(|error| {
            tracing::error!(%error, "the erasures under way could not be listed; their files wait for the next tick");
            UnderWay::default()
        });
        let begun = erasings.iter().map(Erasing::at).chain(searches.iter().map(|search| search.asked().at));
        let oldest = begun.map(|at| (now - at).get() / 1_000).max().unwrap_or_default();
        metrics::ERASURE_OPEN_SECONDS.set([], f64::from(u32::try_from(oldest.max(0)).unwrap_or(u32::MAX)));
        let waits = |erasing: &Erasing| !erasing.files_done() && erasing.is_emptied() && !erasing.of_tenant();
        erasings.into_iter().filter(waits).map(|erasing| erasing.tenant).collect()
    }

    async fn look(&self, id: &TenantId, erases: bool, tick: Timestamp, now: Timestamp) -> Result<Found, StoreError> {
        let Some(tenant) = self.store.tenant(id).await? else { return Ok(Found::Nothing) };
        let due = tenant.settings.last_export_due(tick);
        let (latest, exports) = futures::try_join!(self.store.latest_file(id), self.store.exports(id))?;
        // A file that was made while a clock was ahead would be there for ever.
        let latest = latest.filter(|file| !file.is_ahead(now));
        let is_there = |as_of: Timestamp| latest.as_ref().is_some_and(|file| file.as_of >= as_of);
        let is_missing = due >= tenant.created_at && !is_there(due);
        let request = |as_of: Timestamp, reason| {
            let request = ExportRequest { tenant: id.clone(), as_of: as_of.to_string(), reason };
            Found::Due(request, is_missing.then_some(due))
        };
        // A person's request is later than what was due before, so one file answers both.
        if let Some(pending) = exports.forgotten(now).filter(|pending| !is_there(pending.as_of)) {
            return Ok(request(pending.as_of, ExportReason::Asked));
        }
        if !is_missing {
            // Late events are found after the file that the erasure requested, and an older file may have failed.
            let is_old = latest.as_ref().is_none_or(|file| file.as_of + FOR_ERASURES_EVERY <= now);
            let may_begin = erases && is_old && exports.may_begin(now);
            return Ok(if may_begin { request(now, ExportReason::Asked) } else { Found::Nothing });
        }
        Ok(if exports.may_begin(now) { request(due, ExportReason::Nightly) } else { Found::Waiting(due) })
    }
}

impl Ticked {
    fn has_missing(&mut self, due: Timestamp) {
        self.overdue_since = Some(self.overdue_since.map_or(due, |since| since.min(due)));
    }
}
