//! Credentials, and the tokens issued for them. Tokens are kept only in memory.

use crate::answer::Failure;
use crate::cloud::Addresses;
use crate::transport::Transport;
use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderValue, Request, StatusCode};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use vestibule_domain::{Millis, Timestamp};

/// A token is not used in its last minutes, since a request may take some time.
const BEFORE_ITS_END: Millis = Millis::from_minutes(5);
/// Most tokens kept at once. When there are more, all are discarded and requested again.
const MOST_TOKENS: usize = 10_000;
/// Characters that are not escaped in a form.
const FORM: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// Longest id or secret.
const MOST_CHARS: usize = 256;

/// An app registration.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    directory: String,
    client: String,
    secret: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials")
    }
}

impl Credentials {
    /// The registration `client` of a directory, by its id or one of its domains.
    ///
    /// # Errors
    /// Which of them is invalid, in words.
    pub fn new(directory: &str, client: &str, secret: &str) -> Result<Self, &'static str> {
        let is_name = |text: &str| {
            let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
            (1..=MOST_CHARS).contains(&text.len()) && text.bytes().all(fits)
        };
        // The directory becomes a part of an address.
        if !is_name(directory) || directory.starts_with('.') {
            return Err("the directory must be its id or a domain of it");
        }
        if !is_name(client) {
            return Err("the client must be the application's id");
        }
        let is_secret = secret.chars().all(|char| !char.is_control() && char != ' ');
        if secret.is_empty() || secret.len() > MOST_CHARS || !is_secret {
            return Err("the secret must be one word of at most 256 characters");
        }
        Ok(Self { directory: directory.to_owned(), client: client.to_owned(), secret: secret.to_owned() })
    }

    /// The key under which the token of this registration and secret is kept.
    fn key(&self, addresses: &Addresses) -> [u8; 32] {
        let mut hash = Sha256::new();
        for part in [addresses.login(), &self.directory, &self.client, &self.secret] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        hash.finalize().into()
    }
}

/// Tokens. Clones share them.
#[derive(Clone, Default)]
pub struct Tokens(Arc<Mutex<HashMap<[u8; 32], Token>>>);

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tokens")
    }
}

#[derive(Clone)]
struct Token {
    bearer: HeaderValue,
    until: Timestamp,
}

#[derive(Deserialize)]
struct Given {
    access_token: String,
    expires_in: i64,
}

impl Tokens {
    /// A token that stays valid for a while: the one that is kept, or a new one.
    pub(crate) async fn get<T: Transport>(
        &self,
        (transport, addresses, credentials): (&T, &Addresses, &Credentials),
        now: Timestamp,
        patience: Duration,
    ) -> Result<HeaderValue, Failure> {
        let key = credentials.key(addresses);
        if let Some(token) = self.held(&key, now) {
            return Ok(token.bearer);
        }
        let token = ask(transport, addresses, credentials, now, patience).await?;
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MOST_TOKENS {
            all.clear();
        }
        all.insert(key, token.clone());
        Ok(token.bearer)
    }

    /// Discards the token that is kept for the credentials.
    pub(crate) fn forget(&self, addresses: &Addresses, credentials: &Credentials) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&credentials.key(addresses));
    }

    fn held(&self, key: &[u8; 32], now: Timestamp) -> Option<Token> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(key).filter(|token| now < token.until).cloned()
    }
}

async fn ask<T: Transport>(
    transport: &T,
    addresses: &Addresses,
    credentials: &Credentials,
    now: Timestamp,
    patience: Duration,
) -> Result<Token, Failure> {
    let Credentials { directory, client, secret } = credentials;
    let encoded = |text: &str| utf8_percent_encode(text, FORM).to_string();
    let form = format!(
        "grant_type=client_credentials&client_id={}&client_secret={}&scope={}",
        encoded(client),
        encoded(secret),
        encoded(&format!("{}/.default", addresses.graph())),
    );
    let request = Request::post(format!("{}/{directory}/oauth2/v2.0/token", addresses.login()))
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header(ACCEPT, "application/json")
        .body(Bytes::from(form))
        .map_err(|_| Failure::Credentials("there is no such directory"))?;
    let answer = transport.send(request, patience).await.map_err(Failure::Lost)?;
    if answer.status != StatusCode::OK {
        return Err(Failure::of_token(&answer, now));
    }
    let given: Given = serde_json::from_slice(&answer.body).map_err(|_| Failure::Unreadable)?;
    let mut bearer =
        HeaderValue::try_from(format!("Bearer {}", given.access_token)).map_err(|_| Failure::Unreadable)?;
    bearer.set_sensitive(true);
    // A token that is valid only for minutes is used for half of its time.
    let lasts = Millis::from_seconds(given.expires_in.clamp(0, 86_400));
    let spared = BEFORE_ITS_END.min(Millis::new(lasts.get() / 2));
    Ok(Token { bearer, until: now + lasts - spared })
}
