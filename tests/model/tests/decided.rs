//! Scenes in which the plain model and the domain's fold have differed, with the answer that both give now.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod bridge;

use bridge::{as_stored, domain_in_words, folded, history, model_in_words, settings, tenant};
use vestibule_domain::{Timestamp, fold};
use vestibule_model::esp::{Item, What};
use vestibule_model::scenes::{BASE_MS, event, minutes, page};
use vestibule_model::{Event, Kind, Settings, devices_of};

const MINUTE_MS: i64 = 60_000;
const LATER: i64 = 20 * 1440;

/// An enrollment event on a Windows device, that many minutes after the beginning.
fn at(minute: i64, sender: &str, kind: Kind) -> Event {
    Event { platform: Some("windows".to_owned()), ..event(sender, minute * MINUTE_MS, kind) }
}

/// An event of the page.
fn esp(minute: i64, sender: &str, what: What) -> Event {
    page(sender, minute * MINUTE_MS, what)
}

fn begins(mode: &str) -> What {
    What::Started { mode: Some(mode.to_owned()), hybrid: false, limit: None, targeted: None, profile: None }
}

fn item(phase: &str, state: &str) -> What {
    What::Item(Item {
        phase: phase.to_owned(),
        category: "networkConnections".to_owned(),
        id: "vpn".to_owned(),
        name: None,
        state: state.to_owned(),
        code: (state == "error").then(|| "0x87D1".to_owned()),
    })
}

fn action(action: &str) -> What {
    What::Action(action.to_owned())
}

/// The device's state and its attempts, one line each; both must agree.
fn both_with(model: &Settings, events: &[Event], minute: i64) -> (String, Vec<String>) {
    let events = as_stored(events);
    let as_of_ms = BASE_MS + minute * MINUTE_MS;
    let found = folded(&events, &settings(model), as_of_ms);
    let expected = devices_of(&events, model, as_of_ms);
    assert_eq!(domain_in_words(&found), model_in_words(&expected[0]));
    let attempt = |it: &vestibule_domain::Attempt| {
        let ended = it.ended_at.map(Timestamp::millis).map(minutes).unwrap_or_default();
        let mut line = format!("{}–{ended} {}", minutes(it.started_at.millis()), it.outcome.name());
        if let Some(place) = &it.place {
            line += &format!(" at {}", place.action.name());
        }
        if let Some(code) = it.failure.as_ref().and_then(|failure| failure.code.as_ref()) {
            line += &format!(", {code}");
        }
        line
    };
    (found.state.name().to_owned(), found.attempts.iter().map(attempt).collect())
}

fn both(events: &[Event], minute: i64) -> (String, Vec<String>) {
    both_with(&Settings::default(), events, minute)
}

fn says(state: &str, attempts: &[&str]) -> (String, Vec<String>) {
    (state.to_owned(), attempts.iter().map(|it| (*it).to_owned()).collect())
}

#[test]
fn what_a_session_reports_before_its_start_counts_from_there() {
    let failed = [esp(32, "native", item("deviceSetup", "error")), esp(33, "native", begins("selfDeploying"))];
    assert_eq!(both(&failed, LATER), says("failed", &["33–33 failed at deviceSetup, 0x87D1"]));
    let completed = What::Phase("deviceSetup".to_owned(), "completed".to_owned());
    let done = [esp(0, "portal", completed), esp(56, "portal", begins("preProvisioningTechnician"))];
    assert_eq!(both(&done, 171), says("prepared", &["56–56 completed"]));
}

#[test]
fn a_session_belongs_to_an_attempt_whose_first_completion_stands() {
    let settings = Settings { require_compliance: false, compliance_limit_minutes: 30, ..Settings::default() };
    let mut events = vec![at(0, "jamf", Kind::Enrolled), at(1, "graph", Kind::Started)];
    assert_eq!(both_with(&settings, &events, 40), says("enrolled", &["0–0 completed"]));
    events.push(esp(45, "amapi", begins("userDriven")));
    assert_eq!(both_with(&settings, &events, 50), says("inProgress", &["0– inProgress"]));
}

