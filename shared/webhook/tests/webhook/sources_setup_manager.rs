//! Jamf Setup Manager's webhooks, and what they become: single events and attempts.
//!
//! The samples have the members that Jamf's page on webhooks names, with values of our own. Tests make other runs by
//! changing their times.

use http::{HeaderMap, HeaderValue, header::AUTHORIZATION};
use proptest::prelude::*;
use serde_json::{Value, json};
use vestibule_domain::event::{ClockSkew, Event, Kind, Platform};
use vestibule_domain::{
    Attempt, Cause, ComplianceSource, History, Millis, Outcome, TenantId, TenantSettings, Timestamp, fold,
};
use vestibule_webhook::cloudevents::{Batch, Parsed};
use vestibule_webhook::proof::{Proof, Shown};
use vestibule_webhook::sources::{jamf, setup_manager};
use vestibule_webhook::{BodyError, MAX_BODY_BYTES};

const STARTED: &str = include_str!("../../src/sources/samples/setup-manager-started.json");
const MINIMAL: &str = include_str!("../../src/sources/samples/setup-manager-started-minimal.json");
const FINISHED: &str = include_str!("../../src/sources/samples/setup-manager-finished.json");
const SHORT: &str = include_str!("../../src/sources/samples/setup-manager-finished-without-actions.json");
const TEAMS: &str = include_str!("../../src/sources/samples/setup-manager-teams.json");
const COMPUTER: &str = include_str!("../../src/sources/samples/jamf-computer-added.json");
const SERIAL: &str = "TESTMAC0001";

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn after(time: Timestamp, seconds: i64) -> Timestamp {
    time + Millis::from_seconds(seconds)
}

fn began() -> Timestamp {
    at("2026-11-25T09:00:00Z")
}

fn read(body: &[u8], received: Timestamp) -> Result<Batch, BodyError> {
    setup_manager::parse(body, &HeaderMap::new(), setup_manager::SENDER.received(received, false))
}

fn events_at(body: &str, received: Timestamp) -> Vec<Event> {
    let event = |parsed| match parsed {
        Parsed::Event(event) => *event,
        other => panic!("{other:?}"),
    };
    read(body.as_bytes(), received).unwrap().events.into_iter().map(event).collect()
}

/// The events of a body that is received after everything is over.
fn events(body: &str) -> Vec<Event> {
    events_at(body, at("2026-11-27T00:00:00Z"))
}

fn with(body: &str, change: impl FnOnce(&mut Value)) -> String {
    let mut value: Value = serde_json::from_str(body).unwrap();
    change(&mut value);
    value.to_string()
}

fn kinds_and_times(events: &[Event]) -> Vec<(Kind, Timestamp)> {
    events.iter().map(|event| (event.step().unwrap().kind, event.time)).collect()
}

fn text(time: Timestamp) -> Value {
    json!(format!("{}Z", &time.to_string()[..19]))
}

fn start_of(began: Timestamp) -> String {
    with(STARTED, |body| {
        body["started"] = text(began);
        body["timestamp"] = text(after(began, 1));
    })
}

/// The end of a run that took this many seconds and in which everything worked.
fn end_of(began: Timestamp, seconds: i64) -> String {
    with(FINISHED, |body| {
        let ended = text(after(began, seconds));
        (body["timestamp"], body["finished"]) = (ended.clone(), ended);
        (body["started"], body["duration"]) = (text(began), json!(seconds));
        body["enrollmentActions"] = json!([{"label": "Browser", "status": "finished"}]);
    })
}

fn attempts_under(settings: &TenantSettings, events: impl IntoIterator<Item = Event>) -> Vec<Attempt> {
    let mut history = History::default();
    for event in events {
        history.add(event.stored());
    }
    fold(&TenantId::parse("contoso").unwrap(), &history, settings, at("2026-12-05T00:00:00Z")).attempts
}

/// The attempts, which must be the same for every order of these bodies.
fn attempts(bodies: &[String]) -> Vec<Attempt> {
    let forward = bodies.iter().flat_map(|body| events(body));
    let found = attempts_under(&TenantSettings::default(), forward);
    let backward = bodies.iter().rev().flat_map(|body| events(body).into_iter().rev());
    assert_eq!(found, attempts_under(&TenantSettings::default(), backward));
    found
}

fn ends(attempts: &[Attempt]) -> Vec<(Outcome, Timestamp, i64)> {
    let seconds = |one: &Attempt| (one.ended_at.unwrap() - one.started_at).get() / 1_000;
    attempts.iter().map(|one| (one.outcome, one.started_at, seconds(one))).collect()
}

