//! Senders that have fallen silent, and lists that can't be read: the facts about a person or a device may then be old.
//!
//! Must stay true: whether a sender is silent is decided by its usual rhythm in the log of deliveries, never by the age
//! of its newest event in the file: a tenant that enrolls nobody at the weekend has no silent senders on Mondays.

use super::Severity;
use super::draft::{Draft, found};
use super::facts::Facts;
use crate::ask::reader::Reader;
use crate::error::Result;
use std::collections::BTreeSet;
use vestibule_domain::Timestamp;
use vestibule_words::form;

/// A sender that has been silent for much longer than usual, or whose list can't be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SilentSender {
    /// Its name for people.
    pub title: String,
    /// Which events come from it.
    pub covers: Covers,
    /// When it was last heard from, or last read.
    pub since: Timestamp,
    /// Why no events arrive from it.
    pub why: Why,
}

/// Why no events arrive from a sender.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// Unknown: the sender posts its events, and has been silent for longer than usual.
    Silent {
        /// The longest time that it is usually silent, in hours.
        usual_longest_hours: i64,
    },
    /// This service reads its list, and reading fails; the text says why.
    Unread(String),
}

/// Which events a sender makes, by their `source`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Covers {
    /// Those of one source.
    Source(String),
    /// Those of every source except these: a sender that posts our own format chooses its source itself.
    AllBut(Vec<String>),
}

impl Covers {
    fn has(&self, source: &str) -> bool {
        match self {
            Self::Source(own) => own == source,
            Self::AllBut(others) => !others.iter().any(|other| other == source),
        }
    }
}

/// How many of the newest attempts determine which senders report about a subject.
const ATTEMPTS: usize = 3;

/// The silent senders that reported the newest attempts; if no attempt is known, all of them, since any might have
/// reported one.
pub(super) fn of(reader: &Reader<'_>, facts: &Facts) -> Result<Vec<Draft>> {
    if facts.tenant.silent.is_empty() {
        return Ok(Vec::new());
    }
    let mut sources = BTreeSet::new();
    for attempt in facts.attempts().into_iter().take(ATTEMPTS) {
        sources.extend(reader.detail(&attempt.attempt)?.events.into_iter().filter_map(|event| event.source));
    }
    let concerns =
        |silent: &&SilentSender| sources.is_empty() || sources.iter().any(|source| silent.covers.has(source));
    Ok(facts.tenant.silent.iter().filter(concerns).map(draft).collect())
}

fn draft(silent: &SilentSender) -> Draft {
    let usual_longest_hours = match &silent.why {
        Why::Silent { usual_longest_hours } => *usual_longest_hours,
        Why::Unread(problem) => return unread(silent, problem),
    };
    let hours = match usual_longest_hours {
        1 => "an hour".to_owned(),
        more => format!("{more} hours"),
    };
    found("source-silent", Severity::Warning, format!("{} has fallen silent", silent.title))
        .evidence(vec![format!(
            "Its last delivery came on {}; usually it is silent for {hours} at most. What its devices have done since is missing here.",
            form::instant(silent.since)
        )])
        .otherwise(
            "The sender's webhook is switched off, its address or secret changed, or it can't reach this service.",
            &[
                "Look at the sender's own log of its webhook's deliveries.",
                "Send a sample to the webhook and see whether it arrives; then compare address and secret.",
                "If the sender keeps what it couldn't deliver, let it deliver that; otherwise fill the gap by importing.",
            ],
            &["admin"],
        )
}

fn unread(silent: &SilentSender, problem: &str) -> Draft {
    found("source-unread", Severity::Warning, format!("{} can't be read", silent.title))
        .evidence(vec![format!(
            "It was last read on {}; since then: {problem}. What its devices have done since is missing here.",
            form::instant(silent.since)
        )])
        .otherwise(
            "A permission or a licence is missing, the app registration's secret expired, or Graph can't be reached.",
            &[
                "Run `vestibule graph check` for the tenant: it says list by list what is missing.",
                "Grant the permission that it names, or replace the secret with `vestibule graph rotate`.",
                "The missing events then arrive without further action, because the lists are read again.",
            ],
            &["admin"],
        )
}
