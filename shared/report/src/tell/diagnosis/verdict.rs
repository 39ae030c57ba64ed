//! What is going on with a device, in a sentence.

use super::facts::{Facts, KnownDevice};
use super::findings::DEVICE_LIMIT;
use super::{Finding, Severity, Verdict, places};
use std::collections::BTreeSet;
use vestibule_words::form;

/// What is going on with a device.
pub(super) fn summary(facts: &Facts, known: &KnownDevice, findings: &[Finding]) -> String {
    let Some(newest) = known.attempts.first() else { return without_attempt(facts, known) };
    let problems = || findings.iter().filter(|finding| finding.severity == Severity::Problem);
    let is_own = |one: &&Finding| one.enrollment_key.as_ref() == Some(&known.device.enrollment_key);
    let tried = match known.unresolved().count() {
        0 | 1 => String::new(),
        more => format!(" after {more} attempts"),
    };
    let (place, on, ended) = (places::place(newest), form::instant(newest.last_activity), form::instant(newest.end()));
    match known.verdict() {
        Verdict::Working if known.complete_since() => {
            format!("The last attempt did not complete ({ended}), but the device has become complete since.")
        }
        Verdict::Working if newest.attempt.release_not_reported => format!(
            "The last enrollment counts as complete since {ended}; no sender reported that the Setup Assistant was released."
        ),
        Verdict::Working => match problems().find(is_own) {
            Some(_) => format!("The last enrollment worked ({ended}), but something else needs a look."),
            None => format!("The last enrollment worked ({ended})."),
        },
        Verdict::NotCompliant => match newest.attempt.outcome.as_str() {
            "abandoned" => format!("Enrolled, and not reported compliant; given up{tried}, last {place} ({on})."),
            "failed" => format!("Enrolled, and not reported compliant; the last attempt failed ({ended})."),
            _ => format!("Enrolled, and not reported compliant since the last enrollment worked ({ended})."),
        },
        Verdict::NotEnrolled if newest.is("completed") => {
            format!("The last enrollment worked ({ended}); the device is not enrolled any more.")
        }
        Verdict::NotEnrolled => {
            format!("The last attempt did not complete ({ended}); the device is not enrolled.")
        }
        Verdict::Prepared => match newest.is("completed") && newest.attempt.technician {
            true => format!("Prepared by a technician ({ended}); its user has yet to sign in."),
            false => "Prepared by a technician; its user has yet to sign in.".to_owned(),
        },
        Verdict::HeldForConfiguration => {
            format!("Enrolled, and waiting for the MDM to release the Setup Assistant; last heard of {on}.")
        }
        Verdict::WaitingForCompliance => format!("Enrolled, and waiting for the device to be compliant since {on}."),
        Verdict::GaveUp => format!("Given up{tried}, last {place} ({on})."),
        Verdict::Failing => {
            let ended = known.failures.first().map_or(ended, |failure| form::instant_of(&failure.failed_at));
            // The number of the person's devices is the reason only if no other failure explains it.
            let is_why = |one: &&Finding| is_own(one) || (one.id == DEVICE_LIMIT && known.limit_may_be_why);
            match problems().find(is_why) {
                Some(first) => format!("Failing{tried}, last on {ended}: {}.", first.title.trim_end_matches('.')),
                None => format!("Failing{tried}, last {place} ({ended})."),
            }
        }
        Verdict::Enrolling | Verdict::NoAttempt | Verdict::Ambiguous | Verdict::NotSeen => {
            format!("Enrolling now, {place}; last heard of {on}.")
        }
    }
}

/// What is going on with a device without an attempt in the file: none was reported, or none since the file's first
/// day.
fn without_attempt(facts: &Facts, known: &KnownDevice) -> String {
    let from = &facts.window_from;
    if let Some(failure) = known.failures.first() {
        return format!("It failed outside any attempt ({}).", form::instant_of(&failure.failed_at));
    }
    if let Some(newest) = known.sessions.first() {
        let session = &newest.session;
        return format!(
            "Of this only the Enrollment Status Page is known: {} of {}.",
            session.state,
            form::instant_of(&session.started_at)
        );
    }
    match known.verdict() {
        Verdict::Working => format!("Enrolled and compliant; no enrollment of it was reported since {from}."),
        _ if known.device.enrolled => {
            format!("Enrolled, and not reported compliant; no enrollment of it was reported since {from}.")
        }
        Verdict::Failing => format!("It failed before {from}; nobody tried to enroll it since."),
        Verdict::GaveUp => format!("Given up before {from}; nobody tried to enroll it since."),
        Verdict::Prepared => format!("Prepared by a technician before {from}; its user has yet to sign in."),
        Verdict::Enrolling => format!("Enrolling since before {from}."),
        Verdict::NotEnrolled => format!("Not enrolled; no enrollment of it was reported since {from}."),
        _ => format!("Known, but nobody tried to enroll it since {from}."),
    }
}

/// What is going on with the worst device; the sentence names it if there are several.
pub(super) fn overall(facts: &Facts, findings: &[Finding]) -> String {
    let Some(worst) = facts.devices.first() else {
        return format!("Nothing was reported about this since {}.", facts.window_from);
    };
    let sentence = summary(facts, worst, findings);
    // A person's devices often have the same name.
    let serial = worst.device.serial_number.as_deref().filter(|serial| *serial != worst.name());
    match (facts.devices.len(), serial) {
        (1, _) => sentence,
        (_, Some(serial)) => format!("{} ({serial}): {sentence}", worst.name()),
        (_, None) => format!("{}: {sentence}", worst.name()),
    }
}

/// How many devices and people have a name.
pub(super) fn ambiguous(facts: &Facts) -> String {
    let people: BTreeSet<_> =
        facts.devices.iter().filter_map(|known| known.device.user_principal_name.as_deref()).collect();
    let of = match people.len() {
        0 => String::new(),
        1 => " of one person".to_owned(),
        more => format!(" of {more} people"),
    };
    format!("This is the name of {} devices{of}: choose one.", facts.devices.len())
}
