//! Senders that have fallen silent, and lists that can't be read: what is said of a person or a device may then be old.
//!
//! Must stay true: whether a sender is silent is decided by its own habit, from the log of deliveries, never by how long
//! ago the file has something of it: a tenant that enrolls nobody at the weekend has no silent senders on Mondays.

use super::Severity;
use super::draft::{Draft, found};
use super::facts::Facts;
use crate::ask::reader::Reader;
use crate::error::Result;
use std::collections::BTreeSet;
use vestibule_domain::Timestamp;
use vestibule_words::form;

/// A sender that has not been heard for much longer than it usually is silent, or one that is read and can't be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SilentSender {
    /// Its name for people.
    pub title: String,
    /// Which events are its.
    pub covers: Covers,
    /// When it was heard, or read, last.
    pub since: Timestamp,
    /// What is the matter with it.
    pub why: Why,
}

/// Why nothing comes of a sender.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// Nobody knows: it posts, and usually is silent for so many hours at most.
    Silent {
        /// The longest that it usually is silent for, in hours.
        usual_longest_hours: i64,
    },
    /// It is read from here, which fails: why, in words.
    Unread(String),
}

/// Which events a sender makes, by their `source`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Covers {
    /// Those of one source.
    Source(String),
    /// Those of every source but these: whoever posts our own form chooses its source.
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

/// How many of the newest attempts say which senders report a subject.
const ATTEMPTS: usize = 3;

/// The silent senders that reported the newest attempts; all of them where no attempt is known, since any of them might
/// have reported it.
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
                "Where the sender keeps what it couldn't deliver, let it deliver; otherwise fill the gap in by importing.",
            ],
            &["admin"],
        )
}

fn unread(silent: &SilentSender, problem: &str) -> Draft {
    found("source-unread", Severity::Warning, format!("{} can't be read", silent.title))
        .evidence(vec![format!(
            "It was read last on {}; since then: {problem}. What its devices have done since is missing here.",
            form::instant(silent.since)
        )])
        .otherwise(
            "A permission or a licence is missing, the app registration's secret ended, or Graph can't be reached.",
            &[
                "Run `vestibule graph check` for the tenant: it says list by list what is missing.",
                "Grant the permission that it names, or replace the secret with `vestibule graph rotate`.",
                "What is missing then comes by itself: the lists are read again.",
            ],
            &["admin"],
        )
}
