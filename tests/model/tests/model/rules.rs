//! The rules from events to attempts, one worked example for each sentence.

use crate::common::*;
use serde_json::json;
use vestibule_model::{ROWS, Settings};

const LIMIT: i64 = 30 * MINUTE;
const SAME_END: i64 = 2 * MINUTE;

// The set of events.

#[test]
fn later_events_take_no_part() {
    let events = [plain(0, "started"), plain(MINUTE, "portalClosed")];
    assert_eq!(shorts(&one(&events, MINUTE - 1)), [("inProgress", None, 0, None)]);
    assert_eq!(shorts(&one(&events, MINUTE)), [("abandoned", Some("portalClosed"), 0, Some(MINUTE))]);
}

#[test]
fn the_order_of_delivery_and_repetition_change_nothing() {
    let events = [
        plain(0, "started"),
        step(MINUTE, "TermsofUse", "termsOfUse"),
        plain(2 * MINUTE, "enrolled"),
        plain(3 * MINUTE, "compliant"),
    ];
    let expected = one(&events, HOUR);
    let mut other: Vec<_> = events.iter().rev().cloned().collect();
    other.extend(events.clone());
    assert_eq!(one(&other, HOUR), expected);
}

#[test]
fn the_copy_received_first_counts() {
    let mut first = plain(0, "started");
    first.event["id"] = json!("same");
    first.received_at_ms += 10;
    let mut second = plain(0, "registered");
    second.event["id"] = json!("same");
    second.received_at_ms += 11;
    let device = one(&[second, first], HOUR - 1);
    assert!(!device.registered);
    assert_eq!(device.attempts.len(), 1);
}

#[test]
fn the_same_id_of_two_sources_is_two_events() {
    let events = [from("a", 0, "started", json!({})), from("b", 0, "started", json!({}))];
    assert_eq!(one(&events, 0).attempts[0].events.len(), 2);
}

#[test]
fn an_event_is_placed_by_its_time_but_never_later_than_received() {
    let mut late = plain(0, "started");
    late.received_at_ms += HOUR;
    assert_eq!(shorts(&one(&[late], 0)), [("inProgress", None, 0, None)]);

    let mut ahead = plain(HOUR, "started");
    ahead.received_at_ms = START_MS + 5;
    assert_eq!(shorts(&one(&[ahead], 5)), [("inProgress", None, 5, None)]);

    let mut without = plain(HOUR, "started");
    without.received_at_ms = START_MS + 7;
    without.event.as_object_mut().unwrap().remove("time");
    assert_eq!(shorts(&one(&[without], 7)), [("inProgress", None, 7, None)]);
}

#[test]
fn at_one_instant_the_kind_decides() {
    // The step comes before the stop, and names the place.
    let events = [plain(0, "started"), on(1, "stopped", json!({})), step(1, "DeviceCategory", "deviceCategory")];
    let device = one(&events, 1);
    assert_eq!(shorts(&device), [("abandoned", Some("cancel"), 0, Some(1))]);
    assert_eq!(place(&device).1, Some("DeviceCategory"));
}

#[test]
fn then_the_source_then_the_id_decide() {
    let mut b = from("a", 0, "started", json!({}));
    b.event["id"] = json!("2");
    let mut a = b.clone();
    a.event["id"] = json!("1");
    let mut other = b.clone();
    other.event["source"] = json!("b");
    other.event["id"] = json!("0");
    let device = one(&[other, b, a], 0);
    let opened: Vec<_> = device.attempts.iter().map(|attempt| attempt.opened_by.clone()).collect();
    assert_eq!(opened, [("a".to_owned(), "1".to_owned()), ("a".to_owned(), "2".to_owned())]);
}

// 1. Opening.

#[test]
fn six_kinds_open_an_attempt() {
    let opened = [
        ("started", ("inProgress", None, 0, None)),
        ("stopped", ("abandoned", Some("cancel"), 0, Some(0))),
        ("failed", ("failed", None, 0, Some(0))),
        ("enrolled", ("inProgress", None, 0, None)),
        ("compliant", ("inProgress", None, 0, None)),
    ];
    for (kind, expected) in opened {
        assert_eq!(shorts(&one(&[plain(0, kind)], 0)), [expected], "{kind}");
    }
    let entered = one(&[step(0, "TermsofUse", "termsOfUse")], 0);
    assert_eq!(shorts(&entered), [("inProgress", None, 0, None)]);
}

