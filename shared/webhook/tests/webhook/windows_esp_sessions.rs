//! Sessions and attempts from the reporter on Windows devices: whole courses of the page, split into any bodies.

use crate::windows_esp_common;

use http::HeaderMap;
use proptest::prelude::*;
use serde_json::{Value, json};
use vestibule_domain::esp::{DeploymentMode, EspAction, ItemState, Phase, SessionState};
use vestibule_domain::event::Event;
use vestibule_domain::{Cause, DeviceState, Enrollment, Outcome, Timestamp};
use vestibule_webhook::sources::windows_esp;
use windows_esp_common::*;

fn course(lines: &[Line]) -> Enrollment {
    folded(events(&body(logged(lines))), later())
}

#[test]
fn a_person_sets_a_device_up() {
    let enrollment = course(&whole());
    let session = one_session(&enrollment);
    assert_eq!((session.state, session.ended_at), (SessionState::Success, Some(after(1_800_000))));
    assert_eq!((session.deployment_mode, session.limit_minutes), (Some(DeploymentMode::UserDriven), 60));
    assert_eq!(session.allowed_actions, Some(vec![EspAction::Retry, EspAction::Reset]));
    assert!(session.autopilot && !session.failed);
    // Going through the finished phases again does not change them.
    let ended = |phase| session.phases[&phase].ended_at;
    assert_eq!(ended(Phase::DevicePreparation), Some(minute(5)));
    assert_eq!(ended(Phase::DeviceSetup), Some(minute(20)));
    let attempt = one_attempt(&enrollment);
    assert_eq!(
        (attempt.outcome, attempt.started_at, attempt.ended_at),
        (Outcome::Completed, began(), Some(minute(30)))
    );
    assert_eq!((attempt.session, enrollment.state), (Some(session.id), DeviceState::Enrolled));
    assert!(attempt.start_reported && attempt.is_judged());
}

#[test]
fn without_account_setup_the_device_is_done_after_its_own() {
    for (skip, config) in [(json!(-1), 1310), (json!(0xFFFF_FFFF_u32), 1310), (json!(0), 1310 | 0x60)] {
        let mut posted = body(logged(&device_part()));
        posted["windows"]["firstSync"]["skipUser"] = skip;
        posted["windows"]["oobeConfig"] = json!(config);
        let enrollment = folded(events(&posted), later());
        let session = one_session(&enrollment);
        assert_eq!((session.state, session.ended_at), (SessionState::Success, Some(minute(20))));
        let attempt = one_attempt(&enrollment);
        assert_eq!((attempt.outcome, attempt.ended_at), (Outcome::Completed, Some(minute(20))));
    }
    // If account setup follows, the device's part alone does not finish it.
    let enrollment = course(&device_part());
    assert_eq!(one_session(&enrollment).state, SessionState::TimedOut);
}

#[test]
fn a_technician_prepares_what_a_user_finishes_weeks_later() {
    let mut lines = device_part();
    lines.pop();
    lines.push(says(1_201, "CommercialOOBE_ESPProgress_WhiteGlove_Success"));
    let mut records = logged(&lines);
    let weeks = 14 * 86_400;
    let users = logged(&whole()).into_iter().zip(900..).map(|(mut one, id)| {
        let at = Timestamp::parse(one["at"].as_str().unwrap()).unwrap();
        one["at"] = json!(text(at + vestibule_domain::Millis::from_seconds(weeks)));
        (one["id"], one["part"]) = (json!(id), json!(2));
        one
    });
    let users: Vec<Value> = users.collect();
    let mut posted = body(Vec::new());
    posted["parts"][0]["whiteGlove"] = json!(true);
    posted["records"] = json!(records);
    posted["user"]["principalName"] = json!("foouser@contoso.example");
    let prepared = folded(events(&posted), minute(60));
    assert_eq!(one_session(&prepared).deployment_mode, Some(DeploymentMode::PreProvisioningTechnician));
    let attempt = one_attempt(&prepared);
    assert_eq!(
        (attempt.outcome, attempt.ended_at, prepared.state),
        (Outcome::Completed, Some(minute(20)), DeviceState::Prepared)
    );
    posted["parts"] = json!([posted["parts"][0], {"n": 2, "startedAt": users[0]["at"], "whiteGlove": false}]);
    records.extend(users);
    posted["records"] = json!(records);
    // The webhook receives each when it is posted; here all of them are read at once.
    let all = events_received(&posted, after((weeks + 4_000) * 1_000));
    let enrollment = folded(all, after((weeks + 86_400) * 1_000));
    let modes: Vec<_> = enrollment.sessions.iter().map(|session| (session.deployment_mode, session.state)).collect();
    assert_eq!(
        modes,
        [
            (Some(DeploymentMode::PreProvisioningTechnician), SessionState::Success),
            (Some(DeploymentMode::PreProvisioningUser), SessionState::Success)
        ]
    );
    let attempts: Vec<_> = enrollment.attempts.iter().map(|one| (one.outcome, one.technician)).collect();
    assert_eq!(attempts, [(Outcome::Completed, true), (Outcome::Completed, false)]);
    assert_eq!(enrollment.state, DeviceState::Enrolled);
}

