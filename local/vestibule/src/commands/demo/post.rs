//! The demonstration as a sender: it posts signed batches to the webhooks and asks the API.

use crate::output::note;
use futures::{StreamExt as _, TryStreamExt as _};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;
use std::ops::Add;
use std::time::Duration;
use vestibule_domain::{TenantId, Timestamp};
use vestibule_platform::{BoxError, Clock};
use vestibule_simulator::Delivery;
use vestibule_webhook::{MAX_EVENTS, signature};

/// Batches under way at a time.
const CONCURRENCY: usize = 2;
/// A batch that takes longer counts as stuck.
const TIMEOUT: Duration = Duration::from_secs(60);

/// How many of the posted events were accepted, known or refused.
#[derive(Clone, Copy, Debug, Default)]
pub struct Posted {
    pub accepted: u64,
    pub duplicates: u64,
    pub rejected: u64,
}

impl Add for Posted {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self {
            accepted: self.accepted + other.accepted,
            duplicates: self.duplicates + other.duplicates,
            rejected: self.rejected + other.rejected,
        }
    }
}

/// A client of the webhooks and the API.
pub struct Sender {
    client: reqwest::Client,
    url: String,
    tenant: TenantId,
    secret: String,
}

impl Sender {
    pub fn new(url: &str, tenant: &TenantId, secret: &str) -> Result<Self, BoxError> {
        let client = reqwest::Client::builder().timeout(TIMEOUT).build()?;
        Ok(Self { client, url: url.to_owned(), tenant: tenant.clone(), secret: secret.to_owned() })
    }

    /// Posts deliveries in batches, each to the webhook of its kind.
    pub async fn post(&self, deliveries: &[Delivery], what: &str) -> Result<Posted, BoxError> {
        let bar = ProgressBar::new(deliveries.len() as u64);
        bar.set_style(ProgressStyle::with_template("{msg} {bar:32} {pos}/{len} events  {eta} left")?);
        bar.set_message(what.to_owned());
        if bar.is_hidden() {
            note(format!("{what}: {} events", deliveries.len()));
        }
        let (esp, enrollment): (Vec<&Delivery>, Vec<&Delivery>) =
            deliveries.iter().partition(|delivery| delivery.event.kind.is_esp());
        let batches = enrollment
            .chunks(MAX_EVENTS)
            .map(|batch| ("enrollment-events", batch))
            .chain(esp.chunks(MAX_EVENTS).map(|batch| ("esp-status", batch)));
        let posted = futures::stream::iter(batches)
            .map(|(hook, batch)| {
                let bar = &bar;
                async move {
                    let posted = self.post_batch(hook, batch).await?;
                    bar.inc(batch.len() as u64);
                    Ok::<_, BoxError>(posted)
                }
            })
            .buffer_unordered(CONCURRENCY)
            .try_fold(Posted::default(), async |sum, one| Ok(sum + one))
            .await?;
        bar.finish_and_clear();
        Ok(posted)
    }

    async fn post_batch(&self, hook: &str, batch: &[&Delivery]) -> Result<Posted, BoxError> {
        let events: Vec<_> = batch.iter().map(|delivery| &delivery.event).collect();
        let body = serde_json::to_vec(&events)?;
        let now = Timestamp::from_millis(Clock::system().now_millis());
        let id = format!("demo-{}", now.millis());
        let signature = signature::sign(&self.secret, &id, now, &body).ok_or("the webhook secret is malformed")?;
        let url = format!("{}/hooks/{}/{hook}?backfill=true", self.url, self.tenant);
        let response = self
            .client
            .post(url)
            .header("content-type", "application/cloudevents-batch+json")
            .header("webhook-id", &id)
            .header("webhook-timestamp", now.seconds())
            .header("webhook-signature", signature)
            .body(body)
            .send()
            .await?;
        let status = response.status();
        let answer: Value = response.json().await?;
        if !status.is_success() {
            return Err(format!("the webhook answered {status}: {}", answer["title"]).into());
        }
        let count = |name: &str| answer[name].as_u64().unwrap_or(0);
        Ok(Posted { accepted: count("accepted"), duplicates: count("duplicates"), rejected: count("rejected") })
    }

    /// Adds a profile unless one of its name exists.
    pub async fn add_profile(&self, profile: &Value, token: &str) -> Result<(), BoxError> {
        const PROFILES: &str = "/api/devices/esp-profiles";
        let known = self.get(PROFILES.to_owned(), token).await?;
        let known = known["value"].as_array().map_or(&[][..], Vec::as_slice);
        if known.iter().any(|one| one["displayName"] == profile["displayName"]) {
            return Ok(());
        }
        let post = self.client.post(format!("{}{PROFILES}", self.url)).bearer_auth(token).json(profile);
        let status = post.send().await?.status();
        if status.is_success() { Ok(()) } else { Err(format!("{PROFILES} answered {status}").into()) }
    }

    /// Asks the API.
    pub async fn get(&self, path: String, token: &str) -> Result<Value, BoxError> {
        let response = self.client.get(format!("{}{path}", self.url)).bearer_auth(token).send().await?;
        let status = response.status();
        if !status.is_success() {
            return Err(format!("{path} answered {status}").into());
        }
        Ok(response.json().await?)
    }
}
