//! Who else is affected: how many people and devices, on which platforms, since when.

use super::facts::{Facts, KnownAttempt};
use crate::ask::Parameters;
use crate::ask::reader::{Reader, parameters};
use crate::error::Result;
use serde::{Deserialize, Serialize};

/// Other people and devices of the organisation with the same problem.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Others {
    /// People, as far as senders named them.
    pub users: u64,
    /// Devices.
    pub devices: u64,
    /// Attempts or sessions.
    pub count: u64,
    /// Platforms, by name.
    pub platforms: Vec<String>,
    /// When it first occurred.
    pub since: String,
    /// When it last occurred.
    pub until: String,
}

/// The answer of a question; without an instant, nobody else is affected.
#[derive(Deserialize)]
struct Answered {
    users: u64,
    devices: u64,
    count: u64,
    platforms: Vec<String>,
    since: Option<String>,
    until: Option<String>,
}

fn ask(reader: &Reader<'_>, facts: &Facts, question: &str, mut asked: Parameters) -> Result<Option<Others>> {
    asked.extend(parameters([("except", Some(facts.own_devices()))]));
    let Answered { users, devices, count, platforms, since, until } = reader.read_one(question, &asked)?;
    let (Some(since), Some(until)) = (since, until) else { return Ok(None) };
    Ok(Some(Others { users, devices, count, platforms, since, until }))
}

/// Others whose attempts failed with the same code value, else the same code name, else the same reason.
pub(super) fn failing_alike(reader: &Reader<'_>, facts: &Facts, like: &KnownAttempt) -> Result<Option<Others>> {
    ask(reader, facts, "failing-alike", parameters([("id", Some(like.attempt.attempt_id.clone()))]))
}

/// Others who recently gave up at the same screen.
pub(super) fn stopping_alike(reader: &Reader<'_>, facts: &Facts, like: &KnownAttempt) -> Result<Option<Others>> {
    // Without a reported place, it is unknown who stopped at the same one.
    if like.attempt.action.is_none() {
        return Ok(None);
    }
    ask(reader, facts, "stopping-alike", parameters([("id", Some(like.attempt.attempt_id.clone()))]))
}

/// Other sessions of the Enrollment Status Page that match `asked`.
pub(super) fn sessions_alike(reader: &Reader<'_>, facts: &Facts, asked: Parameters) -> Result<Option<Others>> {
    ask(reader, facts, "sessions-alike", asked)
}
