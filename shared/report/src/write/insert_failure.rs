//! Writes the row of a failure, and what the failure can mean.

use crate::error::Result;
use crate::file::pseudonym::People;
use crate::lists::dictionary::{Coded as _, FailureSubject, id_of};
use crate::lists::ids::Ids;
use crate::lists::words::Words;
use crate::rows::{InsertInto, row};
use crate::write::counting::Counting;
use crate::write::load::Load;
use crate::write::totals::Failed;
use rusqlite::Connection;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;
use std::sync::Arc;
use vestibule_advice::Catalogue;
use vestibule_domain::attempt::{Attempt, Cause, DeviceFailure, Outcome};
use vestibule_domain::codes::code_of_failure;
use vestibule_domain::esp::{EspSession, Phase};
use vestibule_domain::failure::{Failure, FailureCategory, code_value};
use vestibule_domain::{Day, Platform, Timestamp};

/// How many failures' advice is remembered; beyond this it is looked up again, so memory stays bounded.
const REMEMBERED: usize = 8_192;

/// What advice is looked up by: everything reported about the failure, and the platform.
type Reported = (Failure, Option<Platform>);

/// The keys of a failure's rows.
#[derive(Clone, Copy)]
pub(crate) struct FailureKeys {
    /// The number of the attempt or session that failed; otherwise the failure's own.
    pub number: i64,
    pub enrollment_no: i64,
    /// The day it is counted on.
    pub day: Day,
    /// The platform it is counted under: the attempt's, or the device's.
    pub platform: Option<Platform>,
}

/// What is known about a failure besides its reported reason.
struct Happened {
    subject: FailureSubject,
    at: Timestamp,
    abandoned: bool,
    /// Only for failures of devices.
    resolved: Option<bool>,
    /// The phase of the Enrollment Status Page, if it failed in one.
    phase: Option<Phase>,
}

/// Writes failures and the advice on them.
pub(crate) struct InsertFailure<'c> {
    ids: Ids,
    advice: Arc<Catalogue>,
    /// An entry's number in the file, by its id.
    numbers: HashMap<String, i64>,
    known: HashMap<Reported, Vec<i64>>,
    /// Codes, reasons and categories whose advice was written by this refresh.
    reasons: HashSet<(i64, i64, i64)>,
    failure: InsertInto<'c>,
    of_failure: InsertInto<'c>,
    of_reason: InsertInto<'c>,
}

/// An error code in the one spelling that stands for all its spellings.
fn canonical_code(code: &str) -> String {
    code_value(code).map_or_else(|| code.trim().to_ascii_lowercase(), vestibule_advice::canonical_code)
}

/// The code that a failure is counted by: the one that was reported, else one that the message contains.
pub(crate) fn counted_code(code: Option<&str>, message: Option<&str>) -> Option<String> {
    let spelt = || message.and_then(code_of_failure);
    code.map(str::to_owned).or_else(spelt).map(|code| canonical_code(&code))
}

/// The phrase of the catalogue under which a failure is looked up if its sender reported neither code nor reason. The
/// name of the phase of the Enrollment Status Page follows, if it is known.
const WITHOUT_REASON: &str = "Failed without a reported reason";

/// Whether the report contains nothing to look advice up by.
fn says_nothing(failure: &Failure) -> bool {
    let Failure { code, reason, message, category } = failure;
    let unknown = category.is_none_or(|category| category == FailureCategory::Unknown);
    [code, reason, message].into_iter().all(Option::is_none) && unknown
}

impl<'c> InsertFailure<'c> {
    pub(crate) fn new(conn: &'c Connection, ids: Ids, advice: Arc<Catalogue>, load: &Rc<Load>) -> Self {
        Self {
            ids,
            numbers: advice.entries().map(|entry| entry.id.clone()).zip(1..).collect(),
            advice,
            known: HashMap::new(),
            reasons: HashSet::new(),
            failure: InsertInto::loading(conn, "failures", load),
            of_failure: InsertInto::loading(conn, "failure_advice", load),
            of_reason: InsertInto::unless_taken(conn, "failure_reason_advice"),
        }
    }

    /// Writes what was reported of an attempt's failure.
    pub(crate) fn of_attempt(
        &mut self,
        counting: &mut Counting,
        words: &mut Words,
        people: &People,
        keys: FailureKeys,
        attempt: &Attempt,
    ) -> Result<()> {
        let cancelled = attempt.cause == Some(Cause::Cancel);
        if attempt.outcome != Outcome::Failed && !cancelled && attempt.failure.is_none() {
            return Ok(());
        }
        let none = Failure::default();
        let failure = attempt.failure.as_ref().unwrap_or(&none);
        let happened = Happened {
            subject: FailureSubject::Attempt,
            at: attempt.ended_at.unwrap_or(attempt.last_activity),
            abandoned: attempt.outcome != Outcome::Failed,
            resolved: None,
            phase: attempt.place.as_ref().and_then(|place| Phase::read(place.action.name())),
        };
        self.write(counting, words, people, keys, &happened, failure)
    }

