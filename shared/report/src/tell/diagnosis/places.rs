//! The places where people stop, in words: what the screen asks of them, and what helps them past it.

use super::facts::KnownAttempt;
use vestibule_domain::Timestamp;
use vestibule_domain::attempt::Cause;
use vestibule_domain::catalogue::{Action, KnownAction};

/// An instant for reading, to the minute.
pub(super) fn instant(at: Timestamp) -> String {
    let text = at.to_string();
    match text.get(..16) {
        Some(minute) => format!("{} UTC", minute.replace('T', " ")),
        None => text,
    }
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
    let Action::Known(known) = Action::read(action) else { return action.to_owned() };
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
        None => "no cause was told",
    }
}

/// Why people stop at an action, and what helps.
pub(super) fn help(action: Option<&str>) -> (&'static str, &'static [&'static str]) {
    match action.map(Action::read) {
        Some(Action::Known(KnownAction::PreEnrollmentWizard)) => (
            "The first screens say what the organisation will see and manage; who doesn't expect them puts them off.",
            &[
                "Tell people before they begin what enrolling does and what the organisation can't see.",
                "Let the person go on in the Company Portal: the enrollment can be taken up again.",
            ],
        ),
        Some(Action::Known(KnownAction::IosProfileLaunch)) => (
            "Apple's management profile is downloaded in the browser and installed in Settings, where the person must find it by themselves.",
            &[
                "Let the person allow the download, then open Settings, Profile Downloaded, and choose Install.",
                "Where it can't be found any more, begin again in the Company Portal: the download is offered anew.",
                "Make sure that Safari is used, with cookies on, and that no other management profile is installed.",
            ],
        ),
        Some(Action::Known(KnownAction::AndroidPermissions)) => (
            "The permissions sound as if the organisation could phone or wipe at will, so people refuse them.",
            &[
                "Explain why the permission is asked for: the app needs it to identify the device, not to make calls.",
                "Begin again in the Company Portal and activate or allow what is asked.",
            ],
        ),
        Some(Action::Known(KnownAction::KnoxActivation)) => (
            "Samsung shows its own privacy notice for Knox; it takes a while and needs Samsung's servers.",
            &[
                "Let the person agree to Samsung's notice and wait with the app in the foreground.",
                "Try over another network where Samsung's licence servers are not blocked.",
            ],
        ),
        Some(Action::Known(KnownAction::TermsofUse)) => (
            "The organisation's own terms stand between the person and the end; long or alarming ones are declined or left lying.",
            &[
                "Read the terms with the eyes of the person, and shorten what isn't needed.",
                "Ask the person what they object to; begin again once it's cleared up.",
            ],
        ),
        Some(Action::Known(KnownAction::EnrollmentWrapUp)) => (
            "The Company Portal has to be open to finish; people leave it while it loads, or skip the page it wants to open.",
            &[
                "Let the person open the Company Portal again and stay until it says that everything is set up.",
                "Where it hangs each time, update the app, and try another network.",
            ],
        ),
        Some(Action::Known(KnownAction::DeviceCategory)) => (
            "The choice of a category means nothing to most people, and nothing goes on without it.",
            &[
                "Name the categories so that a person knows which one is theirs, or tell them which to choose.",
                "Open the Company Portal again and choose one.",
            ],
        ),
        Some(Action::Known(KnownAction::Compliance)) => (
            "The device doesn't meet a policy yet, an old system version or a missing passcode for instance, and the person put it off.",
            &[
                "Look up in the MDM which setting isn't met.",
                "Let the person correct it and choose to check again in the Company Portal.",
            ],
        ),
        Some(Action::Known(KnownAction::Activation)) => (
            "The enrollment was never activated after the device was added.",
            &[
                "Let the person open the Company Portal and choose to activate.",
                "Where a message with a link is sent, find out whether it came.",
            ],
        ),
        _ => (
            "The person didn't go on; the events don't tell more.",
            &[
                "Ask the person what the screen said and why they stopped.",
                "Let them begin again while somebody looks on.",
            ],
        ),
    }
}
