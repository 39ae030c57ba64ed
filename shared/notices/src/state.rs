//! What stands, what people were told, and what still has to be sent (docs/MESSAGES.md, N3 to N6).
//!
//! Must stay true: of something that lasts people hear that it began, then once a day that it is still so, then that it
//! is over, in this order, whatever is looked at how often. An event that comes twice, or after a newer one about the
//! same attempt, changes nothing. What is over or corrected before anybody was told is never sent. Nothing goes out in
//! quiet hours, nor more often than the limit says, and then it goes out later. A muted rule says nothing to people; what
//! it opened a ticket for, it closes.

use crate::channel::Channel;
use crate::line::{Change, Facts, Line, Stands};
use crate::policy::Policy;
use crate::rate::{Counts, Verdict};
use crate::rule::{Bad, Rule, Watch};
use crate::waiting::Waiting;
use chrono::Datelike as _;
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use vestibule_domain::{Millis, Timestamp};

/// How long people hear nothing of what goes on.
const STILL_AFTER: Millis = Millis::from_days(1);
/// How long corrections of what people were told are possible.
const TOLD_FOR: Millis = Millis::from_days(35);
/// How long it is known which event about an attempt was the newest, of those nobody was told about.
const NEWEST_FOR: Millis = Millis::from_days(2);
/// Most attempts and sessions that are remembered in either way; the oldest go first.
const MOST_REMEMBERED: usize = 1_000;
const HOUR: Millis = Millis::from_minutes(60);
/// When on Mondays the week is spoken of: after midnight.
const MORNING: Millis = Millis::from_minutes(8 * 60);
/// When a message that its channel does not take is given up.
const GIVEN_UP_AFTER: Millis = Millis::from_days(1);
/// The first wait after a failed try, in minutes; each is twice the one before.
const FIRST_WAIT_MINUTES: i64 = 5;
const LONGEST_WAIT_MINUTES: i64 = 60;

/// A tenant's state.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct State {
    /// What lasts and has not ended, by rule and subject.
    open: BTreeMap<String, BTreeMap<String, Open>>,
    /// What people were told of single attempts and sessions, by rule and subject.
    told: BTreeMap<String, BTreeMap<String, Told>>,
    /// The newest event about each attempt and session.
    newest: BTreeMap<String, Newest>,
    /// What each channel has not been told yet.
    waiting: BTreeMap<String, Waiting>,
    /// What muted rules say to channels with tickets, until the next messages are made.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    closing: Vec<Line>,
    /// Messages that are not delivered yet.
    pub outgoing: Vec<Outgoing>,
    /// When messages were made in the last hour, by channel.
    made: BTreeMap<String, Vec<Timestamp>>,
    /// The week of which each rule spoke last.
    weeks: BTreeMap<String, Timestamp>,
    /// When rates were last looked at.
    pub rates_at: Option<Timestamp>,
    /// Messages made so far; each has its number.
    count: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Open {
    since: Timestamp,
    /// When people last heard of it; absent while the rule is muted and nobody did.
    said_at: Option<Timestamp>,
    facts: Facts,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Told {
    at: Timestamp,
    stands: Stands,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Newest {
    revision: String,
    at: Timestamp,
}

/// A message that is not delivered yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Outgoing {
    /// Its number among the tenant's messages, which stays the same with each try.
    pub number: u64,
    /// The channel's name.
    pub channel: String,
    /// When it was made.
    pub at: Timestamp,
    /// What it says.
    pub lines: Vec<Line>,
    /// Further lines that are only counted.
    pub more: u64,
    /// Tries that failed.
    pub tries: u32,
    /// When it is tried next.
    pub next_at: Timestamp,
}

/// What came of a failed try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failed {
    /// It is tried again.
    Again,
    /// It is given up.
    GivenUp(Outgoing),
}

/// Something that lasts, as it is found now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// What it is about.
    pub subject: String,
    /// Whether it holds.
    pub verdict: Verdict,
    /// The numbers.
    pub facts: Facts,
}

/// An event about an attempt or a session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// The attempt's or the session's id.
    pub subject: String,
    /// Orders the events about it.
    pub revision: String,
    /// How it stands.
    pub stands: Stands,
    /// The id of its profile, of a session.
    pub profile: Option<String>,
    /// The group through which its profile applies, of a session, as the report names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// When.
    pub at: Timestamp,
}