#[test]
fn a_run_that_begins_is_a_start_at_the_earlier_of_its_times() {
    let all = events(STARTED);
    assert_eq!(kinds_and_times(&all), [(Kind::Started, began()), (Kind::StepEntered, began())]);
    let about = &all[0].about;
    assert_eq!(about.serial_number.as_deref(), Some(SERIAL));
    assert_eq!((about.model.as_deref(), about.manufacturer.as_deref()), (Some("Mac14,2"), None));
    assert_eq!((about.platform, about.os_version.as_deref()), (Some(Platform::MacOs), Some("26.1")));
    assert_eq!((about.user_principal_name.as_deref(), about.user_id.as_deref()), (Some("person.a@example.com"), None));
    assert_eq!((about.mdm_device_id.as_deref(), about.enrollment_type.as_deref()), (None, None));
    let step = all[1].step().unwrap();
    let place = step.place.as_ref().unwrap();
    assert_eq!(
        (place.action.name(), place.section.map(|section| section.name())),
        ("SetupManager", Some("platformScreens"))
    );
    assert!(all.iter().all(|event| event.key.source == setup_manager::SOURCE && event.reports.starts));
    // It does not matter which of the two is earlier.
    let swapped = with(STARTED, |body| {
        body["started"] = json!("2026-11-25T09:00:01Z");
        body["timestamp"] = json!("2026-11-25T09:00:00Z");
    });
    assert_eq!(events(&swapped), all);
    let minimal = events(MINIMAL);
    assert_eq!(kinds_and_times(&minimal), kinds_and_times(&all));
    assert_eq!(minimal[0].about.user_principal_name, None);
}

#[test]
fn a_finished_run_makes_its_beginning_its_bridge_and_its_failures() {
    let (ended, began) = (at("2026-11-25T09:41:10Z"), at("2026-11-25T09:00:01Z"));
    let all = events(FINISHED);
    let expected = [
        (Kind::StepEntered, began),
        (Kind::StepEntered, after(began, 25 * 60)),
        (Kind::StepEntered, ended),
        (Kind::StepCompleted, ended),
        (Kind::Enrolled, ended),
        (Kind::Compliant, ended),
    ];
    assert_eq!(kinds_and_times(&all), expected);
    let failures: Vec<_> = all.iter().map(|event| event.step().unwrap().failure.clone()).collect();
    let failure = failures[2].as_ref().unwrap();
    assert_eq!(failure.reason.as_deref(), Some("enrollmentActionFailed"));
    assert_eq!(failure.message.as_deref(), Some("Office suite"));
    assert_eq!(failures.iter().flatten().count(), 1);
    assert!(all[5].step().unwrap().said.assumed, "it reports no compliance");
    let about = &all[0].about;
    assert_eq!(about.device_name.as_deref(), Some("MAC-0001"));
    assert_eq!(about.user_principal_name.as_deref(), Some("person.a@example.com"));
    let kept = format!("{all:?}");
    for unneeded in ["25B78", "1.4.5"] {
        assert!(!kept.contains(unneeded), "{unneeded}");
    }
    let mut ids: Vec<_> = all.iter().map(|event| event.key.id.clone()).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), all.len(), "each is an event of its own");
}

/// A form that an organisation made: what it asks about the Mac are tags, and what it asks about the person is not kept.
#[test]
fn what_a_person_enters_about_the_mac_are_tags() {
    let tags = |body: &str| {
        let all = events(body);
        let carrying: Vec<&Event> = all.iter().filter(|event| !event.tags().unwrap().is_empty()).collect();
        assert!(carrying.iter().all(|event| event.step().unwrap().kind == Kind::Enrolled) && carrying.len() < 2);
        let tags = carrying.first().map(|event| event.tags().unwrap().clone()).unwrap_or_default();
        tags.into_iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>()
    };
    assert_eq!(tags(FINISHED), ["assetTag=A-17", "building=North", "department=Sales", "room=2.17"]);
    assert!(tags(STARTED).is_empty() && tags(SHORT).is_empty());
    let entry = json!({"department": " Sales ", "building": "", "room": "r".repeat(65), "assetTag": 17,
        "realname": "Person A", "phone": "+15550100", "position": "Lead", "email": "other@example.com", "endUsername": "pa"});
    let body = with(FINISHED, |body| body["userEntry"] = entry.clone());
    assert_eq!(tags(&body), ["assetTag=17", "department=Sales"], "a text that no tag can hold costs nothing else");
    let kept = format!("{:?}", events(&body));
    for personal in ["Person A", "+15550100", "Lead", "other@example.com", "\"pa\""] {
        assert!(!kept.contains(personal), "{personal}");
    }
    assert!(tags(&with(FINISHED, |body| body["userEntry"] = json!(["Sales"]))).is_empty());
}

