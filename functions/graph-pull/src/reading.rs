//! A reading of a list, page by page: where it begins, which records are new, and how it ended.
//!
//! Must stay true: however a reading ends, the next one makes the same events of the same records.

use crate::lists::{List, Records};
use crate::problem::Problem;
use crate::puller::{Read, Run, succeed};
use crate::records::{Body, bodies, dated, digest};
use crate::sign_ins::{self, SignIns, digest_of_day};
use serde_json::Value;
use vestibule_domain::{Day, Millis, Timestamp};
use vestibule_graph::{Failure, Target, Transport};
use vestibule_intake::Status;
use vestibule_platform::metrics;
use vestibule_store::{Digest, Digests, PullList, SIGN_INS_TAKEN_FOR, StoreError, Unfinished};
use vestibule_webhook::sources::entra_sign_ins::of_graph;

/// Most pages of a list. One with more is treated as endless.
const MOST_PAGES: usize = 20_000;
/// How often a list that is usually read in part is read as far back as the tenant keeps data.
const WHOLE_EVERY: Millis = Millis::from_minutes(24 * 60 - 1);
/// How far back a partial reading goes, and how much longer it goes than a device may take to become compliant.
const PART: Millis = Millis::from_minutes(48 * 60);
const BEYOND_COMPLIANCE: Millis = Millis::from_days(1);
/// How often the whole list is read when Graph refuses the filter. The filter is tried again after some days.
const UNFILTERED_EVERY: Millis = Millis::from_minutes(60);
const UNFILTERED_FOR: Millis = Millis::from_days(7);
/// How far before the start of the previous reading a reading of sign-ins begins, since some sign-ins arrive late.
const OVERLAP: Millis = Millis::from_minutes(30);

/// What becomes of the records of a list that is read page by page.
#[derive(Clone, Copy)]
pub(crate) enum Of<'l> {
    Events(&'l Records),
    SignIns(SignIns),
}

impl Of<'_> {
    /// Whether Graph is asked for only a part of the list, unless it refuses the filter.
    const fn is_narrowed(self) -> bool {
        match self {
            Self::Events(records) => records.by_date,
            Self::SignIns(_) => true,
        }
    }

    /// Whether records that one reading did not find can be forgotten, because the window moves on and they do not
    /// return.
    const fn forgets(self) -> bool {
        matches!(self, Self::SignIns(_))
    }
}

/// The progress of a reading.
struct Reading {
    target: Target,
    rows: u64,
    began_at: Timestamp,
    whole: bool,
    /// Older records are skipped here if Graph was not asked to leave them out. For sign-ins: the start of the reading.
    from: Option<Timestamp>,
    /// Whether Graph is asked to filter by date.
    filtered: bool,
}

/// How a reading ended.
enum Ended {
    Whole,
    /// Out of time.
    Unfinished,
    Failed(Problem),
}

