//! The numbers of the report and of the status page.

use crate::common::*;
use serde_json::json;
use vestibule_model::{Delivered, Elsewhere, Failing, ROWS, Settings, report, status};

const DAY: i64 = 24 * HOUR;

/// An event of the device with this number.
fn of(number: u32, at: i64, kind: &str, more: serde_json::Value) -> Delivered {
    let mut event = on(at, kind, more);
    event.event["data"]["device"]["serialNumber"] = json!(format!("serial-{number}"));
    event.event["id"] = json!(format!("{number}-{kind}-{at}"));
    event
}

fn sample() -> Vec<Delivered> {
    vec![
        // Row 14 on the first day.
        of(1, 0, "started", json!({})),
        of(1, 1, "stopped", json!({ "action": "TermsofUse", "userAction": "declineAll" })),
        // Row 11 on the second, Android.
        of(2, DAY, "step.entered", json!({ "platform": "android", "action": "AndroidPermissions" })),
        // Failed at terms of use.
        of(3, DAY, "failed", json!({ "action": "TermsofUse", "failure": { "reason": "No licence" } })),
        // The portal was closed on the second day; after that the enrollment succeeded.
        of(4, DAY, "started", json!({})),
        of(4, DAY + 1, "portalClosed", json!({})),
        of(4, DAY + HOUR, "started", json!({})),
        of(4, DAY + HOUR + MINUTE, "enrolled", json!({})),
        of(4, DAY + HOUR + 10 * MINUTE, "compliant", json!({})),
        // A stop without a row.
        of(5, DAY, "stopped", json!({ "action": "DeviceCategory", "userAction": "ignore" })),
        // In progress at the end.
        of(6, 3 * DAY, "started", json!({})),
        // Neither iOS nor Android.
        of(7, 0, "stopped", json!({ "platform": "macos" })),
        of(8, 0, "registered", json!({ "platform": "windows" })),
        of(8, 1, "failed", json!({ "platform": "windows", "failure": { "reason": "No licence" } })),
        of(9, 0, "registered", json!({ "platform": "windows" })),
        of(10, 0, "failed", json!({ "platform": "windows" })),
        // No platform.
        of(11, 0, "stopped", json!({ "platform": null })),
    ]
}

#[test]
fn the_numbers_of_the_report() {
    let settings = Settings::default();
    let found = all(&sample(), 3 * DAY);
    let whole = report(&found, "2026-05-04", "2026-05-08", None, None, &settings);
    assert_eq!(whole.initiated, 7);
    assert_eq!(whole.abandoned, 4);
    assert_eq!(whole.failed, 1);
    assert_eq!(whole.incomplete, 5);
    assert_eq!(whole.completed, 1);
    assert_eq!(whole.open, 1);
    assert_eq!(whole.incomplete_rate, Some(4.0 / 7.0));
    assert_eq!(whole.other, 1);
    assert_eq!(
        whole.elsewhere,
        [Elsewhere {
            cause: "portalClosed".to_owned(),
            section: Some("setupChecklist".to_owned()),
            action: Some("PreEnrollmentWizard".to_owned()),
            abandoned: 1,
        }]
    );
    assert_eq!(whole.actions.len(), ROWS.len());
    let counted: Vec<_> = whole.actions.iter().filter(|(_, count)| *count > 0).collect();
    assert_eq!(counted, [&(11, 1), &(14, 1)]);
    assert_eq!(whole.daily.len(), 4 * 4);
    assert_eq!(
        whole.daily[..8],
        [
            ("2026-05-04", "setupChecklist", 0),
            ("2026-05-04", "platformScreens", 0),
            ("2026-05-04", "termsOfUse", 1),
            ("2026-05-04", "complianceActivation", 0),
            ("2026-05-05", "setupChecklist", 2),
            ("2026-05-05", "platformScreens", 1),
            ("2026-05-05", "termsOfUse", 0),
            ("2026-05-05", "complianceActivation", 0),
        ]
        .map(|(date, section, count)| (date.to_owned(), section.to_owned(), count))
    );
}

#[test]
fn filters_also_together() {
    let settings = Settings::default();
    let found = all(&sample(), 3 * DAY);
    let android = report(&found, "2026-05-04", "2026-05-08", Some("android"), None, &settings);
    assert_eq!((android.initiated, android.abandoned), (1, 1));

    // A section narrows the numerator, never the denominator.
    let terms = report(&found, "2026-05-04", "2026-05-08", None, Some("termsOfUse"), &settings);
    assert_eq!((terms.initiated, terms.abandoned, terms.incomplete), (7, 1, 2));
    assert_eq!(terms.incomplete_rate, Some(1.0 / 7.0));

    let both = report(&found, "2026-05-05", "2026-05-06", Some("ios"), Some("setupChecklist"), &settings);
    assert_eq!((both.initiated, both.abandoned, both.incomplete), (4, 2, 2));
    assert_eq!(both.daily.len(), 4);

    // `to` is exclusive, and an empty range has no rate.
    let none = report(&found, "2026-05-06", "2026-05-07", None, None, &settings);
    assert_eq!((none.initiated, none.incomplete_rate), (0, None));
    assert_eq!(none.daily.len(), 4);
    assert!(report(&found, "soon", "2026-05-07", None, None, &settings).daily.is_empty());
}

