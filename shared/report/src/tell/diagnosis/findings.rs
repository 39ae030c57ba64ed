//! Makes findings from facts, most important first.
//!
//! Must stay true: each rule looks at one device only. A failure that the same device's success followed is past and
//! gives no finding; success on another device changes nothing.

use super::draft::{Draft, found};
use super::facts::{CAP_REACHED, Facts, KnownAttempt, KnownDevice};
use super::{Finding, Severity, Verdict, esp, help, others, places, silent, stops};
use crate::ask::reader::Reader;
use crate::error::Result;
use std::collections::{BTreeMap, BTreeSet};
use vestibule_domain::failure::{FailureCategory, code_value};
use vestibule_words::form;

/// The finding that a person has as many devices as allowed.
pub(super) const DEVICE_LIMIT: &str = "device-limit";

/// All findings, ranked: problems before warnings before the rest; among these the worst device first, in the order of
/// the rules.
pub(super) fn of(reader: &Reader<'_>, facts: &Facts) -> Result<Vec<Finding>> {
    let limit = device_limit(reader, facts)?;
    // The limit comes first if it may be why the worst device fails; otherwise the findings about the devices come
    // first.
    let (mut drafts, limit) = match facts.devices.first().is_some_and(|worst| worst.limit_may_be_why) {
        true => (limit, Vec::new()),
        false => (Vec::new(), limit),
    };
    for known in &facts.devices {
        let mut own = failures(reader, facts, known)?;
        own.extend(outside(known));
        own.extend(esp::of(reader, facts, known)?);
        // The verdict already says that it is not compliant, so that finding comes before how its attempt ended.
        let (first, last) = match known.verdict() {
            Verdict::NotCompliant => (compliance(facts, known), None),
            _ => (None, compliance(facts, known)),
        };
        own.extend(first);
        own.extend(stops::of(reader, facts, known)?);
        own.extend(stops::held(reader, known)?);
        own.extend(clock(reader, known)?);
        own.extend(licence(reader, known, &own)?);
        own.extend(last);
        own.extend(standing(facts, known));
        drafts.extend(own.into_iter().map(|draft| draft.about(&known.device)));
    }
    drafts.extend(limit);
    drafts.extend(silent::of(reader, facts)?);
    drafts.extend(unknown(facts));
    let mut findings: Vec<Finding> = drafts.into_iter().map(|draft| draft.finding).collect();
    // The sort is stable: the order above decides between equals.
    findings.sort_by_key(|finding| finding.severity);
    for (rank, finding) in (1..).zip(&mut findings) {
        finding.rank = rank;
    }
    Ok(findings)
}

/// One finding for each kind of failure that was not followed by a success.
fn failures(reader: &Reader<'_>, facts: &Facts, known: &KnownDevice) -> Result<Vec<Draft>> {
    let mut kinds: BTreeMap<_, Vec<&KnownAttempt>> = BTreeMap::new();
    for attempt in known.unresolved().filter(|attempt| attempt.is("failed")) {
        let (code, reason) = (attempt.attempt.failure_code.as_deref(), attempt.attempt.failure_reason.as_deref());
        let value = code.and_then(code_value);
        let kind = (value, code.filter(|_| value.is_none()), reason.filter(|_| code.is_none()));
        kinds.entry(kind).or_default().push(attempt);
    }
    let mut kinds: Vec<_> = kinds.into_values().collect();
    // Within each kind the newest already comes first.
    kinds.sort_by_key(|kind| std::cmp::Reverse(kind.first().map(|newest| newest.last_activity)));
    let mut drafts = Vec::new();
    for kind in kinds {
        let Some(newest) = kind.first() else { continue };
        let advice = reader.detail(&newest.attempt)?.advice;
        let attempt = &newest.attempt;
        let named = named(attempt.failure_code.as_deref(), attempt.failure_reason.as_deref());
        let (first, last) = (kind.last().unwrap_or(newest), newest);
        let mut evidence = vec![match kind.len() {
            1 => format!("Failed with {named} on {}.", form::instant(last.end())),
            more => format!(
                "Failed {more} times with {named}, from {} to {}.",
                form::instant(first.end()),
                form::instant(last.end())
            ),
        }];
        evidence.push(format!("It stopped {}.", places::place(newest)));
        evidence.extend(attempt.failure_message.iter().map(|message| format!("The message was: “{message}”.")));
        evidence
            .extend(attempt.failure_category.iter().map(|category| format!("The sender's category is {category}.")));
        let title = match advice.first() {
            Some(entry) => entry.problem.clone(),
            None => format!("The enrollment fails ({named})"),
        };
        let draft = found("failure", Severity::Problem, title)
            .evidence(evidence)
            .otherwise(UNKNOWN_CAUSE, UNKNOWN_FAILURE, &["admin"])
            .advice(advice)
            .others(others::failing_alike(reader, facts, newest)?);
        drafts.push(draft);
    }
    Ok(drafts)
}

const UNKNOWN_CAUSE: &str = "The catalogue of advice doesn't know this failure.";

