//! Two items turn out to be one device's, and retention pruned only one of them: what the other still has from before
//! that boundary stays, with its facts about the device.

use vestibule_domain::event::{About, Body, Event, EventKey, Kind, Platform, Reports, Step};
use vestibule_domain::history::Added;
use vestibule_domain::{Enrollment, History, Millis, TenantId, TenantSettings, Timestamp, fold};

fn tenant() -> TenantId {
    TenantId::parse("contoso").unwrap()
}

fn day(days: i64) -> Timestamp {
    Timestamp::parse("2026-01-01T08:00:00Z").unwrap() + Millis::from_days(days)
}

fn event(id: &str, kind: Kind, at: Timestamp, about: &About) -> Event {
    Event {
        key: EventKey { source: "mdm".to_owned(), id: id.to_owned() },
        time: at,
        received_at: at,
        clock_skew: None,
        reports: Reports::ALL,
        about: about.clone(),
        body: Body::Enrollment(Step::of(kind).read()),
    }
}

fn history(events: impl IntoIterator<Item = Event>) -> History {
    let mut history = History::default();
    for event in events {
        assert_eq!(history.add(event), Added::New);
    }
    history
}

/// Registered and enrolled at the beginning, by the serial number; retention never pruned it.
fn unpruned() -> History {
    let about = About {
        serial_number: Some("C02XYZ".to_owned()),
        user_principal_name: Some("ada@contoso.example".to_owned()),
        platform: Some(Platform::Ios),
        ..About::default()
    };
    history([
        event("registered", Kind::Registered, day(0), &about),
        event("started", Kind::Started, day(1), &about),
        event("enrolled", Kind::Enrolled, day(1) + Millis::from_minutes(5), &about),
    ])
}

/// The same device by its UDID: an attempt abandoned early, which retention dropped, and a new one.
fn pruned() -> History {
    let about = About { udid: Some("00008030-001A".to_owned()), ..About::default() };
    let mut history = history([
        event("early", Kind::Started, day(2), &about),
        event("stopped", Kind::Stopped, day(2) + Millis::from_minutes(1), &about),
        event("late", Kind::Started, day(100), &about),
    ]);
    assert!(history.prune(&tenant(), &TenantSettings::default(), day(60)));
    history
}

fn merged(mut kept: History, gone: History) -> Enrollment {
    let settings = TenantSettings::default();
    kept.absorb(gone, &tenant(), &settings);
    fold(&tenant(), &kept, &settings, day(100) + Millis::from_minutes(1))
}

#[test]
fn what_only_the_unpruned_one_knows_stays_known() {
    for whole in [merged(unpruned(), pruned()), merged(pruned(), unpruned())] {
        assert_eq!(whole.registered_at, Some(day(0)));
        assert!(whole.enrolled);
        assert_eq!(whole.about.platform, Some(Platform::Ios));
        assert_eq!(whole.about.user_principal_name.as_deref(), Some("ada@contoso.example"));
        // An attempt that retention dropped is gone; one in the unpruned item stays.
        let started: Vec<Timestamp> = whole.attempts.iter().map(|attempt| attempt.started_at).collect();
        assert_eq!(started, [day(1), day(100)]);
    }
}