fn events_received(posted: &Value, at: Timestamp) -> Vec<Event> {
    let batch =
        windows_esp::parse(posted.to_string().as_bytes(), &HeaderMap::new(), windows_esp::SENDER.received(at, true));
    all(batch.unwrap())
}

/// An app fails after ten minutes.
fn failing() -> Vec<Line> {
    let mut lines = device_part();
    lines.truncate(8);
    let message = "BootstrapStatus: An error occured during app installation. Error = 0x87d1041c".to_owned();
    lines.extend([(600, APPS_FAILED, message), subtask(600, APPS, "failed"), not_done(600, DEVICE)]);
    lines
}

/// The records, with the code in the record that has one.
fn with_code(mut records: Vec<Value>) -> Vec<Value> {
    for one in &mut records {
        let data = one["data"].as_array_mut().unwrap();
        if data[0] == APPS_FAILED {
            let mut value: Value = serde_json::from_str(data[1].as_str().unwrap()).unwrap();
            value["errorCode"] = json!(-2_016_345_060);
            data[1] = json!(value.to_string());
        }
    }
    records
}

fn failed_course(more: &[Line]) -> Enrollment {
    let lines = [failing(), more.to_vec()].concat();
    folded(events(&body(with_code(logged(&lines)))), later())
}

#[test]
fn an_app_fails_and_the_person_tries_again() {
    let stands = failed_course(&[]);
    let session = one_session(&stands);
    assert_eq!((session.state, session.ended_at), (SessionState::Failed, Some(minute(10))));
    assert_eq!((session.error_code.as_deref(), session.failed_phase), (Some("0x87d1041c"), Some(Phase::DeviceSetup)));
    let attempt = one_attempt(&stands);
    assert_eq!((attempt.outcome, attempt.ended_at), (Outcome::Failed, Some(minute(10))));
    let failure = attempt.failure.as_ref().unwrap();
    assert_eq!(failure.code.as_deref(), Some("0x87d1041c"));
    assert!(failure.message.as_ref().unwrap().starts_with("An error occured during app installation"));
    let mut again = vec![says(700, RETRY), begins(701, DEVICE), subtask(900, APPS, "succeeded"), done(900, DEVICE)];
    again.extend(account_part());
    let mended = failed_course(&again);
    let session = one_session(&mended);
    assert_eq!((session.state, session.failed), (SessionState::SuccessOnRetry, true));
    assert_eq!(session.phases[&Phase::DeviceSetup].ended_at, Some(minute(15)));
    assert_eq!(one_attempt(&mended).outcome, Outcome::Completed);
}

#[test]
fn a_person_resets_or_goes_on_after_a_failure() {
    for (name, action) in [
        ("CommercialOOBE_ESPProgress_DeviceResetInitiation_Started", EspAction::Reset),
        ("CommercialOOBE_ESPProgress_ContinueAnyway_Started", EspAction::ContinueAnyway),
    ] {
        let enrollment = failed_course(&[says(720, name)]);
        let session = one_session(&enrollment);
        assert_eq!(session.actions, [(minute(12), action)]);
        assert_eq!((session.state, session.ended_at), (SessionState::Failed, Some(minute(10))));
        assert_eq!(one_attempt(&enrollment).outcome, Outcome::Failed);
    }
}

#[test]
fn a_page_that_times_out_has_not_failed() {
    let mut lines = device_part();
    lines.truncate(8);
    lines.push(subtask(3_600, APPS, "cancelled"));
    let enrollment = course(&lines);
    let session = one_session(&enrollment);
    assert_eq!((session.state, session.failed, session.timed_out), (SessionState::TimedOut, false, true));
    let attempt = one_attempt(&enrollment);
    assert_eq!((attempt.outcome, attempt.cause), (Outcome::Abandoned, Some(Cause::TimedOut)));
    assert_eq!(attempt.place.as_ref().unwrap().action.name(), "deviceSetup");
    // An item that finishes later had more time than the page allows.
    lines.extend([
        says(3_700, RETRY),
        begins(3_701, DEVICE),
        done(4_000, DEVICE),
        begins(4_001, ACCOUNT),
        done(4_100, ACCOUNT),
    ]);
    let enrollment = course(&lines);
    assert_eq!(one_session(&enrollment).state, SessionState::SuccessOnRetry);
    assert_eq!(one_attempt(&enrollment).outcome, Outcome::Completed);
}