impl State {
    /// What the rates were compared with when this began, if it has begun.
    pub fn began_from(&self, rule: &str, subject: &str) -> Option<Counts> {
        match self.open.get(rule)?.get(subject)?.facts {
            Facts::Step { before, .. } | Facts::App { before, .. } => Some(before),
            _ => None,
        }
    }

    /// What lasts and has not ended, with the rule and since when.
    pub fn standing(&self) -> impl Iterator<Item = (&str, &Facts, Timestamp)> {
        self.open.iter().flat_map(|(rule, open)| open.values().map(|one| (rule.as_str(), &one.facts, one.since)))
    }

    /// Takes note of everything that a rule about something that lasts has found. What is not among it is `missing`.
    pub fn observe(&mut self, rule: &Rule, seen: Vec<Seen>, missing: Verdict, now: Timestamp) {
        let mut open = self.open.remove(&rule.name).unwrap_or_default();
        let mut lines = Vec::new();
        let mut found = BTreeMap::new();
        for one in seen {
            found.insert(one.subject.clone(), one);
        }
        let over = |open: &Open| if open.said_at.is_some() { Some(open.since) } else { None };
        open.retain(|subject, one| {
            let ends = match found.get(subject) {
                Some(seen) if seen.verdict == Verdict::Fine => Some(now_facts(&one.facts, &seen.facts)),
                None if missing == Verdict::Fine => Some(one.facts.clone()),
                _ => None,
            };
            let Some(facts) = ends else { return true };
            if let Some(since) = over(one) {
                lines.push(line(rule, subject, Change::Over, now, since, facts));
            }
            false
        });
        for (subject, seen) in found {
            if seen.verdict != Verdict::Holds {
                continue;
            }
            let is_muted = rule.is_muted(now);
            let one = open.entry(subject.clone()).or_insert_with(|| Open {
                since: now,
                said_at: None,
                facts: seen.facts.clone(),
            });
            // What it is compared with stays as it was when it began.
            one.facts = now_facts(&one.facts, &seen.facts);
            let change = match one.said_at {
                _ if is_muted => continue,
                None => Change::Begun,
                Some(said) if said + STILL_AFTER <= now => Change::Still,
                Some(_) => continue,
            };
            one.said_at = Some(now);
            lines.push(line(rule, &subject, change, now, one.since, one.facts.clone()));
        }
        if !open.is_empty() {
            self.open.insert(rule.name.clone(), open);
        }
        lines.into_iter().for_each(|line| self.say(rule, line, true, now));
    }

    /// Takes note of an event. `rules` are all of the tenant's.
    pub fn take(&mut self, rules: &[Rule], event: &Event, now: Timestamp) {
        if self.newest.get(&event.subject).is_some_and(|newest| newest.revision >= event.revision) {
            return;
        }
        let newest = Newest { revision: event.revision.clone(), at: now };
        self.newest.insert(event.subject.clone(), newest);
        for rule in rules {
            let Watch::Outcomes { of, profiles, groups } = &rule.watch else { continue };
            let is_among = |chosen: &BTreeSet<String>, one: Option<&String>| {
                chosen.is_empty() || one.is_some_and(|one| chosen.contains(one))
            };
            let is_about = event.stands.bad.is_some_and(|bad| of.contains(&bad))
                && is_among(profiles, event.profile.as_ref())
                && is_among(groups, event.group.as_ref());
            let told = self.told.get(&rule.name).and_then(|told| told.get(&event.subject)).cloned();
            let (change, was) = match (told, is_about) {
                (None, false) => continue,
                (None, true) if rule.is_muted(now) => continue,
                (None, true) => (Change::Happened, None),
                (Some(told), _) if told.stands == event.stands => continue,
                (Some(told), _) => (Change::Corrected, Some(told.stands)),
            };
            let told = self.told.entry(rule.name.clone()).or_default();
            if is_about {
                told.insert(event.subject.clone(), Told { at: now, stands: event.stands.clone() });
            } else {
                told.remove(&event.subject);
            }
            let facts = Facts::Ended { is: event.stands.clone(), was };
            self.say(rule, line(rule, &event.subject, change, event.at, event.at, facts), is_about, now);
        }
    }

    /// Takes note of a published file, once for each.
    pub fn published(&mut self, rules: &[Rule], as_of: &str, now: Timestamp) {
        let subject = format!("file {as_of}");
        if self.newest.insert(subject.clone(), Newest { revision: String::new(), at: now }).is_some() {
            return;
        }
        for rule in rules.iter().filter(|rule| rule.watch == Watch::FileMade) {
            let facts = Facts::File { as_of: as_of.to_owned() };
            self.say(rule, line(rule, &subject, Change::Happened, now, now, facts), true, now);
        }
    }

