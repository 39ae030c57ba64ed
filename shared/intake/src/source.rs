//! What can be posted to a webhook: a name in its path, and how its bodies are read.

use vestibule_domain::TenantSettings;
use vestibule_webhook::cloudevents::Batch;
use vestibule_webhook::{BodyError, Received, autopilot_events, parse};

/// How a body is read: bytes and how they came in, events out.
type Read = fn(&[u8], Received, &TenantSettings) -> Result<Batch, BodyError>;

/// A kind of sender.
#[derive(Clone, Copy, Debug)]
pub struct Source {
    pub(crate) name: &'static str,
    pub(crate) read: Read,
}

impl Source {
    /// CloudEvents at `/hooks/{tenant}/{name}`.
    pub const fn cloud_events(name: &'static str) -> Self {
        Self { name, read: |body, received, _| parse(body, received) }
    }

    /// Graph's list of Autopilot events. It tells nothing of compliance, so that an enrolled device counts as
    /// compliant unless the tenant says that another source reports it.
    pub const GRAPH_AUTOPILOT_EVENTS: Self = Self {
        name: "graph-autopilot-events",
        read: |body, received, settings| autopilot_events::parse(body, received, settings.compliance_source.is_none()),
    };
}