#[test]
fn person_and_device_are_read() {
    let about = |change: &dyn Fn(&mut Value)| events(&with(FINISHED, change)).remove(0).about;
    let named = about(&|body| body["computerName"] = Value::Null);
    assert_eq!(named.device_name.as_deref(), Some("MAC-0001"), "as the person typed it");
    let first = about(&|body| body["enrollmentUserID"] = json!("person.b"));
    assert_eq!((first.user_principal_name.as_deref(), first.user_id.as_deref()), (None, Some("person.b")));
    let nobody = about(&|body| body["userEntry"] = json!(["person.a"]));
    assert_eq!((nobody.user_principal_name, nobody.user_id), (None, None));
    let model = about(&|body| body["modelIdentifier"] = json!(""));
    assert_eq!(model.model.as_deref(), Some("MacBook Air"));
    for number in [json!(812), json!("812")] {
        let numbered = about(&|body| (body["jssID"], body["computerID"]) = (number.clone(), number.clone()));
        assert_eq!(numbered.mdm_device_id, None, "every server counts from one");
    }
    let long =
        about(&|body| (body["computerName"], body["macOSVersion"]) = (json!("n".repeat(257)), json!("v".repeat(257))));
    assert_eq!((long.device_name.as_deref(), long.os_version), (Some("MAC-0001"), None));
}

#[test]
fn bodies_without_a_device_or_of_other_kinds_make_no_event() {
    for serial in [json!(null), json!(""), json!("s".repeat(257)), json!({})] {
        let body = with(STARTED, |body| body["serialNumber"] = serial.clone());
        let batch = read(body.as_bytes(), began()).unwrap();
        let [Parsed::Invalid { errors, .. }] = &batch.events[..] else { panic!("{serial}: {batch:?}") };
        assert_eq!((errors[0].field.as_str(), errors[0].problem.as_str()), ("serialNumber", "must name the device"));
    }
    for (event, name) in [(json!("com.jamf.setupmanager.paused"), "Started"), (json!(null), "Paused")] {
        let body = with(STARTED, |body| (body["event"], body["name"]) = (event.clone(), json!(name)));
        let batch = read(body.as_bytes(), began()).unwrap();
        assert!(matches!(&batch.events[..], [Parsed::UnknownType { kind: Some(_), .. }]), "{batch:?}");
    }
    // If `event` is missing, `name` serves; letter case is ignored.
    let early = with(STARTED, |body| (body["event"], body["name"]) = (json!(null), json!("STARTED")));
    let loud = with(STARTED, |body| body["event"] = json!("COM.Jamf.SetupManager.Started"));
    assert_eq!([events(&early), events(&loud)], [events(STARTED), events(STARTED)]);
}

#[test]
fn another_body_is_refused_with_the_reason() {
    let problem = |body: &str| match read(body.as_bytes(), began()) {
        Err(BodyError::Malformed(problem)) => problem,
        other => panic!("{body}: {other:?}"),
    };
    for card in [TEAMS, r#"{"text":"Set-up is finished","blocks":[]}"#] {
        assert!(problem(card).contains("leave kind out"), "{card}");
    }
    assert_eq!(problem(COMPUTER), "a webhook of Jamf Pro goes to the source jamf");
    assert_eq!(problem("[]"), "an event is an object");
    assert!(matches!(read(b"{", began()), Err(BodyError::NotJson { .. })));
    assert_eq!(read(&vec![b' '; MAX_BODY_BYTES + 1], began()), Err(BodyError::TooLarge));
    let padded = with(STARTED, |body| body["padding"] = json!("p".repeat(MAX_BODY_BYTES - 2_000)));
    assert_eq!(events(&padded), events(STARTED), "just under 1 MiB");
    let failed: Vec<Value> = (0..600).map(|number| json!({"label": number.to_string(), "status": "failed"})).collect();
    let many = with(FINISHED, |body| body["enrollmentActions"] = json!(failed));
    assert_eq!(read(many.as_bytes(), began()), Err(BodyError::TooManyEvents));
}

