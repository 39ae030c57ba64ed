//! Names of apps, as in the organisation's Intune, for apps that a sender reports by their id alone.
//!
//! They are not part of any event: what a sender reported stays unchanged, and a name stands beside it. Must stay true:
//! a name that a sender reported is never replaced.

use super::event::Category;
use super::resolve::folded_id;
use super::session::{EspItem, EspSession};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;

/// The most apps of a tenant whose names are kept.
pub const MAX_APPS: usize = 20_000;
/// The longest name, in characters; a longer one is cut.
pub const MAX_NAME_CHARS: usize = 256;
/// The longest id of an app, in bytes.
const MAX_ID_BYTES: usize = 64;

/// Names by the ids of apps, which may be in any case.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AppNames(BTreeMap<String, String>);

impl AppNames {
    /// Adds a name. Returns whether there was room for it; an empty or unusable name is ignored.
    pub fn insert(&mut self, id: &str, name: &str) -> bool {
        let (id, name) = (folded_id(id), name.trim());
        if id.is_empty() || id.len() > MAX_ID_BYTES || name.is_empty() || name.eq_ignore_ascii_case(&id) {
            return true;
        }
        if self.0.len() >= MAX_APPS && !self.0.contains_key(&id) {
            return false;
        }
        self.0.insert(id, name.chars().take(MAX_NAME_CHARS).collect());
        true
    }

    /// The name of an app.
    pub fn of(&self, id: &str) -> Option<&str> {
        self.0.get(&folded_id(id)).map(String::as_str)
    }

    /// How many names there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no names.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Ids, in small letters, with their names, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(id, name)| (id.as_str(), name.as_str()))
    }

    /// Keeps the first `most`, in the order of their ids.
    pub fn truncate(&mut self, most: usize) {
        while self.0.len() > most {
            self.0.pop_last();
        }
    }

    /// A value that distinguishes these names from others.
    pub fn digest(&self) -> String {
        let mut hash = Sha256::new();
        for text in self.0.iter().flat_map(|(id, name)| [id, name]) {
            hash.update((text.len() as u64).to_be_bytes());
            hash.update(text);
        }
        hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
    }

    /// Gives a session's apps, and the app that failed it, their names if no sender reported any.
    pub fn name_apps(&self, session: &mut EspSession) {
        if let Some(name) = session.failed_item.as_deref().and_then(|failed| self.of(failed)) {
            session.failed_item = Some(name.to_owned());
        }
        session.items.iter_mut().for_each(|item| self.name(item));
    }

    fn name(&self, item: &mut EspItem) {
        if is_nameless(item)
            && let Some(name) = self.of(&item.id)
        {
            item.name = Some(name.to_owned());
        }
    }
}

/// Whether it is an app of which senders reported only the id.
pub fn is_nameless(item: &EspItem) -> bool {
    let says_no_more = |name: &String| name.trim().eq_ignore_ascii_case(item.id.trim());
    item.category == Category::Apps && item.name.as_ref().is_none_or(says_no_more)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_whatever_the_case_of_the_id() {
        let mut names = AppNames::default();
        assert!(names.insert(" 0A1B-C ", " Contoso VPN "));
        assert!(names.insert("x", "X") && names.insert("", "nobody") && names.insert("y", " "));
        assert_eq!(
            (names.of("0a1b-c"), names.of("0A1B-C"), names.of("x"), names.len()),
            (Some("Contoso VPN"), Some("Contoso VPN"), None, 1)
        );
        let before = names.digest();
        names.insert("0A1B-c", &"n".repeat(1_000));
        assert_eq!(names.of("0a1b-c").map(str::len), Some(MAX_NAME_CHARS));
        assert_ne!(names.digest(), before);
    }

    #[test]
    fn there_is_room_for_so_many() {
        let mut names = AppNames::default();
        assert!((0..MAX_APPS).all(|number| names.insert(&format!("app-{number:05}"), "name")));
        assert!(!names.insert("another", "name") && names.insert("app-00000", "newer"));
        names.truncate(10);
        assert_eq!(names.iter().last(), Some(("app-00009", "name")));
    }
}