#[test]
fn an_attempt_belongs_to_the_day_it_started_in_the_tenant_s_zone() {
    let mut settings = Settings::default();
    // Opened at 23:59:59.999 UTC, closed the next day.
    let events = [plain(DAY - 1, "started"), plain(DAY, "stopped")];
    let found = all(&events, 2 * DAY);
    let on_day = |day: &str, next: &str, settings: &Settings| report(&found, day, next, None, None, settings).initiated;
    assert_eq!(on_day("2026-05-04", "2026-05-05", &settings), 1);
    settings.time_zone = "Europe/Berlin".to_owned();
    assert_eq!(on_day("2026-05-04", "2026-05-05", &settings), 0);
    assert_eq!(on_day("2026-05-05", "2026-05-06", &settings), 1);
    settings.time_zone = "America/New_York".to_owned();
    assert_eq!(on_day("2026-05-04", "2026-05-05", &settings), 1);
}

#[test]
fn the_numbers_of_the_status_page() {
    let found = all(&sample(), 3 * DAY);
    let page = status(&found, START_MS + 3 * DAY);
    let states: Vec<_> = page.states.iter().map(|(state, count)| (state.as_str(), *count)).collect();
    assert_eq!(
        states,
        [
            ("inProgress", 1),
            ("waitingForCompliance", 0),
            ("failed", 3),
            ("prepared", 0),
            ("enrolled", 1),
            ("gaveUp", 5),
            ("pending", 1),
            ("notEnrolled", 0),
        ]
    );
    assert_eq!((page.first_time_right, page.first_time_of), (0, 9));
    assert_eq!(page.first_time_right_rate, Some(0.0));
    assert_eq!(
        page.failure_reasons,
        [Failing { reason: Some("No licence".to_owned()), failed: 2 }, Failing { reason: None, failed: 1 },]
    );
    let totals: Vec<_> =
        page.by_platform.iter().map(|line| (line.platform.as_str(), line.total, line.failed, line.abandoned)).collect();
    assert_eq!(
        totals,
        [
            ("Windows (Autopilot)", 1, 1, 0),
            ("Windows (Manual)", 1, 1, 0),
            ("Windows (Pre-provisioning)", 0, 0, 0),
            ("macOS (ADE)", 0, 0, 0),
            ("macOS (Manual)", 1, 0, 1),
            ("iOS/iPadOS", 6, 1, 3),
            ("Android Enterprise", 1, 0, 1),
        ]
    );
    let line = |page: vestibule_model::Status, platform: &str| {
        page.by_platform.into_iter().find(|line| line.platform == platform).unwrap()
    };
    let ios = line(page.clone(), "iOS/iPadOS");
    assert_eq!(ios.success_rate, Some(1.0 / 5.0));
    assert_eq!(ios.average_minutes, Some(10.0));
    assert_eq!(line(page, "macOS (ADE)").success_rate, None);

    // Seven days from the start: an attempt started then still counts, and a millisecond later it no longer does.
    let week = |at| line(status(&all(&sample(), at), START_MS + at), "macOS (Manual)").last_7_days;
    assert_eq!(week(7 * DAY), 1);
    assert_eq!(week(7 * DAY + 1), 0);
}

#[test]
fn what_makes_autopilot_and_ade() {
    let name = |events: &[Delivered]| {
        let page = status(&all(events, HOUR), START_MS + HOUR);
        page.by_platform.iter().find(|line| line.total > 0).unwrap().platform.clone()
    };
    let windows = json!({ "platform": "windows" });
    let mut esp = plain(1, "started");
    esp.event["type"] = json!("esp.started");
    // A plain Entra join shows the page too.
    assert_eq!(name(&[on(0, "started", windows.clone()), esp.clone()]), "Windows (Manual)");
    esp.event["data"]["deploymentMode"] = json!("selfDeploying");
    assert_eq!(name(&[on(0, "started", windows.clone()), esp]), "Windows (Autopilot)");
    assert_eq!(
        name(&[on(0, "started", json!({ "platform": "windows", "enrollmentType": "windowsAutopilot" }))]),
        "Windows (Autopilot)"
    );
    assert_eq!(name(&[on(0, "started", windows)]), "Windows (Manual)");
    assert_eq!(
        name(&[on(0, "started", json!({ "platform": "macos", "enrollmentType": "AppleBulkWithoutUser" }))]),
        "macOS (ADE)"
    );
    assert_eq!(name(&[plain(0, "registered"), on(1, "started", json!({ "platform": "macos" }))]), "macOS (ADE)");
}