#[test]
fn implausible_times_count_as_missing() {
    let received = at("2026-11-27T00:00:00Z");
    for time in ["2000-12-31T23:59:59Z", "1970-01-01T00:00:00Z", "10000-01-01T00:00:00Z", "noon", ""] {
        let start = with(STARTED, |body| (body["started"], body["timestamp"]) = (json!(time), json!(time)));
        assert!(events(&start).iter().all(|event| event.time == received && event.clock_skew.is_none()), "{time}");
        // Without its end, a run ends when it was posted, and begins at the time that it reports.
        let end = with(FINISHED, |body| body["finished"] = json!(time));
        let (ended, first) = (at("2026-11-25T09:41:10Z"), at("2026-11-25T09:00:01Z"));
        let all = kinds_and_times(&events(&end));
        assert_eq!((all[0], *all.last().unwrap()), ((Kind::StepEntered, first), (Kind::Compliant, ended)));
        let nothing = with(FINISHED, |body| {
            for name in ["started", "finished", "timestamp"] {
                body[name] = json!(time);
            }
        });
        let kinds =
            [Kind::StepEntered, Kind::StepCompleted, Kind::Enrolled, Kind::Compliant].map(|kind| (kind, received));
        assert_eq!(kinds_and_times(&events(&nothing)), kinds);
    }
    for duration in [json!(-1), json!(i64::MAX), json!(1e300), json!("long"), json!([])] {
        let body = with(FINISHED, |body| body["duration"] = duration.clone());
        assert_eq!(
            kinds_and_times(&events(&body)),
            kinds_and_times(&events(FINISHED)),
            "{duration}: the reported start is used"
        );
    }
    // The clock was corrected in between, so the beginning lies after the end and counts as missing.
    let ahead =
        with(FINISHED, |body| (body["started"], body["duration"]) = (json!("2026-11-26T00:00:00Z"), json!(null)));
    assert_eq!(
        kinds_and_times(&events(&ahead))[0],
        (Kind::StepEntered, at("2026-11-25T09:41:10Z")),
        "the failed action"
    );
}

#[test]
fn a_wrong_clock_is_marked_but_a_long_run_is_not() {
    let skews = |body: &str, received: Timestamp| {
        let mut found: Vec<_> = events_at(body, received).iter().map(|event| event.clock_skew).collect();
        found.dedup();
        found
    };
    assert_eq!(skews(STARTED, after(began(), -600)), [Some(ClockSkew::Ahead)]);
    assert_eq!(skews(STARTED, after(began(), 13 * 3600)), [Some(ClockSkew::Behind)]);
    let long = end_of(began(), 14 * 3600);
    assert_eq!(skews(&long, after(began(), 14 * 3600 + 2)), [None]);
}

#[test]
fn a_run_is_one_attempt_of_its_length() {
    for (seconds, length) in [(12, 12), (5 * 60, 300), (31 * 60, 1_860), (44 * 60, 2_640), (4 * 3600, 14_400)] {
        let both = attempts(&[start_of(began()), end_of(began(), seconds)]);
        assert_eq!(ends(&both), [(Outcome::Completed, began(), length)], "{seconds} s");
        assert!(both[0].has_starts() && both[0].has_steps());
        let alone = attempts(&[end_of(began(), seconds)]);
        assert_eq!(ends(&alone), [(Outcome::Completed, began(), length)], "{seconds} s, the beginning was lost");
    }
    assert_eq!(ends(&attempts(&[SHORT.to_owned()])), [(Outcome::Completed, at("2026-11-25T10:00:00Z"), 12)]);
    // Nobody was there for five hours.
    let ended = after(began(), 5 * 3600);
    let long = attempts(&[start_of(began()), end_of(began(), 5 * 3600)]);
    assert_eq!(ends(&long), [(Outcome::Abandoned, began(), 1_800), (Outcome::Completed, ended, 0)]);
    // The samples; their beginnings differ by a second.
    let sample = attempts(&[STARTED.to_owned(), FINISHED.to_owned()]);
    assert_eq!(ends(&sample), [(Outcome::Completed, began(), 2_470)]);
}

/// A length that was rounded up puts the beginning before the reported one; this does not make a second attempt.
#[test]
fn a_length_that_was_rounded_up_makes_no_second_attempt() {
    for more in 0..=3 {
        let rounded = with(&end_of(began(), 600), |body| body["duration"] = json!(600 + more));
        assert_eq!(ends(&attempts(&[start_of(began()), rounded])), [(Outcome::Completed, began(), 600)], "{more}");
    }
}

