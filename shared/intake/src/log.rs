//! Counts received requests and their results in memory, and writes them to the delivery log from time to time.
//!
//! A request writes if its source was last written more than a minute ago. No background thread does, because a
//! function may be frozen after any answer. Counts not yet written are lost with the process, so they mean "at least".
//! Only requests whose sender is proven are counted, so nobody else can make us write.

use crate::answer::{EventResult, Results, Status};
use crate::limit::Share;
use crate::reason::Reason;
use crate::until::Until;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use vestibule_domain::{Day, Millis, TenantId, Timestamp};
use vestibule_store::{DayLog, Delivery, Store, StoreError, Tenant, log_day};
use vestibule_webhook::BodyError;
use vestibule_webhook::sources::Sender;

/// The shortest time between two writes of a tenant's source by one process.
const EVERY: Millis = Millis::from_seconds(60);
/// If the process read a day longer ago than this, it reads it again before adding: others may have written since.
const SEEN_FOR: Millis = Millis::from_seconds(300);
/// How long a share of a source's traffic is used.
const SHARE_GOOD_FOR: Millis = Millis::from_seconds(180);
/// Number of sources held at once. Beyond it counting starts anew, so memory stays bounded.
const MOST_SOURCES: usize = 10_000;

type Key = (TenantId, &'static str);

/// The delivery log of a process, shared by its clones.
#[derive(Clone, Debug, Default)]
pub(crate) struct Log(Arc<Mutex<HashMap<Key, Held>>>);

/// The counts held for a source.
#[derive(Debug, Default)]
struct Held {
    /// The counts that are not written yet, by day.
    unwritten: BTreeMap<Day, DayLog>,
    /// The day last read from the table, its content there, and when.
    seen: Option<(Day, DayLog, Timestamp)>,
    /// When it was last written, or when the write under way began.
    written_at: Option<Timestamp>,
    kept_for: Millis,
    /// Requests since then.
    requests: u64,
    /// The day of the last addition, all events in it afterwards, and when. None if its answer was lost.
    total: Option<(Day, u64, Timestamp)>,
    /// Which part of the traffic this process saw, and when that was learned.
    share: Option<(Share, Timestamp)>,
}

/// The counts of a source to write now.
struct Due {
    key: Key,
    day: Day,
    more: DayLog,
    requests: u64,
    seen: Option<DayLog>,
    kept_for: Millis,
}

/// The result of a request.
pub(crate) enum Became<'r> {
    /// Its body was read.
    Read(&'r Results),
    /// All of it was refused: the reason, and a text.
    Refused(Reason, String),
}

impl Became<'_> {
    /// How a body that cannot be read is counted.
    pub(crate) fn unread(error: &BodyError) -> Self {
        let reason = match error {
            BodyError::TooLarge => Reason::TooLarge,
            BodyError::TooManyEvents => Reason::TooManyEvents,
            BodyError::NotJson { .. } => Reason::NotJson,
            BodyError::NotAnEvent => Reason::NotAnEvent,
            BodyError::Malformed(_) => Reason::Malformed,
            BodyError::UnsignedHeaders => Reason::UnsignedHeaders,
        };
        Self::Refused(reason, error.to_string())
    }

    /// The first refusal: its reason, the member and the problem.
    pub(crate) fn refusal(&self) -> Option<(&'static str, &str, &str)> {
        match self {
            Self::Refused(reason, problem) => Some((reason.name(), "", problem)),
            Self::Read(results) => results.results.iter().find_map(refusal),
        }
    }

    fn note(&self, log: &mut DayLog, body: &[u8], now: Timestamp) {
        log.hear(now);
        let mut delivery = Delivery::of(body, now);
        match self {
            Self::Refused(reason, problem) => {
                delivery.refused = 1;
                log.refuse(now, reason.name(), "", problem);
            }
            Self::Read(results) => {
                for result in &results.results {
                    match result.status {
                        Status::Accepted => delivery.accepted += 1,
                        Status::Duplicate => delivery.known += 1,
                        Status::UnknownType => {
                            delivery.passed_over += 1;
                            log.pass_over(result.kind.as_deref());
                        }
                        Status::Erased => {
                            delivery.passed_over += 1;
                            log.pass_over(Some(ERASED));
                        }
                        _ => {
                            if let Some((reason, field, problem)) = refusal(result) {
                                delivery.refused += 1;
                                log.refuse(now, reason, field, problem);
                            }
                        }
                    }
                }
            }
        }
        if delivery.accepted > 0 {
            log.last_accepted = log.last_accepted.max(Some(now));
        }
        log.accepted += delivery.accepted;
        log.known += delivery.known;
        log.deliver(delivery);
    }
}

/// The name under which events from before an erasure are counted: their sender has done nothing wrong.
const ERASED: &str = "erased";

/// Why an event was refused: the reason under which it is counted, the invalid member, and the problem.
fn refusal(result: &EventResult) -> Option<(&'static str, &str, &str)> {
    Some(match result.status {
        Status::Accepted | Status::Duplicate | Status::UnknownType | Status::Erased => return None,
        Status::Invalid => {
            let error = result.errors.first();
            let (field, problem) = error.map_or(("", ""), |error| (error.field.as_str(), error.problem.as_str()));
            (Reason::Invalid.name(), field, problem)
        }
        Status::TooOld => (Reason::TooOld.name(), "time", "is older than the tenant's retentionDays"),
        Status::DeviceFull => (Reason::DeviceFull.name(), "", "the device has sent more events than are kept"),
        Status::Unavailable => (Reason::NotStored.name(), "", "the table was unavailable"),
    })
}

