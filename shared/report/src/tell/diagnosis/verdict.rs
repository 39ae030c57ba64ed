//! How a device stands, in a sentence.

use super::facts::{Facts, KnownDevice};
use super::{Finding, Severity, Verdict, places};
use std::collections::BTreeSet;

/// What is going on with a device.
pub(super) fn summary(facts: &Facts, known: &KnownDevice, findings: &[Finding]) -> String {
    let problems = || findings.iter().filter(|finding| finding.severity == Severity::Problem);
    let key = Some(&known.device.enrollment_key);
    let own = || problems().find(|finding| finding.enrollment_key.as_ref() == key);
    let tried = match known.unresolved().count() {
        0 | 1 => String::new(),
        more => format!(" after {more} attempts"),
    };
    let Some(newest) = known.attempts.first() else {
        return match (known.failures.first(), known.sessions.first()) {
            (Some(failure), _) => format!("It failed outside any attempt ({}).", places::minute(&failure.failed_at)),
            (None, Some(newest)) => format!(
                "Of this only the Enrollment Status Page is known: {} of {}.",
                newest.session.state, newest.session.started_at
            ),
            (None, None) if known.complete => {
                format!("Enrolled and compliant; no enrollment of it was reported since {}.", facts.window_from)
            }
            (None, None) if known.device.enrolled => format!(
                "Enrolled, and not reported compliant; no enrollment of it was reported since {}.",
                facts.window_from
            ),
            (None, None) => format!("Known, but nobody tried to enroll it since {}.", facts.window_from),
        };
    };
    let (place, on) = (places::place(newest), places::instant(newest.last_activity));
    match known.verdict() {
        Verdict::Working if known.complete_since => {
            format!("The last attempt did not complete ({on}), but the device has become complete since.")
        }
        Verdict::Working if !known.device.enrolled => {
            format!("The last enrollment worked ({on}); the device is not enrolled any more.")
        }
        Verdict::Working => match own() {
            Some(_) => format!("The last enrollment worked ({on}), but something else needs a look."),
            None => format!("The last enrollment worked ({on})."),
        },
        Verdict::Prepared => format!("Prepared by a technician ({on}); its user has yet to sign in."),
        Verdict::HeldForConfiguration => {
            format!("Enrolled, and waiting for the MDM to release the Setup Assistant; last heard of {on}.")
        }
        Verdict::WaitingForCompliance => format!("Enrolled, and waiting for the device to be compliant since {on}."),
        Verdict::GaveUp => format!("Given up{tried}, last {place} ({on})."),
        Verdict::Failing => {
            let on = known.failures.first().map_or(on, |failure| places::minute(&failure.failed_at));
            // What the person has too much of is why a device fails.
            match problems().find(|one| one.enrollment_key.is_none() || one.enrollment_key.as_ref() == key) {
                Some(first) => format!("Failing{tried}, last on {on}: {}.", first.title.trim_end_matches('.')),
                None => format!("Failing{tried}, last {place} ({on})."),
            }
        }
        Verdict::Enrolling | Verdict::NoAttempt | Verdict::Ambiguous | Verdict::NotSeen => {
            format!("Enrolling now, {place}; last heard of {on}.")
        }
    }
}

/// What is going on with the worst device, by name where there are several.
pub(super) fn overall(facts: &Facts, findings: &[Finding]) -> String {
    let Some(worst) = facts.devices.first() else {
        return format!("Nothing was reported of this since {}.", facts.window_from);
    };
    let said = summary(facts, worst, findings);
    // One person's devices are often of one name.
    let serial = worst.device.serial_number.as_deref().filter(|serial| *serial != worst.name());
    match (facts.devices.len(), serial) {
        (1, _) => said,
        (_, Some(serial)) => format!("{} ({serial}): {said}", worst.name()),
        (_, None) => format!("{}: {said}", worst.name()),
    }
}

/// How many devices and people a name is of.
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