const UNKNOWN_FAILURE: &[&str] = &[
    "Ask the person for the exact message and the screen that shows it.",
    "Look the code up in the MDM's own documentation; if it has several meanings, the platform decides which applies.",
    "Try again with another account on the same device, and with the same account on another device: that shows which of the two is the cause.",
];

/// Unresolved failures outside any attempt: one finding, about the newest.
fn outside(known: &KnownDevice) -> Option<Draft> {
    let newest = known.failures.first()?;
    let named = named(newest.code.as_deref(), newest.reason.as_deref());
    let mut evidence =
        vec![format!("Failed with {named} on {}, outside any attempt.", form::instant_of(&newest.failed_at))];
    if known.failures.len() > 1 {
        evidence.push(format!("{} such failures are unresolved.", known.failures.len()));
    }
    evidence.extend(newest.message.iter().map(|message| format!("The message was: “{message}”.")));
    evidence.extend(newest.category.iter().map(|category| format!("The sender's category is {category}.")));
    let title = match newest.advice.first() {
        Some(entry) => entry.problem.clone(),
        None => format!("The device fails ({named})"),
    };
    let draft = found("device-failure", Severity::Problem, title).evidence(evidence);
    let draft = draft.otherwise(UNKNOWN_CAUSE, UNKNOWN_FAILURE, &["admin"]);
    Some(draft.advice(newest.advice.clone()))
}

/// Code and reason in words.
fn named(code: Option<&str>, reason: Option<&str>) -> String {
    let named: Vec<&str> = [code, reason].into_iter().flatten().collect();
    if named.is_empty() { "neither code nor reason".to_owned() } else { named.join(", ") }
}

/// The person has as many devices as the organisation allows.
fn device_limit(reader: &Reader<'_>, facts: &Facts) -> Result<Vec<Draft>> {
    let Some((person, enrolled)) = &facts.enrolled_by_user else { return Ok(Vec::new()) };
    if *enrolled < facts.tenant.device_limit {
        return Ok(Vec::new());
    }
    let severity = match facts.devices.iter().any(|known| known.limit_may_be_why) {
        true => Severity::Problem,
        false => Severity::Warning,
    };
    let evidence = vec![format!(
        "{person} has {enrolled} enrolled devices here; the organisation's limit is set to {}.",
        facts.tenant.device_limit
    )];
    let draft = found(DEVICE_LIMIT, severity, "The person has as many devices as the organisation allows");
    Ok(vec![draft.evidence(evidence).advice(reader.advice(CAP_REACHED)?)])
}

/// A device whose clock can't be right.
fn clock(reader: &Reader<'_>, known: &KnownDevice) -> Result<Option<Draft>> {
    let wrong: Vec<_> = known.attempts.iter().filter(|attempt| attempt.attempt.clock_skew).collect();
    let Some(newest) = wrong.first() else { return Ok(None) };
    let events = reader.detail(&newest.attempt)?.events;
    let directions: BTreeSet<String> = events.into_iter().filter_map(|event| event.clock_skew).collect();
    let directions = directions.into_iter().collect::<Vec<_>>().join(" and ");
    let worked = |attempt: &KnownAttempt| attempt.is("completed") && attempt.started_at >= newest.started_at;
    let severity = match known.attempts.iter().any(worked) {
        true => Severity::Information,
        false => Severity::Warning,
    };
    let evidence = vec![format!(
        "In {} of {} attempts events were dated where the clock can't be right, last on {} ({directions}).",
        wrong.len(),
        known.attempts.len(),
        form::instant(newest.last_activity)
    )];
    let draft = found("device-clock", severity, "The device's date or time is wrong");
    Ok(Some(draft.evidence(evidence).advice(reader.advice("device-clock")?)))
}

/// A failure that a missing licence may cause, although the sender does not name it.
fn licence(reader: &Reader<'_>, known: &KnownDevice, drafts: &[Draft]) -> Result<Option<Draft>> {
    let is_found = |draft: &Draft| draft.finding.advice.iter().any(|advice| advice.id == "licence-missing");
    let mut suspects = known.unresolved().filter(|attempt| {
        let category = attempt.attempt.failure_category.as_deref().and_then(FailureCategory::read);
        let speaks_for_it = [FailureCategory::Authorization, FailureCategory::AccountValidation];
        category
            .is_some_and(|category| speaks_for_it.contains(&category) || category == FailureCategory::UserValidation)
    });
    let Some(newest) = suspects.next().filter(|_| !drafts.iter().any(is_found)) else { return Ok(None) };
    let category = newest.attempt.failure_category.as_deref().unwrap_or_default();
    let evidence = vec![format!("The sender's category is {category}; a missing licence is reported under it too.")];
    let draft = found("licence", Severity::Warning, "The account may lack a licence");
    Ok(Some(draft.evidence(evidence).advice(reader.advice("licence-missing")?)))
}

