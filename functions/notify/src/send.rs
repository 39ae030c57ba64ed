//! Sends one message through one channel.

use crate::mail;
use crate::post::Poster;
use crate::reach::Reach;
use bytes::Bytes;
use vestibule_domain::Timestamp;
use vestibule_notices::render::Message;
use vestibule_notices::{Channel, Keys, To};
use vestibule_webhook::signature;

/// Why a message was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// In words, without anything that is secret.
    pub problem: String,
    /// Whether the same try would end the same way.
    pub for_good: bool,
}

impl Refusal {
    pub(crate) fn for_good(problem: &str) -> Self {
        Self { problem: problem.to_owned(), for_good: true }
    }

    pub(crate) fn for_now(problem: &str) -> Self {
        Self { problem: problem.to_owned(), for_good: false }
    }
}

/// Sends messages.
#[derive(Clone, Debug)]
pub struct Sender {
    poster: Poster,
}

impl Sender {
    /// Sends to where `reach` allows.
    pub fn new(reach: Reach) -> Self {
        Self { poster: Poster::new(reach) }
    }

    /// Sends a message; `id` stays the same with each try.
    ///
    /// # Errors
    /// Why it was not taken.
    pub async fn send(
        &self,
        channel: &Channel,
        keys: &Keys,
        id: &str,
        message: &Message<'_>,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let url = || keys.url.as_deref().ok_or_else(|| Refusal::for_good("the channel has no address"));
        match &channel.to {
            To::Email { .. } => {
                mail::send(self.poster.reach, &channel.to, keys, id, &message.title(), &message.text()).await
            }
            To::Teams { .. } => self.poster.post(url()?, &[], Bytes::from(message.teams().to_string())).await,
            To::Slack { .. } => self.poster.post(url()?, &[], Bytes::from(message.slack().to_string())).await,
            To::Webhook { .. } => {
                let body = message.webhook(now).to_string();
                let key = keys.signing.as_deref().unwrap_or_default();
                let signed = signature::sign(key, id, now, body.as_bytes());
                let signed = signed.ok_or_else(|| Refusal::for_good("the channel's key is none"))?;
                let headers = [
                    ("webhook-id", id.to_owned()),
                    ("webhook-timestamp", now.seconds().to_string()),
                    ("webhook-signature", signed),
                ];
                self.poster.post(url()?, &headers, Bytes::from(body)).await
            }
        }
    }
}