#[test]
fn a_run_without_its_end_counts_as_given_up() {
    let found = attempts(&[start_of(began())]);
    assert_eq!(ends(&found), [(Outcome::Abandoned, began(), 1_800)]);
    assert_eq!(found[0].cause, Some(Cause::TimedOut));
    assert_eq!(found[0].place.as_ref().unwrap().action.name(), "SetupManager");
}

#[test]
fn a_body_posted_twice_counts_once() {
    let later = with(FINISHED, |body| body["timestamp"] = json!("2026-11-25T09:41:12Z"));
    let keys = |body: &str| events(body).into_iter().map(|event| event.key).collect::<Vec<_>>();
    assert_eq!(keys(FINISHED), keys(&later));
    assert_eq!(keys(STARTED), keys(STARTED));
    let twice = attempts(&[STARTED.to_owned(), FINISHED.to_owned(), later.clone(), FINISHED.to_owned()]);
    assert_eq!(twice, attempts(&[STARTED.to_owned(), FINISHED.to_owned()]));
    assert!(keys(&end_of(began(), 60)).iter().all(|key| !keys(FINISHED).contains(key)), "another run");
}

#[test]
fn a_failed_action_fails_no_enrollment() {
    let [attempt] = &attempts(&[STARTED.to_owned(), FINISHED.to_owned()])[..] else { panic!("one attempt") };
    assert_eq!((attempt.outcome, &attempt.failure), (Outcome::Completed, &None));
    let all = with(FINISHED, |body| {
        body["enrollmentActions"] = json!([
            {"label": "VPN", "status": "Failed"}, {"status": "failed"}, {"label": " ", "status": "failed"},
            {"label": "m".repeat(2_001), "status": "failed"}, {"label": "Editor"}, "VPN", null,
        ]);
    });
    let labels: Vec<_> =
        events(&all).into_iter().filter_map(|event| event.step()?.failure.clone()).map(|one| one.message).collect();
    assert_eq!(labels, [Some("VPN".to_owned()), None, None, None]);
}

#[test]
fn two_runs_are_two_attempts_and_a_second_start_is_a_second_attempt() {
    let next = after(began(), 86_400);
    let two = attempts(&[start_of(began()), end_of(began(), 600), start_of(next), end_of(next, 1_200)]);
    assert_eq!(ends(&two), [(Outcome::Completed, began(), 600), (Outcome::Completed, next, 1_200)]);
    let again = after(began(), 420);
    let restarted = attempts(&[start_of(began()), start_of(again), end_of(again, 600)]);
    assert_eq!(ends(&restarted), [(Outcome::Abandoned, began(), 420), (Outcome::Completed, again, 600)]);
    assert_eq!(restarted[0].cause, Some(Cause::Restarted));
}

/// Jamf Pro's `ComputerAdded` of the same Mac.
fn added_at(time: Timestamp) -> Vec<Event> {
    let body = with(COMPUTER, |body| {
        body["event"]["serialNumber"] = json!(SERIAL);
        body["webhook"]["eventTimestamp"] = json!(time.millis());
    });
    let received = jamf::SENDER.received(at("2026-11-27T00:00:00Z"), false);
    let batch = jamf::parse(body.as_bytes(), &HeaderMap::new(), received).unwrap();
    let event = |parsed| if let Parsed::Event(event) = parsed { *event } else { panic!("{parsed:?}") };
    batch.events.into_iter().map(event).collect()
}

#[test]
fn with_jamf_pro_one_mac_is_one_attempt() {
    let each = [(Platform::MacOs, setup_manager::SOURCE.to_owned())].into();
    let settings = TenantSettings { compliance_source: ComplianceSource::Each(each), ..TenantSettings::default() };
    // Jamf Pro learns of the Mac before, during or after its set-up.
    for (added, first, last) in
        [(-40, -40, 2_640), (0, 0, 2_640), (300, 0, 2_640), (2_000, 0, 2_640), (2_641, 0, 2_640)]
    {
        let parts = [added_at(after(began(), added)), events(&start_of(began())), events(&end_of(began(), 2_640))];
        let mut found = Vec::new();
        for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
            found.push(attempts_under(&settings, order.into_iter().flat_map(|part: usize| parts[part].clone())));
        }
        assert!(found.iter().all(|one| *one == found[0]));
        let expected = (Outcome::Completed, after(began(), first), last - first);
        assert_eq!(ends(&found[0]), [expected], "added {added} s after the beginning");
    }
    // Jamf Pro's assumed compliance does not count here, but Setup Manager's does: alone, Jamf Pro completes nothing.
    assert_ne!(attempts_under(&settings, added_at(began()))[0].outcome, Outcome::Completed);
    assert_eq!(attempts_under(&settings, events(FINISHED))[0].outcome, Outcome::Completed);
}

