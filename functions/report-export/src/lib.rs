//! Publishes a tenant's report file: the nightly one, which `report-tick` requests, and those that people request.
//!
//! Each request is one invocation that builds one file. The builder holds the tenant's lease. An invocation that finds
//! the lease taken does nothing, and a tenant whose export fails is skipped for a while (`vestibule_store::Exports`).
//! The instant of a file identifies it, so a repeated event has no further effect.

use serde::Serialize;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;
use vestibule_archive::{Archive, Base, Exported};
use vestibule_domain::publication::Transition;
use vestibule_domain::report::ReportPublished;
use vestibule_domain::{TenantId, Timestamp};
use vestibule_platform::bus::{EXPORT_REQUESTED, Outgoing};
use vestibule_platform::{BoxError, Bus, Clock, credentials, metrics};
use vestibule_store::{ExportReason, ExportRequest, MOST_AHEAD, PendingExport, TakenExport, Tenant};

/// The exporter.
#[derive(Clone)]
pub struct Exporter {
    archive: Archive,
    bus: Bus,
    clock: Clock,
    /// The prefix of its leases' names; a number is appended to each.
    name: Arc<str>,
    runs: Arc<AtomicU64>,
}

/// The result of an export.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// The file is published.
    Published(Box<Exported>),
    /// Another run exports the tenant's file.
    UnderWay {
        /// The instant as of which that file will be true.
        as_of: Timestamp,
        /// When that ends at the latest.
        until: Timestamp,
    },
    /// The tenant's export failed, and it is skipped until then.
    LeftAlone {
        /// When it may be tried again.
        until: Timestamp,
    },
}

impl Serialize for Outcome {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Published(exported) => exported.serialize(serializer),
            Self::UnderWay { as_of, until } => {
                json!({"underWay": true, "asOf": as_of.to_string(), "until": until.to_string()}).serialize(serializer)
            }
            Self::LeftAlone { until } => json!({"leftAlone": true, "until": until.to_string()}).serialize(serializer),
        }
    }
}