    /// The Monday whose week is to be spoken of, if that was not done: the week that ended with it.
    pub fn week_due(&self, rule: &Rule, zone: Tz, now: Timestamp) -> Option<vestibule_domain::Day> {
        let today = now.day(zone);
        let monday = today.plus(-i32::try_from(today.date().weekday().num_days_from_monday()).ok()?);
        let morning = monday.start(zone) + MORNING;
        let spoken = *self.weeks.get(&rule.name)? >= morning;
        (!spoken && morning <= now).then_some(monday)
    }

    /// Speaks of a week.
    pub fn week(&mut self, rule: &Rule, facts: Facts, now: Timestamp) {
        self.weeks.insert(rule.name.clone(), now);
        self.say(rule, line(rule, "week", Change::Happened, now, now, facts), true, now);
    }

    /// Notes that a rule's first week is the next one, so that a new rule does not speak of a week at once.
    pub fn begin_weeks(&mut self, rule: &Rule, now: Timestamp) {
        self.weeks.entry(rule.name.clone()).or_insert(now);
    }

    /// Puts a line with those that wait for the rule's channels. `is_about` says whether the rule is about what it says,
    /// and not only about what was said before.
    fn say(&mut self, rule: &Rule, line: Line, is_about: bool, now: Timestamp) {
        if rule.is_muted(now) {
            self.closing.extend(Some(line).filter(Line::closes));
            return;
        }
        for channel in &rule.channels {
            self.waiting.entry(channel.clone()).or_default().add(line.clone(), is_about, now);
        }
    }

    /// Makes the messages that are due. Rules and channels that are gone take what waits for them along; so does a rule
    /// that is muted, but for what closes tickets.
    pub fn make(&mut self, rules: &[Rule], channels: &[Channel], policy: &Policy, zone: Tz, now: Timestamp) {
        let is_there = |rule: &str| rules.iter().any(|one| one.name == rule);
        let is_channel = |channel: &str| rules.iter().any(|one| one.channels.contains(channel));
        self.open.retain(|rule, _| is_there(rule));
        self.told.retain(|rule, _| is_there(rule));
        self.weeks.retain(|rule, _| is_there(rule));
        self.waiting.retain(|channel, _| is_channel(channel));
        let has_tickets = |name: &String| channels.iter().any(|one| one.name == *name && one.to.has_tickets());
        for line in std::mem::take(&mut self.closing) {
            let of = rules.iter().filter(|rule| rule.name == line.rule).flat_map(|rule| &rule.channels);
            for channel in of.filter(|channel| has_tickets(channel)) {
                self.waiting.entry(channel.clone()).or_default().add(line.clone(), false, now);
            }
        }
        rules.iter().filter(|rule| rule.is_muted(now)).for_each(|rule| self.take_back(rule));
        for (channel, waiting) in &mut self.waiting {
            let may_say = |rule: &Rule, line: &Line| !rule.is_muted(now) || (has_tickets(channel) && line.closes());
            waiting.lines.retain(|line| rules.iter().any(|rule| rule.name == line.rule && may_say(rule, line)));
        }
        self.waiting.retain(|_, waiting| !waiting.lines.is_empty());
        self.forget(now);
        if policy.is_quiet(now, zone) {
            return;
        }
        let due: Vec<String> =
            self.waiting.iter().filter(|(_, it)| it.is_due(policy, now)).map(|(name, _)| name.clone()).collect();
        for channel in due {
            let made = self.made.entry(channel.clone()).or_default();
            if made.len() >= usize::from(policy.limit_an_hour.max(1)) {
                continue;
            }
            made.push(now);
            let Some(Waiting { lines, more, .. }) = self.waiting.remove(&channel) else { continue };
            self.count += 1;
            self.outgoing.push(Outgoing { number: self.count, channel, at: now, lines, more, tries: 0, next_at: now });
        }
    }