impl<T: Transport> Run<'_, T> {
    /// Reads a list page by page while there is time, and records its progress.
    pub(crate) async fn read_pages(
        &self,
        list: &'static List,
        of: Of<'_>,
        state: &PullList,
    ) -> Result<(Read, Option<Problem>), StoreError> {
        let (store, id) = (&self.puller.store, &self.tenant.id);
        let mut digests = store.pull_digests(id, list.name).await?;
        let mut reading = self.begin(list, of, state, state.unfinished.as_ref());
        let (mut new, mut refused, mut unfiltered) = (0, None, None);
        let (mut pages, mut anew) = (0, false);
        let mut ended = loop {
            if pages >= MOST_PAGES {
                break Ended::Failed(Problem::Endless);
            }
            if !self.has_time() {
                break Ended::Unfinished;
            }
            pages += 1;
            let page = match self.page(&reading.target).await {
                Ok(page) => page,
                // A link is valid only for minutes.
                Err(Failure::NotUnderstood { .. } | Failure::NoSuchList { .. }) if reading.is_further() && !anew => {
                    anew = true;
                    reading = self.begin(list, of, state, None);
                    continue;
                }
                Err(Failure::NotUnderstood { .. }) if reading.filtered && !reading.is_further() => {
                    let until = self.puller.now() + UNFILTERED_FOR;
                    unfiltered = Some(until);
                    let state = PullList { unfiltered_until: Some(until), ..state.clone() };
                    reading = self.begin(list, of, &state, None);
                    continue;
                }
                Err(failure) => break Ended::Failed(failure.into()),
            };
            reading.rows += page.records.len() as u64;
            let taken = self.take(of, &reading, page.records, &mut digests, &mut refused).await;
            new += taken.0;
            if !taken.1 {
                break Ended::Failed(Problem::NotStored);
            }
            match page.next {
                None => break Ended::Whole,
                Some(next) if reading.target == Target::Next(next.clone()) => break Ended::Failed(Problem::Endless),
                Some(next) => reading.target = Target::Next(next),
            }
        };
        metrics::GRAPH_RECORDS_NEW.count(id.as_str(), new, self.puller.now().millis());
        if matches!(ended, Ended::Whole) && !self.hear(of, &reading, &mut digests).await {
            ended = Ended::Failed(Problem::NotStored);
        }
        if matches!(ended, Ended::Whole) && (reading.whole || of.forgets()) {
            digests.finish();
        }
        store.put_pull_digests(id, list.name, &mut digests).await?;
        let rows = reading.rows;
        match ended {
            Ended::Failed(problem) => {
                let unfinished = reading.unfinished().filter(|_| problem.is_passing());
                let (failed, problem) = self.puller.failed(id, list, problem, unfinished).await?;
                Ok((Read { rows, new, ..failed }, problem))
            }
            Ended::Unfinished => {
                let unfinished = reading.unfinished();
                let note = |state: &mut PullList| {
                    state.unfinished.clone_from(&unfinished);
                    state.unfiltered_until = unfiltered.or(state.unfiltered_until);
                    (state.failures, state.backoff_until) = (0, None);
                };
                store.change_pull_list(id, list.name, note).await?;
                Ok((Read { unfinished: true, ..Read::of(list, rows, new, None) }, None))
            }
            Ended::Whole => {
                let every = if of.is_narrowed() && !reading.filtered { UNFILTERED_EVERY } else { list.every };
                let now = self.puller.now();
                let note = |state: &mut PullList| {
                    succeed(state, every, reading.began_at, rows);
                    if reading.whole {
                        state.whole_at = Some(reading.began_at);
                    }
                    state.unfiltered_until = unfiltered.or(state.unfiltered_until);
                    (state.last_error, state.last_error_at) = (refused.clone(), refused.is_some().then_some(now));
                };
                store.change_pull_list(id, list.name, note).await?;
                Ok((Read::of(list, rows, new, refused.clone()), None))
            }
        }
    }

    /// A reading that starts where the one before stopped, or at the beginning.
    fn begin(&self, list: &List, of: Of<'_>, state: &PullList, unfinished: Option<&Unfinished>) -> Reading {
        let now = self.puller.now();
        let unfiltered = state.unfiltered_until.is_some_and(|until| now < until);
        if let Some(Unfinished { next, rows, began_at, whole, from }) = unfinished {
            let target = Target::Next(next.clone());
            let filtered = match of {
                Of::Events(records) => records.by_date && from.is_none(),
                Of::SignIns(_) => !unfiltered,
            };
            return Reading { target, rows: *rows, began_at: *began_at, whole: *whole, from: *from, filtered };
        }
        let mut query: Vec<(&'static str, String)> =
            list.query.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        let settings = &self.tenant.settings;
        let (whole, from, filtered) = match of {
            Of::Events(records) => {
                let is_whole_due = state.whole_at.is_none_or(|at| now - at >= WHOLE_EVERY);
                let whole = !records.by_date || unfiltered || is_whole_due;
                let since = now - if whole { settings.retention() } else { part(settings.compliance_limit()) };
                let filtered = records.by_date && !unfiltered;
                if filtered {
                    query.insert(0, ("$filter", format!("{} ge {since}", records.dated)));
                }
                (whole, (records.by_date && !filtered).then_some(since), filtered)
            }
            Of::SignIns(sign_ins) => {
                let kept = now - settings.retention().min(SIGN_INS_TAKEN_FOR);
                let last = state.last_ok.map(|at| at - OVERLAP).filter(|since| *since > kept);
                let since = last.unwrap_or(kept);
                query.insert(0, ("$filter", sign_ins.filter(since, !unfiltered)));
                (last.is_none(), Some(since), !unfiltered)
            }
        };
        Reading { target: Target::First { path: list.path, query }, rows: 0, began_at: now, whole, from, filtered }
    }

    /// Stores the new records of a page. Returns how many there were, and whether all of them are stored.
    async fn take(
        &self,
        of: Of<'_>,
        reading: &Reading,
        records: Vec<Value>,
        digests: &mut Digests,
        refused: &mut Option<String>,
    ) -> (u64, bool) {
        match of {
            Of::Events(of) => self.take_events(of, reading, records, digests, refused).await,
            Of::SignIns(of) => self.take_sign_ins(of, records, digests).await,
        }
    }

    /// Stores the steps among sign-ins. Nothing is kept of the other sign-ins.
    async fn take_sign_ins(&self, of: SignIns, records: Vec<Value>, digests: &mut Digests) -> (u64, bool) {
        let (mut new, mut digests_of_new) = (Vec::new(), Vec::new());
        for read in of_graph(&Value::Array(records), of.interactive) {
            let Some(digest) = sign_ins::digest(&read) else { continue };
            if digests.has(digest) {
                digests.add(digest, true);
            } else {
                new.push(read);
                digests_of_new.push(digest);
            }
        }
        let count = new.len() as u64;
        if let Err(error) = self.puller.hook.take_sign_ins(self.tenant, new, self.puller.now()).await {
            tracing::error!(tenant = %self.tenant.id, %error, "steps of web-based enrollment could not be stored");
            return (0, false);
        }
        digests_of_new.into_iter().for_each(|digest| digests.add(digest, true));
        (count, true)
    }

    /// Records the days of which all sign-ins that people made themselves were read, up to now. On such a day, a step
    /// that is not stored did not happen. Returns whether it is stored.
    async fn hear(&self, of: Of<'_>, reading: &Reading, digests: &mut Digests) -> bool {
        let (Of::SignIns(SignIns { interactive: true }), Some(from)) = (of, reading.from) else { return true };
        let zone = self.tenant.settings.time_zone;
        // The first day that is kept was read only in part.
        let first = from.day(zone).plus(i32::from(reading.whole));
        let days = (first.get()..=reading.began_at.day(zone).get()).map(Day::new);
        let unheard: Vec<Day> = days.clone().filter(|day| !digests.has(digest_of_day(*day))).collect();
        if let Err(error) = self.puller.store.hear_sign_ins(&self.tenant.id, unheard).await {
            tracing::error!(tenant = %self.tenant.id, %error, "the days whose sign-ins were read could not be stored");
            return false;
        }
        days.for_each(|day| digests.add(digest_of_day(day), true));
        true
    }

    /// Stores the new records of a page. Returns how many there were, and whether all of them are stored.
    async fn take_events(
        &self,
        of: &Records,
        reading: &Reading,
        records: Vec<Value>,
        digests: &mut Digests,
        refused: &mut Option<String>,
    ) -> (u64, bool) {
        let now = self.puller.now();
        let is_kept = |record: &Value| match (reading.from, dated(record, of)) {
            (Some(from), Some(time)) => time >= from,
            _ => true,
        };
        let mut new: Vec<(Digest, Value)> = Vec::new();
        for record in records.into_iter().filter(is_kept) {
            let digest = digest(&record, of, now);
            if digests.has(digest) {
                // The record was found again. A whole reading forgets the records that it does not find.
                digests.add(digest, reading.whole);
            } else {
                new.push((digest, record));
            }
        }
        let mut count = 0;
        for Body { bytes, backfill, digests: of_body } in bodies(&new, of, now) {
            let results = self.puller.hook.take(self.tenant, of.sender, &bytes, backfill, now).await;
            match results {
                Ok(results) if results.count(Status::Unavailable) > 0 => return (count, false),
                Ok(results) => {
                    let invalid = results.results.iter().find(|result| result.status == Status::Invalid);
                    if let Some(error) = invalid.and_then(|result| result.errors.first()) {
                        *refused = Some(format!("a record was refused: {} {}", member(&error.field), error.problem));
                    }
                }
                Err(error) => *refused = Some(format!("records were refused: {error}")),
            }
            count += of_body.len() as u64;
            of_body.into_iter().for_each(|digest| digests.add(digest, reading.whole));
        }
        (count, true)
    }
}

/// The member of a record, without the record's place in its body.
fn member(field: &str) -> &str {
    field.split_once("].").map_or(field, |(_, member)| member)
}

fn part(compliance_limit: Millis) -> Millis {
    PART.max(Millis::new(compliance_limit.get() + BEYOND_COMPLIANCE.get()))
}

impl Reading {
    /// Whether it is at a page after the first.
    const fn is_further(&self) -> bool {
        matches!(self.target, Target::Next(_))
    }

    /// Where to go on, if it is at a page after the first.
    fn unfinished(&self) -> Option<Unfinished> {
        let Target::Next(next) = &self.target else { return None };
        let (rows, began_at, whole, from) = (self.rows, self.began_at, self.whole, self.from);
        Some(Unfinished { next: next.clone(), rows, began_at, whole, from })
    }
}
