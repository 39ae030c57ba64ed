//! A sweep over many enrollments of which none is due.

use crate::{BoxError, Table};
use abandonment_sweep::Sweep;
use futures::TryStreamExt as _;
use serde_json::json;
use vestibule_domain::{TenantId, TenantSettings, Timestamp};
use vestibule_platform::Clock;
use vestibule_store::Units;
use vestibule_webhook::Received;
use vestibule_webhook::cloudevents::{Parsed, parse_event};

/// The instant at which the enrollments begin.
const BEGIN_MS: i64 = 4_000_000_000_000;
/// The instant of the sweep: a minute later, when no enrollment is due yet.
const SWEEP_MS: i64 = BEGIN_MS + 60_000;
/// Events stored concurrently.
const CONCURRENCY: usize = 8;

/// Adds an enrollment in progress for each of `numbers`.
///
/// # Errors
/// If the table fails.
pub async fn fill(table: &Table, numbers: std::ops::Range<usize>) -> Result<(), BoxError> {
    let (tenant, settings) = (TenantId::parse("contoso")?, TenantSettings::default());
    let at = Timestamp::from_millis(BEGIN_MS);
    futures::stream::iter(numbers.map(Ok))
        .try_for_each_concurrent(CONCURRENCY, |number| {
            let (tenant, settings) = (&tenant, &settings);
            async move {
                let event = json!({
                    "specversion": "1.0",
                    "id": format!("{number:032x}"),
                    "source": "https://mdm.example.com",
                    "type": "enrollment.started",
                    "data": { "device": { "serialNumber": format!("S{number:08}") }, "platform": "iOS" },
                });
                let Parsed::Event(event) = parse_event(&event, Received::native(at, false)) else {
                    return Err(BoxError::from("the benchmark's event is refused"));
                };
                table.store.add_events(tenant, settings, vec![event.stored()], at).await?;
                Ok(())
            }
        })
        .await
}

/// The cost of one sweep that finds nothing due.
///
/// # Errors
/// If the table fails, or the sweep found something due.
pub async fn sweep(table: &Table) -> Result<Units, BoxError> {
    table.store.meter().reset();
    let swept = Sweep::new(table.store.clone(), Clock::driven(|| SWEEP_MS)).run().await?;
    if swept.due > 0 {
        return Err("something was due".into());
    }
    Ok(table.store.meter().total())
}
