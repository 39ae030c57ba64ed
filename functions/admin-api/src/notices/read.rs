//! Reads members of bodies about messages, with errors that name them.

use crate::body::Body;
use crate::query::invalid;
use http::Uri;
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use vestibule_platform::Problem;

/// Longest text of a member, in characters.
const MOST_CHARS: usize = 256;
/// Most entries of a list.
const MOST_ENTRIES: usize = 50;

/// A number that counts something, if it is there.
pub(super) fn number(body: &Body, name: &str) -> Result<Option<u16>, Problem> {
    let Some(value) = body.member(name) else { return Ok(None) };
    let number = value.as_u64().and_then(|number| u16::try_from(number).ok());
    number.map(Some).ok_or_else(|| invalid(name, "must be a whole number"))
}

/// True or false, if it is there.
pub(super) fn flag(body: &Body, name: &str) -> Result<Option<bool>, Problem> {
    let Some(value) = body.member(name) else { return Ok(None) };
    value.as_bool().map(Some).ok_or_else(|| invalid(name, "must be true or false"))
}

/// A text of one line that is not empty.
pub(super) fn line(value: &Value) -> Option<String> {
    let text = value.as_str()?.trim();
    let fits = !text.is_empty() && text.chars().count() <= MOST_CHARS && !text.chars().any(char::is_control);
    fits.then(|| text.to_owned())
}

/// A list of such texts, in which each counts once.
pub(super) fn lines(name: &str, value: Option<&Value>) -> Result<BTreeSet<String>, Problem> {
    let Some(value) = value else { return Ok(BTreeSet::new()) };
    let list = value.as_array().filter(|list| list.len() <= MOST_ENTRIES);
    let read: Option<BTreeSet<String>> = list.and_then(|list| list.iter().map(line).collect());
    read.ok_or_else(|| invalid(name, "must be a list of at most 50 lines of text"))
}

/// The origin of an address, as in `https://vestibule.example.com`.
pub(super) fn origin(value: &Value) -> Option<String> {
    let uri: Uri = value.as_str()?.parse().ok()?;
    let scheme = uri.scheme_str().filter(|scheme| ["http", "https"].contains(scheme))?;
    let is_origin = uri.path() == "/" && uri.query().is_none();
    let authority = uri.authority().filter(|authority| is_origin && !authority.as_str().contains('@'))?;
    Some(format!("{scheme}://{authority}"))
}

/// The members of an object within a body.
pub(super) struct Part<'v> {
    name: &'static str,
    members: &'v Map<String, Value>,
}

impl<'v> Part<'v> {
    /// Reads the member `name`.
    pub fn of(body: &'v Body, name: &'static str) -> Result<Self, Problem> {
        let members = body.member(name).ok_or_else(|| invalid(name, "is missing"))?.as_object();
        Ok(Self { name, members: members.ok_or_else(|| invalid(name, "must be an object"))? })
    }

    /// One of them, if it is there.
    pub fn member(&self, name: &str) -> Option<&'v Value> {
        self.members.get(name)
    }

    /// One of them by its whole name, for errors.
    pub fn named(&self, name: &str) -> String {
        format!("{}.{name}", self.name)
    }

    /// A line of text, if it is there.
    pub fn line(&self, name: &str) -> Result<Option<String>, Problem> {
        let Some(value) = self.member(name) else { return Ok(None) };
        line(value).map(Some).ok_or_else(|| invalid(&self.named(name), "must be one line of 1 to 256 characters"))
    }

    /// Refuses members besides these.
    pub fn only(&self, known: &[&str]) -> Result<(), Problem> {
        if self.members.keys().all(|name| known.contains(&name.as_str())) {
            return Ok(());
        }
        Err(invalid(self.name, &format!("has a member that is none of {}", known.join(", "))))
    }
}