impl Log {
    /// Counts a request of a proven sender, and writes its source's counts if a minute has passed.
    pub(crate) async fn note(
        &self,
        store: &Store,
        (tenant, source): (&Tenant, &'static Sender),
        body: &[u8],
        became: &Became<'_>,
        (now, until): (Timestamp, Until),
    ) {
        let due = {
            let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let key = (tenant.id.clone(), source.name);
            if all.len() >= MOST_SOURCES && !all.contains_key(&key) {
                all.clear();
            }
            let held = all.entry(key.clone()).or_default();
            held.kept_for = tenant.settings.retention();
            held.requests += 1;
            became.note(held.unwritten.entry(log_day(now)).or_default(), body, now);
            // While the table cannot be written, a write would only delay the answer.
            let is_down = matches!(became, Became::Read(results) if results.count(Status::Unavailable) > 0);
            if is_down { None } else { held.take_due(key, now) }
        };
        if let Some(due) = due {
            // Rare and large: each request would carry the room for it.
            Box::pin(self.write(store, due, now, until)).await;
        }
    }

    /// Which part of a source's traffic this process sees, if it learned that of late.
    pub(crate) fn share(&self, tenant: &TenantId, source: &'static Sender, now: Timestamp) -> Option<Share> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (share, at) = all.get(&(tenant.clone(), source.name))?.share?;
        (now >= at && now - at < SHARE_GOOD_FOR).then_some(share)
    }

    /// Writes what is not written yet: everything, or only the sources for which a minute has passed.
    pub(crate) async fn flush(&self, store: &Store, now: Timestamp, all: bool) {
        loop {
            let due = {
                let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
                held.iter_mut().find_map(|(key, held)| {
                    if all { held.take(key.clone(), now) } else { held.take_due(key.clone(), now) }
                })
            };
            let Some(due) = due else { return };
            self.write(store, due, now, Until::NEVER).await;
        }
    }

    async fn write(&self, store: &Store, due: Due, now: Timestamp, until: Until) {
        let Due { key, day, more, requests, seen, kept_for } = due;
        let (tenant, source) = &key;
        let written = until.table(add(store, (tenant, source, day), &more, seen, kept_for)).await;
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(held) = all.get_mut(&key) else { return };
        match written {
            Ok(seen) => {
                let (own, there) = (more.all(), seen.all());
                let before = held.total.filter(|(of, _, at)| *of == day && now - *at < SEEN_FOR && now >= *at);
                let share =
                    before.and_then(|(_, total, at)| Share::of(requests, own, there.saturating_sub(total), now - at));
                held.share = share.map(|share| (share, now));
                held.total = Some((day, there.saturating_add(own), now));
                held.seen = Some((day, seen, now));
            }
            Err(error) => {
                held.total = None;
                tracing::warn!(%tenant, source, %error, "what came in could not be counted");
                // The table may have the counts already, so they are not added again; the newest entries are shown with
                // the next write.
                let mut newest = more;
                newest.forget_counts();
                held.unwritten.entry(day).or_default().take_newest(&newest);
            }
        }
    }
}

impl Held {
    /// What to write at `now`, if a minute has passed. A clock that goes back does not delay this for long.
    fn take_due(&mut self, key: Key, now: Timestamp) -> Option<Due> {
        let is_over = self.written_at.is_none_or(|at| now - at >= EVERY || now < at);
        if is_over { self.take(key, now) } else { None }
    }

    /// What to write: the earliest day.
    fn take(&mut self, key: Key, now: Timestamp) -> Option<Due> {
        let (day, more) = self.unwritten.pop_first()?;
        self.written_at = Some(now);
        let seen = self.seen.as_ref().filter(|(of, _, at)| *of == day && now - *at < SEEN_FOR && now >= *at);
        let seen = seen.map(|(_, log, _)| log.clone());
        let requests = std::mem::take(&mut self.requests);
        Some(Due { key, day, more, requests, seen, kept_for: self.kept_for })
    }
}

/// Adds to a day of the log, and returns the day as this process now knows it.
async fn add(
    store: &Store,
    (tenant, source, day): (&TenantId, &str, Day),
    more: &DayLog,
    seen: Option<DayLog>,
    kept_for: Millis,
) -> Result<DayLog, StoreError> {
    let there = match seen {
        Some(seen) => seen,
        None => store.delivery_day(tenant, source, day).await?,
    };
    let mut now = store.add_deliveries((tenant, source, day), more, &there, kept_for).await?;
    now.take_newest(&there);
    now.take_newest(more);
    // The names just added are in the day now, so they will not take room again.
    for (names, added) in [(&mut now.passed_over, &more.passed_over), (&mut now.refused, &more.refused)] {
        for name in added.keys() {
            if names.len() < vestibule_store::MOST_NAMES {
                names.entry(name.clone()).or_default();
            }
        }
    }
    Ok(now)
}
