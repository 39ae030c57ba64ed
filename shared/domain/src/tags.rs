//! Tags: short texts by which an organisation tells its devices apart, such as departments (docs/DOMAIN.md, E12).
//!
//! Must stay true: of a text that nobody allowed nothing is kept, so a sender can't fill files with what it likes.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The most tags that one event carries, and the most keys that a tenant allows.
pub const MAX_TAGS: usize = 8;
/// The most characters in a key, and in a value.
pub const MAX_TAG_CHARS: usize = 64;
/// The keys that a tenant allows unless it says otherwise.
pub const DEFAULT_KEYS: [&str; 4] = ["department", "building", "groupTag", "enrollmentCode"];
/// By what else attempts are told apart (docs/DOMAIN.md, K1). A key has none of these names.
pub const RESERVED_KEYS: [&str; 4] = ["model", "osVersion", "enrollmentType", "source"];

/// Tags by their keys.
pub type Tags = BTreeMap<String, String>;

/// The keys that a tenant allows, in its spelling and its order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TagKeys(Vec<String>);

impl Default for TagKeys {
    fn default() -> Self {
        Self(DEFAULT_KEYS.map(str::to_owned).to_vec())
    }
}

impl TagKeys {
    /// These keys. [`problem`](Self::problem) says what is wrong with them.
    pub const fn new(keys: Vec<String>) -> Self {
        Self(keys)
    }

    /// The keys in the tenant's order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// The allowed key that this text names, whatever its case.
    pub fn named(&self, text: &str) -> Option<&str> {
        self.iter().find(|key| key.eq_ignore_ascii_case(text.trim()))
    }

    /// The allowed ones of these tags, under the tenant's spelling of their keys. If one key was spelt in two ways, the
    /// tenant's spelling counts, else the last in the order of letters.
    #[must_use]
    pub fn kept(&self, tags: &Tags) -> Tags {
        let exact = tags.iter().filter(|(key, _)| self.0.contains(key));
        let named = tags.iter().filter_map(|(key, value)| Some((self.named(key)?, value)));
        let mut kept: Tags = named.map(|(key, value)| (key.to_owned(), value.clone())).collect();
        kept.extend(exact.map(|(key, value)| (key.clone(), value.clone())));
        kept
    }

    /// What is wrong with the keys, if anything is.
    pub fn problem(&self) -> Option<&'static str> {
        let is_key = |key: &String| {
            let fits = |char: char| char.is_ascii_alphanumeric() || matches!(char, '_' | '-' | '.');
            (1..=MAX_TAG_CHARS).contains(&key.len()) && key.chars().all(fits)
        };
        let is_reserved = |key: &String| RESERVED_KEYS.iter().any(|name| name.eq_ignore_ascii_case(key));
        let is_twice =
            |(place, key): (usize, &String)| self.0.iter().take(place).any(|other| other.eq_ignore_ascii_case(key));
        if self.0.len() > MAX_TAGS {
            Some("must be at most 8 keys")
        } else if !self.0.iter().all(is_key) {
            Some("must be keys of 1 to 64 letters, digits, dots, hyphens and underscores")
        } else if self.0.iter().any(is_reserved) {
            Some("must not be model, osVersion, enrollmentType or source, which attempts have anyway")
        } else if self.0.iter().enumerate().any(is_twice) {
            Some("must not name a key twice")
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(keys: &[&str]) -> TagKeys {
        TagKeys::new(keys.iter().map(|key| (*key).to_owned()).collect())
    }

    fn tags(tags: &[(&str, &str)]) -> Tags {
        tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn what_is_allowed_is_kept_under_the_tenants_spelling() {
        let sent = tags(&[("Department", "Sales"), ("building", "B1"), ("colour", "red")]);
        assert_eq!(TagKeys::default().kept(&sent), tags(&[("department", "Sales"), ("building", "B1")]));
        let twice = tags(&[("DEPARTMENT", "a"), ("Department", "b"), ("department", "c")]);
        assert_eq!(TagKeys::default().kept(&twice), tags(&[("department", "c")]));
        assert_eq!(keys(&["dePartment"]).kept(&twice), tags(&[("dePartment", "c")]));
        assert_eq!(keys(&[]).kept(&sent), tags(&[]));
    }

    #[test]
    fn keys_are_few_short_and_none_of_the_names_that_attempts_have() {
        assert_eq!(TagKeys::default().problem(), None);
        assert_eq!(keys(&[]).problem(), None);
        let long = "k".repeat(65);
        for wrong in [
            &["a", "b", "c", "d", "e", "f", "g", "h", "i"][..],
            &[""],
            &["cost centre"],
            &["größe"],
            &[&long],
            &["Model"],
            &["osversion"],
            &["a", "A"],
        ] {
            assert!(keys(wrong).problem().is_some(), "{wrong:?}");
        }
    }
}
