//! Places and causes in words.

use super::facts::KnownAttempt;
use vestibule_domain::Section;
use vestibule_words::{List, Named as _, words};

/// Where an attempt is or stopped, to follow a verb.
pub(super) fn place(attempt: &KnownAttempt) -> String {
    let told = &attempt.attempt;
    let action = told.action.as_deref().map(|action| words(List::Action, action));
    // A phase is no step of the catalogue's: where it is has to be said.
    let page = Section::EnrollmentStatusPage;
    if let Some(phase) = action.as_ref().filter(|_| told.section.as_deref() == Some(page.name())) {
        return format!("at “{phase}” of the {}", page.words());
    }
    let screen = told.screen.as_deref().map(|screen| words(List::Screen, screen));
    match (action, screen) {
        (Some(action), Some(screen)) if action == screen => format!("at “{action}”"),
        (Some(action), Some(screen)) => format!("at “{action}”, screen “{screen}”"),
        (Some(one), None) | (None, Some(one)) => format!("at “{one}”"),
        (None, None) => "at a place that no sender reported".to_owned(),
    }
}

/// How an attempt came to be abandoned.
pub(super) fn how(cause: Option<&str>) -> String {
    cause.map_or_else(|| "No cause was reported".to_owned(), |cause| words(List::Cause, cause).into_owned())
}
