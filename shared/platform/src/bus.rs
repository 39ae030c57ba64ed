//! Puts events on EventBridge.
//!
//! `PutEvents` takes ten entries and may fail for some of them, so the result of each entry is read: an event is on the
//! bus only if its own entry says so.

use crate::Config;
use aws_sdk_eventbridge::Client;
use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use vestibule_causes::causes;

/// The detail type of an event that asks for a tenant's report file: `{tenant, asOf}`.
pub const EXPORT_REQUESTED: &str = "ReportExportRequested";
/// The detail type of an event that asks for a reading of Graph's lists for a tenant: `{tenant}`.
pub const GRAPH_PULL_REQUESTED: &str = "GraphPullRequested";
/// The detail type of an event that asks for a test message: `{tenant, channel, requestedAt}`.
pub const NOTICE_TEST_REQUESTED: &str = "NoticeTestRequested";
/// Errors of an entry that come again with the same entry. Others may pass, or are of the deployment, like missing
/// permissions, and then apply to every event until somebody mends that.
const OF_THE_EVENT: [&str; 3] = ["InvalidArgument", "MalformedDetail", "RedactionFailure"];
/// Largest number of entries in one call.
const MOST: usize = 10;

/// A bus, and the `source` of our events on it.
#[derive(Clone, Debug)]
pub struct Bus {
    client: Client,
    name: String,
    source: String,
}

/// One event for the bus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// Its detail type.
    pub detail_type: &'static str,
    /// Its detail: a JSON object.
    pub detail: String,
}

/// Events that are not on the bus.
#[derive(Debug, thiserror::Error)]
#[error("from event {first_failed} on, not all are on the bus: {reason}")]
pub struct PutError {
    /// The index of the first event that is not on the bus. Later ones may or may not be.
    pub first_failed: usize,
    /// The reason, for operators.
    pub reason: String,
    /// Whether the bus refuses this very event, so that it refuses it again, while others may pass.
    pub refuses_event: bool,
}

impl Bus {
    /// The bus that `config` names.
    pub fn new(client: Client, config: &Config) -> Self {
        Self { client, name: config.bus.clone(), source: config.source.clone() }
    }

    /// Puts events in order, and stops at the first call that fails.
    ///
    /// # Errors
    /// When an event is not on the bus.
    pub async fn put(&self, events: &[Outgoing]) -> Result<(), PutError> {
        for (index, chunk) in events.chunks(MOST).enumerate() {
            let entries = chunk.iter().map(|event| self.entry(event)).collect();
            let first = index * MOST;
            let answer = self.client.put_events().set_entries(Some(entries)).send().await;
            let answer = answer.map_err(|error| PutError {
                first_failed: first,
                reason: causes(&error),
                refuses_event: false,
            })?;
            if answer.failed_entry_count() > 0 {
                let failed = answer.entries().iter().position(|entry| entry.error_code().is_some()).unwrap_or(0);
                let code = answer.entries().get(failed).and_then(|entry| entry.error_code());
                let refuses_event = code.is_some_and(|code| OF_THE_EVENT.contains(&code));
                let reason = code.unwrap_or("refused without a code").to_owned();
                return Err(PutError { first_failed: first + failed, reason, refuses_event });
            }
        }
        Ok(())
    }

    fn entry(&self, event: &Outgoing) -> PutEventsRequestEntry {
        PutEventsRequestEntry::builder()
            .event_bus_name(&self.name)
            .source(&self.source)
            .detail_type(event.detail_type)
            .detail(&event.detail)
            .build()
    }
}