impl Exporter {
    /// An exporter over `archive` that publishes to `bus`.
    ///
    /// # Errors
    /// If the system has no random numbers.
    pub fn new(archive: Archive, bus: Bus, clock: Clock) -> Result<Self, BoxError> {
        let name: String = credentials::random::<8>()?.iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Self::named(archive, bus, clock, &name))
    }

    /// The same with a name that no other exporter has.
    pub fn named(archive: Archive, bus: Bus, clock: Clock, name: &str) -> Self {
        Self { archive, bus, clock, name: name.into(), runs: Arc::default() }
    }

    /// The files.
    pub fn archive(&self) -> &Archive {
        &self.archive
    }

    /// Handles a request for one tenant's file.
    ///
    /// # Errors
    /// If the export fails; the tick then requests it again, later each time.
    pub async fn handle(&self, event: Value) -> Result<Value, BoxError> {
        let request: ExportRequest = serde_json::from_value(event.get("detail").cloned().unwrap_or_default())?;
        let as_of = Timestamp::parse(&request.as_of)?;
        let outcome = self.run(&request.tenant, as_of, request.reason).await?;
        if let Outcome::UnderWay { .. } | Outcome::LeftAlone { .. } = &outcome {
            tracing::info!(tenant = %request.tenant, ?outcome, "a file is not exported now");
        }
        Ok(serde_json::to_value(outcome)?)
    }

    /// Publishes `tenant`'s file as of `as_of` for somebody at the machine, and reports it on the bus.
    ///
    /// # Errors
    /// If the tenant does not exist, an export of it is under way, or any step fails.
    pub async fn export(&self, tenant: &TenantId, as_of: Timestamp) -> Result<Exported, BoxError> {
        self.export_from(tenant, as_of, Base::Newest).await
    }

    /// The same, made from `base`.
    ///
    /// # Errors
    /// As [`export`](Self::export).
    pub async fn export_from(&self, tenant: &TenantId, as_of: Timestamp, base: Base) -> Result<Exported, BoxError> {
        match self.run_from(tenant, as_of, ExportReason::Operator, base).await? {
            Outcome::Published(exported) => Ok(*exported),
            Outcome::UnderWay { until, .. } | Outcome::LeftAlone { until } => {
                Err(format!("an export of {tenant} is under way; it ends by {until} at the latest").into())
            }
        }
    }

    /// Publishes `tenant`'s file as of `as_of`, unless another run exports it or the tenant is skipped.
    ///
    /// # Errors
    /// If the tenant does not exist, or any step fails.
    pub async fn run(&self, tenant: &TenantId, as_of: Timestamp, reason: ExportReason) -> Result<Outcome, BoxError> {
        self.run_from(tenant, as_of, reason, Base::Newest).await
    }

    async fn run_from(
        &self,
        tenant: &TenantId,
        as_of: Timestamp,
        reason: ExportReason,
        base: Base,
    ) -> Result<Outcome, BoxError> {
        let store = self.archive.store();
        let tenant = store.tenant(tenant).await?.ok_or_else(|| format!("there is no tenant {tenant}"))?;
        let now = self.now();
        let as_of = if as_of > now + MOST_AHEAD {
            tracing::warn!(tenant = %tenant.id, %as_of, %now, "a file was requested while a clock was ahead; it is made as of now");
            now
        } else {
            as_of
        };
        let owner = format!("{}-{}", self.name, self.runs.fetch_add(1, Ordering::Relaxed));
        let as_of = match store.take_export(&tenant.id, &owner, as_of, reason, self.now()).await? {
            TakenExport::Leased { as_of } => as_of,
            TakenExport::UnderWay { as_of, until } => return Ok(Outcome::UnderWay { as_of, until }),
            TakenExport::LeftAlone { until } => return Ok(Outcome::LeftAlone { until }),
        };
        let began = Instant::now();
        match self.publish(&tenant, as_of, base).await {
            Ok(exported) => {
                if exported.is_new {
                    metrics::EXPORT_SECONDS.observe([], began.elapsed().as_secs_f64());
                    metrics::EXPORT_BYTES.add([], exported.file.size_bytes);
                    metrics::EXPORT_ROWS.add([], exported.file.rows.values().sum());
                }
                self.ended(&tenant, &owner, exported.file.as_of).await;
                Ok(Outcome::Published(Box::new(exported)))
            }
            Err(error) => {
                metrics::EXPORTS_FAILED.count(tenant.id.as_str(), 1, self.now().millis());
                if let Err(error) = store.fail_export(&tenant.id, &owner, self.now()).await {
                    tracing::warn!(tenant = %tenant.id, %error, "the lease of a failed export must run out");
                }
                Err(error)
            }
        }
    }

    /// Returns the lease, and sends on what was requested meanwhile. The file is published by then, so the tick repairs
    /// anything that fails here.
    async fn ended(&self, tenant: &Tenant, owner: &str, as_of: Timestamp) {
        let left = self.archive.store().finish_export(&tenant.id, owner, as_of, self.now()).await;
        let asked = match left {
            Ok(Some(pending)) => self.ask(&tenant.id, pending).await,
            Ok(None) => Ok(()),
            Err(error) => Err(error.into()),
        };
        if let Err(error) = asked {
            tracing::warn!(tenant = %tenant.id, %error, "a file requested during an export waits for the tick");
        }
    }

    async fn ask(&self, tenant: &TenantId, pending: PendingExport) -> Result<(), BoxError> {
        let as_of = pending.as_of.to_string();
        let request = ExportRequest { tenant: tenant.clone(), as_of, reason: ExportReason::Asked };
        let detail = serde_json::to_string(&request)?;
        Ok(self.bus.put(&[Outgoing { detail_type: EXPORT_REQUESTED, detail }]).await?)
    }

    async fn publish(&self, tenant: &Tenant, as_of: Timestamp, base: Base) -> Result<Exported, BoxError> {
        let exported = self.archive.publish(tenant, as_of, base, self.now()).await?;
        if let Err(error) = self.archive.end_erasings(tenant, &exported).await {
            // The next export tries again.
            tracing::error!(tenant = %tenant.id, %error, "older files still name somebody who was erased");
            metrics::ERASURES_NOT_ENDED.count(tenant.id.as_str(), 1, self.now().millis());
        }
        let (file, tenant) = (&exported.file, &tenant.id);
        // A repeated run reports it again: the first may have died between publishing and reporting.
        let (sha256, rows) = (file.sha256.clone(), file.rows.clone());
        let said = ReportPublished::new(tenant.clone(), file.as_of, sha256, file.size_bytes, rows, file.corrections);
        let detail = serde_json::to_string(&said)?;
        let published = Outgoing { detail_type: Transition::ReportPublished.name(), detail };
        self.bus.put(&[published]).await?;
        Ok(exported)
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.clock.now_millis())
    }
}
