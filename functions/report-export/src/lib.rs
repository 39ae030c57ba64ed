//! Publishes each tenant's report file, every night at the tenant's own time and on demand.
//!
//! A schedule's tick finds the tenants whose nightly file is due and not there, and asks for each by an event
//! of its own; each such event is one invocation that builds one file. A tick is a look at what is, not at what was
//! done before: whatever was lost or failed is due again at the next. Files are identified by the instant they
//! are as of, so a repeated event does nothing twice.

use futures::StreamExt as _;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use vestibule_archive::{Archive, Exported};
use vestibule_domain::publication::Transition;
use vestibule_domain::{TenantId, Timestamp};
use vestibule_platform::bus::{EXPORT_REQUESTED, Outgoing};
use vestibule_platform::{BoxError, Bus, Clock};

/// Tenants looked at side by side in a tick.
const CONCURRENCY: usize = 8;

/// The exporter.
#[derive(Clone)]
pub struct Exporter {
    archive: Archive,
    bus: Bus,
    clock: Clock,
}

/// What an event asks for.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    tenant: TenantId,
    as_of: String,
}

impl Exporter {
    /// An exporter over `archive` that publishes to `bus`.
    pub fn new(archive: Archive, bus: Bus, clock: Clock) -> Self {
        Self { archive, bus, clock }
    }

    /// The files.
    pub fn archive(&self) -> &Archive {
        &self.archive
    }

    /// Handles a tick of the schedule, or an event that asks for one tenant's file.
    ///
    /// # Errors
    /// When anything fails: the event is then delivered again.
    pub async fn handle(&self, event: Value) -> Result<Value, BoxError> {
        if event.get("detail-type").and_then(Value::as_str) == Some(EXPORT_REQUESTED) {
            let request: Request = serde_json::from_value(event.get("detail").cloned().unwrap_or_default())?;
            let exported = self.export(&request.tenant, Timestamp::parse(&request.as_of)?).await?;
            return Ok(serde_json::to_value(exported)?);
        }
        let now = Timestamp::from_millis(self.clock.now_millis());
        // The tick's own time identifies the run; a schedule that is ahead of our clock is not believed.
        let tick = event.get("time").and_then(Value::as_str).and_then(|time| Timestamp::parse(time).ok());
        let requested = self.request_due(tick.unwrap_or(now).min(now)).await?;
        Ok(json!({"requested": requested}))
    }

    /// Publishes `tenant`'s file as of `as_of`, and says so on the bus.
    ///
    /// # Errors
    /// When there is no such tenant, or any step fails.
    pub async fn export(&self, tenant: &TenantId, as_of: Timestamp) -> Result<Exported, BoxError> {
        let found = self.archive.store().tenant(tenant).await?;
        let found = found.ok_or_else(|| format!("there is no tenant {tenant}"))?;
        let exported = self.archive.export(&found, as_of).await?;
        let file = &exported.file;
        // Said again when the run is repeated: the first may have died between publishing and saying so.
        let as_of = file.as_of.to_string();
        let id = Sha256::digest(format!("report\0{tenant}\0{as_of}\0{}", file.sha256));
        let detail = json!({
            "id": id[..16].iter().map(|byte| format!("{byte:02x}")).collect::<String>(),
            "tenant": tenant,
            "asOf": as_of,
            "sha256": file.sha256,
            "sizeBytes": file.size_bytes,
            "rows": file.rows,
            "corrections": file.corrections,
        });
        let published = Outgoing { detail_type: Transition::ReportPublished.name(), detail: detail.to_string() };
        self.bus.put(&[published]).await?;
        Ok(exported)
    }

    /// Asks for the files that are due at `tick` and not there. Returns for how many.
    async fn request_due(&self, tick: Timestamp) -> Result<usize, BoxError> {
        let tenants = self.archive.store().tenants().await?;
        let due: Vec<Result<Option<Request>, BoxError>> = futures::stream::iter(tenants)
            .map(|tenant| self.due(tenant, tick))
            .buffer_unordered(CONCURRENCY)
            .collect()
            .await;
        let mut requests = Vec::new();
        for request in due {
            if let Some(request) = request? {
                requests.push(Outgoing { detail_type: EXPORT_REQUESTED, detail: serde_json::to_string(&request)? });
            }
        }
        self.bus.put(&requests).await?;
        Ok(requests.len())
    }

    async fn due(&self, tenant: TenantId, tick: Timestamp) -> Result<Option<Request>, BoxError> {
        let Some(found) = self.archive.store().tenant(&tenant).await? else { return Ok(None) };
        let due = found.settings.last_export_due(tick);
        let latest = self.archive.store().latest_file(&tenant).await?;
        let is_there = latest.is_some_and(|file| file.as_of >= due);
        let wanted = !is_there && due >= found.created_at;
        Ok(wanted.then(|| Request { tenant, as_of: due.to_string() }))
    }
}
