//! The demonstration's Enrollment Status Page profiles, for the groups that the sample's devices and people are in.

use serde_json::{Value, json};

/// Ids of the simulated apps that a profile waits for.
fn apps(numbers: &[u8]) -> Vec<String> {
    numbers.iter().map(|number| format!("5f1d0a3e-0c1b-4a52-9c0e-6a3f6f1f0a{number:02}")).collect()
}

/// The profiles, highest priority first.
pub fn all() -> [Value; 2] {
    let group = |id: &str, name: &str| {
        let target = json!({
            "@odata.type": "#microsoft.graph.groupAssignmentTarget", "groupId": id, "groupName": name,
        });
        json!([{"target": target}])
    };
    [
        json!({
            "displayName": "Field ESP",
            "description": "Devices that are set up on the road wait for the least.",
            "showInstallationProgress": true,
            "installProgressTimeoutInMinutes": 60,
            "selectedMobileAppIds": apps(&[1, 4]),
            "allowLogCollectionOnInstallFailure": true,
            "allowDeviceUseOnInstallFailure": true,
            "assignments": group("autopilot-field", "Field devices"),
        }),
        json!({
            "displayName": "Engineering ESP",
            "showInstallationProgress": true,
            "installProgressTimeoutInMinutes": 90,
            "selectedMobileAppIds": apps(&[1, 2, 3, 4, 5]),
            "allowDeviceResetOnInstallFailure": true,
            "customErrorMessage": "Ask #it-help, or call 1234.",
            "assignments": group("engineering", "Engineering"),
        }),
    ]
}
