//! How an attempt ends: by an event, by completion, by the limit.

use super::LIMIT;
use crate::common::*;
use serde_json::json;
use vestibule_model::Settings;

#[test]
fn stopped_closes_with_the_user_action() {
    for (user_action, cause) in
        [("cancel", "cancel"), ("POSTPONE", "postpone"), ("Ignore", "ignore"), ("declineall", "declineAll")]
    {
        let events = [plain(0, "started"), on(MINUTE, "stopped", json!({ "userAction": user_action }))];
        assert_eq!(shorts(&one(&events, HOUR)), [("abandoned", Some(cause), 0, Some(MINUTE))]);
    }
}

#[test]
fn stopped_without_a_user_action_is_cancel() {
    let events = [plain(0, "started"), plain(MINUTE, "stopped")];
    assert_eq!(shorts(&one(&events, HOUR)), [("abandoned", Some("cancel"), 0, Some(MINUTE))]);
}

#[test]
fn portal_closed_closes() {
    let events = [plain(0, "started"), plain(MINUTE, "portalClosed")];
    assert_eq!(shorts(&one(&events, HOUR)), [("abandoned", Some("portalClosed"), 0, Some(MINUTE))]);
}

#[test]
fn failed_closes_with_code_reason_and_category() {
    let events = [
        plain(0, "started"),
        on(MINUTE, "failed", json!({ "failure": { "code": "0X801C0003", "reason": "USERvalidation" } })),
    ];
    let device = one(&events, HOUR);
    assert_eq!(shorts(&device), [("failed", None, 0, Some(MINUTE))]);
    assert_eq!(device.attempts[0].failure_code.as_deref(), Some("0X801C0003"));
    assert_eq!(device.attempts[0].failure_reason.as_deref(), Some("USERvalidation"));
    assert_eq!(device.attempts[0].failure_category.as_deref(), Some("userValidation"));
}

#[test]
fn a_failure_by_user_abandonment_is_a_cancel() {
    for failure in
        [json!({ "reason": "userAbandonment" }), json!({ "category": "UserAbandonment", "reason": "She left" })]
    {
        let events =
            [plain(0, "started"), on(MINUTE, "failed", json!({ "failure": failure, "userAction": "postpone" }))];
        assert_eq!(shorts(&one(&events, HOUR)), [("abandoned", Some("cancel"), 0, Some(MINUTE))]);
    }
    // The reported category counts before the reason.
    let failure = json!({ "category": "unknown", "reason": "userAbandonment" });
    let events = [on(0, "failed", json!({ "failure": failure }))];
    assert_eq!(one(&events, 0).attempts[0].outcome, "failed");
}

// 4. Completion.

#[test]
fn enrolled_and_compliant_complete_in_either_order() {
    for kinds in [["enrolled", "compliant"], ["compliant", "enrolled"]] {
        let events = [plain(0, "started"), plain(1, kinds[0]), plain(2, kinds[1])];
        let device = one(&events, HOUR);
        assert_eq!(shorts(&device), [("completed", None, 0, Some(2))]);
        assert!(device.enrolled && device.compliant);
        assert_eq!(place(&device), (None, None, None, None));
    }
}

#[test]
fn one_of_the_two_does_not_complete() {
    for kind in ["enrolled", "compliant"] {
        let events = [plain(0, "started"), plain(1, kind), plain(2, kind)];
        assert_eq!(shorts(&one(&events, 2)), [("inProgress", None, 0, None)]);
    }
}

#[test]
fn without_compliance_enrolled_completes() {
    let settings = Settings { require_compliance: false, ..Settings::default() };
    let events = [plain(0, "started"), plain(1, "enrolled")];
    assert_eq!(shorts(&one_with(&events, &settings, HOUR)), [("completed", None, 0, Some(1))]);
    let events = [plain(0, "started"), plain(1, "compliant")];
    assert_eq!(shorts(&one_with(&events, &settings, 1)), [("inProgress", None, 0, None)]);
}

#[test]
fn the_facts_outlive_an_attempt() {
    let events = [
        plain(0, "started"),
        plain(1, "enrolled"),
        plain(2, "portalClosed"),
        plain(HOUR, "started"),
        plain(HOUR + 1, "compliant"),
    ];
    assert_eq!(
        shorts(&one(&events, 2 * HOUR)),
        [("abandoned", Some("portalClosed"), 0, Some(2)), ("completed", None, HOUR, Some(HOUR + 1))]
    );
}

#[test]
fn until_unenrolled() {
    let events = [
        plain(0, "started"),
        plain(1, "enrolled"),
        plain(2, "portalClosed"),
        plain(3, "unenrolled"),
        plain(HOUR, "started"),
        plain(HOUR + 1, "compliant"),
    ];
    let device = one(&events, HOUR + 1);
    assert_eq!(device.attempts[1].outcome, "inProgress");
    assert!(!device.enrolled && device.compliant);
}