#[test]
fn a_failure_that_the_page_withdraws_stays_visible_only() {
    let mut lines = device_part();
    lines.insert(8, subtask(1_000, APPS, "failed"));
    lines.extend(account_part());
    let enrollment = course(&lines);
    let session = one_session(&enrollment);
    assert_eq!((session.state, session.failed), (SessionState::Success, true));
    assert_eq!(one_attempt(&enrollment).outcome, Outcome::Completed);
    // A subtask that leaves its error within two minutes never failed.
    let mut lines = device_part();
    lines.insert(8, subtask(500, "DeviceSetup.CertificatesSubcategory", "failed"));
    lines.insert(9, subtask(560, "DeviceSetup.CertificatesSubcategory", "succeeded"));
    lines.extend(account_part());
    assert!(!one_session(&course(&lines)).failed);
}

#[test]
fn a_restart_of_the_device_moves_no_phase() {
    let mut lines = device_part();
    lines.truncate(8);
    // After the restart, the page opens and goes through what it has.
    lines.extend([says(700, OPENS), begins(700, PREPARATION), done(701, PREPARATION), begins(701, DEVICE)]);
    lines.extend([done(1_200, DEVICE), says(1_201, EXITS)]);
    lines.extend(account_part());
    let enrollment = course(&lines);
    let session = one_session(&enrollment);
    let span = |phase| (session.phases[&phase].started_at, session.phases[&phase].ended_at);
    assert_eq!(span(Phase::DevicePreparation), (began(), Some(minute(5))));
    assert_eq!(span(Phase::DeviceSetup), (minute(5), Some(minute(20))));
    assert_eq!(session.state, SessionState::Success);
}

#[test]
fn hybrid_join_has_forty_minutes_more() {
    let waits = subtask(1_600, "AccountSetup.WaitingForAadRegistrationSubcategory", "succeeded");
    let mut posted = body(logged(&[whole(), vec![waits]].concat()));
    posted["windows"]["domainJoinMethod"] = json!(1);
    let enrollment = folded(events(&posted), later());
    let session = one_session(&enrollment);
    assert_eq!((session.hybrid_join, session.limit_minutes), (true, 100));
    let joined = session.items.iter().find(|item| item.id == "joinNetwork" && item.phase == Phase::AccountSetup);
    assert_eq!(joined.unwrap().state, Some(ItemState::Completed));
}

#[test]
fn device_preparation_succeeds_or_fails_or_is_skipped() {
    let course = |lines: &[Line]| {
        let agent = |seconds, name| says(seconds, name);
        let mut all = vec![
            agent(1, "DevicePrepPage_AgentDownloadAndInstall_Starting"),
            agent(60, "DevicePrepPage_AgentDownloadAndInstall_Succeeded"),
        ];
        all.extend(lines.iter().cloned());
        let mut posted = body(logged(&all));
        posted["windows"]["devicePreparation"] = json!(true);
        folded(events(&posted), later())
    };
    let complete = says(600, "DevicePrepPage_AgentProvisioningProgress_ProvisioningComplete");
    let good = course(&[complete]);
    assert_eq!((one_session(&good).state, one_session(&good).ended_at), (SessionState::Success, Some(minute(10))));
    assert_eq!(one_attempt(&good).outcome, Outcome::Completed);
    let failed = course(&[says(600, "DevicePrepPage_ProgressPercentage_ErrorTimedOut")]);
    assert_eq!(one_session(&failed).state, SessionState::Failed);
    assert_eq!(one_attempt(&failed).outcome, Outcome::Failed);
    let skipped = course(&[says(4_000, "DevicePrepPage_SkipButtonClicked_Started")]);
    assert_eq!(one_session(&skipped).actions, [(after(4_000_000), EspAction::ContinueAnyway)]);
    assert_eq!(one_session(&skipped).state, SessionState::TimedOut);
}

