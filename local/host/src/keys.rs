//! The pair of keys with which requests to this process's services are signed.
//!
//! Must stay true: a pair is random for each start, and the secret reaches no log: it is written only by
//! [`Endpoint::publish`](crate::Endpoint::publish), into a file that only its owner can read.

use crate::HostError;
use aws_sdk_dynamodb::config::Credentials;
use std::fmt;

/// A pair of keys.
#[derive(Clone, PartialEq, Eq)]
pub struct Keys {
    pub(crate) id: String,
    pub(crate) secret: String,
}

impl Keys {
    /// A random pair.
    ///
    /// # Errors
    /// If the system has no random numbers.
    pub fn random() -> Result<Self, HostError> {
        Ok(Self { id: hex::<16>()?, secret: hex::<32>()? })
    }

    /// The pair in the form that an SDK client signs with.
    pub fn credentials(&self) -> Credentials {
        Credentials::new(&self.id, &self.secret, None, None, "vestibule")
    }
}

/// Shows no secret.
impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").field("id", &self.id).finish_non_exhaustive()
    }
}

/// `N` random bytes in hexadecimal.
fn hex<const N: usize>() -> Result<String, HostError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| HostError::Engine(format!("no random numbers: {error}")))?;
    Ok(crate::s3::hex(&bytes))
}