    /// What began or happened, and still waits for all channels of a rule that is muted: nobody was told of it, and now
    /// nobody is. So it is not over, or corrected, for anybody either.
    fn take_back(&mut self, rule: &Rule) {
        let waits = |channel: &String| -> BTreeSet<String> {
            let lines = self.waiting.get(channel).into_iter().flat_map(|waiting| &waiting.lines);
            let is_first =
                |line: &&Line| line.rule == rule.name && matches!(line.change, Change::Begun | Change::Happened);
            lines.filter(is_first).map(|line| line.subject.clone()).collect()
        };
        let unsaid = rule.channels.iter().map(waits).reduce(|one, other| &one & &other).unwrap_or_default();
        for subject in unsaid {
            if let Some(open) = self.open.get_mut(&rule.name).and_then(|open| open.get_mut(&subject)) {
                open.said_at = None;
            }
            if let Some(told) = self.told.get_mut(&rule.name) {
                told.remove(&subject);
            }
        }
    }

    /// The messages that are to be tried now.
    pub fn to_send(&self, policy: &Policy, zone: Tz, now: Timestamp) -> Vec<Outgoing> {
        if policy.is_quiet(now, zone) {
            return Vec::new();
        }
        self.outgoing.iter().filter(|one| one.next_at <= now).cloned().collect()
    }

    /// A message was delivered.
    pub fn delivered(&mut self, number: u64) {
        self.outgoing.retain(|one| one.number != number);
    }

    /// A try failed; `for_good` if the channel refuses what can't change by itself.
    pub fn failed(&mut self, number: u64, for_good: bool, now: Timestamp) -> Failed {
        let Some(at) = self.outgoing.iter().position(|one| one.number == number) else { return Failed::Again };
        let Some(one) = self.outgoing.get_mut(at) else { return Failed::Again };
        one.tries += 1;
        if for_good || one.at + GIVEN_UP_AFTER <= now {
            return Failed::GivenUp(self.outgoing.remove(at));
        }
        let wait = FIRST_WAIT_MINUTES.saturating_mul(1 << (one.tries - 1).min(8)).min(LONGEST_WAIT_MINUTES);
        one.next_at = now + Millis::from_minutes(wait);
        Failed::Again
    }

    /// Whether something waits for a channel, or is on its way.
    pub fn has_work(&self) -> bool {
        !self.waiting.is_empty() || !self.outgoing.is_empty()
    }

    fn forget(&mut self, now: Timestamp) {
        for made in self.made.values_mut() {
            made.retain(|at| *at + HOUR > now);
        }
        self.made.retain(|_, made| !made.is_empty());
        for told in self.told.values_mut() {
            told.retain(|_, one| one.at + TOLD_FOR > now);
            keep_newest(told, |one| one.at);
        }
        self.told.retain(|_, told| !told.is_empty());
        let told = &self.told;
        self.newest
            .retain(|subject, one| one.at + NEWEST_FOR > now || told.values().any(|told| told.contains_key(subject)));
        keep_newest(&mut self.newest, |one| one.at);
    }
}

/// Keeps so many of the newest.
fn keep_newest<T>(all: &mut BTreeMap<String, T>, at: impl Fn(&T) -> Timestamp) {
    while all.len() > MOST_REMEMBERED {
        let Some(oldest) = all.iter().min_by_key(|(_, one)| at(one)).map(|(name, _)| name.clone()) else { return };
        all.remove(&oldest);
    }
}

/// The facts of now, compared with what they were compared with before.
fn now_facts(began: &Facts, now: &Facts) -> Facts {
    let mut facts = now.clone();
    match (&mut facts, began) {
        (Facts::Step { before, .. }, Facts::Step { before: began, .. })
        | (Facts::App { before, .. }, Facts::App { before: began, .. }) => *before = *began,
        _ => {}
    }
    facts
}

fn line(rule: &Rule, subject: &str, change: Change, at: Timestamp, since: Timestamp, facts: Facts) -> Line {
    Line { rule: rule.name.clone(), subject: subject.to_owned(), change, at, since, facts }
}

/// How an outcome that was published is bad, if it is.
impl Bad {
    /// Reads the outcome and the cause of a published attempt, or the state of a session.
    pub fn of(is_session: bool, outcome: &str, cause: Option<&str>) -> Option<Self> {
        match (is_session, outcome, cause) {
            (true, "failed", _) => Some(Self::SessionFailed),
            (true, "timedOut", _) => Some(Self::SessionTimedOut),
            (false, "failed", _) => Some(Self::Failed),
            (false, "abandoned", Some("timedOut")) => Some(Self::TimedOut),
            (false, "abandoned", _) => Some(Self::Stopped),
            _ => None,
        }
    }
}