#[test]
fn a_good_end_corrects_only_what_its_session_had_failed() {
    let mut events = vec![
        esp(5, "portal", begins("selfDeploying")),
        at(35, "amapi", Kind::Failed),
        at(38, "portal", Kind::Started),
        esp(39, "portal", What::Completed),
    ];
    assert_eq!(both(&events, 50), says("inProgress", &["5–35 failed", "38– inProgress"]));
    events[1] = esp(35, "portal", What::Failed(None, None));
    events.push(at(40, "native", Kind::Compliant));
    assert_eq!(both(&events, 50), says("enrolled", &["5–35 failed", "38–40 completed"]));
}

#[test]
fn an_attempt_has_the_code_of_the_failure_that_closed_it() {
    let events = [
        at(108, "log", Kind::Enrolled),
        esp(114, "amapi", item("deviceSetup", "error")),
        esp(119, "amapi", action("retry")),
        esp(126, "amapi", What::Failed(Some("0x9".to_owned()), None)),
    ];
    assert_eq!(both(&events, LATER), says("failed", &["108–114 failed at deviceSetup, 0x87D1"]));
}

#[test]
fn each_session_that_was_open_at_the_limit_may_correct_the_attempt() {
    let events = [
        esp(15, "portal", begins("preProvisioningUser")),
        esp(60, "native", begins("preProvisioningTechnician")),
        esp(2259, "portal", item("deviceSetup", "error")),
    ];
    assert_eq!(both(&events, LATER), says("failed", &["15–2259 failed at deviceSetup, 0x87D1"]));
}

#[test]
fn after_the_limit_continue_anyway_leaves_the_attempt_open_to_late_truth_and_reset_does_not() {
    let settings = Settings { require_compliance: false, ..Settings::default() };
    let events = |chose: &str| {
        [
            esp(0, "nanomdm", begins("selfDeploying")),
            esp(4365, "nanomdm", action(chose)),
            at(8748, "portal", Kind::Enrolled),
        ]
    };
    assert_eq!(both_with(&settings, &events("continueAnyway"), LATER), says("enrolled", &["0–8748 completed"]));
    let anew = says("enrolled", &["0–1440 abandoned", "8748–8748 completed"]);
    assert_eq!(both_with(&settings, &events("reset"), LATER), anew);
}

#[test]
fn continue_anyway_completes_the_attempt_of_a_complete_device_though_another_session_is_open() {
    let events = [
        esp(65, "amapi", begins("preProvisioningTechnician")),
        esp(95, "setup", begins("userDriven")),
        at(195, "setup", Kind::Enrolled),
        at(196, "setup", Kind::Compliant),
        esp(198, "setup", action("continueAnyway")),
    ];
    assert_eq!(both(&events, 200), says("enrolled", &["65–198 completed"]));
}

#[test]
fn an_item_whose_session_the_person_leaves_within_two_minutes_fails_nothing() {
    let events = [
        esp(53, "native", begins("userDriven")),
        esp(114, "native", item("accountSetup", "error")),
        esp(115, "native", action("continueAnyway")),
    ];
    assert_eq!(both(&events, 120), says("inProgress", &["53– inProgress"]));
}

#[test]
fn a_compliant_just_before_counts_for_the_user_of_a_prepared_device() {
    let events = [
        esp(2, "log", begins("preProvisioningTechnician")),
        esp(7, "log", What::Completed),
        at(22, "log", Kind::Enrolled),
        at(54, "log", Kind::Compliant),
        at(56, "log", Kind::Enrolled),
    ];
    assert_eq!(both(&events, 60), says("enrolled", &["2–7 completed", "56–56 completed"]));
}

#[test]
fn a_place_is_the_phase_of_the_session_at_that_instant() {
    let events = [
        esp(43, "native", begins("userDriven")),
        esp(53, "native", item("accountSetup", "error")),
        at(53, "setup", Kind::Failed),
    ];
    assert_eq!(both(&events, 60), says("failed", &["43–53 failed at accountSetup"]));
}

