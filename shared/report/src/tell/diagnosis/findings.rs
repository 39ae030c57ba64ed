//! From facts to what is to be said, most telling first.
//!
//! Each rule looks at the facts by itself. What went wrong before something of theirs worked is told as past
//! (information), not as a problem.

use super::draft::{Draft, found};
use super::facts::{Facts, KnownAttempt};
use super::{Finding, Severity, esp, others, places};
use crate::ask::reader::{Attempt, Reader};
use crate::error::Result;
use std::collections::{BTreeMap, BTreeSet};
use vestibule_domain::Timestamp;
use vestibule_domain::failure::{FailureCategory, code_value};

/// All findings, ranked: problems before warnings before the rest, and among these the rules' own order.
pub(super) fn of(reader: &Reader<'_>, facts: &Facts) -> Result<Vec<Finding>> {
    let mut drafts = device_limit(reader, facts)?;
    drafts.extend(failures(reader, facts)?);
    drafts.extend(esp::of(reader, facts)?);
    drafts.extend(stops(reader, facts)?);
    drafts.extend(clock(reader, facts)?);
    drafts.extend(licence(reader, facts, &drafts)?);
    drafts.extend(silent(facts));
    drafts.extend(compliance(facts));
    drafts.extend(standing(facts));
    let mut findings: Vec<Finding> = drafts.into_iter().map(|draft| draft.finding).collect();
    // Stable: the order above decides between equals.
    findings.sort_by_key(|finding| finding.severity);
    for (rank, finding) in (1..).zip(&mut findings) {
        finding.rank = rank;
    }
    Ok(findings)
}

/// One finding for each kind of failure that no success followed.
fn failures(reader: &Reader<'_>, facts: &Facts) -> Result<Vec<Draft>> {
    let mut kinds: BTreeMap<_, Vec<&KnownAttempt>> = BTreeMap::new();
    for attempt in facts.unresolved().filter(|attempt| attempt.is("failed")) {
        let (code, reason) = (attempt.attempt.failure_code.as_deref(), attempt.attempt.failure_reason.as_deref());
        let value = code.and_then(code_value);
        let kind = (value, code.filter(|_| value.is_none()), reason.filter(|_| code.is_none()));
        kinds.entry(kind).or_default().push(attempt);
    }
    let mut kinds: Vec<_> = kinds.into_values().collect();
    // Newest first within each already.
    kinds.sort_by_key(|kind| std::cmp::Reverse(kind.first().map(|newest| newest.last_activity)));
    let mut drafts = Vec::new();
    for kind in kinds {
        let Some(newest) = kind.first() else { continue };
        let advice = reader.detail(&newest.attempt)?.advice;
        let told = &newest.attempt;
        let named = [&told.failure_code, &told.failure_reason].into_iter().flatten().cloned().collect::<Vec<_>>();
        let named = if named.is_empty() { "without code or reason".to_owned() } else { named.join(", ") };
        let (first, last) = (kind.last().unwrap_or(newest), newest);
        let mut evidence = vec![match kind.len() {
            1 => format!("Failed with {named} on {}.", places::instant(last.last_activity)),
            more => format!(
                "Failed {more} times with {named}, from {} to {}.",
                places::instant(first.last_activity),
                places::instant(last.last_activity)
            ),
        }];
        evidence.push(format!("It stopped {}.", places::place(newest)));
        evidence.extend(told.failure_message.iter().map(|message| format!("The message was: “{message}”.")));
        evidence.extend(told.failure_category.iter().map(|category| format!("The sender's category is {category}.")));
        let severity = match facts.succeeded_after(newest.started_at) {
            true => Severity::Information,
            false => Severity::Problem,
        };
        let title = match advice.first() {
            Some(entry) => entry.problem.clone(),
            None => format!("The enrollment fails ({named})"),
        };
        let draft = found("failure", severity, title)
            .evidence(evidence)
            .otherwise("The catalogue of advice doesn't know this failure.", UNKNOWN_FAILURE, &["admin"])
            .advice(advice)
            .others(others::failing_alike(reader, facts, newest)?);
        drafts.push(draft);
    }
    Ok(drafts)
}