#[test]
fn the_others_open_none() {
    for kind in ["registered", "portalClosed", "unenrolled"] {
        assert!(one(&[plain(0, kind)], 0).attempts.is_empty(), "{kind}");
    }
    let completed = on(0, "step.completed", json!({ "action": "TermsofUse" }));
    assert!(one(&[completed], 0).attempts.is_empty());
}

#[test]
fn what_repeats_what_is_known_opens_none() {
    for kind in ["enrolled", "compliant"] {
        let events = [plain(0, kind), plain(MINUTE, "portalClosed"), plain(2 * MINUTE, kind)];
        let device = one(&events, 2 * MINUTE);
        assert_eq!(device.attempts.len(), 1, "{kind}");
        assert_eq!(device.attempts[0].events.len(), 2);
    }
}

#[test]
fn on_a_complete_device_only_started_opens() {
    let complete = [plain(0, "started"), plain(MINUTE, "enrolled"), plain(2 * MINUTE, "compliant")];
    for kind in ["stopped", "failed", "enrolled", "compliant"] {
        let mut events = complete.to_vec();
        events.push(plain(HOUR, kind));
        assert_eq!(one(&events, HOUR).attempts.len(), 1, "{kind}");
    }
    let mut events = complete.to_vec();
    events.push(step(HOUR, "TermsofUse", "termsOfUse"));
    assert_eq!(one(&events, HOUR).attempts.len(), 1);

    let mut events = complete.to_vec();
    events.push(plain(HOUR, "started"));
    assert_eq!(
        shorts(&one(&events, HOUR)),
        [("completed", None, 0, Some(2 * MINUTE)), ("inProgress", None, HOUR, None)]
    );
}

#[test]
fn a_compliant_opens_none_where_enrolled_is_enough() {
    let settings = Settings { require_compliance: false, ..Settings::default() };
    let device = one_with(&[plain(0, "enrolled"), plain(1, "compliant")], &settings, 1);
    assert_eq!(shorts(&device), [("completed", None, 0, Some(0))]);
    assert!(device.compliant);
}

#[test]
fn a_second_report_of_the_same_end_opens_none() {
    for closing in ["stopped", "failed", "portalClosed"] {
        for again in ["stopped", "failed"] {
            let at = MINUTE + SAME_END;
            let events = [plain(0, "started"), plain(MINUTE, closing), from("other", at, again, json!({}))];
            let device = one(&events, at);
            assert_eq!(device.attempts.len(), 1, "{closing} {again}");
            assert_eq!(device.attempts[0].ended_at_ms, Some(START_MS + MINUTE));
            assert_eq!(device.attempts[0].events.len(), 3);

            let events = [plain(0, "started"), plain(MINUTE, closing), from("other", at + 1, again, json!({}))];
            assert_eq!(one(&events, at + 1).attempts.len(), 2, "{closing} {again}");
        }
    }
}

#[test]
fn the_two_minutes_run_from_the_end_not_from_the_last_report() {
    let events = [plain(0, "failed"), plain(SAME_END, "failed"), plain(SAME_END + 1, "failed")];
    assert_eq!(
        shorts(&one(&events, HOUR)),
        [("failed", None, 0, Some(0)), ("failed", None, SAME_END + 1, Some(SAME_END + 1))]
    );
}

#[test]
fn after_another_end_there_is_no_second_report() {
    // Timed out at 30:00; the failure a second later is a separate attempt.
    let events = [plain(0, "started"), plain(LIMIT + 1, "failed")];
    assert_eq!(one(&events, HOUR).attempts.len(), 2);
    let events = [plain(0, "started"), plain(1, "unenrolled"), plain(2, "failed")];
    assert_eq!(one(&events, HOUR).attempts.len(), 2);
}

#[test]
fn a_second_report_adds_only_what_is_missing() {
    let events = [
        on(0, "failed", json!({ "failure": { "code": "0x80180014" } })),
        from(
            "other",
            1,
            "failed",
            json!({ "failure": { "code": "0x1", "reason": "No licence", "category": "Authorization" } }),
        ),
        from(
            "third",
            2,
            "stopped",
            json!({ "user": { "principalName": "ann@example.com" }, "failure": { "reason": "Other" } }),
        ),
    ];
    let attempt = one(&events, HOUR).attempts.remove(0);
    assert_eq!(attempt.outcome, "failed");
    assert_eq!(attempt.failure_code.as_deref(), Some("0x80180014"));
    assert_eq!(attempt.failure_reason.as_deref(), Some("No licence"));
    assert_eq!(attempt.failure_category.as_deref(), Some("authorization"));
    assert_eq!(attempt.user_principal_name.as_deref(), Some("ann@example.com"));
}

