//! What opens an attempt, and what does not.

use super::{LIMIT, SAME_END};
use crate::common::*;
use serde_json::json;
use vestibule_model::Settings;

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