/// Courses with every sequence that may occur.
fn courses() -> Vec<Value> {
    let again = [vec![says(700, RETRY), begins(701, DEVICE), done(900, DEVICE)], account_part()].concat();
    let facts = json!([
        {"part": 1, "at": text(minute(7)), "fact": "tracked/device/Sidecar", "was": null,
            "is": json!({"./Device/Win32App_aaaaaaaa-0000-4000-8000-000000000001_1": "2"}).to_string()},
        {"part": 1, "at": text(minute(9)), "fact": "tracked/device/Sidecar",
            "was": json!({"./Device/Win32App_aaaaaaaa-0000-4000-8000-000000000001_1": "2"}).to_string(),
            "is": json!({"./Device/Win32App_aaaaaaaa-0000-4000-8000-000000000001_1": "4"}).to_string()},
        {"part": 1, "at": text(minute(14)), "fact": "tracked/device/Sidecar",
            "was": json!({"./Device/Win32App_aaaaaaaa-0000-4000-8000-000000000001_1": "4"}).to_string(),
            "is": json!({"./Device/Win32App_aaaaaaaa-0000-4000-8000-000000000001_1": "3"}).to_string()},
    ]);
    let lines = [whole(), failing(), [failing(), again].concat()];
    let mut all: Vec<Value> = lines.iter().map(|lines| body(with_code(logged(lines)))).collect();
    all.push(body(with_code(logged(&lines[2]))));
    all[3]["facts"] = facts;
    let mut alone = body(logged(&device_part()));
    alone["windows"]["oobeConfig"] = json!(1310 | 0x60);
    all.push(alone);
    let mut prepared = body(logged(&[
        says(1, "DevicePrepPage_AgentDownloadAndInstall_Starting"),
        says(60, "DevicePrepPage_AgentDownloadAndInstall_Succeeded"),
        says(600, "DevicePrepPage_AgentProvisioningProgress_ProvisioningComplete"),
    ]));
    prepared["windows"]["devicePreparation"] = json!(true);
    all.push(prepared);
    all
}

/// The same records and facts in other bodies: each entry goes into the bodies listed for it, at least one.
fn split(whole: &Value, bodies: &[u8]) -> Vec<Value> {
    let mut posted: Vec<Value> = (0..8)
        .map(|_| {
            let mut one = whole.clone();
            one["records"] = json!([]);
            one["facts"] = json!([]);
            one
        })
        .collect();
    let mut place = bodies.iter().cycle();
    for list in ["records", "facts"] {
        for entry in whole[list].as_array().unwrap() {
            let bits = *place.next().unwrap();
            for (number, one) in posted.iter_mut().enumerate().filter(|(number, _)| (bits | 1) >> number & 1 == 1) {
                let entries = one[list].as_array_mut().unwrap();
                // Before or after the others.
                if number % 2 == 0 { entries.push(entry.clone()) } else { entries.insert(0, entry.clone()) }
            }
        }
    }
    posted
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// A session is one session and one attempt, whatever its bodies, their order and their repetition.
    #[test]
    fn any_split_order_and_repetition_of_a_session_is_the_same(
        bodies in prop::collection::vec(any::<u8>(), 1..40),
        order in Just((0..16_usize).collect::<Vec<_>>()).prop_shuffle(),
        minutes in 0_i64..120,
    ) {
        for whole in courses() {
            let at = minute(minutes);
            let expected = folded(events(&whole), at);
            let parts = split(&whole, &bodies);
            // Each body twice, in any order.
            let said = order.iter().flat_map(|number| events(&parts[number % 8]));
            let found = folded(said, at);
            prop_assert_eq!(&found.sessions, &expected.sessions);
            prop_assert_eq!(&found.attempts, &expected.attempts);
            prop_assert_eq!(found.state, expected.state);
        }
    }
}

#[test]
fn a_body_received_twice_changes_nothing() {
    for whole in courses() {
        let once: Vec<_> = events(&whole).into_iter().map(|event| event.key).collect();
        let twice: Vec<_> = events(&whole).into_iter().map(|event| event.key).collect();
        assert_eq!(once, twice);
    }
}

#[test]
fn a_clock_that_was_set_back_makes_no_session_longer() {
    let hour = 3_600;
    // The page opens an hour ahead; then the clock is set.
    let mut records = vec![record(1, 1, hour, OPENS, "x", 0)];
    records.extend(logged(&whole()).into_iter().skip(1));
    let mut posted = body(records[..4].to_vec());
    posted["parts"][0]["startedAt"] = records[0]["at"].clone();
    posted["windows"]["enrolledAt"] = json!(null);
    let mut rest = posted.clone();
    rest["records"] = json!(records[4..]);
    for bodies in [[&posted, &rest], [&rest, &posted]] {
        let enrollment = folded(bodies.into_iter().flat_map(events), later());
        let session = one_session(&enrollment);
        assert_eq!((session.started_at, session.ended_at), (began(), Some(minute(30))));
        assert_eq!(session.state, SessionState::Success);
    }
}

#[test]
fn a_record_of_the_page_alone_is_a_session_of_its_part() {
    let mut posted = body(vec![record(1, 4, 60, RETRY, "x", 0)]);
    posted["parts"] = json!([]);
    posted["windows"] = json!(null);
    let enrollment = folded(events(&posted), minute(2));
    assert_eq!(one_session(&enrollment).session_id, Some(format!("{}/4", SESSION)));
    assert!(enrollment.attempts.is_empty());
}
