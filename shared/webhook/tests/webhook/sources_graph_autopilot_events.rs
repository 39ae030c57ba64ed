//! Deployments as Graph's list of Autopilot events has them, and the attempts and sessions that they become.

use crate::graph_autopilot_common;

use graph_autopilot_common::*;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use vestibule_domain::esp::{
    Category, DeploymentMode, EspAction, EspDetail, EspSession, ItemState, Phase, PhaseState, SessionState,
};
use vestibule_domain::event::{Body, Event, Kind, Platform};
use vestibule_domain::{DeviceState, Outcome, TenantSettings};
use vestibule_webhook::sources::graph_autopilot_events::SOURCE;

#[test]
fn the_documented_sample_is_read() {
    let events = events(DOCUMENTED);
    assert!(events.iter().all(|event| event.key.source == SOURCE && event.clock_skew.is_none()));
    let about = &events[0].about;
    assert_eq!(about.platform, Some(Platform::Windows));
    assert_eq!(about.serial_number.as_deref(), Some("Device Serial Number value"));
    assert_eq!(about.mdm_device_id.as_deref(), Some("Device Id value"));
    assert_eq!(about.device_name.as_deref(), Some("Managed Device Name value"));
    assert_eq!(about.user_principal_name.as_deref(), Some("User Principal Name value"));
    assert_eq!(about.user_id.as_deref(), Some("User Id value"));
    assert_eq!(about.enrollment_type.as_deref(), Some("azureADJoinedWithAutopilotProfile"));
    // Its event is earlier than its start, but no event of an attempt may be.
    let times = [
        (Kind::Registered, "2026-02-01T08:02:48.718Z"),
        (Kind::Started, "2026-02-01T08:00:19.628Z"),
        (Kind::Enrolled, "2026-02-01T08:00:19.628Z"),
        (Kind::Compliant, "2026-02-01T08:00:46.512Z"),
    ];
    assert_eq!(steps(&events), times.map(|(kind, time)| (kind, time.to_owned())));
    let enrollment = folded(events);
    assert_eq!(enrollment.attempts.len(), 1);
    assert_eq!(enrollment.attempts[0].outcome, Outcome::Completed);
    let [session] = &enrollment.sessions[..] else { panic!("{:?}", enrollment.sessions) };
    assert_eq!(session.state, SessionState::Success);
    assert_eq!(session.started_at, at("2026-02-01T07:59:37.257Z"));
    assert_eq!(session.ended_at, Some(at("2026-02-01T08:00:46.512Z")));
    assert_eq!(session.items[0].state, Some(ItemState::Completed));
    assert_eq!(session.items[0].error_code.as_deref(), Some("9"));
}

#[test]
fn phases_lie_end_to_end_and_one_of_unknown_length_takes_what_is_left() {
    let phase = |session: &EspSession, phase| {
        let progress = session.phases[&phase];
        (progress.started_at.to_string()[11..19].to_owned(), progress.ended_at.unwrap().to_string()[11..19].to_owned())
    };
    let course = |record: &Value| Phase::ALL.iter().map(|one| phase(&session(of(record)), *one)).collect::<Vec<_>>();
    let spans = |spans: [(&str, &str); 3]| spans.map(|(start, end)| (start.to_owned(), end.to_owned()));
    let exact = spans([("09:00:00", "09:05:00"), ("09:05:00", "09:17:00"), ("09:17:00", "09:25:00")]);
    assert_eq!(course(&record()), exact);
    for unknown in ["devicePreparationDuration", "deviceSetupDuration", "accountSetupDuration"] {
        for length in [json!(null), json!("PT0S"), json!("-PT5M"), json!("P10675199DT2H48M5.4775807S")] {
            assert_eq!(course(&with(json!({unknown: length}))), exact, "{unknown} {length}");
        }
    }
    // Never past the end, however long they are reported to be.
    let long = course(&with(json!({"deviceSetupDuration": "PT5H"})));
    assert_eq!(long, spans([("09:00:00", "09:05:00"), ("09:05:00", "09:25:00"), ("09:25:00", "09:25:00")]));
    // A device lies on a shelf between technician and user.
    let shelved = with(json!({
        "enrollmentType": "azureADJoinedWithWhiteGlove", "deploymentEndDateTime": "2026-02-20T09:25:00Z",
        "devicePreparationDuration": null,
    }));
    assert_eq!(phase(&session(of(&shelved)), Phase::DeviceSetup).0, "09:30:00", "at the time of the record");
    assert_eq!(steps(&of(&shelved))[1], (Kind::Enrolled, "2026-02-10T09:30:00.000Z".to_owned()));
}

