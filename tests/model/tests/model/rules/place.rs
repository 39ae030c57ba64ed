//! Where an attempt stopped, its row, and whose it is.

use crate::common::*;
use serde_json::json;
use vestibule_model::ROWS;

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