#[test]
fn or_until_a_started_after_a_completed_attempt() {
    let events = [
        plain(0, "started"),
        plain(1, "enrolled"),
        plain(2, "compliant"),
        plain(HOUR, "started"),
        plain(HOUR + 1, "compliant"),
    ];
    let device = one(&events, HOUR + 1);
    assert_eq!(device.attempts[1].outcome, "inProgress");
    assert!(!device.enrolled);
    let mut events = events.to_vec();
    events.push(plain(HOUR + 2, "enrolled"));
    assert_eq!(one(&events, 2 * HOUR).attempts[1].outcome, "completed");
}

#[test]
fn a_lone_second_fact_opens_and_completes() {
    let events = [plain(0, "enrolled"), plain(1, "portalClosed"), plain(HOUR, "compliant")];
    assert_eq!(shorts(&one(&events, 2 * HOUR))[1], ("completed", None, HOUR, Some(HOUR)));
}

// 5. Thirty minutes.

#[test]
fn thirty_minutes_from_one_activity_to_the_next() {
    let events = [plain(0, "started"), plain(LIMIT, "enrolled")];
    assert_eq!(shorts(&one(&events, LIMIT)), [("inProgress", None, 0, None)]);

    let events = [plain(0, "started"), plain(LIMIT + 1, "enrolled")];
    assert_eq!(
        shorts(&one(&events, LIMIT + 1)),
        [("abandoned", Some("timedOut"), 0, Some(LIMIT)), ("inProgress", None, LIMIT + 1, None)]
    );
}

#[test]
fn thirty_minutes_to_as_of() {
    let events = [plain(0, "started"), step(MINUTE, "TermsofUse", "termsOfUse")];
    assert_eq!(shorts(&one(&events, MINUTE + LIMIT)), [("inProgress", None, 0, None)]);
    assert_eq!(shorts(&one(&events, MINUTE + LIMIT + 1)), [("abandoned", Some("timedOut"), 0, Some(MINUTE + LIMIT))]);
}

#[test]
fn the_next_activity_may_open_none() {
    let events = [
        plain(0, "started"),
        plain(LIMIT + 1, "portalClosed"),
        on(LIMIT + 2, "step.completed", json!({ "action": "TermsofUse" })),
    ];
    assert_eq!(shorts(&one(&events, HOUR)), [("abandoned", Some("timedOut"), 0, Some(LIMIT))]);
}

#[test]
fn n_waits_are_n_incomplete_enrollments() {
    let mut events = vec![plain(0, "started")];
    for wait in 1..=5 {
        events.push(step(wait * (LIMIT + 1), "TermsofUse", "termsOfUse"));
    }
    events.push(plain(5 * (LIMIT + 1) + 1, "enrolled"));
    events.push(plain(5 * (LIMIT + 1) + 2, "compliant"));
    let device = one(&events, 24 * HOUR);
    let timed_out = device.attempts.iter().filter(|attempt| attempt.cause.as_deref() == Some("timedOut"));
    assert_eq!(timed_out.count(), 5);
    assert_eq!(device.attempts.len(), 6);
    assert_eq!(device.attempts[5].outcome, "completed");
}

#[test]
fn n_stops_and_restarts_are_n_attempts() {
    let mut events = Vec::new();
    for time in 0..4 {
        events.push(plain(time * 10 * MINUTE, "started"));
        events.push(plain(time * 10 * MINUTE + 1, "stopped"));
    }
    let device = one(&events, HOUR);
    assert_eq!(device.attempts.len(), 4);
    assert!(device.attempts.iter().all(|attempt| attempt.outcome == "abandoned"));
}

#[test]
fn registered_is_no_activity() {
    let events = [plain(0, "started"), plain(1, "registered")];
    let device = one(&events, LIMIT + 1);
    assert_eq!(shorts(&device), [("abandoned", Some("timedOut"), 0, Some(LIMIT))]);
    assert_eq!(device.attempts[0].events.len(), 1);
}

/// A session is a sign of life on Windows, and its events are not events of the enrollment.
#[test]
fn the_page_s_events_extend_the_limit() {
    let day = 24 * HOUR;
    let mut esp = plain(2, "started");
    esp.event["type"] = json!("esp.started");
    let events = [on(0, "started", json!({ "platform": "windows" })), esp];
    assert_eq!(shorts(&one(&events, day + 2)), [("inProgress", None, 0, None)]);
    let device = one(&events, day + 3);
    assert_eq!(shorts(&device), [("abandoned", Some("timedOut"), 0, Some(day + 2))]);
    assert_eq!(device.attempts[0].events.len(), 1);
}

// 6. Started while one is open.

#[test]
fn a_start_of_the_same_source_restarts() {
    let events = [plain(0, "started"), plain(MINUTE, "started")];
    assert_eq!(
        shorts(&one(&events, 2 * MINUTE)),
        [("abandoned", Some("restarted"), 0, Some(MINUTE)), ("inProgress", None, MINUTE, None)]
    );
}

