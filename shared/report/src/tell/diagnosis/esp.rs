//! Findings about the Enrollment Status Page: the newest session of each device, if it did not succeed.

use super::draft::{Draft, found};
use super::facts::{Facts, KnownAttempt, KnownDevice};
use super::{Severity, others};
use crate::ask::reader::{EspItemRow, Reader, parameters};
use crate::error::Result;
use vestibule_domain::codes::codes_in;
use vestibule_domain::esp::ItemState;
use vestibule_domain::failure::code_value;
use vestibule_words::form;

/// Windows' general code for an operation that exceeded its time limit.
const RAN_OUT_OF_TIME: u32 = 0x8007_05b4;
/// How many items a finding names; more would have to be scrolled.
const MOST_NAMED: usize = 5;

/// The finding about the newest session of a device.
pub(super) fn of(reader: &Reader<'_>, facts: &Facts, known: &KnownDevice) -> Result<Option<Draft>> {
    let Some(detail) = known.sessions.first() else { return Ok(None) };
    let session = &detail.session;
    let (device, at) = (known.name(), form::instant_of);
    let profile = match session.profile.as_deref() {
        Some(profile) if facts.tenant.shows_profiles => format!("profile {profile}"),
        Some(_) => "a profile".to_owned(),
        None => "no profile known".to_owned(),
    };
    let mut evidence = vec![format!(
        "{device}: session of {}, {profile}, limit {} min, {} of {} items done.",
        at(&session.started_at),
        session.limit_minutes,
        session.items_done,
        session.items_counted
    )];
    let kind = |state: &str| -> Vec<&EspItemRow> {
        detail.items.iter().filter(|item| item.state.as_deref() == Some(state)).collect()
    };
    let (failing, advice, finding) = if session.is_stuck {
        evidence.push(format!(
            "It has been identifying what to track since {}.",
            session.stuck_since.as_deref().map(at).unwrap_or_default()
        ));
        if session.state == "timedOut" {
            evidence.push(format!("It has been past its time limit since {}.", at(&session.deadline)));
        }
        (Vec::new(), reader.advice("esp-stuck-identifying")?, ("esp-stuck-identifying", "Stuck while identifying"))
    } else if session.state == "failed" {
        let failing = kind("error");
        evidence.extend(session.error_message.iter().map(|message| format!("The page said: “{message}”.")));
        // The page may give up by its own clock, before the limit that the file has.
        let finding = match session.error_code.as_deref().and_then(code_value) {
            Some(RAN_OUT_OF_TIME) if failing.is_empty() => {
                ("esp-ran-out-of-time", "The Enrollment Status Page gave up by the code for a time limit")
            }
            _ => ("esp-failed", "The Enrollment Status Page failed"),
        };
        (failing, Vec::new(), finding)
    } else if session.state == "timedOut" {
        let waiting: Vec<_> = detail
            .items
            .iter()
            .filter(|item| item.tracking == "blocking" && !item.state.as_deref().is_some_and(is_done))
            .collect();
        (
            waiting,
            reader.advice("esp-setup-not-completed")?,
            ("esp-timed-out", "The Enrollment Status Page ran out of time"),
        )
    } else {
        return Ok(None);
    };
    for item in failing.iter().take(MOST_NAMED) {
        let name = item.name.as_deref().or(item.item_id.as_deref()).unwrap_or("an item without a name");
        let code = item.error_code.as_deref().map(|code| format!(", error {code}")).unwrap_or_default();
        evidence.push(format!("{name} ({}) is {}{code}.", item.category, item.state.as_deref().unwrap_or("not begun")));
    }
    let mut all = advice;
    let codes = failing.iter().filter_map(|item| item.error_code.as_deref());
    for value in codes.chain(session.error_code.as_deref()).chain(session.error_message.as_deref()).flat_map(codes_in) {
        for entry in reader.advice_by_code(value)? {
            if !all.contains(&entry) {
                all.push(entry);
            }
        }
    }
    let item = failing.first().and_then(|item| item.item_id.clone());
    let asked = match item {
        _ if session.is_stuck => parameters([("stuck", Some("true".to_owned()))]),
        // The same app blocks others too, whatever the state of their sessions is.
        Some(item) => parameters([("item", Some(item))]),
        None => parameters([("state", Some(session.state.clone()))]),
    };
    let others = others::sessions_alike(reader, facts, asked)?;
    let (cause, steps): (&str, &[&str]) = match session.state.as_str() {
        "timedOut" => (
            "What the page waits for took longer than the profile's limit allows.",
            &[
                "Look at which item isn't done, and try its installation on a device that is set up already.",
                "Track fewer apps, or raise the profile's limit.",
            ],
        ),
        _ if finding.0 == "esp-ran-out-of-time" => (
            "The page stopped waiting. No item was reported to have failed.",
            &[
                "Look at which item isn't done, and try its installation on a device that is set up already.",
                "Check whether the device has the profile named here: another may have a shorter limit.",
            ],
        ),
        _ if failing.is_empty() => (
            "The page reported that it failed. Which item failed was not reported.",
            &[
                "Look at which item isn't done, and try its installation on a device that is set up already.",
                "Collect the device's logs, which name the item.",
                "Begin again from the page, where the profile allows it, or reset the device.",
            ],
        ),
        _ => (
            "An item that the page waits for couldn't be installed.",
            &[
                "Look up the item's error in the MDM and correct its package or its assignment.",
                "Begin again from the page, where the profile allows it, or reset the device.",
            ],
        ),
    };
    // If an attempt that began later completed, the session's failure is past. If the device became complete without a
    // new attempt, what the session could not install may still be missing.
    let later = |attempt: &KnownAttempt| attempt.is("completed") && attempt.attempt.started_at > session.started_at;
    let severity = match known.attempts.iter().any(later) {
        true => Severity::Information,
        false if known.complete_since() => Severity::Warning,
        false => Severity::Problem,
    };
    let draft = found(finding.0, severity, finding.1).session(&session.session_id).evidence(evidence).otherwise(
        cause,
        steps,
        &["admin"],
    );
    Ok(Some(draft.advice(all).others(others)))
}

/// Whether the page no longer waits for an item in that state.
fn is_done(state: &str) -> bool {
    ItemState::read(state).is_some_and(ItemState::is_done)
}
