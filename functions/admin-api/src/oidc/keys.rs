//! What the issuer publishes: the keys that it signs with, and where the page exchanges its codes.
//!
//! Must stay true: whoever's key is known does not wait for the issuer, whatever tokens strangers send. Only one
//! reading is under way at a time, everybody who needs it waits for the same one, and after a failed one nobody waits
//! again for a while. A withdrawn key is valid for [`VALID_FOR`] at most.

use crate::web::origin;
use aws_smithy_http_client::Connector;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_runtime_api::client::http::HttpConnector as _;
use aws_smithy_runtime_api::http::Request;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Limited};
use jsonwebtoken::DecodingKey;
use jsonwebtoken::jwk::{Jwk, PublicKeyUse};
use serde::Deserialize;
use serde_json::Value;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use vestibule_domain::{Millis, Timestamp};
use vestibule_platform::{BoxError, Clock, Problem};

/// Longest answer that is read.
const MAX_BYTES: usize = 256 << 10;
/// How long a reading may take, with both of its requests.
const PATIENCE: Duration = Duration::from_secs(5);
/// Keys are read again when a token names an unknown key, but no more often than this.
const NEW_KEYS_AFTER: Millis = Millis::from_seconds(60);
/// Keys of this age are read again beside the request, which does not wait for it.
const OLD_KEYS_AFTER: Millis = Millis::from_minutes(30);
/// Keys of this age are no longer used.
const VALID_FOR: Millis = Millis::from_minutes(60);
/// For how long after a failed reading there is no other.
const FAILED_FOR: Millis = Millis::from_seconds(15);
/// Addresses on this machine, the only ones without TLS.
const LOCAL: [&str; 2] = ["http://127.0.0.1:", "http://localhost:"];

/// The issuer's keys. Clones share them.
#[derive(Clone)]
pub(super) struct Keys {
    source: Arc<Source>,
    state: Arc<Mutex<State>>,
}

struct Source {
    issuer: String,
    /// The AWS SDK's own client: a second kind of client would be a twelfth of the function's code.
    client: Connector,
    clock: Clock,
    patience: Duration,
}

/// It is locked to look at it and to change it, never while the issuer is asked.
#[derive(Default)]
struct State {
    known: Option<Arc<Published>>,
    failed_at: Option<Timestamp>,
    /// The reading that is under way.
    reading: Option<watch::Receiver<()>>,
}

/// What the issuer published when it was last read.
struct Published {
    read_at: Timestamp,
    keys: Vec<Jwk>,
    token_origin: Option<String>,
}

#[derive(Deserialize)]
struct Discovery {
    issuer: String,
    jwks_uri: String,
    token_endpoint: Option<String>,
}

/// Members are read one by one, since a set may have keys of kinds that we don't know.
#[derive(Deserialize)]
struct KeySet {
    keys: Vec<Value>,
}

impl Published {
    fn age(&self, now: Timestamp) -> Millis {
        // A clock that was set back makes them old, too.
        Millis::new((now - self.read_at).get().abs())
    }

    fn find(&self, id: Option<&str>) -> Option<DecodingKey> {
        let found = match id {
            Some(id) => self.keys.iter().find(|key| key.common.key_id.as_deref() == Some(id)),
            None => self.keys.first().filter(|_| self.keys.len() == 1),
        };
        found.and_then(|key| DecodingKey::from_jwk(key).ok())
    }
}

impl Keys {
    pub(super) fn new(issuer: String, clock: Clock) -> Result<Self, BoxError> {
        if !may_ask(&issuer) {
            return Err("OIDC_ISSUER must be an https address".into());
        }
        let client = Connector::builder().tls_provider(Provider::Rustls(CryptoMode::AwsLc)).build();
        Ok(Self { source: Arc::new(Source { issuer, client, clock, patience: PATIENCE }), state: Arc::default() })
    }

    /// The key with that id, or the only key for a token that names none.
    ///
    /// # Errors
    /// If it is not known, and the issuer can't be read.
    pub(super) async fn key(&self, id: Option<&str>, now: Timestamp) -> Result<Option<DecodingKey>, Problem> {
        if let Some(published) = self.known() {
            let (age, found) = (published.age(now), published.find(id));
            if found.is_some() && age < VALID_FOR {
                if age >= OLD_KEYS_AFTER {
                    drop(self.reading(now));
                }
                return Ok(found);
            }
            if age < NEW_KEYS_AFTER {
                return Ok(None);
            }
        }
        let published = self.newly_read(now).await.ok_or_else(Problem::unavailable)?;
        Ok(published.find(id))
    }