#[test]
fn a_session_that_named_no_phase_fails_where_the_attempt_waits_late_or_not() {
    let events = |failed| {
        [
            at(2, "amapi", Kind::Enrolled),
            esp(62, "amapi", begins("preProvisioningUser")),
            esp(failed, "amapi", What::Failed(Some("0x9".to_owned()), None)),
        ]
    };
    assert_eq!(both(&events(70), LATER), says("failed", &["2–70 failed at Compliance, 0x9"]));
    assert_eq!(both(&events(2142), LATER), says("failed", &["2–2142 failed at Compliance, 0x9"]));
}

#[test]
fn who_reports_an_end_a_second_time_takes_part_in_the_attempt_that_a_good_end_corrects() {
    let failed = || What::Failed(Some("0x9".to_owned()), None);
    let mut events = vec![
        at(0, "native", Kind::Enrolled),
        esp(1, "native", failed()),
        at(2, "portal", Kind::Failed),
        esp(3, "native", What::Completed),
        at(4, "portal", Kind::Started),
    ];
    assert_eq!(both(&events, 5), says("inProgress", &["0–4 abandoned", "4– inProgress"]));
    // A sender that has taken no part yet only continues it.
    events[4] = at(4, "log", Kind::Started);
    assert_eq!(both(&events, 5), says("inProgress", &["0– inProgress"]));
}

#[test]
fn who_reported_only_the_page_continues_an_attempt_by_its_start() {
    let events = [
        at(0, "amapi", Kind::Enrolled),
        esp(1, "jamf", What::Completed),
        at(2, "amapi", Kind::Compliant),
        at(3, "jamf", Kind::Started),
    ];
    assert_eq!(both(&events, 4), says("waitingForCompliance", &["0– inProgress at Compliance"]));
}

#[test]
fn a_session_that_the_person_left_past_the_limit_holds_up_no_other() {
    let scene = [
        esp(0, "jamf", begins("userDriven")),
        at(0, "jamf", Kind::Enrolled),
        esp(1, "nanomdm", begins("selfDeploying")),
        esp(1450, "nanomdm", action("continueAnyway")),
        esp(1451, "jamf", What::Completed),
    ];
    assert_eq!(both(&scene, 1452), says("waitingForCompliance", &["0– inProgress at Compliance"]));
}

/// Events up to a minute are dropped, then the others follow.
fn pruned(events: &[Event], until: i64, minute: i64) -> Vec<String> {
    let events = as_stored(events);
    let is_before = |event: &&Event| event.placed_at_ms <= BASE_MS + until * MINUTE_MS;
    let (before, after): (Vec<_>, Vec<_>) = events.iter().partition(is_before);
    let mut history = history(before);
    assert!(history.prune(
        &tenant(),
        &settings(&Settings::default()),
        Timestamp::from_millis(BASE_MS + until * MINUTE_MS)
    ));
    for one in after {
        history.add(bridge::event(one));
    }
    domain_in_words(&fold(
        &tenant(),
        &history,
        &settings(&Settings::default()),
        Timestamp::from_millis(BASE_MS + minute * MINUTE_MS),
    ))
}

#[test]
fn late_truth_about_a_dropped_attempt_is_an_end_of_it() {
    let phone = |minute: i64, sender: &str, kind| event(sender, minute * MINUTE_MS, kind);
    // Jamf waits for compliance in vain, and a month later both are reported at once: no new attempt begins.
    let scene = [
        phone(0, "jamf", Kind::Enrolled),
        phone(LATER, "native", Kind::Compliant),
        phone(LATER + 1, "jamf", Kind::Enrolled),
    ];
    let words = pruned(&scene, LATER - 1440, LATER + 2);
    assert_eq!(words, ["device enrolled enrolled=true compliant=true complete=true tags={}"]);
}
