//! Names and addresses of people, as they are or as keyed hashes.

use crate::file::Context;
use hmac::{Hmac, Mac as _};
use sha2::Sha256;
use std::borrow::Cow;

/// The pseudonym that a pseudonymised file has in place of `text`: `p:` and sixteen hexadecimal digits of its
/// HMAC-SHA256 under the tenant's key. Case is ignored, as in addresses, so that a person whose name two senders
/// spell in different case has one pseudonym.
pub fn pseudonym(key: &[u8], text: &str) -> String {
    let digest = digest(key, &text.to_lowercase());
    let mut out = String::from("p:");
    for byte in &digest[..8] {
        out.push_str(&format!("{byte:02x}"));
    }
    out
}

fn digest(key: &[u8], text: &str) -> [u8; 32] {
    // HMAC accepts keys of any length, so this error cannot occur; the trait has it because ciphers need it.
    Hmac::<Sha256>::new_from_slice(key)
        .map(|mut mac| {
            mac.update(text.as_bytes());
            mac.finalize().into_bytes().into()
        })
        .unwrap_or_default()
}

/// How a file writes people.
#[derive(Clone, Debug)]
pub(crate) enum People {
    /// As reported.
    Named,
    /// As pseudonyms made with this key.
    Hidden(Vec<u8>),
}

impl People {
    pub(crate) fn of(context: &Context) -> Self {
        match context.settings.pseudonymise {
            true => Self::Hidden(context.pseudonym_key.to_vec()),
            false => Self::Named,
        }
    }

    pub(crate) fn name<'a>(&self, text: Option<&'a str>) -> Option<Cow<'a, str>> {
        let text = text.filter(|text| !text.is_empty())?;
        Some(match self {
            Self::Named => Cow::Borrowed(text),
            Self::Hidden(key) => Cow::Owned(pseudonym(key, text)),
        })
    }

    /// Free text may name people, so a pseudonymised file leaves it out.
    pub(crate) fn message<'a>(&self, text: Option<&'a str>) -> Option<&'a str> {
        text.filter(|_| matches!(self, Self::Named))
    }

    /// A text that differs from key to key without revealing the key.
    pub(crate) fn mark(&self) -> String {
        match self {
            Self::Named => String::new(),
            Self::Hidden(key) => pseudonym(key, "vestibule: which key"),
        }
    }
}
