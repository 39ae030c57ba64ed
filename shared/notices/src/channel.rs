//! Where messages go (docs/MESSAGES.md, N7).
//!
//! Must stay true: what lets somebody else send or read (a password, a webhook's address, a key) is in [`Keys`] alone,
//! which has no form that shows it.

use crate::rule::{Invalid, is_name};
use serde::{Deserialize, Serialize};
use std::fmt;
use vestibule_domain::Timestamp;

/// A channel, without what is secret of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Channel {
    /// Its name.
    pub name: String,
    /// What it is.
    pub to: To,
    /// When it was added, or last replaced.
    pub added_at: Timestamp,
}

/// What a channel is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "kind")]
pub enum To {
    /// E-mail through an SMTP server.
    #[serde(rename_all = "camelCase")]
    Email {
        /// The server.
        server: String,
        /// Its port.
        port: u16,
        /// Whether the connection is TLS: from its first byte on port 465, else by STARTTLS, and never without. `false` only
        /// for a server on this machine.
        tls: bool,
        /// Who signs in; absent if the server wants nobody to.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        user: Option<String>,
        /// The sender's address.
        from: String,
        /// The addresses that it goes to.
        to: Vec<String>,
    },
    /// A workflow of Microsoft Teams, reached at an address that is secret.
    Teams {
        /// The address's host.
        host: String,
    },
    /// An incoming webhook of Slack, reached at an address that is secret.
    Slack {
        /// The address's host.
        host: String,
    },
    /// A webhook that is signed as Standard Webhooks says.
    Webhook {
        /// The address's host.
        host: String,
    },
}

/// What is secret of a channel. It can't be serialised, so no answer, log or file has it by mistake; the store has the form
/// of its item.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Keys {
    /// The address that messages are posted to.
    pub url: Option<String>,
    /// What a webhook is signed with: `whsec_…`.
    pub signing: Option<String>,
    /// The password of an SMTP server.
    pub password: Option<String>,
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl To {
    /// The kind's name.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Email { .. } => "email",
            Self::Teams { .. } => "teams",
            Self::Slack { .. } => "slack",
            Self::Webhook { .. } => "webhook",
        }
    }

    /// Where it goes, without anything that is secret.
    pub fn place(&self) -> String {
        match self {
            Self::Email { to, .. } => to.join(", "),
            Self::Teams { host } | Self::Slack { host } | Self::Webhook { host } => host.clone(),
        }
    }
}

impl Channel {
    /// Checks it.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn validate(&self) -> Result<(), Invalid> {
        let invalid = |text: &str| Err(Invalid(text.to_owned()));
        if !is_name(&self.name) {
            return invalid(
                "a channel's name has 1 to 40 lower-case letters, digits and hyphens, and begins with no hyphen",
            );
        }
        match &self.to {
            To::Email { to, .. } if to.is_empty() || to.len() > 20 => invalid("e-mail goes to 1 to 20 addresses"),
            _ => Ok(()),
        }
    }
}