    /// Writes what was reported of the failure of a session that belongs to no attempt.
    pub(crate) fn of_session(
        &mut self,
        counting: &mut Counting,
        words: &mut Words,
        people: &People,
        keys: FailureKeys,
        session: &EspSession,
    ) -> Result<()> {
        let happened = Happened {
            subject: FailureSubject::Session,
            at: session.ended_at.unwrap_or(session.last_event_at),
            abandoned: false,
            resolved: None,
            phase: session.failed_phase,
        };
        self.write(counting, words, people, keys, &happened, &session.failure())
    }

    /// Writes what was reported of a device's failure outside any attempt.
    pub(crate) fn of_device(
        &mut self,
        counting: &mut Counting,
        words: &mut Words,
        people: &People,
        keys: FailureKeys,
        failure: &DeviceFailure,
    ) -> Result<()> {
        let happened = Happened {
            subject: FailureSubject::Device,
            at: failure.at,
            abandoned: false,
            resolved: Some(failure.resolved),
            phase: None,
        };
        let none = Failure::default();
        let reported = failure.failure.as_ref().unwrap_or(&none);
        self.write(counting, words, people, keys, &happened, reported)
    }

    /// Writes a failure and what it can mean, and counts it unless the attempt counts as abandoned.
    fn write(
        &mut self,
        counting: &mut Counting,
        words: &mut Words,
        people: &People,
        keys: FailureKeys,
        happened: &Happened,
        failure: &Failure,
    ) -> Result<()> {
        let FailureKeys { number, enrollment_no, day, platform } = keys;
        let of = |subject| (happened.subject == subject).then_some(number);
        let code = failure.code.as_deref();
        let reason = words.id(failure.reason.as_deref())?;
        let message = people.message(failure.message.as_deref());
        let category = id_of(failure.category);
        let inserted = self.failure.insert(row! {
            failure_no: number,
            subject_id: happened.subject.id(),
            enrollment_no: enrollment_no,
            attempt_no: of(FailureSubject::Attempt),
            session_no: of(FailureSubject::Session),
            platform_id: id_of(platform),
            day: day.get(),
            failed_at: happened.at.millis(),
            resolved: happened.resolved,
            abandoned: happened.abandoned,
            code_word: words.id(code)?,
            code_value: code.and_then(code_value),
            reason_word: reason,
            category_id: category,
            message_word: words.id(message)?,
        });
        self.ids.unique("failures", inserted)?;
        let mut shown = Failure { message: message.map(str::to_owned), ..failure.clone() };
        // A person who cancelled needs no advice on a missing reason.
        if !happened.abandoned && says_nothing(&shown) {
            shown.message = Some(match happened.phase {
                Some(phase) => format!("{WITHOUT_REASON}: {}", phase.name()),
                None => WITHOUT_REASON.to_owned(),
            });
        }
        for (rank, advice) in (1_i64..).zip(self.meanings((shown, platform))) {
            self.of_failure.insert(row! { failure_no: number, rank: rank, advice_no: advice })?;
        }
        if happened.abandoned {
            return Ok(());
        }
        let code = counted_code(failure.code.as_deref(), message);
        let counted = Failed {
            day: day.get(),
            platform: id_of(platform),
            subject: happened.subject.id(),
            code: words.id(code.as_deref())?.unwrap_or(0),
            reason: reason.unwrap_or(0),
            category,
        };
        counting.failure(counted)?;
        self.advise(counted, Failure { code, message: None, ..failure.clone() })
    }

    /// Writes what a code, a reason and a category can mean, once.
    fn advise(&mut self, counted: Failed, mut counted_by: Failure) -> Result<()> {
        let Failed { code, reason, category, .. } = counted;
        if !self.reasons.insert((code, reason, category)) {
            return Ok(());
        }
        if says_nothing(&counted_by) {
            counted_by.message = Some(WITHOUT_REASON.to_owned());
        }
        for (rank, advice) in (1_i64..).zip(self.meanings((counted_by, None))) {
            self.of_reason.insert(row! {
                code_word: code,
                reason_word: reason,
                category_id: category,
                rank: rank,
                advice_no: advice,
            })?;
        }
        Ok(())
    }

    /// The numbers of the entries that fit, best first.
    fn meanings(&mut self, reported: Reported) -> Vec<i64> {
        if let Some(known) = self.known.get(&reported) {
            return known.clone();
        }
        let (failure, platform) = &reported;
        let found = self.advice.for_failure(failure, *platform);
        let found: Vec<i64> = found.iter().filter_map(|entry| self.numbers.get(&entry.id)).copied().collect();
        if self.known.len() >= REMEMBERED {
            self.known.clear();
        }
        self.known.insert(reported, found.clone());
        found
    }
}
