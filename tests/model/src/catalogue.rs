//! The places where people stop: the rows, written out.

/// The four sections, in the order of the catalogue.
pub const SECTIONS: [&str; 4] = ["setupChecklist", "platformScreens", "termsOfUse", "complianceActivation"];

/// One row of the catalogue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// Its stable number, from 1.
    pub number: u8,
    /// Its section.
    pub section: &'static str,
    /// Its action, in canonical form.
    pub action: &'static str,
    /// Its screen, in canonical form.
    pub screen: &'static str,
    /// `both`, `ios` or `android`.
    pub platform: &'static str,
    /// The user action, or `> 30 min`.
    pub how: &'static str,
}

const fn row(
    number: u8,
    section: &'static str,
    action: &'static str,
    screen: &'static str,
    platform: &'static str,
    how: &'static str,
) -> Row {
    Row { number, section, action, screen, platform, how }
}

/// All rows.
#[rustfmt::skip]
pub const ROWS: [Row; 19] = [
    row(1, "setupChecklist", "EnrollmentWrapUp", "openPagePrompt", "both", "cancel"),
    row(2, "setupChecklist", "EnrollmentWrapUp", "enrollingDevice", "both", "> 30 min"),
    row(3, "setupChecklist", "DeviceCategory", "deviceCategory", "both", "> 30 min"),
    row(4, "setupChecklist", "PreEnrollmentWizard", "setUpAccessReturned", "both", "postpone"),
    row(5, "setupChecklist", "PreEnrollmentWizard", "setUpAccess", "both", "> 30 min"),
    row(6, "platformScreens", "iOSProfileLaunch", "showProfilePrompt", "ios", "ignore"),
    row(7, "platformScreens", "iOSProfileLaunch", "installingProfile", "ios", "cancel"),
    row(8, "platformScreens", "iOSProfileLaunch", "trustProfilePrompt", "ios", "cancel"),
    row(9, "platformScreens", "iOSProfileLaunch", "installProfile", "ios", "> 30 min"),
    row(10, "platformScreens", "AndroidPermissions", "deviceAdminActivation", "android", "cancel"),
    row(11, "platformScreens", "AndroidPermissions", "phoneCallsPrompt", "android", "> 30 min"),
    row(12, "platformScreens", "KnoxActivation", "klmsAgentActivation", "android", "cancel"),
    row(13, "platformScreens", "KnoxActivation", "klmsAgentActivation", "android", "> 30 min"),
    row(14, "termsOfUse", "TermsofUse", "termsOfUse", "both", "declineAll"),
    row(15, "termsOfUse", "TermsofUse", "termsOfUse", "both", "> 30 min"),
    row(16, "complianceActivation", "Compliance", "deviceCompliance", "both", "postpone"),
    row(17, "complianceActivation", "Compliance", "deviceCompliance", "both", "> 30 min"),
    row(18, "complianceActivation", "Activation", "enrollmentActivation", "both", "postpone"),
    row(19, "complianceActivation", "Activation", "enrollmentActivation", "both", "> 30 min"),
];

/// The row of an abandoned attempt: `how` is the user action or `> 30 min`.
pub fn row_of(platform: Option<&str>, action: Option<&str>, screen: Option<&str>, how: &str) -> Option<u8> {
    let platform = platform?;
    if platform != "ios" && platform != "android" {
        return None;
    }
    let action = action?;
    let mut found = Vec::new();
    for row in ROWS {
        let same_platform = row.platform == "both" || row.platform == platform;
        if same_platform && row.action == action && row.how == how {
            found.push(row);
        }
    }
    // If two rows fit, the screen decides; failing that, the lower number. The rows are in the order of their numbers.
    if found.len() > 1 {
        for row in &found {
            if Some(row.screen) == screen {
                return Some(row.number);
            }
        }
    }
    found.first().map(|row| row.number)
}
