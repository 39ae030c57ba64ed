//! Seals the secrets of tenants under a key of KMS that never leaves it.
//!
//! Each sealed text has a data key of its own. KMS makes it, gives it out in clear and encrypted, and the encrypted one lies
//! beside the text. Whoever opens the text asks KMS for the data key in clear. KMS gives it only for the same encryption
//! context (the table in which it was sealed, the tenant, and the kind of secret), by which policies say which function may
//! open what.
//!
//! Must stay true: no data key is used for two texts that differ. An opened data key is held for [`HELD_FOR`] and written
//! nowhere. While KMS can't be reached, an opened key goes on serving; one that KMS refuses does not.

mod text;

use crate::text::Sealed;
use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_lc_rs::aead::{AES_256_GCM, RandomizedNonceKey};
use aws_sdk_kms::Client;
use aws_sdk_kms::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::DataKeySpec;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use vestibule_causes::causes;
use vestibule_platform::Clock;
use vestibule_store::{Bound, Store, StoreError, Vault};

/// For how long an opened data key is used before KMS is asked again: so much later a key that was disabled opens nothing.
pub const HELD_FOR: i64 = 6 * 3_600_000;
/// The most opened data keys that are held; beyond that all are forgotten, which costs a call for each.
const MOST: usize = 20_000;

/// A data key in clear, and when KMS gave it out.
struct Held {
    at: i64,
    key: Arc<RandomizedNonceKey>,
}

/// Seals under one key of KMS for one table, and opens what was sealed under any that its credentials may use.
#[derive(Clone)]
pub struct KmsVault {
    client: Client,
    table: Arc<str>,
    key: Option<Arc<str>>,
    clock: Clock,
    /// By their encrypted form.
    held: Arc<Mutex<HashMap<Vec<u8>, Held>>>,
}

/// Without what is held.
impl fmt::Debug for KmsVault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KmsVault").field("table", &self.table).field("key", &self.key).finish_non_exhaustive()
    }
}

impl KmsVault {
    /// A vault for `table`. Without a key it only opens.
    pub fn new(sdk: &SdkConfig, table: &str, key: Option<&str>, clock: Clock) -> Self {
        let (client, held) = (Client::new(sdk), Arc::default());
        Self { client, table: table.into(), key: key.map(Into::into), clock, held }
    }

    fn hold(&self, encrypted: &[u8], key: &Arc<RandomizedNonceKey>) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if held.len() >= MOST {
            held.clear();
        }
        held.insert(encrypted.to_vec(), Held { at: self.clock.now_millis(), key: Arc::clone(key) });
    }

    /// A data key in clear.
    async fn data_key(&self, bound: Bound<'_>, sealed: &Sealed) -> Result<Arc<RandomizedNonceKey>, StoreError> {
        let now = self.clock.now_millis();
        let known = {
            let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
            held.get(&sealed.key).map(|held| (held.at, Arc::clone(&held.key)))
        };
        if let Some((at, key)) = &known
            && (0..HELD_FOR).contains(&(now - at))
        {
            return Ok(Arc::clone(key));
        }
        let asked = self.client.decrypt().ciphertext_blob(Blob::new(sealed.key.clone()));
        match asked.set_encryption_context(Some(context(&sealed.table, bound))).send().await {
            Ok(answer) => {
                let key = usable(answer.plaintext.as_ref(), bound)?;
                self.hold(&sealed.key, &key);
                Ok(key)
            }
            Err(error) => match (failed(bound, error), known) {
                (StoreError::Unavailable(_), Some((_, key))) => Ok(key),
                (error, _) => {
                    self.held.lock().unwrap_or_else(PoisonError::into_inner).remove(&sealed.key);
                    Err(error)
                }
            },
        }
    }
}

/// The encryption context: what KMS compares, writes into its log, and lets policies decide by.
fn context(table: &str, bound: Bound<'_>) -> HashMap<String, String> {
    let pairs = [("table", table), ("tenant", bound.tenant.as_str()), ("secrets", bound.kind.name())];
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
}

