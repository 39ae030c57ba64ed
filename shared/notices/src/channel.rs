//! Where messages go (docs/MESSAGES.md, N7).
//!
//! Must stay true: what lets somebody else send or read (a password, a webhook's address, a key) is in [`Keys`] alone,
//! which has no form that shows it.

use crate::rule::{Invalid, NAME, is_name};
use http::Uri;
use serde::{Deserialize, Serialize};
use std::fmt;
use vestibule_domain::Timestamp;

/// What an e-mail address must be.
const ADDRESS: &str = "must be like it@contoso.example";
/// Most addresses that a message goes to.
const MOST_RECIPIENTS: usize = 20;
/// Longest address or name of a server.
const MOST_CHARS: usize = 254;
/// This machine, to which no TLS is needed.
const HERE: [&str; 3] = ["127.0.0.1", "localhost", "[::1]"];

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
    /// Whether an administrator added it through the API, and not the operator. It then goes to public addresses only,
    /// unless the operator allows others.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub by_administrator: bool,
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
    /// Whether messages may become tickets there (docs/MESSAGES.md, Tickets). Somebody must hear when one is to be closed.
    pub const fn has_tickets(&self) -> bool {
        matches!(self, Self::Webhook { .. })
    }

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
        let invalid = |field, problem| Err(Invalid::new(field, problem));
        if !is_name(&self.name) {
            return invalid("name", NAME);
        }
        let To::Email { server, from, to, .. } = &self.to else { return Ok(()) };
        if !is_host(server) {
            return invalid("server", "must be the name of a mail server");
        }
        if !is_address(from) {
            return invalid("from", ADDRESS);
        }
        if to.is_empty() || to.len() > MOST_RECIPIENTS {
            return invalid("to", "must have 1 to 20 addresses");
        }
        if to.iter().all(|one| is_address(one)) { Ok(()) } else { invalid("to", ADDRESS) }
    }
}

/// The host of an address that messages are posted to.
///
/// # Errors
/// If it is none, or not of https and not of this machine.
pub fn host_of(url: &str) -> Result<String, Invalid> {
    let invalid = |problem| Invalid::new("url", problem);
    let uri: Uri = url.parse().map_err(|_| invalid("must be an address like https://example.com/hooks/1"))?;
    let host = uri.host().ok_or_else(|| invalid("must be an address like https://example.com/hooks/1"))?;
    if uri.scheme_str() == Some("https") || HERE.contains(&host) {
        Ok(host.to_owned())
    } else {
        Err(invalid("must begin with https://"))
    }
}

fn is_host(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']');
    (1..=MOST_CHARS).contains(&text.len()) && text.chars().all(fits)
}

/// Whether it can be an e-mail address. Whether it is one, only its server knows.
fn is_address(text: &str) -> bool {
    let parts = text.split_once('@');
    let fits = |c: char| !c.is_whitespace() && !c.is_control() && !matches!(c, '<' | '>' | ',' | ';' | '"');
    text.len() <= MOST_CHARS
        && text.chars().all(fits)
        && parts.is_some_and(|(own, host)| !own.is_empty() && is_host(host))
}