#[test]
fn a_start_of_another_source_is_activity() {
    let events = [plain(0, "started"), from("portal", LIMIT, "started", json!({}))];
    assert_eq!(shorts(&one(&events, 2 * LIMIT)), [("inProgress", None, 0, None)]);
    // From then on the attempt also holds an event of that source.
    let mut events = events.to_vec();
    events.push(from("portal", LIMIT + 1, "started", json!({})));
    assert_eq!(shorts(&one(&events, LIMIT + 1))[0], ("abandoned", Some("restarted"), 0, Some(LIMIT + 1)));
}

#[test]
fn any_event_of_the_source_makes_it_a_restart() {
    let events = [step(0, "TermsofUse", "termsOfUse"), plain(MINUTE, "started")];
    assert_eq!(one(&events, MINUTE).attempts.len(), 2);
}

#[test]
fn a_start_after_the_limit_is_not_a_restart() {
    let events = [plain(0, "started"), plain(LIMIT + 1, "started")];
    assert_eq!(one(&events, HOUR).attempts[0].cause.as_deref(), Some("timedOut"));
}

#[test]
fn a_restart_keeps_the_facts() {
    let events = [plain(0, "started"), plain(1, "enrolled"), plain(2, "started"), plain(3, "compliant")];
    assert_eq!(one(&events, HOUR).attempts[1].outcome, "completed");
}

// 7 and 8.

#[test]
fn unenrolled_closes_the_open_one() {
    let events =
        [plain(0, "started"), step(1, "TermsofUse", "termsOfUse"), on(2, "unenrolled", json!({ "osVersion": "17.5" }))];
    let device = one(&events, HOUR);
    assert_eq!(shorts(&device), [("abandoned", Some("unenrolled"), 0, Some(2))]);
    assert_eq!(device.attempts[0].os_version.as_deref(), Some("17.5"));
    assert_eq!(place(&device), (Some("termsOfUse"), Some("TermsofUse"), Some("termsOfUse"), None));
}

#[test]
fn unenrolled_after_the_limit_finds_it_timed_out() {
    let events = [plain(0, "started"), plain(LIMIT + 1, "unenrolled")];
    assert_eq!(shorts(&one(&events, HOUR)), [("abandoned", Some("timedOut"), 0, Some(LIMIT))]);
}

#[test]
fn otherwise_it_is_in_progress() {
    let events = [plain(0, "started"), step(1, "TermsOfUse", "TERMSOFUSE")];
    let device = one(&events, 2);
    assert_eq!(shorts(&device), [("inProgress", None, 0, None)]);
    assert_eq!(place(&device), (Some("termsOfUse"), Some("TermsofUse"), Some("termsOfUse"), None));
}

#[test]
fn registered_without_an_attempt_is_pending() {
    let device = one(&[plain(0, "registered")], 24 * HOUR);
    assert!(device.pending && device.registered);
    let device = one(&[plain(0, "registered"), plain(1, "started")], 24 * HOUR);
    assert!(!device.pending && device.registered);
    assert!(!one(&[plain(0, "unenrolled")], 0).pending);
}

// The limit of Windows.

#[test]
fn windows_has_a_limit_of_its_own() {
    let windows = |at, kind| on(at, kind, json!({ "platform": "WINDOWS" }));
    let events = [windows(0, "started")];
    assert_eq!(one(&events, 24 * HOUR).attempts[0].outcome, "inProgress");
    let device = one(&events, 24 * HOUR + 1);
    assert_eq!(shorts(&device), [("abandoned", Some("timedOut"), 0, Some(24 * HOUR))]);
    assert_eq!(device.attempts[0].catalogue_row, None);

    let settings = Settings { windows_idle_limit_minutes: 90, ..Settings::default() };
    assert_eq!(
        shorts(&one_with(&events, &settings, 90 * MINUTE + 1)),
        [("abandoned", Some("timedOut"), 0, Some(90 * MINUTE))]
    );
}

#[test]
fn the_others_have_thirty_minutes() {
    for platform in ["ios", "android", "macos"] {
        let events = [on(0, "started", json!({ "platform": platform }))];
        assert_eq!(one(&events, LIMIT).attempts[0].outcome, "inProgress");
        assert_eq!(one(&events, LIMIT + 1).attempts[0].outcome, "abandoned");
    }
}

#[test]
fn the_platform_of_a_wait_is_the_one_reported_before_it() {
    let events =
        [on(0, "started", json!({ "platform": null })), on(LIMIT + 1, "started", json!({ "platform": "windows" }))];
    let device = one(&events, 20 * HOUR);
    assert_eq!(device.attempts[0].cause.as_deref(), Some("timedOut"));
    assert_eq!(device.attempts[1].outcome, "inProgress");
}
