//! The work of folding grows with the number of events, not with its square: whoever may post for a device must not be
//! able to keep a function busy for minutes.

use std::time::{Duration, Instant};
use vestibule_domain::event::{About, Body, Event, EventKey, Kind, Reports, Step};
use vestibule_domain::history::Added;
use vestibule_domain::{History, Millis, TenantId, TenantSettings, Timestamp, fold};

/// Attempts that fail at once; no event reports a platform.
fn failures(attempts: i64) -> History {
    let begin = Timestamp::parse("2026-01-01T08:00:00Z").unwrap();
    let mut history = History::default();
    for number in 0..attempts {
        for (kind, after) in [(Kind::Started, 0), (Kind::Failed, 1)] {
            let at = begin + Millis::from_minutes(2 * number + after);
            let added = history.add(Event {
                key: EventKey { source: "mdm".to_owned(), id: format!("{number}-{after}") },
                time: at,
                received_at: at,
                clock_skew: None,
                reports: Reports::ALL,
                about: About::default(),
                body: Body::Enrollment(Step::of(kind).read()),
            });
            assert_eq!(added, Added::New);
        }
    }
    history
}

/// The shortest of some times, since other tests run beside this one.
fn time(attempts: i64) -> Duration {
    let (history, tenant) = (failures(attempts), TenantId::parse("contoso").unwrap());
    let until = Timestamp::parse("2027-01-01T00:00:00Z").unwrap();
    let once = || {
        let began = Instant::now();
        let folded = fold(&tenant, &history, &TenantSettings::default(), until);
        let took = began.elapsed();
        assert_eq!(folded.attempts.len() as i64, attempts);
        took
    };
    (0..5).map(|_| once()).min().unwrap()
}

#[test]
fn the_work_of_a_fold_grows_with_the_number_of_its_events() {
    let (few, many) = (time(500), time(8_000));
    // In proportion it is 16 times the work; by the square of the number it would be 256 times.
    assert!(many < few * 64, "500 attempts took {few:?}, 8 000 took {many:?}");
}