// 2 and 3. Closing.

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

// Where it stopped.

#[test]
fn the_closing_event_names_the_place() {
    for kind in ["stopped", "failed"] {
        let events = [
            plain(0, "started"),
            step(1, "TermsofUse", "termsOfUse"),
            on(2, kind, json!({ "action": "devicecategory", "section": "termsOfUse" })),
        ];
        assert_eq!(place(&one(&events, HOUR)), (Some("setupChecklist"), Some("DeviceCategory"), None, None));
    }
}

#[test]
fn without_an_action_the_last_step_does() {
    for kind in ["stopped", "failed", "portalClosed"] {
        let events = [
            plain(0, "started"),
            step(1, "DeviceCategory", "deviceCategory"),
            on(2, "step.completed", json!({ "action": "TermsofUse" })),
            on(3, kind, json!({ "screen": "deviceCategory", "section": "setupChecklist" })),
        ];
        assert_eq!(place(&one(&events, HOUR)), (Some("termsOfUse"), Some("TermsofUse"), None, None));
    }
}

#[test]
fn closing_the_portal_takes_the_last_step_whatever_it_names() {
    let events =
        [step(0, "DeviceCategory", "deviceCategory"), on(1, "portalClosed", json!({ "action": "TermsofUse" }))];
    assert_eq!(
        place(&one(&events, HOUR)),
        (Some("setupChecklist"), Some("DeviceCategory"), Some("deviceCategory"), None)
    );
}

#[test]
fn without_a_step_it_is_the_wizard() {
    for kind in ["stopped", "failed", "portalClosed", "unenrolled"] {
        let events = [plain(0, "started"), plain(1, kind)];
        assert_eq!(
            place(&one(&events, HOUR)),
            (Some("setupChecklist"), Some("PreEnrollmentWizard"), None, None),
            "{kind}"
        );
    }
    let waited = one(&[plain(0, "started")], HOUR);
    assert_eq!(place(&waited), (Some("setupChecklist"), Some("PreEnrollmentWizard"), None, Some(5)));
}

#[test]
fn an_action_outside_the_catalogue_keeps_the_section_given() {
    let events =
        [on(0, "step.entered", json!({ "action": "Wallpaper", "section": "SETUPCHECKLIST", "screen": "List" }))];
    assert_eq!(place(&one(&events, HOUR)), (Some("setupChecklist"), Some("Wallpaper"), Some("List"), None));
    let events = [on(0, "step.entered", json!({ "action": "Wallpaper" }))];
    assert_eq!(place(&one(&events, HOUR)), (None, Some("Wallpaper"), None, None));
}

// The catalogue row.

#[test]
fn every_row_is_reached_on_its_platforms_only() {
    for row in ROWS {
        for platform in ["ios", "android", "macos", "windows"] {
            let place = json!({ "platform": platform, "action": row.action, "screen": row.screen });
            let mut events = vec![on(0, "step.entered", place.clone())];
            if row.how != "> 30 min" {
                let mut place = place;
                place["userAction"] = json!(row.how);
                events.push(on(1, "stopped", place));
            }
            let device = one(&events, 72 * HOUR);
            let ours = row.platform == platform || (row.platform == "both" && ["ios", "android"].contains(&platform));
            assert_eq!(device.attempts[0].catalogue_row, ours.then_some(row.number), "{} {platform}", row.number);
        }
    }
}

#[test]
fn of_two_rows_the_screen_decides_else_the_lower_number() {
    for (screen, expected) in [("installingProfile", 7), ("TRUSTPROFILEPROMPT", 8), ("showProfilePrompt", 7), ("", 7)] {
        let events =
            [on(0, "stopped", json!({ "action": "iOSProfileLaunch", "screen": screen, "userAction": "cancel" }))];
        assert_eq!(place(&one(&events, HOUR)).3, Some(expected), "{screen}");
    }
}