#[test]
fn a_body_posted_to_jamf_pros_address_is_still_setup_managers() {
    let received = jamf::SENDER.received(at("2026-11-27T00:00:00Z"), false);
    for body in [STARTED, FINISHED, SHORT, MINIMAL] {
        let loud = with(body, |body| body["event"] = json!(body["event"].as_str().unwrap().to_uppercase()));
        for body in [body.to_owned(), format!("\u{feff}{body}"), loud] {
            let batch = jamf::parse(body.as_bytes(), &HeaderMap::new(), received).unwrap();
            let own = read(body.trim_start_matches('\u{feff}').as_bytes(), received.at).unwrap();
            assert_eq!(batch, own, "source, ids and what is reported");
        }
    }
    let nobodys = with(STARTED, |body| body["serialNumber"] = json!(null));
    let batch = jamf::parse(nobodys.as_bytes(), &HeaderMap::new(), received).unwrap();
    assert!(matches!(&batch.events[..], [Parsed::Invalid { .. }]));
    let other = with(STARTED, |body| body["event"] = json!("com.example.started"));
    assert!(jamf::parse(other.as_bytes(), &HeaderMap::new(), received).is_err());
}

/// `token` in the profile is the bare value of `Authorization`; with a name and password it uses Basic.
#[test]
fn it_proves_itself_by_the_path_by_basic_or_by_a_bare_header() {
    let proves = |authorization: Option<&str>, path_secret: Option<&str>| {
        let value = |text: &str| HeaderValue::from_str(text).unwrap();
        let headers = HeaderMap::from_iter(authorization.map(|text| (AUTHORIZATION, value(text))));
        let shown = Shown { headers: &headers, body: STARTED.as_bytes(), path_secret };
        setup_manager::SENDER.proofs.iter().any(|proof| proof.holds(shown, ["new-secret", "old-secret"]))
    };
    let basic = |secret| Proof::Basic.headers(secret, b"", began()).unwrap().remove(0).1;
    for good in ["old-secret", "new-secret"] {
        assert!(proves(Some(good), None) && proves(Some(&basic(good)), None) && proves(None, Some(good)), "{good}");
    }
    for wrong in ["other", "Bearer old-secret", "Basic old-secret", "old-secre", "", &basic("other")] {
        assert!(!proves(Some(wrong), None) && !proves(None, Some(wrong)), "{wrong}");
    }
    assert!(!proves(None, None));
}

proptest! {
    #[test]
    fn no_bytes_panic(body in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _any = read(&body, began());
    }

    #[test]
    fn no_value_panics(is_end in any::<bool>(), member in 0..9_usize, value in value()) {
        let names = ["event", "name", "timestamp", "started", "finished", "duration", "serialNumber", "userEntry", "enrollmentActions"];
        let body = with(if is_end { FINISHED } else { STARTED }, |body| body[names[member]] = value.clone());
        if let Ok(batch) = read(body.as_bytes(), began()) {
            prop_assert!(batch.events.len() <= 500);
        }
    }

    /// A run that somebody waited for is one attempt, whatever its length and rounding.
    #[test]
    fn any_run_is_one_attempt(seconds in 0..=14_400_i64, off in 0..=2_i64, lost in any::<bool>(), late in any::<bool>()) {
        let end = with(&end_of(began(), seconds), |body| {
            body["duration"] = json!((seconds - off).max(0));
            if late {
                body["started"] = text(after(began(), 1.min(seconds)));
            }
        });
        let bodies = if lost { vec![end] } else { vec![start_of(began()), end] };
        let found = attempts(&bodies);
        prop_assert_eq!(found.len(), 1, "{:?}", ends(&found));
        prop_assert_eq!(found[0].ended_at, Some(after(began(), seconds)));
    }
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        Just(json!("0001-01-01T00:00:00Z")),
        Just(json!("9999-12-31T23:59:59Z")),
        Just(json!("2026-11-25T09:00:00+23:59")),
        Just(json!([{"label": {"a": 1}, "status": "failed"}, [[]], null, {"status": 7}])),
    ]
}