#[test]
fn a_success_completes_attempt_and_session() {
    let enrollment = folded(listed("AP-SUCCESS"));
    assert_eq!(enrollment.registered_at, Some(at("2026-02-02T14:00:00Z")));
    let [attempt] = &enrollment.attempts[..] else { panic!("{:?}", enrollment.attempts) };
    assert_eq!(attempt.outcome, Outcome::Completed);
    assert_eq!((attempt.started_at, attempt.ended_at), (at("2026-02-10T08:59:30Z"), Some(at("2026-02-10T09:25:00Z"))));
    let session = session(listed("AP-SUCCESS"));
    assert_eq!(session.session_id.as_deref(), Some("00000001-9d4e-4c43-8a52-6f1f7d9c0a01"));
    assert_eq!(session.state, SessionState::Success);
    assert_eq!(session.ended_at, Some(at("2026-02-10T09:25:00Z")));
    assert_eq!(session.deployment_mode, Some(DeploymentMode::UserDriven));
    assert_eq!(session.stuck_since, None);
    assert_eq!(session.phases[&Phase::DevicePreparation].ended_at, Some(at("2026-02-10T09:06:29.750Z")));
    assert!(session.phases.values().all(|progress| progress.state == PhaseState::Completed));
    let items: Vec<_> = session
        .items
        .iter()
        .map(|item| (item.name.as_deref().unwrap(), item.category, item.state.unwrap(), item.error_code.as_deref()))
        .collect();
    assert_eq!(
        items,
        [
            ("Disk encryption", Category::SecurityPolicies, ItemState::Completed, None),
            ("Company Portal", Category::Apps, ItemState::Completed, None),
            ("VPN client", Category::Apps, ItemState::Error, Some("-2016281112")),
        ]
    );
    let start = listed("AP-SUCCESS").into_iter().find_map(|event| match event.body {
        Body::Esp(esp) => match esp.detail {
            EspDetail::Started(start) => Some(start),
            _ => None,
        },
        Body::Enrollment(_) => None,
    });
    let properties: Vec<_> =
        start.unwrap().properties.iter().map(|(name, value)| (name.name(), value.clone())).collect();
    let expected = [("osVersion", "10.0.26100.3194"), ("enrollmentProfileName", "Contoso laptops")];
    assert_eq!(properties, expected.map(|(name, value)| (name, value.to_owned())));
}

#[test]
fn a_failed_page_fails_the_session_by_its_code_and_leaves_the_device_enrolled() {
    let enrollment = folded(listed("AP-FAILURE"));
    assert_eq!(enrollment.registered_at, None, "the year 1 counts as missing");
    assert!(enrollment.enrolled && enrollment.compliant);
    // A deployment has one result (docs/DOMAIN.md, A9): the attempt failed too, with the session's code.
    let [attempt] = &enrollment.attempts[..] else { panic!("{:?}", enrollment.attempts) };
    assert_eq!((attempt.outcome, enrollment.state), (Outcome::Failed, DeviceState::Failed));
    assert_eq!(attempt.failure.as_ref().unwrap().code.as_deref(), Some("-2147023436"));
    assert_eq!(attempt.place.as_ref().unwrap().action.name(), "deviceSetup");
    let session = session(listed("AP-FAILURE"));
    assert_eq!(session.state, SessionState::Failed);
    assert_eq!(session.failed_phase, Some(Phase::DeviceSetup));
    assert_eq!(session.error_code.as_deref(), Some("-2147023436"));
    assert_eq!(session.error_message.as_deref(), Some("App installation timed out, error -2147023436."));
    assert_eq!(session.phases[&Phase::DeviceSetup].state, PhaseState::Failed);
    assert_eq!(session.phases.get(&Phase::AccountSetup).map(|phase| phase.state), None);
    let without_state = session.items.iter().find(|item| item.name.as_deref() == Some("Root certificate")).unwrap();
    assert_eq!(without_state.state, None);
}

#[test]
fn a_refused_enrollment_is_a_failed_attempt_without_a_session() {
    let events = listed("AP-REFUSED");
    assert!(events.iter().all(|event| event.about.mdm_device_id.is_none() && event.about.user_id.is_none()));
    let enrollment = folded(events);
    assert!(enrollment.sessions.is_empty());
    let [attempt] = &enrollment.attempts[..] else { panic!("{:?}", enrollment.attempts) };
    assert_eq!(attempt.outcome, Outcome::Failed);
    let failure = attempt.failure.clone().unwrap();
    assert_eq!(failure.code.as_deref(), Some("0x80180014"));
    assert!(failure.reason.unwrap().starts_with("MDM enrollment failed"));
}

