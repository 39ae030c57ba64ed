//! Requests the report files that are due and missing, one event for each tenant; `report-export` makes them.
//!
//! A tick looks at the current state, not at what was done before: whatever was lost or failed is due again in the next
//! tick. It is a separate function, so that long exports never delay it.
//!
//! Must stay true: a tenant that can't be looked at does not delay the others' files. A tenant whose export is running
//! or failed not long ago is skipped.

use futures::StreamExt as _;
use serde::Serialize;
use serde_json::Value;
use vestibule_domain::{TenantId, Timestamp};
use vestibule_platform::bus::{EXPORT_REQUESTED, Outgoing};
use vestibule_platform::{BoxError, Bus, Clock, metrics};
use vestibule_store::{ExportReason, ExportRequest, Store, StoreError};

/// Tenants looked at in parallel.
const CONCURRENCY: usize = 16;

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
}

/// The result of looking at a tenant.
enum Found {
    Nothing,
    Waiting,
    Due(ExportRequest),
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
        let mut looks = futures::stream::iter(tenants)
            .map(|tenant| async move { (self.look(&tenant, tick, now).await, tenant) })
            .buffer_unordered(CONCURRENCY);
        let (mut ticked, mut requests) = (Ticked::default(), Vec::new());
        while let Some((found, tenant)) = looks.next().await {
            match found {
                Ok(Found::Nothing) => {}
                Ok(Found::Waiting) => ticked.waiting += 1,
                Ok(Found::Due(request)) => {
                    requests.push(Outgoing { detail_type: EXPORT_REQUESTED, detail: serde_json::to_string(&request)? });
                }
                Err(error) => {
                    ticked.unreadable += 1;
                    tracing::error!(%tenant, %error, "a tenant could not be looked at; its file waits for the next tick");
                    metrics::count("ExportTickTenantsUnreadable", tenant.as_str(), 1, now.millis());
                }
            }
        }
        ticked.requested = requests.len();
        self.bus.put(&requests).await?;
        Ok(ticked)
    }

    async fn look(&self, id: &TenantId, tick: Timestamp, now: Timestamp) -> Result<Found, StoreError> {
        let Some(tenant) = self.store.tenant(id).await? else { return Ok(Found::Nothing) };
        let due = tenant.settings.last_export_due(tick);
        let (latest, exports) = futures::try_join!(self.store.latest_file(id), self.store.exports(id))?;
        // A file that was made while a clock was ahead would be there for ever.
        let latest = latest.filter(|file| !file.is_ahead(now));
        let is_there = |as_of: Timestamp| latest.as_ref().is_some_and(|file| file.as_of >= as_of);
        let request = |as_of: Timestamp, reason| {
            Found::Due(ExportRequest { tenant: id.clone(), as_of: as_of.to_string(), reason })
        };
        // A person's request is later than what was due before, so one file answers both.
        if let Some(pending) = exports.forgotten(now).filter(|pending| !is_there(pending.as_of)) {
            return Ok(request(pending.as_of, ExportReason::Asked));
        }
        if due < tenant.created_at || is_there(due) {
            return Ok(Found::Nothing);
        }
        Ok(if exports.may_begin(now) { request(due, ExportReason::Nightly) } else { Found::Waiting })
    }
}
