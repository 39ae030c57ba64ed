//! Places and instants in words.

use super::facts::KnownAttempt;
use vestibule_domain::Timestamp;
use vestibule_domain::attempt::Cause;
use vestibule_domain::catalogue::{AWAIT_CONFIGURATION, Action, KnownAction};
use vestibule_domain::esp::Phase;

/// An instant for reading, to the minute.
pub(super) fn instant(at: Timestamp) -> String {
    let text = at.to_string();
    match text.get(..16) {
        Some(minute) => format!("{} UTC", minute.replace('T', " ")),
        None => text,
    }
}

/// The same of an instant of an answer.
pub(super) fn minute(at: &str) -> String {
    Timestamp::parse(at).map_or_else(|_| at.to_owned(), instant)
}

/// Where an attempt is or stopped, to follow a verb.
pub(super) fn place(attempt: &KnownAttempt) -> String {
    let told = &attempt.attempt;
    match (told.action.as_deref(), told.screen.as_deref()) {
        (Some(action), Some(screen)) => format!("at {} (screen {screen})", step(action)),
        (Some(action), None) => format!("at {}", step(action)),
        (None, Some(screen)) => format!("at the screen {screen}"),
        (None, None) => "at a place that no sender reported".to_owned(),
    }
}

/// An action in words; a sender's own by its name.
fn step(action: &str) -> String {
    let Action::Known(known) = Action::read(action) else {
        return match Phase::read(action) {
            _ if action == AWAIT_CONFIGURATION => "the Setup Assistant's wait for the MDM".to_owned(),
            Some(phase) => format!("the Enrollment Status Page ({})", phase.title()),
            None => action.to_owned(),
        };
    };
    let words = match known {
        KnownAction::PreEnrollmentWizard => "setting up access",
        KnownAction::TermsofUse => "the terms of use",
        KnownAction::IosProfileLaunch => "installing the management profile",
        KnownAction::AndroidPermissions => "Android's permissions",
        KnownAction::KnoxActivation => "activating Samsung Knox",
        KnownAction::EnrollmentWrapUp => "the Company Portal's last steps",
        KnownAction::DeviceCategory => "choosing the device's category",
        KnownAction::Compliance => "meeting the compliance policies",
        KnownAction::Activation => "activating the enrollment",
    };
    words.to_owned()
}

/// How an attempt came to be abandoned.
pub(super) fn how(cause: Option<&str>) -> &'static str {
    match cause.and_then(Cause::read) {
        Some(Cause::Cancel) => "the person chose to cancel",
        Some(Cause::Postpone) => "the person chose to postpone",
        Some(Cause::Ignore) => "the person ignored the prompt",
        Some(Cause::DeclineAll) => "the person declined the terms",
        Some(Cause::PortalClosed) => "the Company Portal was closed",
        Some(Cause::TimedOut) => "nothing happened any more until the limit",
        Some(Cause::Restarted) => "it was begun anew",
        Some(Cause::Unenrolled) => "the device was removed from management meanwhile",
        None => "no cause was reported",
    }
}
