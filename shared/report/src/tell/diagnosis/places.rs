//! Places and causes in words.

use super::facts::KnownAttempt;
use vestibule_domain::Section;
use vestibule_words::{List, Named as _, words};

/// Where an attempt is or stopped, to follow a verb.
pub(super) fn place(attempt: &KnownAttempt) -> String {
    let attempt = &attempt.attempt;
    let action = attempt.action.as_deref().map(|action| words(List::Action, action));
    // A phase of the Enrollment Status Page is not a step of the catalogue, so the page is named too.
    let page = Section::EnrollmentStatusPage;
    if let Some(phase) = action.as_ref().filter(|_| attempt.section.as_deref() == Some(page.name())) {
        return format!("at “{phase}” of the {}", page.words());
    }
    let screen = attempt.screen.as_deref().map(|screen| words(List::Screen, screen));
    match (action, screen) {
        (Some(action), Some(screen)) if action == screen => format!("at “{action}”"),
        (Some(action), Some(screen)) => format!("at “{action}”, screen “{screen}”"),
        (Some(one), None) | (None, Some(one)) => format!("at “{one}”"),
        (None, None) => "at a place that no sender reported".to_owned(),
    }
}

/// How an attempt was abandoned.
pub(super) fn how(cause: Option<&str>) -> String {
    cause.map_or_else(|| "No cause was reported".to_owned(), |cause| words(List::Cause, cause).into_owned())
}