#[test]
fn a_code_is_found_in_a_sentence_without_its_prefix() {
    let sentence = "It did not work. You can ask your administrator and name the error code 80180018.";
    let refused = with(json!({
        "enrollmentState": "failed", "deploymentState": "failure", "enrollmentFailureDetails": sentence,
    }));
    let failure = folded(of(&refused)).attempts[0].failure.clone().unwrap();
    assert_eq!((failure.code.as_deref(), failure.reason.as_deref()), (Some("0x80180018"), Some(sentence)));
}

#[test]
fn an_exit_code_is_the_failures_code_but_a_telephone_number_is_not() {
    let code = |sentence: &str| {
        let refused = with(json!({
            "enrollmentState": "failed", "deploymentState": "failure", "enrollmentFailureDetails": sentence,
        }));
        let failure = folded(of(&refused)).attempts[0].failure.clone().unwrap();
        assert_eq!(failure.reason.as_deref(), Some(sentence));
        failure.code
    };
    for sentence in ["exit code 1603", "exit status: 1603", "MSI returned 1603.", "It returned 1603"] {
        assert_eq!(code(sentence).as_deref(), Some("1603"), "{sentence}");
    }
    assert_eq!(code("error 1618 of the installer").as_deref(), Some("1618"));
    assert_eq!(code("exit code 1603 (0x80070643)").as_deref(), Some("0x80070643"));
    assert_eq!(code("Result: 80180014").as_deref(), Some("0x80180014"));
    for sentence in [
        "call support 80012345 today",
        "call the service desk (80012345)",
        "error in 3 of 5 items",
        "an error 3 times",
        "it returned 12 items",
        "exit code 0",
    ] {
        assert_eq!(code(sentence), None, "{sentence}");
    }
}

#[test]
fn a_code_is_found_anywhere_in_a_text() {
    let failure = |details: &str| {
        let changes = json!({"enrollmentState": "failed", "deploymentState": "notAttempted", "deviceSetupStatus": null,
            "accountSetupStatus": null, "enrollmentFailureDetails": details});
        let failed = of(&with(changes)).into_iter().find_map(|event| event.step()?.failure.clone());
        failed.map(|failure| (failure.code, failure.reason, failure.message))
    };
    let code = |details: &str| failure(details).and_then(|(code, _, _)| code);
    assert_eq!(failure("-2145910754"), Some((Some("-2145910754".to_owned()), None, None)));
    assert_eq!(failure(" 5 "), Some((Some("5".to_owned()), None, None)));
    assert_eq!(failure(""), None);
    assert_eq!(code("error:0X801C0003;").as_deref(), Some("0X801C0003"));
    assert_eq!(code("(2149056533)").as_deref(), Some("2149056533"));
    for none in
        ["attempt 3 of 5 on 2026-02-10", "0x0", "3e455cab-5cab-3e45-ab5c-453eab5c453e", "-", "0x", "0x1ffffffff"]
    {
        assert_eq!(code(none), None, "{none}");
    }
    let long = "x".repeat(300);
    assert_eq!(failure(&long), Some((None, None, Some(long))));
    // A person who gave up did not fail.
    let gave_up = with(json!({"enrollmentState": "failed", "enrollmentFailureDetails": "userAbandonment"}));
    assert!(steps(&of(&gave_up)).iter().any(|(kind, _)| *kind == Kind::Stopped));
}