/// What a text itself is bound to, besides its data key.
fn bound_to(table: &str, bound: Bound<'_>) -> Vec<u8> {
    ["1", table, bound.tenant.as_str(), bound.kind.name(), bound.item].join("\0").into_bytes()
}

fn usable(clear: Option<&Blob>, bound: Bound<'_>) -> Result<Arc<RandomizedNonceKey>, StoreError> {
    let key = clear.and_then(|clear| RandomizedNonceKey::new(&AES_256_GCM, clear.as_ref()).ok());
    key.map(Arc::new).ok_or_else(|| corrupt(bound, "KMS gave no key for it"))
}

fn corrupt(bound: Bound<'_>, problem: &str) -> StoreError {
    StoreError::Corrupt { item: format!("{} of {}", bound.kind.name(), bound.tenant), problem: problem.to_owned() }
}

/// What a failed call means: later it may work, or somebody must look at the key, its policy, or the text.
fn failed<E>(bound: Bound<'_>, error: SdkError<E>) -> StoreError
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    let text = format!("KMS, for {} of {}: {}", bound.kind.name(), bound.tenant, causes(&error));
    let SdkError::ServiceError(service) = &error else {
        return match error {
            SdkError::ConstructionFailure(_) => StoreError::Refused(text),
            _ => StoreError::Unavailable(text),
        };
    };
    let code = service.err().code().unwrap_or_default();
    let later =
        ["ThrottlingException", "DependencyTimeoutException", "KMSInternalException", "KeyUnavailableException"];
    match code {
        "InvalidCiphertextException" => corrupt(bound, "KMS can't open its data key for this tenant and kind"),
        code if service.raw().status().is_server_error() || later.contains(&code) => StoreError::Unavailable(text),
        _ => StoreError::Refused(text),
    }
}

#[async_trait]
impl Vault for KmsVault {
    fn can_seal(&self) -> bool {
        self.key.is_some()
    }

    async fn seal(&self, bound: Bound<'_>, clear: &str) -> Result<String, StoreError> {
        let key = self.key.as_deref().ok_or_else(|| StoreError::Sealed(bound.tenant.as_str().to_owned()))?;
        let asked = self.client.generate_data_key().key_id(key).key_spec(DataKeySpec::Aes256);
        let asked = asked.set_encryption_context(Some(context(&self.table, bound)));
        let answer = asked.send().await.map_err(|error| failed(bound, error))?;
        let data_key = usable(answer.plaintext.as_ref(), bound)?;
        let encrypted = answer.ciphertext_blob.map(Blob::into_inner);
        let encrypted = encrypted.ok_or_else(|| corrupt(bound, "KMS gave no key for it"))?;
        self.hold(&encrypted, &data_key);
        Sealed::seal(&self.table, encrypted, &data_key, &bound_to(&self.table, bound), clear)
            .and_then(|sealed| sealed.to_text())
            .ok_or_else(|| corrupt(bound, "it can't be sealed"))
    }

    async fn open(&self, bound: Bound<'_>, sealed: &str) -> Result<String, StoreError> {
        let sealed = Sealed::parse(sealed).ok_or_else(|| corrupt(bound, "it is not of a form known here"))?;
        let key = self.data_key(bound, &sealed).await?;
        sealed.open(&key, &bound_to(&sealed.table, bound)).ok_or_else(|| corrupt(bound, "it was not sealed for this"))
    }
}

/// A store for a function whose environment names the key by `SECRETS_KEY`; without one, what is sealed can't be opened.
pub fn with_key_of_environment(store: Store, sdk: &SdkConfig, table: &str) -> Store {
    match std::env::var("SECRETS_KEY").ok().filter(|key| !key.is_empty()) {
        Some(key) => store.with_vault(Arc::new(KmsVault::new(sdk, table, Some(&key), Clock::system()))),
        None => store,
    }
}