const UNKNOWN_FAILURE: &[&str] = &[
    "Get the exact message and the screen it stands on from the person.",
    "Look the code up in the MDM's own documentation; with several meanings, the platform tells which.",
    "Try again with another account on the same device, and with the same account on another device: that tells which of the two it is.",
];

/// Where they gave up: a finding a screen.
fn stops(reader: &Reader<'_>, facts: &Facts) -> Result<Vec<Draft>> {
    let mut screens: Vec<Vec<&KnownAttempt>> = Vec::new();
    for attempt in facts.unresolved().filter(|attempt| attempt.is("abandoned")) {
        let same = |one: &KnownAttempt| {
            let Attempt { platform, action, screen, .. } = &one.attempt;
            (platform.clone(), action.clone(), screen.clone())
        };
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
        let (id, title) = match stops.len() {
            1 => ("stopped", format!("Given up {place}")),
            more => ("repeated-stop", format!("Given up {more} times {place}")),
        };
        let severity = match (facts.succeeded_after(newest.started_at), stops.len()) {
            (true, _) => Severity::Information,
            (false, 1) => Severity::Warning,
            (false, _) => Severity::Problem,
        };
        let evidence = stops.iter().take(5).map(|stop| {
            let at = places::instant(stop.ended_at.unwrap_or(stop.last_activity));
            format!("{at}: {}.", places::how(stop.attempt.cause.as_deref()))
        });
        let (cause, steps) = places::help(newest.attempt.action.as_deref());
        let draft = found(id, severity, title)
            .evidence(evidence.collect())
            .otherwise(cause, steps, &["user", "admin"])
            .others(others::stopping_alike(reader, facts, newest)?);
        drafts.push(draft);
    }
    Ok(drafts)
}

/// As many devices as the organisation allows.
fn device_limit(reader: &Reader<'_>, facts: &Facts) -> Result<Vec<Draft>> {
    let Some((person, enrolled)) = &facts.enrolled_by_user else { return Ok(Vec::new()) };
    if *enrolled < facts.tenant.device_limit {
        return Ok(Vec::new());
    }
    let severity = if facts.unresolved().next().is_some() { Severity::Problem } else { Severity::Warning };
    let evidence = vec![format!(
        "{person} has {enrolled} enrolled devices here; the organisation's limit is set to {}.",
        facts.tenant.device_limit
    )];
    let draft = found("device-limit", severity, "The person has as many devices as the organisation allows");
    Ok(vec![draft.evidence(evidence).advice(reader.advice("device-cap-reached")?)])
}

/// A device whose clock can't be right.
fn clock(reader: &Reader<'_>, facts: &Facts) -> Result<Vec<Draft>> {
    let wrong: Vec<_> = facts.attempts.iter().filter(|attempt| attempt.attempt.clock_skew).collect();
    let Some(newest) = wrong.first() else { return Ok(Vec::new()) };
    let events = reader.detail(&newest.attempt)?.events;
    let directions: BTreeSet<String> = events.into_iter().filter_map(|event| event.clock_skew).collect();
    let directions = directions.into_iter().collect::<Vec<_>>().join(" and ");
    let severity = match facts.succeeded_after(newest.started_at) || newest.is("completed") {
        true => Severity::Information,
        false => Severity::Warning,
    };
    let evidence = vec![format!(
        "In {} of {} attempts events were dated where the clock can't be right, last on {} ({directions}).",
        wrong.len(),
        facts.attempts.len(),
        places::instant(newest.last_activity)
    )];
    let draft = found("device-clock", severity, "The device's date or time is wrong");
    Ok(vec![draft.evidence(evidence).advice(reader.advice("device-clock")?)])
}