/// Enrolled, and not compliant.
fn compliance(facts: &Facts, known: &KnownDevice) -> Option<Draft> {
    let waits = known.device.enrolled && !known.device.compliant && facts.requires_compliance;
    if !waits || known.verdict() == Verdict::Prepared || known.waits_for("configuration") {
        return None;
    }
    let last = known.device.last_activity_at.as_deref();
    let last = last.map(|at| format!(" (last heard of {})", form::instant_of(at))).unwrap_or_default();
    let evidence = vec![format!("{} is enrolled and was never reported compliant{last}.", known.name())];
    let (cause, steps) = help::COMPLIANCE;
    let draft = found("not-compliant", Severity::Warning, "Enrolled, but not compliant yet");
    Some(draft.evidence(evidence).otherwise(cause, steps, &["user", "admin"]))
}

/// What is going on if nothing is wrong, or no attempt is known.
fn standing(facts: &Facts, known: &KnownDevice) -> Option<Draft> {
    let Some(newest) = known.attempts.first() else {
        if known.device.enrolled {
            let draft = found("enrolled-before", Severity::Information, "Enrolled; its enrollment was not reported");
            let evidence =
                format!("A sender reported that it is enrolled; the events reach back to {}.", facts.window_from);
            return Some(draft.evidence(vec![evidence]).otherwise(
                "It enrolled before its sender was set up here, or longer ago than attempts are kept.",
                &[],
                &[],
            ));
        }
        if !known.sessions.is_empty() || !known.failures.is_empty() {
            return None;
        }
        return Some(match known.verdict() {
            Verdict::NotEnrolled => not_enrolled(facts),
            _ => not_seen(facts, "Nobody tried to enroll it"),
        });
    };
    let at = form::instant(newest.end());
    if newest.is("inProgress") {
        let evidence = vec![format!("Last heard of {at}, {}.", places::place(newest))];
        let draft = found("in-progress", Severity::Information, "An attempt is under way").evidence(evidence);
        return Some(draft.otherwise(
            "Nothing is wrong so far.",
            &["Wait, or look at the attempt's events."],
            &["user"],
        ));
    }
    if known.verdict() == Verdict::Prepared {
        let evidence = vec![match newest.is("completed") && newest.attempt.technician {
            true => format!("The technician's part completed on {at}."),
            false => "A technician prepared it since its newest attempt here.".to_owned(),
        }];
        let draft =
            found("prepared", Severity::Information, "Prepared; its user has not signed in yet").evidence(evidence);
        return Some(draft.otherwise("Nothing is wrong.", &["Hand the device to its user."], &["admin"]));
    }
    // A failure on an enrolled device has its own finding; no other finding then says that all is well.
    if !known.failures.is_empty() {
        return None;
    }
    if newest.is("completed") && newest.attempt.release_not_reported {
        return Some(stops::not_released(newest));
    }
    if newest.is("completed") {
        let evidence = format!("The newest attempt completed on {at}.");
        let draft = found("works", Severity::Information, "Enrolling works").evidence(vec![evidence]);
        return Some(draft.otherwise("Nothing is wrong with the newest attempt.", &[], &[]));
    }
    if !known.complete_since() {
        return None;
    }
    let evidence = format!("The newest attempt ended without success on {at}; the device was reported enrolled since.");
    let draft = found("complete-since", Severity::Information, "Enrolled since an attempt that did not succeed");
    let draft = draft.evidence(vec![evidence]);
    Some(match known.has_last {
        true => draft.otherwise(
            "The device became complete in another way than by that attempt: what stopped the attempt may still be missing on it.",
            &["Check that what the attempt waited for, or failed at, is on the device by now."],
            &["admin"],
        ),
        false => draft.otherwise("Another person's enrollment of the same device followed.", &[], &[]),
    })
}

/// The finding about a device that something, but no enrollment, was reported about.
fn not_enrolled(facts: &Facts) -> Draft {
    let evidence = format!("What was reported about it since {} opened no attempt.", facts.window_from);
    let draft = found("not-enrolled", Severity::Information, "Not enrolled; no enrollment of it was reported");
    draft.evidence(vec![evidence]).otherwise(
        "Usually it enrolled before its sender was set up here, or longer ago than attempts are kept, and was removed from management since.",
        &["Check in the MDM whether the device is there, and who removed it.", "To have it managed again, enroll it anew."],
        &["admin"],
    )
}

/// The finding about a subject that nothing is known about.
fn unknown(facts: &Facts) -> Option<Draft> {
    facts.devices.is_empty().then(|| not_seen(facts, "Nothing is known about this"))
}

fn not_seen(facts: &Facts, title: &str) -> Draft {
    let mut evidence = vec![format!("The events reach back to {}.", facts.window_from)];
    evidence.extend(
        facts.newest_event.map(|at| format!("The newest event of any device was received on {}.", form::instant(at))),
    );
    found("not-seen", Severity::Information, title).evidence(evidence).otherwise(
        "The address or number is spelt differently, no attempt reached a sender that reports it, or it was longer ago.",
        &[
            "Check the spelling: a person by address or id; a device by serial number, UDID, id or name.",
            "Find out how far the person came: whether the Company Portal or the setup was opened at all, and whether sign-in worked.",
        ],
        &["user", "admin"],
    )
}
