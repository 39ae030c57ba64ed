//! The table of senders: the name in a webhook's path, how a sender proves itself, how its bodies are read and how it is
//! answered.
//!
//! A new sender is an adapter in `webhook::sources`, a line here and a route in the deployment.

use http::{HeaderMap, StatusCode};
use vestibule_webhook::cloudevents::Batch;
use vestibule_webhook::proof::{Proof, SECRET_HEADER};
use vestibule_webhook::sources::{self, Context, Read};
use vestibule_webhook::{BodyError, parse};

/// How a sender is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// By what became of its events: 202, 207, 400, 429 or 503.
    ByEvent,
    /// With 200 once the request is understood, whatever is in it: to a product that would send for ever what it is
    /// refused, or takes anything else for a failure. What could not be stored is answered with the status at which this
    /// product sends again.
    Always {
        /// That status.
        again: StatusCode,
    },
}

/// A kind of sender.
#[derive(Clone, Copy, Debug)]
pub struct Source {
    pub(crate) name: &'static str,
    pub(crate) proofs: &'static [Proof],
    pub(crate) answer: Answer,
    pub(crate) read: Read,
}

const ALWAYS: Answer = Answer::Always { again: StatusCode::SERVICE_UNAVAILABLE };

fn cloud_events(body: &[u8], _: &HeaderMap, context: &Context) -> Result<Batch, BodyError> {
    parse(body, context.received)
}

impl Source {
    /// CloudEvents at `/hooks/{tenant}/{name}`, signed as Standard Webhooks says.
    pub const fn cloud_events(name: &'static str) -> Self {
        Self { name, proofs: &[Proof::StandardWebhooks], answer: Answer::ByEvent, read: cloud_events }
    }

    /// CloudEvents of a sender that signs as GitHub does.
    pub const GITHUB_STYLE: Self = Self {
        name: "github-style",
        proofs: &[Proof::HmacHex("x-hub-signature-256")],
        answer: Answer::ByEvent,
        read: cloud_events,
    };

    /// Graph's list of Autopilot events. It tells nothing of compliance, so that an enrolled device counts as
    /// compliant unless the tenant says that another source reports it.
    pub const GRAPH_AUTOPILOT_EVENTS: Self = Self {
        name: "graph-autopilot-events",
        proofs: &[Proof::Path, Proof::StandardWebhooks],
        answer: Answer::ByEvent,
        read: sources::graph_autopilot_events::parse,
    };

    /// MicroMDM's webhook.
    pub const MICROMDM: Self =
        Self { name: "micromdm", proofs: &[Proof::Path, Proof::Basic], answer: ALWAYS, read: sources::micromdm::parse };

    /// NanoMDM's webhook.
    pub const NANOMDM: Self = Self {
        name: "nanomdm",
        proofs: &[Proof::HmacBase64("x-hmac-signature")],
        answer: ALWAYS,
        read: sources::nanomdm::parse,
    };

    /// Workspace ONE UEM's event notifications.
    pub const WORKSPACE_ONE: Self =
        Self { name: "workspace-one", proofs: &[Proof::Basic], answer: ALWAYS, read: sources::workspace_one::parse };

    /// Android Management API notifications, pushed by Pub/Sub.
    pub const ANDROID_MANAGEMENT: Self = Self {
        name: "android-management",
        proofs: &[Proof::Path],
        answer: ALWAYS,
        read: sources::android_management::parse,
    };

    /// Fleet's activities.
    pub const FLEET: Self = Self {
        name: "fleet",
        proofs: &[Proof::Path],
        // Fleet sends again at this status alone.
        answer: Answer::Always { again: StatusCode::TOO_MANY_REQUESTS },
        read: sources::fleet::parse,
    };

    /// Jamf Pro's webhooks.
    pub const JAMF: Self = Self {
        name: "jamf",
        proofs: &[Proof::Basic, Proof::Header(SECRET_HEADER), Proof::Path],
        answer: ALWAYS,
        read: sources::jamf::parse,
    };

    /// Intune's operational logs, as Azure Monitor writes them.
    pub const INTUNE_OPERATIONAL_LOGS: Self = Self {
        name: "intune-operational-logs",
        proofs: &[Proof::Path, Proof::StandardWebhooks],
        answer: ALWAYS,
        read: sources::intune_operational_logs::parse,
    };

    /// Graph's list of enrollment failures.
    pub const GRAPH_TROUBLESHOOTING_EVENTS: Self = Self {
        name: "graph-troubleshooting-events",
        proofs: &[Proof::Path, Proof::StandardWebhooks],
        answer: ALWAYS,
        read: sources::graph_troubleshooting_events::parse,
    };

    /// All that there are.
    pub const ALL: [Self; 12] = [
        Self::cloud_events("enrollment-events"),
        Self::cloud_events("esp-status"),
        Self::GITHUB_STYLE,
        Self::MICROMDM,
        Self::NANOMDM,
        Self::FLEET,
        Self::JAMF,
        Self::WORKSPACE_ONE,
        Self::ANDROID_MANAGEMENT,
        Self::INTUNE_OPERATIONAL_LOGS,
        Self::GRAPH_TROUBLESHOOTING_EVENTS,
        Self::GRAPH_AUTOPILOT_EVENTS,
    ];

    /// The name in the path.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// How its sender may prove itself.
    pub const fn proofs(&self) -> &'static [Proof] {
        self.proofs
    }
}