/// What a missing licence looks like to a sender that doesn't say so.
fn licence(reader: &Reader<'_>, facts: &Facts, drafts: &[Draft]) -> Result<Vec<Draft>> {
    let is_told = |draft: &Draft| draft.finding.advice.iter().any(|advice| advice.id == "licence-missing");
    let mut suspects = facts.unresolved().filter(|attempt| {
        let category = attempt.attempt.failure_category.as_deref().and_then(FailureCategory::read);
        let speaks_for_it = [FailureCategory::Authorization, FailureCategory::AccountValidation];
        category
            .is_some_and(|category| speaks_for_it.contains(&category) || category == FailureCategory::UserValidation)
    });
    let Some(newest) = suspects.next().filter(|_| !drafts.iter().any(is_told)) else { return Ok(Vec::new()) };
    let category = newest.attempt.failure_category.as_deref().unwrap_or_default();
    let evidence = vec![format!("The sender's category is {category}; a missing licence shows so too.")];
    let draft = found("licence", Severity::Warning, "The account may lack a licence");
    Ok(vec![draft.evidence(evidence).advice(reader.advice("licence-missing")?)])
}

/// Senders that tell of nobody any more: then what is told here may be old.
fn silent(facts: &Facts) -> Vec<Draft> {
    let draft = |silent: &super::facts::Silent| {
        found("source-silent", Severity::Warning, format!("Nothing comes from {} any more", silent.source))
            .evidence(vec![format!("It was last heard of on {}, of any device.", places::instant(silent.since))])
            .otherwise(
                "The sender's webhook is switched off, its address or secret changed, or it can't reach this service.",
                &[
                    "Look at the sender's own log of its webhook's deliveries.",
                    "Send a sample to the webhook and see whether it arrives; then compare address and secret.",
                    "Where the sender keeps what it couldn't deliver, let it deliver; otherwise fill the gap in by importing.",
                ],
                &["admin"],
            )
    };
    facts.silent.iter().map(draft).collect()
}

/// Enrolled, and not compliant.
fn compliance(facts: &Facts) -> Vec<Draft> {
    let waiting = facts
        .devices
        .iter()
        .filter(|known| known.device.enrolled && !known.device.compliant && facts.requires_compliance);
    let waiting: Vec<_> = waiting
        .map(|known| {
            let name = known.device.device_name.as_deref().unwrap_or(&known.device.enrollment_key);
            let last = known.device.last_activity_at.as_deref().and_then(|at| Timestamp::parse(at).ok());
            let last = last.map(|at| format!(" (last heard of {})", places::instant(at))).unwrap_or_default();
            format!("{name} is enrolled and was never told compliant{last}.")
        })
        .collect();
    if waiting.is_empty() {
        return Vec::new();
    }
    let (cause, steps) = places::help(Some("Compliance"));
    let draft = found("not-compliant", Severity::Warning, "Enrolled, but not compliant yet");
    vec![draft.evidence(waiting).otherwise(cause, steps, &["user", "admin"])]
}

/// How things stand where nothing is wrong, or nothing is known.
fn standing(facts: &Facts) -> Vec<Draft> {
    let Some(newest) = facts.attempts.first() else {
        if facts.newest_session().is_some() {
            return Vec::new();
        }
        let title = if facts.devices.is_empty() { "Nothing is known of this" } else { "Nobody tried to enroll it" };
        let evidence = vec![format!("The events reach back to {}.", facts.window_from)];
        let draft = found("not-seen", Severity::Information, title).evidence(evidence).otherwise(
            "The address or number is spelt otherwise, no attempt got as far as a sender that tells of it, or it was longer ago.",
            &[
                "Check the spelling: a person by address or id; a device by serial number, UDID, id or name.",
                "Find out how far the person came: whether the Company Portal or the setup was opened at all, and whether sign-in worked.",
            ],
            &["user", "admin"],
        );
        return vec![draft];
    };
    let at = places::instant(newest.last_activity);
    if newest.is("inProgress") {
        let evidence = vec![format!("Last heard of {at}, {}.", places::place(newest))];
        let draft = found("in-progress", Severity::Information, "An attempt is under way").evidence(evidence);
        return vec![draft.otherwise(
            "Nothing is wrong so far.",
            &["Wait, or look at the attempt's events."],
            &["user"],
        )];
    }
    if newest.is("completed") {
        let evidence = vec![format!("The newest attempt completed on {at}.")];
        let draft = found("works", Severity::Information, "Enrolling works").evidence(evidence);
        return vec![draft.otherwise("Nothing is wrong with the newest attempt.", &[], &[])];
    }
    Vec::new()
}
