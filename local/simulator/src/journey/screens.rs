//! The screens that people walk through on each platform, with the places of the catalogue.

use crate::people::Way;

/// A screen on the way.
#[derive(Debug)]
pub(crate) struct Step {
    pub section: &'static str,
    pub action: &'static str,
    pub screen: &'static str,
    /// How likely it is to be shown.
    pub shown: f64,
    /// How long people look at it, in seconds.
    pub dwell: (i64, i64),
    /// Shown once the device is under management.
    pub managed: bool,
}

const fn step(
    section: &'static str,
    action: &'static str,
    screen: &'static str,
    shown: f64,
    dwell: (i64, i64),
) -> Step {
    Step { section, action, screen, shown, dwell, managed: false }
}

const fn managed(step: Step) -> Step {
    Step { managed: true, ..step }
}

const CHECKLIST: &str = "setupChecklist";
const PLATFORM: &str = "platformScreens";
const TERMS: &str = "termsOfUse";
const COMPLIANCE: &str = "complianceActivation";

const SET_UP: Step = step(CHECKLIST, "PreEnrollmentWizard", "setUpAccess", 1.0, (15, 90));
/// Shown to people who come back to it; others skip it unless the plan needs it.
const SET_UP_AGAIN: Step = step(CHECKLIST, "PreEnrollmentWizard", "setUpAccessReturned", 0.02, (10, 60));
const TERMS_OF_USE: Step = step(TERMS, "TermsofUse", "termsOfUse", 0.6, (10, 90));
const OPEN_PAGE: Step = step(CHECKLIST, "EnrollmentWrapUp", "openPagePrompt", 0.2, (5, 25));
const ENROLLING: Step = step(CHECKLIST, "EnrollmentWrapUp", "enrollingDevice", 1.0, (40, 170));
const CATEGORY: Step = step(CHECKLIST, "DeviceCategory", "deviceCategory", 0.45, (8, 50));
const CHECKING: Step = managed(step(COMPLIANCE, "Compliance", "deviceCompliance", 0.9, (30, 170)));
const ACTIVATING: Step = managed(step(COMPLIANCE, "Activation", "enrollmentActivation", 0.25, (20, 80)));
const INSTALL: Step = step(PLATFORM, "iOSProfileLaunch", "installProfile", 0.55, (30, 150));

static IOS: [Step; 12] = [
    SET_UP,
    SET_UP_AGAIN,
    TERMS_OF_USE,
    step(PLATFORM, "iOSProfileLaunch", "showProfilePrompt", 1.0, (15, 70)),
    step(PLATFORM, "iOSProfileLaunch", "installingProfile", 0.45, (20, 80)),
    step(PLATFORM, "iOSProfileLaunch", "trustProfilePrompt", 0.2, (8, 40)),
    INSTALL,
    OPEN_PAGE,
    ENROLLING,
    CATEGORY,
    CHECKING,
    ACTIVATING,
];

/// Setup Assistant installs the profile itself.
static IOS_AUTOMATED: [Step; 5] = [SET_UP, TERMS_OF_USE, ENROLLING, CATEGORY, CHECKING];

const ADMIN: Step = step(PLATFORM, "AndroidPermissions", "deviceAdminActivation", 1.0, (15, 70));
const CALLS: Step = step(PLATFORM, "AndroidPermissions", "phoneCallsPrompt", 0.6, (6, 40));

static ANDROID: [Step; 10] =
    [SET_UP, SET_UP_AGAIN, TERMS_OF_USE, ADMIN, CALLS, OPEN_PAGE, ENROLLING, CATEGORY, CHECKING, ACTIVATING];

static SAMSUNG: [Step; 11] = [
    SET_UP,
    SET_UP_AGAIN,
    TERMS_OF_USE,
    ADMIN,
    CALLS,
    step(PLATFORM, "KnoxActivation", "klmsAgentActivation", 0.8, (15, 80)),
    OPEN_PAGE,
    ENROLLING,
    CATEGORY,
    CHECKING,
    ACTIVATING,
];

static WINDOWS: [Step; 5] = [
    step(CHECKLIST, "WorkAccount", "accessWorkOrSchool", 1.0, (40, 240)),
    step(TERMS, "TermsofUse", "termsOfUse", 0.4, (10, 90)),
    step(PLATFORM, "DeviceRegistration", "registeringDevice", 0.8, (40, 300)),
    step(PLATFORM, "ManagementEnrollment", "enrollingDevice", 1.0, (60, 420)),
    managed(step(COMPLIANCE, "Compliance", "deviceCompliance", 0.8, (60, 600))),
];

/// The Enrollment Status Page is shown between these two.
static AUTOPILOT: [Step; 2] = [
    step(CHECKLIST, "OutOfBoxExperience", "signIn", 1.0, (60, 240)),
    managed(step(COMPLIANCE, "Compliance", "deviceCompliance", 0.7, (60, 600))),
];

static MAC: [Step; 6] = [
    step(CHECKLIST, "PreEnrollmentWizard", "setUpAccess", 1.0, (15, 90)),
    step(TERMS, "TermsofUse", "termsOfUse", 0.4, (10, 90)),
    step(PLATFORM, "ProfileInstallation", "downloadProfile", 1.0, (15, 90)),
    step(PLATFORM, "ProfileInstallation", "approveProfile", 0.9, (40, 240)),
    step(CHECKLIST, "EnrollmentWrapUp", "enrollingDevice", 0.9, (30, 150)),
    CHECKING,
];