#[test]
fn a_success_after_a_time_out_has_no_failure_that_nobody_reported() {
    let retried = session(listed("AP-KIOSK"));
    assert_eq!(retried.state, SessionState::SuccessOnRetry);
    assert_eq!(retried.ended_at, Some(at("2026-02-10T14:30:00Z")));
    assert_eq!(retried.deployment_mode, Some(DeploymentMode::SelfDeploying));
    assert_eq!(retried.phases.len(), 2);
    let events = listed("AP-KIOSK");
    let mut details: Vec<_> = events
        .iter()
        .filter_map(|event| match &event.body {
            Body::Esp(esp) => Some((event.time, event.key.id.clone(), esp.detail.clone())),
            Body::Enrollment(_) => None,
        })
        .collect();
    details.sort_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));
    let last: Vec<_> = details.iter().rev().take(3).map(|(_, _, detail)| detail.clone()).collect();
    assert!(matches!(
        last[..],
        [
            EspDetail::Completed,
            EspDetail::Phase(Phase::DeviceSetup, PhaseState::Completed),
            EspDetail::Action(EspAction::Retry),
        ]
    ));
    assert!(details.iter().all(|(_, _, detail)| !matches!(detail, EspDetail::Failed(..))));
    let late = session(listed("AP-HYBRID"));
    assert_eq!(late.state, SessionState::SuccessWithTimeout);
    assert!(late.hybrid_join);
    assert_eq!(late.ended_at, Some(at("2026-02-10T16:10:00Z")), "the start and the total length");
    // Also if almost no time passed between start and end.
    for (state, expected) in
        [("successOnRetry", SessionState::SuccessOnRetry), ("successWithTimeout", SessionState::SuccessWithTimeout)]
    {
        let instant = with(json!({"deploymentState": state, "deploymentEndDateTime": "2026-02-10T09:00:01Z"}));
        let session = session(of(&instant));
        // All we know of the limit is that it ran out, so it was less than the time that passed.
        assert_eq!((session.state, session.failed, session.timed_out), (expected, false, true));
    }
}

#[test]
fn the_enrollment_type_implies_the_deployment_mode() {
    use DeploymentMode::{PreProvisioningTechnician, SelfDeploying, UserDriven};
    for (kind, mode, hybrid) in [
        (json!("azureADJoinedWithAutopilotProfile"), Some(UserDriven), false),
        (json!("offlineDomainJoined"), Some(UserDriven), true),
        (json!("azureADJoinedUsingDeviceAuthWithAutopilotProfile"), Some(SelfDeploying), false),
        (json!("azureADJoinedUsingDeviceAuthWithoutAutopilotProfile"), Some(SelfDeploying), false),
        (json!("azureADJoinedWithOfflineAutopilotProfile"), Some(UserDriven), false),
        (json!("AzureADJoinedWithWhiteGlove"), Some(PreProvisioningTechnician), false),
        (json!("offlineDomainJoinedWithWhiteGlove"), Some(PreProvisioningTechnician), true),
        (json!("offlineDomainJoinedWithOfflineAutopilotProfile"), Some(UserDriven), true),
        (json!("unknown"), None, false),
        (json!("somethingNew"), None, false),
        (json!(null), None, false),
    ] {
        let session = session(of(&with(json!({"enrollmentType": kind}))));
        assert_eq!((session.deployment_mode, session.hybrid_join), (mode, hybrid), "{kind}");
    }
}

#[test]
fn importing_again_adds_nothing() {
    let (once, again) = (events(LIST), events(LIST));
    assert_eq!(once, again);
    assert_eq!(keys(&once).len(), once.len(), "every event has a key of its own");
    for serial in ["AP-SUCCESS", "AP-FAILURE", "AP-REFUSED", "AP-KIOSK", "AP-HYBRID", "AP-LATER", "AP-WAITING"] {
        let twice = listed(serial).into_iter().chain(listed(serial));
        assert_eq!(folded(twice), folded(listed(serial)), "{serial}");
    }
}

#[test]
fn a_later_record_adds_only_what_is_new() {
    let (before, after) = (listed("AP-LATER"), events(LATER));
    // What was reported stays. Begins that were estimated now come from a length, and the app has another state.
    let (old, known) = (keys(&before), keys(&after));
    let gone: Vec<_> = before.iter().filter(|event| !known.contains(&event.key)).collect();
    assert_eq!((old.len(), gone.len()), (8, 3));
    assert_eq!(steps(&before)[2], (Kind::Enrolled, "2026-02-10T16:20:00.000Z".to_owned()));
    assert_eq!(steps(&after)[2], (Kind::Enrolled, "2026-02-10T16:10:00.000Z".to_owned()));
    let open = folded(before.clone());
    assert_eq!(open.sessions[0].state, SessionState::TimedOut, "by what is known so far");
    assert!(open.enrolled && !open.compliant);
    // Importing also on the way gives the same result as importing once.
    let both = folded(before.iter().cloned().chain(after.clone()));
    let once = folded(after.clone());
    for enrollment in [&both, &once] {
        assert_eq!(enrollment.attempts.len(), 1);
        assert_eq!(enrollment.attempts[0].outcome, Outcome::Completed);
        assert_eq!(enrollment.attempts[0].started_at, at("2026-02-10T16:00:00Z"));
        assert_eq!(enrollment.attempts[0].ended_at, Some(at("2026-02-10T16:40:00Z")));
        assert_eq!(enrollment.sessions.len(), 1);
        assert_eq!(enrollment.sessions[0].state, SessionState::Success);
        assert_eq!(enrollment.sessions[0].ended_at, Some(at("2026-02-10T16:40:00Z")));
        assert_eq!(enrollment.sessions[0].items.len(), 1);
        assert_eq!(enrollment.sessions[0].items[0].state, Some(ItemState::Completed));
    }
    assert_eq!(both.sessions[0].phases, once.sessions[0].phases);
    assert_eq!(both.attempts[0].id, once.attempts[0].id);
    assert_eq!(both.sessions[0].id, once.sessions[0].id);
}

