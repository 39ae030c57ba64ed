//! Short-lived links to objects, for a program that serves them under its own origin.
//!
//! A link is a path on that origin. The key that signs it is made at the start and kept in memory only, so a link ends
//! with the process. Where the bucket itself is reachable, its own presigned links take this place.
//!
//! Must stay true: a link opens one object, under one name, until one instant, and nobody else can make one.

use crate::{BoxError, credentials};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac as _};
use sha2::Sha256;
use std::fmt;
use std::sync::Arc;

/// Makes links and opens them again.
#[derive(Clone)]
pub struct Links {
    /// As long as a block of the hash.
    key: Arc<[u8; 64]>,
}

/// What a link leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Linked {
    /// The object's key in the bucket.
    pub key: String,
    /// The name of the downloaded file.
    pub file_name: String,
}

impl Links {
    /// What each link begins with.
    pub const ROOT: &str = "/files/";

    /// Links signed with a new key.
    ///
    /// # Errors
    /// If the operating system returns no randomness.
    pub fn new() -> Result<Self, BoxError> {
        Ok(Self { key: Arc::new(credentials::random()?) })
    }

    /// The path and query of a link to an object until an instant, in milliseconds since 1970. `None` if the key or the
    /// name has other characters than letters, digits and `-_./`, which would have to be escaped.
    pub fn link(&self, linked: &Linked, until_millis: i64) -> Option<String> {
        let Linked { key, file_name } = linked;
        let is_plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_./".contains(&byte));
        if !is_plain(key) || !is_plain(file_name) {
            return None;
        }
        let signature = self.signed(key, file_name, &until_millis.to_string()).finalize().into_bytes();
        let signature = URL_SAFE_NO_PAD.encode(signature);
        Some(format!("{}{key}?name={file_name}&until={until_millis}&signature={signature}", Self::ROOT))
    }

    /// What a path and its query lead to; `None` if they are no link of ours, or one that has ended.
    pub fn open(&self, path: &str, query: &str, now_millis: i64) -> Option<Linked> {
        let key = path.strip_prefix(Self::ROOT)?;
        // Exactly as it was made: what was changed has another signature anyway.
        let rest = query.strip_prefix("name=")?;
        let (file_name, rest) = rest.split_once("&until=")?;
        let (until, signature) = rest.split_once("&signature=")?;
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
        // In constant time.
        self.signed(key, file_name, until).verify_slice(&signature).ok()?;
        let has_ended = until.parse::<i64>().ok()? <= now_millis;
        (!has_ended).then(|| Linked { key: key.to_owned(), file_name: file_name.to_owned() })
    }

    fn signed(&self, key: &str, file_name: &str, until: &str) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new((&*self.key).into());
        // None of the three can have a line feed, so no two links have the same text.
        mac.update(format!("{key}\n{file_name}\n{until}").as_bytes());
        mac
    }
}

impl fmt::Debug for Links {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Links").finish_non_exhaustive()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const NOW: i64 = 1_800_000_000_000;

    fn linked() -> Linked {
        Linked { key: "reports/contoso/00ff.sqlite".into(), file_name: "vestibule-contoso-2026-01-31.sqlite".into() }
    }

    fn open(links: &Links, link: &str, now: i64) -> Option<Linked> {
        let (path, query) = link.split_once('?').unwrap();
        links.open(path, query, now)
    }

    #[test]
    fn a_link_opens_its_object_until_it_ends() {
        let links = Links::new().unwrap();
        let link = links.link(&linked(), NOW + 1).unwrap();
        assert!(link.starts_with("/files/reports/contoso/00ff.sqlite?name=vestibule-contoso-2026-01-31.sqlite&"));
        assert_eq!(open(&links, &link, NOW), Some(linked()));
        assert_eq!(open(&links, &link, NOW + 1), None);
        assert_eq!(open(&Links::new().unwrap(), &link, NOW), None, "another process has another key");
        assert!(!format!("{links:?}").contains("key"));
    }

    #[test]
    fn a_link_that_was_changed_opens_nothing() {
        let links = Links::new().unwrap();
        let link = links.link(&linked(), NOW + 1).unwrap();
        for at in 0..link.len() {
            let mut forged = link.clone().into_bytes();
            forged[at] = if forged[at] == b'x' { b'y' } else { b'x' };
            let forged = String::from_utf8(forged).unwrap();
            let Some((path, query)) = forged.split_once('?') else { continue };
            assert_eq!(links.open(path, query, NOW), None, "{forged}");
        }
        for forged in [
            format!("{link}A"),
            format!("{link}&x=1"),
            link.replace("&until=", "&until=9"),
            link.replace("contoso/", "contoso//"),
        ] {
            assert_eq!(open(&links, &forged, NOW), None, "{forged}");
        }
        for key in ["a b", "a%2fb", "a?b", "a\nb", "ä"] {
            assert_eq!(links.link(&Linked { key: key.into(), ..linked() }, NOW), None, "{key}");
        }
    }
}
