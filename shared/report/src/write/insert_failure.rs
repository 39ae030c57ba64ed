//! From a failure to its row and to what it can mean.

use crate::error::Result;
use crate::file::pseudonym::People;
use crate::lists::dictionary::id_of;
use crate::lists::words::Words;
use crate::rows::{InsertInto, row};
use rusqlite::Connection;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use vestibule_advice::Catalogue;
use vestibule_domain::Platform;
use vestibule_domain::attempt::{Attempt, Cause, Outcome};
use vestibule_domain::failure::{Failure, code_value};

/// Failures whose advice is remembered; beyond this it is looked up again, so memory stays bounded.
const REMEMBERED: usize = 8_192;

/// What a failure is looked up by: all that was reported of it, and where it occurred.
type Reported = (Failure, Option<Platform>);

/// Writes failures and the advice on them.
pub(crate) struct InsertFailure<'c> {
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

/// An error code in the one spelling that all its spellings share.
pub(crate) fn canonical_code(code: &str) -> String {
    code_value(code).map_or_else(|| code.trim().to_ascii_lowercase(), vestibule_advice::canonical_code)
}

impl<'c> InsertFailure<'c> {
    pub(crate) fn new(conn: &'c Connection, advice: Arc<Catalogue>) -> Result<Self> {
        Ok(Self {
            numbers: advice.entries().map(|entry| entry.id.clone()).zip(1..).collect(),
            advice,
            known: HashMap::new(),
            reasons: HashSet::new(),
            failure: InsertInto::new(conn, "failures"),
            of_failure: InsertInto::new(conn, "failure_advice"),
            of_reason: InsertInto::unless_taken(conn, "failure_reason_advice"),
        })
    }

    /// Writes what was told of a failure; returns code, reason and category as they are counted.
    pub(crate) fn failure(
        &mut self,
        words: &mut Words,
        people: &People,
        attempt_no: i64,
        attempt: &Attempt,
    ) -> Result<(i64, i64, i64)> {
        let cancelled = attempt.cause == Some(Cause::Cancel);
        if attempt.outcome != Outcome::Failed && !cancelled && attempt.failure.is_none() {
            return Ok((0, 0, 0));
        }
        let none = Failure::default();
        let failure = attempt.failure.as_ref().unwrap_or(&none);
        let code = failure.code.as_deref();
        let reason = words.id(failure.reason.as_deref())?;
        let message = people.message(failure.message.as_deref());
        let category = id_of(failure.category);
        self.failure.insert(row! {
            attempt_no: attempt_no,
            failed_at: attempt.ended_at.unwrap_or(attempt.last_activity).millis(),
            abandoned: attempt.outcome != Outcome::Failed,
            code_word: words.id(code)?,
            code_value: code.and_then(code_value),
            reason_word: reason,
            category_id: category,
            message_word: words.id(message)?,
        })?;
        let shown = Failure { message: message.map(str::to_owned), ..failure.clone() };
        for (rank, advice) in (1_i64..).zip(self.meanings((shown, attempt.about.platform))) {
            self.of_failure.insert(row! { attempt_no: attempt_no, rank: rank, advice_no: advice })?;
        }
        if attempt.outcome != Outcome::Failed {
            return Ok((0, reason.unwrap_or(0), category));
        }
        let code = code.map(canonical_code);
        let counted = (words.id(code.as_deref())?.unwrap_or(0), reason.unwrap_or(0), category);
        if self.reasons.insert(counted) {
            let counted_by = Failure { code, message: None, ..failure.clone() };
            for (rank, advice) in (1_i64..).zip(self.meanings((counted_by, None))) {
                self.of_reason.insert(row! {
                    code_word: counted.0,
                    reason_word: counted.1,
                    category_id: category,
                    rank: rank,
                    advice_no: advice,
                })?;
            }
        }
        Ok(counted)
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