#[test]
fn an_error_resolved_before_the_end_does_not_count() {
    let mut before: Value = serde_json::from_str(LATER).unwrap();
    let record = &mut before["value"][0];
    record["deploymentState"] = json!("inProgress");
    record["policyStatusDetails"][0]["complianceStatus"] = json!("error");
    record["policyStatusDetails"][0]["errorCode"] = json!(-2_016_345_060);
    for gone in ["deploymentEndDateTime", "deploymentTotalDuration"] {
        record.as_object_mut().unwrap().remove(gone);
    }
    let (before, after) = (events(&before.to_string()), events(LATER));
    let both = session(before.into_iter().chain(after.clone()));
    assert_eq!((both.state, both.failed), (SessionState::Success, false));
    assert_eq!(session(after).state, SessionState::Success);
}

#[test]
fn a_corrected_time_is_another_event_but_never_another_attempt() {
    let moved = with(json!({"deploymentEndDateTime": "2026-02-10T09:26:00Z"}));
    let (first, second) = (of(&record()), of(&moved));
    let new: Vec<_> = second.iter().filter(|event| !keys(&first).contains(&event.key)).collect();
    let ends = [Some(at("2026-02-10T09:26:00Z"))];
    let times: BTreeSet<_> = new.iter().map(|event| Some(event.time)).collect();
    assert_eq!(times, BTreeSet::from(ends));
    let moved = with(json!({"enrollmentStartDateTime": "2026-02-10T09:01:00Z"}));
    assert_eq!(folded(of(&record()).into_iter().chain(of(&moved))).attempts.len(), 1);
    // A code that Graph reports later belongs to the same failure.
    let failed = |details: Value| {
        with(json!({"enrollmentState": "failed", "deploymentState": "failure", "enrollmentFailureDetails": details}))
    };
    let enrollment = folded(of(&failed(json!(null))).into_iter().chain(of(&failed(json!("0x80180014")))));
    assert_eq!(enrollment.attempts.len(), 1);
    assert_eq!(enrollment.attempts[0].failure.as_ref().unwrap().code.as_deref(), Some("0x80180014"));
    assert_eq!(enrollment.sessions[0].error_code.as_deref(), Some("0x80180014"));
}

#[test]
fn compliance_is_assumed_and_marked_so() {
    let kinds = |record: &Value| -> Vec<(Kind, bool)> {
        of(record).iter().filter_map(Event::step).map(|step| (step.kind, step.said.assumed)).collect()
    };
    let enrolled = [(Kind::Started, false), (Kind::Enrolled, false)];
    assert_eq!(kinds(&record()), [&enrolled[..], &[(Kind::Compliant, true)]].concat());
    // While the deployment is under way, its end is unknown.
    assert_eq!(kinds(&with(json!({"deploymentState": "inProgress"}))), enrolled);
    // Without a deployment, or after one that failed, compliance comes with enrollment.
    for state in ["failure", "disabled", "unknown"] {
        let steps = steps(&of(&with(json!({"deploymentState": state}))));
        assert_eq!(steps[1].1, steps[2].1, "{state}");
        assert_eq!(steps[2].0, Kind::Compliant);
    }
    let settings = TenantSettings { require_compliance: false, ..TenantSettings::default() };
    let enrollment = folded_as(of(&record()), &settings);
    assert_eq!(enrollment.attempts.len(), 1);
    // A deployment has one result: while its session is open, enrolling completes nothing (docs/DOMAIN.md, A9).
    assert_eq!(enrollment.attempts[0].ended_at, Some(at("2026-02-10T09:25:00Z")));
}