static MAC_AUTOMATED: [Step; 3] = [
    step(PLATFORM, "SetupAssistant", "remoteManagement", 1.0, (30, 180)),
    step(CHECKLIST, "EnrollmentWrapUp", "enrollingDevice", 0.8, (60, 300)),
    CHECKING,
];

/// The only screen that Apple's protocol reveals.
static PROTOCOL: [Step; 1] = [Step { shown: 1.0, ..INSTALL }];

/// The screens of one way of enrolling, in the order of time.
pub(crate) fn of(way: Way) -> &'static [Step] {
    match way {
        Way::IosPortal | Way::IosPrivate => &IOS,
        Way::IosAutomated => &IOS_AUTOMATED,
        Way::AndroidSamsung => &SAMSUNG,
        Way::AndroidOther => &ANDROID,
        Way::WindowsManual => &WINDOWS,
        Way::AutopilotUser | Way::AutopilotSelf | Way::AutopilotPrepared => &AUTOPILOT,
        Way::MacManual => &MAC,
        Way::MacAutomated => &MAC_AUTOMATED,
    }
}

/// The screens that Apple's protocol reports.
pub(crate) fn of_protocol() -> &'static [Step] {
    &PROTOCOL
}

/// A place at which to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// On any screen.
    Anywhere,
    /// This action and screen.
    At(&'static str, &'static str),
}

/// The screen on which an Apple device waits for its owner to open the settings.
pub(crate) const INSTALL_PROFILE: Place = Place::At(INSTALL.action, INSTALL.screen);

impl Place {
    pub(crate) fn is_at(self, step: &Step) -> bool {
        match self {
            Self::Anywhere => false,
            Self::At(action, screen) => step.action == action && step.screen == screen,
        }
    }

    /// Whether the device is under management at this place.
    pub(crate) fn is_managed(self) -> bool {
        self.is_at(&CHECKING) || self.is_at(&ACTIVATING)
    }
}

/// A row of the catalogue, a place at which people stop.
#[derive(Debug)]
pub(crate) struct Row {
    pub number: u8,
    pub place: Place,
    /// The person's choice; `None` if they wait.
    pub choice: Option<&'static str>,
    /// Its frequency relative to the others.
    pub weight: u32,
}

const fn row(number: u8, step: (&'static str, &'static str), choice: Option<&'static str>, weight: u32) -> Row {
    Row { number, place: Place::At(step.0, step.1), choice, weight }
}

/// The catalogue's rows. A row belongs to a platform if the platform has its screen.
#[rustfmt::skip]
pub(crate) static ROWS: [Row; 19] = [
    row(1, ("EnrollmentWrapUp", "openPagePrompt"), Some("cancel"), 4),
    row(2, ("EnrollmentWrapUp", "enrollingDevice"), None, 8),
    row(3, ("DeviceCategory", "deviceCategory"), None, 4),
    row(4, ("PreEnrollmentWizard", "setUpAccessReturned"), Some("postpone"), 8),
    row(5, ("PreEnrollmentWizard", "setUpAccess"), None, 14),
    row(6, ("iOSProfileLaunch", "showProfilePrompt"), Some("ignore"), 8),
    row(7, ("iOSProfileLaunch", "installingProfile"), Some("cancel"), 6),
    row(8, ("iOSProfileLaunch", "trustProfilePrompt"), Some("cancel"), 4),
    row(9, ("iOSProfileLaunch", "installProfile"), None, 16),
    row(10, ("AndroidPermissions", "deviceAdminActivation"), Some("cancel"), 10),
    row(11, ("AndroidPermissions", "phoneCallsPrompt"), None, 6),
    row(12, ("KnoxActivation", "klmsAgentActivation"), Some("cancel"), 5),
    row(13, ("KnoxActivation", "klmsAgentActivation"), None, 4),
    row(14, ("TermsofUse", "termsOfUse"), Some("declineAll"), 7),
    row(15, ("TermsofUse", "termsOfUse"), None, 6),
    row(16, ("Compliance", "deviceCompliance"), Some("postpone"), 6),
    row(17, ("Compliance", "deviceCompliance"), None, 10),
    row(18, ("Activation", "enrollmentActivation"), Some("postpone"), 3),
    row(19, ("Activation", "enrollmentActivation"), None, 4),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_has_its_screen_on_its_platforms() {
        for row in &ROWS {
            let has = |way| of(way).iter().any(|step| row.place.is_at(step));
            let ios = !matches!(row.number, 10..=13);
            let samsung = !matches!(row.number, 6..=9);
            let other = samsung && !matches!(row.number, 12 | 13);
            assert_eq!(has(Way::IosPortal), ios, "row {}", row.number);
            assert_eq!(has(Way::AndroidSamsung), samsung, "row {}", row.number);
            assert_eq!(has(Way::AndroidOther), other, "row {}", row.number);
        }
    }

    #[test]
    fn management_comes_last() {
        for way in [Way::IosPortal, Way::AndroidSamsung, Way::WindowsManual] {
            let steps = of(way);
            assert!(steps.is_sorted_by_key(|step| step.managed));
        }
    }
}