#[test]
fn of_one_row_the_screen_does_not_matter() {
    let events =
        [on(0, "stopped", json!({ "action": "TermsofUse", "screen": "deviceCategory", "userAction": "declineAll" }))];
    assert_eq!(place(&one(&events, HOUR)).3, Some(14));
    let events = [step(0, "iOSProfileLaunch", "trustProfilePrompt")];
    assert_eq!(place(&one(&events, HOUR)).3, Some(9));
}

#[test]
fn without_a_row_there_is_none() {
    // This user action has no row, a failure has none, and the other causes have none.
    let events = [on(0, "stopped", json!({ "action": "TermsofUse", "userAction": "cancel" }))];
    assert_eq!(place(&one(&events, HOUR)).3, None);
    for kind in ["failed", "portalClosed", "unenrolled", "started"] {
        let events = [step(0, "TermsofUse", "termsOfUse"), plain(1, kind)];
        assert_eq!(one(&events, HOUR).attempts[0].catalogue_row, None, "{kind}");
    }
    let events = [on(0, "stopped", json!({ "platform": null, "action": "TermsofUse", "userAction": "declineAll" }))];
    assert_eq!(place(&one(&events, HOUR)).3, None);
}

#[test]
fn compliance_on_the_activation_screen_is_activation() {
    let events = [step(0, "compliance", "EnrollmentActivation")];
    assert_eq!(
        place(&one(&events, HOUR)),
        (Some("complianceActivation"), Some("Activation"), Some("enrollmentActivation"), Some(19))
    );
    let events = [on(
        0,
        "stopped",
        json!({ "action": "Compliance", "screen": "enrollmentActivation", "userAction": "postpone" }),
    )];
    assert_eq!(place(&one(&events, HOUR)).3, Some(18));
}

// Who.

#[test]
fn the_last_reported_value_counts_field_by_field() {
    let events = [
        on(
            0,
            "started",
            json!({
                "device": { "serialNumber": "SERIAL-1", "name": "Old", "model": "A" },
                "user": { "principalName": "ann@example.com", "id": "1" },
                "osVersion": "17.0", "enrollmentType": "userEnrollment",
            }),
        ),
        on(1, "enrolled", json!({ "device": { "serialNumber": "SERIAL-1", "name": "New" }, "platform": "macos" })),
        on(2, "stopped", json!({ "user": { "principalName": "bo@example.com" }, "platform": null })),
    ];
    let attempt = one(&events, HOUR).attempts.remove(0);
    assert_eq!(attempt.device_name.as_deref(), Some("New"));
    assert_eq!(attempt.model.as_deref(), Some("A"));
    assert_eq!(attempt.user_principal_name.as_deref(), Some("bo@example.com"));
    assert_eq!(attempt.user_id.as_deref(), Some("1"));
    assert_eq!(attempt.platform.as_deref(), Some("macos"));
    assert_eq!(attempt.os_version.as_deref(), Some("17.0"));
    assert_eq!(attempt.enrollment_type.as_deref(), Some("userEnrollment"));
}

#[test]
fn what_other_events_report_is_not_the_attempt_s() {
    let events = [
        on(0, "registered", json!({ "osVersion": "1" })),
        plain(1, "started"),
        plain(2, "enrolled"),
        plain(3, "compliant"),
        on(4, "compliant", json!({ "osVersion": "2" })),
    ];
    assert_eq!(one(&events, HOUR).attempts[0].os_version, None);
}

#[test]
fn the_opening_event_names_the_attempt() {
    let events = [step(1, "TermsofUse", "termsOfUse"), from("portal", 2, "started", json!({}))];
    let opened_by = one(&events, HOUR).attempts.remove(0).opened_by;
    assert_eq!(opened_by, ("mdm".to_owned(), "step.entered-1".to_owned()));
}

// Late truth.

#[test]
fn an_event_that_arrives_late_changes_the_answer() {
    let mut events = vec![plain(0, "started")];
    assert_eq!(shorts(&one(&events, HOUR)), [("abandoned", Some("timedOut"), 0, Some(LIMIT))]);
    let mut late = plain(20 * MINUTE, "enrolled");
    late.received_at_ms += 2 * HOUR;
    events.push(late);
    let mut late = plain(40 * MINUTE, "compliant");
    late.received_at_ms += 2 * HOUR;
    events.push(late);
    assert_eq!(shorts(&one(&events, HOUR)), [("completed", None, 0, Some(40 * MINUTE))]);
}
