//! What waits for a channel until its digest is due.
//!
//! Must stay true: of one thing there is one line at most. What was over, or corrected, before it left is no line.

use crate::line::{Change, Facts, Line};
use crate::policy::Policy;
use serde::{Deserialize, Serialize};
use vestibule_domain::Timestamp;

/// Most lines that wait for a channel. Of more only the number is said.
const MOST_WAITING: usize = 200;

/// What waits for one channel.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Waiting {
    /// When the first of them came.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// What is said.
    pub lines: Vec<Line>,
    /// Lines that there was no room for.
    pub more: u64,
}

impl Waiting {
    /// Whether a digest of it is due.
    pub(crate) fn is_due(&self, policy: &Policy, now: Timestamp) -> bool {
        self.since.is_some_and(|since| since + policy.digest() <= now)
    }

    /// Adds a line; with one that waits about the same it is one line, or none.
    pub(crate) fn add(&mut self, line: Line, is_about: bool, now: Timestamp) {
        let about = |one: &Line| one.rule == line.rule && one.subject == line.subject;
        let Some(at) = self.lines.iter().position(about) else {
            self.since.get_or_insert(now);
            if self.lines.len() < MOST_WAITING {
                self.lines.push(line);
            } else {
                self.more += 1;
            }
            return;
        };
        let waiting = self.lines.remove(at);
        let becomes = match (waiting.change, line.change) {
            // Nobody was told that it began.
            (Change::Begun, Change::Over) => None,
            (Change::Begun, Change::Still) => Some(Line { facts: line.facts, ..waiting }),
            // It is over, and began again: people were told of the first time.
            (Change::Over, Change::Begun) => Some(Line { change: Change::Still, since: waiting.since, ..line }),
            (Change::Happened, Change::Corrected) => is_about.then(|| first_told(waiting, line)),
            (Change::Corrected, Change::Corrected | Change::Happened) => corrected_again(waiting, line),
            _ => Some(line),
        };
        match becomes {
            Some(becomes) => self.lines.insert(at, becomes),
            None if self.lines.is_empty() => *self = Self::default(),
            None => {}
        }
    }
}

/// What is said of something that was corrected before anybody was told.
fn first_told(waiting: Line, line: Line) -> Line {
    match line.facts {
        Facts::Ended { is, .. } => Line { facts: Facts::Ended { is, was: None }, ..waiting },
        _ => line,
    }
}

/// What is said of a correction that was corrected itself: from what people know to what is so now.
fn corrected_again(waiting: Line, line: Line) -> Option<Line> {
    let (Facts::Ended { was, .. }, Facts::Ended { is, .. }) = (&waiting.facts, &line.facts) else { return Some(line) };
    let (was, is) = (was.clone(), is.clone());
    let is_news = was.as_ref() != Some(&is);
    is_news.then_some(Line { change: Change::Corrected, facts: Facts::Ended { is, was }, ..line })
}
