//! An attempt as table, file, bus and model show it, in one form for comparison.

use crate::run::Violation;
use crate::sent::names;
use std::collections::BTreeMap;
use vestibule_domain::attempt::AttemptId;
use vestibule_domain::{Enrollment, TenantId, Timestamp};

/// An attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// Its id.
    pub id: String,
    /// Its device's key.
    pub key: String,
    /// When it began.
    pub started_at: String,
    /// `inProgress` and so on.
    pub outcome: String,
    /// Why it was abandoned.
    pub cause: Option<String>,
    /// When it ended.
    pub ended_at: Option<String>,
    /// Section, action, screen, once it has ended.
    pub place: [Option<String>; 3],
    /// The catalogue's row.
    pub row: Option<u8>,
}

impl Shown {
    /// The attempts of an enrollment.
    pub fn of_enrollment(enrollment: &Enrollment) -> Vec<Self> {
        let shown = |attempt: &vestibule_domain::Attempt| {
            let place = attempt.place.as_ref().filter(|_| attempt.is_closed());
            Self {
                id: attempt.id.to_string(),
                key: enrollment.key.as_str().to_owned(),
                started_at: attempt.started_at.to_string(),
                outcome: attempt.outcome.name().to_owned(),
                cause: attempt.cause.map(|cause| cause.name().to_owned()),
                ended_at: attempt.ended_at.map(|at| at.to_string()),
                place: [
                    place.and_then(|place| place.section).map(|section| section.name().to_owned()),
                    place.map(|place| place.action.name().to_owned()),
                    place.and_then(|place| place.screen.as_ref()).map(|screen| screen.name().to_owned()),
                ],
                row: attempt.row,
            }
        };
        enrollment.attempts.iter().map(shown).collect()
    }

    /// The attempts of a device of the model.
    pub fn of_model(tenant: &TenantId, device: &vestibule_model::Device) -> Vec<Self> {
        let shown = |attempt: &vestibule_model::Attempt| {
            let place = [&attempt.section, &attempt.action, &attempt.screen];
            let is_closed = attempt.ended_at_ms.is_some();
            Self {
                id: AttemptId::opened_by(tenant, &attempt.opened_by.0, &attempt.opened_by.1).to_string(),
                key: device.enrollment_key.clone(),
                started_at: Timestamp::from_millis(attempt.started_at_ms).to_string(),
                outcome: attempt.outcome.clone(),
                cause: attempt.cause.clone(),
                ended_at: attempt.ended_at_ms.map(|at| Timestamp::from_millis(at).to_string()),
                place: place.map(|one| one.clone().filter(|_| is_closed)),
                row: attempt.catalogue_row,
            }
        };
        device.attempts.iter().map(shown).collect()
    }

    /// An attempt of a file.
    pub fn of_file(attempt: vestibule_report::reader::Attempt) -> Self {
        let is_closed = attempt.ended_at.is_some();
        let place = [attempt.section, attempt.action, attempt.screen];
        Self {
            id: attempt.attempt_id,
            key: attempt.enrollment_key,
            started_at: attempt.started_at,
            outcome: attempt.outcome,
            cause: attempt.cause,
            ended_at: attempt.ended_at,
            place: place.map(|one| one.filter(|_| is_closed)),
            row: attempt.catalogue_row,
        }
    }

    /// Whether it belongs to this device.
    pub fn is_of(&self, device: usize) -> bool {
        names(device).contains(&self.key)
    }
}

/// Attempts by their ids, without those that began before `since`.
pub fn by_id(shown: impl Iterator<Item = Shown>, since: Timestamp) -> BTreeMap<String, Shown> {
    let since = since.to_string();
    shown.filter(|shown| shown.started_at > since).map(|shown| (shown.id.clone(), shown)).collect()
}

/// Reports where two sides differ.
pub fn same(
    check: &'static str,
    one_is: &str,
    one: &BTreeMap<String, Shown>,
    other_is: &str,
    other: &BTreeMap<String, Shown>,
) -> Result<(), Violation> {
    for (id, shown) in one {
        match other.get(id) {
            Some(same) if same == shown => {}
            Some(different) => {
                return Err(Violation::new(check, format!("{one_is} {shown:?}, {other_is} {different:?}")));
            }
            None => return Err(Violation::new(check, format!("{one_is} only: {shown:?}"))),
        }
    }
    match other.iter().find(|(id, _)| !one.contains_key(*id)) {
        Some((_, shown)) => Err(Violation::new(check, format!("{other_is} only: {shown:?}"))),
        None => Ok(()),
    }
}
