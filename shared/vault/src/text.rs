//! The form of a sealed text: JSON with the encrypted data key, the nonce and what is sealed.
//!
//! It names the table in which it was sealed, since a copy of a table, such as one restored from a backup, has another
//! name.

use aws_lc_rs::aead::{Aad, Nonce, RandomizedNonceKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

/// The number of the form.
const FORM: u32 = 1;

/// A sealed text.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Sealed {
    pub(crate) table: String,
    /// The data key, encrypted.
    pub(crate) key: Vec<u8>,
    nonce: Vec<u8>,
    content: Vec<u8>,
}

#[derive(Serialize, Deserialize)]
struct Written {
    form: u32,
    table: String,
    key: String,
    nonce: String,
    content: String,
}

impl Sealed {
    pub(crate) fn seal(
        table: &str,
        encrypted: Vec<u8>,
        key: &RandomizedNonceKey,
        bound: &[u8],
        clear: &str,
    ) -> Option<Self> {
        let mut content = clear.as_bytes().to_vec();
        let nonce = key.seal_in_place_append_tag(Aad::from(bound), &mut content).ok()?;
        Some(Self { table: table.to_owned(), key: encrypted, nonce: nonce.as_ref().to_vec(), content })
    }

    pub(crate) fn open(&self, key: &RandomizedNonceKey, bound: &[u8]) -> Option<String> {
        let nonce = Nonce::try_assume_unique_for_key(&self.nonce).ok()?;
        let mut content = self.content.clone();
        let clear = key.open_in_place(nonce, Aad::from(bound), &mut content).ok()?;
        String::from_utf8(clear.to_vec()).ok()
    }

    pub(crate) fn to_text(&self) -> Option<String> {
        let [key, nonce, content] = [&self.key, &self.nonce, &self.content].map(|bytes| STANDARD.encode(bytes));
        serde_json::to_string(&Written { form: FORM, table: self.table.clone(), key, nonce, content }).ok()
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        let written: Written = serde_json::from_str(text).ok().filter(|written: &Written| written.form == FORM)?;
        let of = |text: &str| STANDARD.decode(text).ok();
        let (key, nonce, content) = (of(&written.key)?, of(&written.nonce)?, of(&written.content)?);
        Some(Self { table: written.table, key, nonce, content })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use aws_lc_rs::aead::AES_256_GCM;

    #[test]
    fn a_text_opens_only_whole_with_its_key_and_for_what_it_is_bound_to() {
        let [key, other] = [7, 8].map(|byte| RandomizedNonceKey::new(&AES_256_GCM, &[byte; 32]).unwrap());
        let seal = || Sealed::seal("table", b"encrypted".to_vec(), &key, b"of contoso", "whsec_a").unwrap();
        let text = seal().to_text().unwrap();
        assert!(!text.contains("whsec_a"));
        assert_ne!(seal().to_text().unwrap(), text, "the nonce is another each time");
        let sealed = Sealed::parse(&text).unwrap();
        assert_eq!((sealed.table.as_str(), sealed.key.as_slice()), ("table", &b"encrypted"[..]));
        assert_eq!(sealed.open(&key, b"of contoso").as_deref(), Some("whsec_a"));
        assert_eq!(sealed.open(&key, b"of fabrikam"), None);
        assert_eq!(sealed.open(&other, b"of contoso"), None);
        for byte in 0..sealed.content.len() {
            let mut changed = Sealed::parse(&text).unwrap();
            changed.content[byte] ^= 1;
            assert_eq!(changed.open(&key, b"of contoso"), None, "{byte}");
        }
        let later = text.replace("\"form\":1", "\"form\":2");
        assert_eq!((Sealed::parse(&later), Sealed::parse("{}")), (None, None));
    }
}
