//! Logs answers that nobody reads: a product that ignores answers does not show them to its administrators, so the log
//! does.
//!
//! A product may repeat a mistake with each of thousands of devices. So each process logs a tenant's source at most
//! once a minute, with the number of refusals since.

use http::StatusCode;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use vestibule_domain::{Millis, Timestamp};
use vestibule_webhook::sources::{Answer, Repeats, Sender};

/// The shortest time between two lines for a tenant's source.
const EVERY: Millis = Millis::from_seconds(60);
/// Number of sources held at once. Beyond it counting starts anew, so memory stays bounded.
const MOST_SOURCES: usize = 10_000;

/// For each tenant's source, when it was last logged and how many refusals were not logged since.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ignored(Arc<Mutex<Lines>>);

/// For each name and source, when its last line was written and how many were left out since.
type Lines = HashMap<(String, &'static str), (Timestamp, u64)>;

impl Ignored {
    /// Whether to log now; if so, how many were not logged since the last line.
    pub(crate) fn is_due(&self, tenant: &str, source: &'static str, now: Timestamp) -> Option<u64> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (tenant.to_owned(), source);
        if let Some((at, unlogged)) = all.get_mut(&key)
            && now - *at < EVERY
            && now >= *at
        {
            *unlogged += 1;
            return None;
        }
        if all.len() >= MOST_SOURCES && !all.contains_key(&key) {
            all.clear();
        }
        let before = all.insert(key, (now, 0));
        Some(before.map_or(0, |(_, unlogged)| unlogged))
    }
}

/// Whether the sender, or whoever set it up, notices an answer with `status`. A product that gets success for every
/// body shows nobody what the answer contains.
pub(crate) fn takes_notice(source: &Sender, status: StatusCode) -> bool {
    match (source.answer, source.repeats) {
        (_, Repeats::Never | Repeats::NotDocumented) => false,
        (_, Repeats::At(statuses)) => statuses.contains(&status),
        (Answer::ByEvent | Answer::WithoutBody, Repeats::AsSetUp) => true,
        (_, Repeats::UntilAccepted | Repeats::AsSetUp) => !status.is_success(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_logged_once_a_minute_with_how_many_there_were() {
        let (ignored, at) =
            (Ignored::default(), |seconds: i64| Timestamp::from_millis(1_800_000_000_000 + seconds * 1_000));
        assert_eq!(ignored.is_due("contoso", "jamf", at(0)), Some(0));
        assert_eq!(ignored.is_due("contoso", "fleet", at(1)), Some(0), "each source is counted alone");
        assert_eq!(ignored.is_due("fabrikam", "jamf", at(1)), Some(0), "each tenant is counted alone");
        assert!((1..60).all(|second| ignored.is_due("contoso", "jamf", at(second)).is_none()));
        assert_eq!(ignored.is_due("contoso", "jamf", at(60)), Some(59));
        assert_eq!(ignored.is_due("contoso", "jamf", at(120)), Some(0));
    }

    #[test]
    fn a_sender_takes_notice_of_the_statuses_that_make_it_send_again() {
        let takes = |name, status| takes_notice(Sender::named(name).unwrap(), status);
        let (ok, bad, busy) = (StatusCode::OK, StatusCode::BAD_REQUEST, StatusCode::TOO_MANY_REQUESTS);
        assert_eq!([ok, bad, busy].map(|status| takes("nanomdm", status)), [false; 3]);
        assert_eq!([ok, bad, busy].map(|status| takes("jamf", status)), [false; 3]);
        assert_eq!([ok, bad, busy].map(|status| takes("fleet", status)), [false, false, true]);
        assert_eq!([ok, bad, busy].map(|status| takes("android-management", status)), [false, true, true]);
        assert_eq!([ok, bad, busy].map(|status| takes("intune-operational-logs", status)), [false, true, true]);
        assert_eq!([ok, bad, busy].map(|status| takes("enrollment-events", status)), [true; 3]);
    }
}