    /// The origin of the token endpoint; `None` if the issuer can't be read or has no such endpoint.
    pub(super) async fn token_origin(&self, now: Timestamp) -> Option<String> {
        let published = match self.known() {
            Some(known) => {
                if known.age(now) >= OLD_KEYS_AFTER {
                    drop(self.reading(now));
                }
                known
            }
            None => self.newly_read(now).await?,
        };
        published.token_origin.clone()
    }

    /// Reads what the issuer publishes, for nobody.
    ///
    /// # Errors
    /// If it cannot be read in time, or has no key.
    pub(super) async fn check(&self) -> Result<(), BoxError> {
        match self.source.read().await {
            Ok((keys, _)) if keys.is_empty() => Err("it publishes no keys".into()),
            Ok(_) => Ok(()),
            Err(error) if error.is::<tokio::time::error::Elapsed>() => {
                Err(format!("no answer within {} seconds", self.source.patience.as_secs()).into())
            }
            Err(error) => Err(error),
        }
    }

    fn known(&self) -> Option<Arc<Published>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).known.clone()
    }

    /// What the issuer publishes, by a reading that ended after `now` or is still valid; `None` if it failed.
    async fn newly_read(&self, now: Timestamp) -> Option<Arc<Published>> {
        let mut ends = self.reading(now)?;
        // An error means that the reading has ended, too.
        let _ended = ends.changed().await;
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.known.clone().filter(|known| state.failed_at.is_none() && known.age(now) < VALID_FOR)
    }

    /// The reading that is under way, or a new one; `None` shortly after a failed one.
    fn reading(&self, now: Timestamp) -> Option<watch::Receiver<()>> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(reading) = &state.reading {
            return Some(reading.clone());
        }
        if state.failed_at.is_some_and(|at| (now - at).get().abs() < FAILED_FOR.get()) {
            return None;
        }
        let (ended, ends) = watch::channel(());
        state.reading = Some(ends.clone());
        let keys = self.clone();
        // Its own task, so that it goes on when whoever asked for it has gone.
        tokio::spawn(async move {
            let read = keys.source.read().await;
            let at = Timestamp::from_millis(keys.source.clock.now_millis());
            let mut state = keys.state.lock().unwrap_or_else(PoisonError::into_inner);
            state.reading = None;
            match read {
                Ok((published, token_origin)) => {
                    state.known = Some(Arc::new(Published { read_at: at, keys: published, token_origin }));
                    state.failed_at = None;
                }
                Err(error) => {
                    let issuer = &keys.source.issuer;
                    tracing::error!(error, issuer, "the issuer's keys could not be read");
                    state.failed_at = Some(at);
                }
            }
            drop(ended);
        });
        Some(ends)
    }
}

impl Source {
    async fn read(&self) -> Result<(Vec<Jwk>, Option<String>), BoxError> {
        tokio::time::timeout(self.patience, async {
            let issuer = self.issuer.trim_end_matches('/');
            let discovery = self.get(&format!("{issuer}/.well-known/openid-configuration")).await?;
            let discovery: Discovery = serde_json::from_slice(&discovery)?;
            if discovery.issuer != self.issuer {
                return Err("its discovery document is of another issuer".into());
            }
            // Keys and endpoints may have other origins: the issuer names them, over TLS.
            let KeySet { keys } = serde_json::from_slice(&self.get(&discovery.jwks_uri).await?)?;
            let keys = keys.into_iter().filter_map(|key| serde_json::from_value::<Jwk>(key).ok());
            let keys = keys.filter(|key| !matches!(key.common.public_key_use, Some(PublicKeyUse::Encryption)));
            let token_origin = discovery.token_endpoint.filter(|address| may_ask(address));
            Ok((keys.collect(), token_origin.and_then(|address| origin(&address))))
        })
        .await?
    }

    async fn get(&self, uri: &str) -> Result<Bytes, BoxError> {
        if !may_ask(uri) {
            return Err(format!("{uri} is not an https address").into());
        }
        let answer = self.client.call(Request::get(uri)?).await?;
        if !answer.status().is_success() {
            return Err(format!("{uri} answers {}", answer.status().as_u16()).into());
        }
        Ok(Limited::new(answer.into_body(), MAX_BYTES).collect().await?.to_bytes())
    }
}

/// Whether an address has TLS or is on this machine.
fn may_ask(address: &str) -> bool {
    address.starts_with("https://") || LOCAL.iter().any(|local| address.starts_with(local))
}

#[cfg(test)]
#[path = "keys_tests.rs"]
mod tests;
