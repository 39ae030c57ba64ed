//! Findings about giving up, and about a Setup Assistant that the MDM does not release. Each says what to do there.

use super::draft::{Draft, found};
use super::facts::{Facts, KnownAttempt, KnownDevice};
use super::{Severity, help, others, places};
use crate::ask::reader::Reader;
use crate::error::Result;
use vestibule_domain::{Kind, Millis, Timestamp};
use vestibule_words::form;

/// A Setup Assistant that has waited longer is seldom released any more: a server's first commands take only minutes.
const HELD_TOO_LONG: Millis = Millis::from_minutes(15);

/// Where the person gave up: one finding for each screen.
pub(super) fn of(reader: &Reader<'_>, facts: &Facts, known: &KnownDevice) -> Result<Vec<Draft>> {
    let mut screens: Vec<Vec<&KnownAttempt>> = Vec::new();
    let same = |one: &KnownAttempt| {
        let attempt = &one.attempt;
        (attempt.platform.clone(), attempt.section.clone(), attempt.action.clone(), attempt.screen.clone())
    };
    for attempt in known.unresolved().filter(|attempt| attempt.is("abandoned")) {
        match screens.iter_mut().find(|stops| stops.first().is_some_and(|first| same(first) == same(attempt))) {
            Some(stops) => stops.push(attempt),
            None => screens.push(vec![attempt]),
        }
    }
    screens.sort_by_key(|stops| std::cmp::Reverse(stops.len()));
    let mut drafts = Vec::new();
    for stops in screens {
        let Some(newest) = stops.first() else { continue };
        let place = places::place(newest);
        let (id, severity, title) = match stops.len() {
            1 => ("stopped", Severity::Warning, format!("Given up {place}")),
            more => ("repeated-stop", Severity::Problem, format!("Given up {more} times {place}")),
        };
        let evidence = stops.iter().take(5).map(|stop| {
            let at = form::instant(stop.ended_at.unwrap_or(stop.last_activity));
            format!("{at}: {}.", places::how(stop.attempt.cause.as_deref()))
        });
        let (cause, steps) = help::past(&newest.attempt);
        let draft = found(id, severity, title)
            .evidence(evidence.collect())
            .otherwise(cause, steps, &["user", "admin"])
            .others(others::stopping_alike(reader, facts, newest)?);
        drafts.push(draft);
    }
    Ok(drafts)
}

/// A Setup Assistant that has waited too long for its release.
pub(super) fn held(reader: &Reader<'_>, known: &KnownDevice) -> Result<Option<Draft>> {
    let Some(newest) = known.attempts.first().filter(|_| known.waits_for("configuration")) else { return Ok(None) };
    // The wait counts from the enrollment, even if the device reports something meanwhile.
    let mut events = reader.detail(&newest.attempt)?.events.into_iter();
    let since = events.find(|event| Kind::read(&event.kind) == Some(Kind::Enrolled));
    let since = since.and_then(|event| Timestamp::parse(&event.time).ok()).unwrap_or(newest.last_activity);
    let waited = reader.as_of() - since;
    if waited <= HELD_TOO_LONG {
        return Ok(None);
    }
    let minutes = waited.get() / 60_000;
    let evidence = vec![format!("Enrolled and held since {}; no release was reported.", form::instant(since))];
    let title = format!("The Setup Assistant has waited {minutes} minutes for the MDM to release it");
    let (cause, steps) = help::HELD;
    let draft = found("held-for-configuration", Severity::Problem, title);
    Ok(Some(draft.evidence(evidence).otherwise(cause, steps, &["admin"])))
}

/// An attempt that counts as completed because no release of its Setup Assistant was reported before the limit ran out.
pub(super) fn not_released(attempt: &KnownAttempt) -> Draft {
    let (cause, steps) = help::NOT_RELEASED;
    let evidence = format!(
        "Enrolled and held, last heard of {}; no release was reported by {}, when its limit ran out. It counts as enrolled since.",
        form::instant(attempt.last_activity),
        form::instant(attempt.end())
    );
    let draft = found("release-not-reported", Severity::Information, "No sender reported that the MDM released it");
    draft.evidence(vec![evidence]).otherwise(cause, steps, &["user", "admin"])
}
