//! The places where people stop (docs/DOMAIN.md, C): sections, actions, screens and the catalogue's rows.
//!
//! Names are read without regard to case and written in one canonical form. Rows keep their numbers for ever, because
//! people keep files that contain them.

use crate::about::Platform;
use crate::names::names;
use serde::{Deserialize, Serialize};

names! {
    /// The parts of an enrollment that the report distinguishes.
    Section {
        /// The Company Portal's own list of steps.
        SetupChecklist = "setupChecklist",
        /// Screens of the operating system.
        PlatformScreens = "platformScreens",
        /// The organisation's terms.
        TermsOfUse = "termsOfUse",
        /// Waiting to be compliant and activated.
        ComplianceActivation = "complianceActivation",
        /// The Enrollment Status Page, which only Windows has: its actions are the page's phases.
        EnrollmentStatusPage = "enrollmentStatusPage",
    }
}

impl Section {
    /// The four of the catalogue.
    pub const CATALOGUE: &'static [Self] =
        &[Self::SetupChecklist, Self::PlatformScreens, Self::TermsOfUse, Self::ComplianceActivation];
}

names! {
    /// The catalogue's actions.
    KnownAction {
        /// Getting ready, before anything is installed.
        PreEnrollmentWizard = "PreEnrollmentWizard",
        /// Accepting the organisation's terms.
        TermsofUse = "TermsofUse",
        /// Downloading and installing Apple's management profile.
        IosProfileLaunch = "iOSProfileLaunch",
        /// Granting Android's permissions.
        AndroidPermissions = "AndroidPermissions",
        /// Activating Samsung Knox.
        KnoxActivation = "KnoxActivation",
        /// The Company Portal finishing the enrollment.
        EnrollmentWrapUp = "EnrollmentWrapUp",
        /// Choosing what the device is used for.
        DeviceCategory = "DeviceCategory",
        /// Meeting the organisation's compliance policies.
        Compliance = "Compliance",
        /// Activating the enrollment.
        Activation = "Activation",
    }
}

names! {
    /// The catalogue's screens.
    KnownScreen {
        /// Prompt to open a page in the Company Portal.
        OpenPagePrompt = "openPagePrompt",
        /// The device is being enrolled and company resources loaded.
        EnrollingDevice = "enrollingDevice",
        /// Choice of the device's category.
        DeviceCategory = "deviceCategory",
        /// Access set-up, returned to after having begun.
        SetUpAccessReturned = "setUpAccessReturned",
        /// Access set-up, up to what comes next.
        SetUpAccess = "setUpAccess",
        /// Prompt to show a configuration profile.
        ShowProfilePrompt = "showProfilePrompt",
        /// The profile is being installed.
        InstallingProfile = "installingProfile",
        /// Prompt to trust where the profile comes from.
        TrustProfilePrompt = "trustProfilePrompt",
        /// The profile waits to be installed.
        InstallProfile = "installProfile",
        /// Activation of the device administrator.
        DeviceAdminActivation = "deviceAdminActivation",
        /// Prompt to allow phone calls.
        PhoneCallsPrompt = "phoneCallsPrompt",
        /// Activation of Samsung's licence agent.
        KlmsAgentActivation = "klmsAgentActivation",
        /// The terms of use.
        TermsOfUse = "termsOfUse",
        /// The device is not yet compliant.
        DeviceCompliance = "deviceCompliance",
        /// The enrollment is not yet active.
        EnrollmentActivation = "enrollmentActivation",
    }
}

names! {
    /// What a person chose in order to stop.
    UserAction {
        /// Cancel.
        Cancel = "cancel",
        /// Postpone.
        Postpone = "postpone",
        /// Ignore.
        Ignore = "ignore",
        /// Decline all.
        DeclineAll = "declineAll",
    }
}

impl KnownAction {
    /// The section the action belongs to.
    pub const fn section(self) -> Section {
        match self {
            Self::PreEnrollmentWizard | Self::EnrollmentWrapUp | Self::DeviceCategory => Section::SetupChecklist,
            Self::IosProfileLaunch | Self::AndroidPermissions | Self::KnoxActivation => Section::PlatformScreens,
            Self::TermsofUse => Section::TermsOfUse,
            Self::Compliance | Self::Activation => Section::ComplianceActivation,
        }
    }

    /// Its place in the order in which people come to the actions, from 1 (docs/DOMAIN.md, C5). Sections do not follow
    /// that order. The list itself cannot, since stored items name an action by its position there.
    pub const fn step(self) -> u8 {
        match self {
            Self::PreEnrollmentWizard => 1,
            Self::TermsofUse => 2,
            Self::IosProfileLaunch => 3,
            Self::AndroidPermissions => 4,
            Self::KnoxActivation => 5,
            Self::EnrollmentWrapUp => 6,
            Self::DeviceCategory => 7,
            Self::Compliance => 8,
            Self::Activation => 9,
        }
    }

    /// Whether the action occurs on `platform`.
    pub const fn on(self, platform: Platform) -> bool {
        match self {
            Self::IosProfileLaunch => matches!(platform, Platform::Ios),
            Self::AndroidPermissions | Self::KnoxActivation => matches!(platform, Platform::Android),
            Self::PreEnrollmentWizard
            | Self::TermsofUse
            | Self::EnrollmentWrapUp
            | Self::DeviceCategory
            | Self::Compliance
            | Self::Activation => matches!(platform, Platform::Ios | Platform::Android),
        }
    }
}

/// Where a person is: an action of the catalogue, or another one that a sender reports.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Action {
    /// One of the catalogue's.
    Known(KnownAction),
    /// Another action, as reported; it has no row.
    Other(String),
}

/// A screen of the catalogue, or another one that a sender reports.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Screen {
    /// One of the catalogue's.
    Known(KnownScreen),
    /// Another screen, as reported.
    Other(String),
}

impl Action {
    /// Reads an action's name.
    pub fn read(text: &str) -> Self {
        KnownAction::read(text).map_or_else(|| Self::Other(text.to_owned()), Self::Known)
    }

    /// The canonical name; failing that, the reported one.
    pub fn name(&self) -> &str {
        match self {
            Self::Known(known) => known.name(),
            Self::Other(name) => name,
        }
    }
}

impl Screen {
    /// Reads a screen's name.
    pub fn read(text: &str) -> Self {
        KnownScreen::read(text).map_or_else(|| Self::Other(text.to_owned()), Self::Known)
    }

    /// The canonical name; failing that, the reported one.
    pub fn name(&self) -> &str {
        match self {
            Self::Known(known) => known.name(),
            Self::Other(name) => name,
        }
    }
}

/// The action while a device's Setup Assistant waits for the MDM to release it. The catalogue has no row for it.
pub const AWAIT_CONFIGURATION: &str = "AwaitConfiguration";

/// Section, action and screen together.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Place {
    /// The action's section; for an unknown action, the section that was reported.
    pub section: Option<Section>,
    /// The action.
    pub action: Action,
    /// The screen, if reported.
    pub screen: Option<Screen>,
}

impl Place {
    /// The place that the reported names mean. The section follows from the catalogue. `Compliance` on the screen
    /// `enrollmentActivation` is `Activation`, because the report's documentation names row 19 so.
    pub fn new(section: Option<Section>, action: Action, screen: Option<Screen>) -> Self {
        let activation = action == Action::Known(KnownAction::Compliance)
            && screen == Some(Screen::Known(KnownScreen::EnrollmentActivation));
        let action = if activation { Action::Known(KnownAction::Activation) } else { action };
        let section = match &action {
            Action::Known(known) => Some(known.section()),
            Action::Other(_) => section,
        };
        Self { section, action, screen }
    }

    /// The first screen on iOS/iPadOS and Android.
    pub const fn beginning() -> Self {
        let action = KnownAction::PreEnrollmentWizard;
        Self { section: Some(action.section()), action: Action::Known(action), screen: None }
    }

    /// The place of a device that waits to become compliant.
    pub const fn compliance() -> Self {
        let action = KnownAction::Compliance;
        let screen = Some(Screen::Known(KnownScreen::DeviceCompliance));
        Self { section: Some(action.section()), action: Action::Known(action), screen }
    }

    /// The place of an Apple device whose Setup Assistant waits for the MDM to release it.
    pub fn await_configuration() -> Self {
        let action = Action::Other(AWAIT_CONFIGURATION.to_owned());
        Self { section: Some(Section::SetupChecklist), action, screen: None }
    }

    /// The place of a Windows device in a phase of the Enrollment Status Page.
    pub fn phase(phase: &str) -> Self {
        Self { section: Some(Section::EnrollmentStatusPage), action: Action::Other(phase.to_owned()), screen: None }
    }
}

/// How a person leaves a catalogue row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowEnd {
    /// The person chose this.
    Chose(UserAction),
    /// More than thirty minutes passed.
    Waited,
}

/// One of the catalogue's rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// The row's number, from 1. It never changes.
    pub number: u8,
    /// The action.
    pub action: KnownAction,
    /// The screen.
    pub screen: KnownScreen,
    /// How it ends.
    pub end: RowEnd,
}

impl Row {
    /// Whether the row can occur on `platform`.
    pub const fn on(&self, platform: Platform) -> bool {
        self.action.on(platform)
    }

    /// How the row ends, in the report's words: the user action's name, or `timedOut`.
    pub const fn end_name(&self) -> &'static str {
        match self.end {
            RowEnd::Chose(action) => action.name(),
            RowEnd::Waited => "timedOut",
        }
    }
}

const fn row(number: u8, action: KnownAction, screen: KnownScreen, end: RowEnd) -> Row {
    Row { number, action, screen, end }
}

/// The catalogue's rows, by number.
pub const ROWS: [Row; 19] = {
    use KnownAction as A;
    use KnownScreen as S;
    use RowEnd::{Chose, Waited};
    use UserAction::{Cancel, DeclineAll, Ignore, Postpone};
    [
        row(1, A::EnrollmentWrapUp, S::OpenPagePrompt, Chose(Cancel)),
        row(2, A::EnrollmentWrapUp, S::EnrollingDevice, Waited),
        row(3, A::DeviceCategory, S::DeviceCategory, Waited),
        row(4, A::PreEnrollmentWizard, S::SetUpAccessReturned, Chose(Postpone)),
        row(5, A::PreEnrollmentWizard, S::SetUpAccess, Waited),
        row(6, A::IosProfileLaunch, S::ShowProfilePrompt, Chose(Ignore)),
        row(7, A::IosProfileLaunch, S::InstallingProfile, Chose(Cancel)),
        row(8, A::IosProfileLaunch, S::TrustProfilePrompt, Chose(Cancel)),
        row(9, A::IosProfileLaunch, S::InstallProfile, Waited),
        row(10, A::AndroidPermissions, S::DeviceAdminActivation, Chose(Cancel)),
        row(11, A::AndroidPermissions, S::PhoneCallsPrompt, Waited),
        row(12, A::KnoxActivation, S::KlmsAgentActivation, Chose(Cancel)),
        row(13, A::KnoxActivation, S::KlmsAgentActivation, Waited),
        row(14, A::TermsofUse, S::TermsOfUse, Chose(DeclineAll)),
        row(15, A::TermsofUse, S::TermsOfUse, Waited),
        row(16, A::Compliance, S::DeviceCompliance, Chose(Postpone)),
        row(17, A::Compliance, S::DeviceCompliance, Waited),
        row(18, A::Activation, S::EnrollmentActivation, Chose(Postpone)),
        row(19, A::Activation, S::EnrollmentActivation, Waited),
    ]
};

/// The row for leaving `place` by `end` on `platform`. If two rows fit, the screen decides; failing that, the lower
/// number.
pub fn find_row(platform: Platform, place: &Place, end: RowEnd) -> Option<&'static Row> {
    let Action::Known(action) = place.action else { return None };
    let fits = || ROWS.iter().filter(|row| row.action == action && row.end == end && row.on(platform));
    fits().find(|row| place.screen == Some(Screen::Known(row.screen))).or_else(|| fits().next())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_numbered_in_order() {
        for (index, row) in ROWS.iter().enumerate() {
            assert_eq!(usize::from(row.number), index + 1);
        }
    }

    #[test]
    fn of_two_rows_the_screen_decides_else_the_lower_number() {
        let at = |screen: Option<&str>| Place::new(None, Action::read("iosprofilelaunch"), screen.map(Screen::read));
        let cancel = RowEnd::Chose(UserAction::Cancel);
        let number = |screen| find_row(Platform::Ios, &at(screen), cancel).unwrap().number;
        assert_eq!(number(Some("trustProfilePrompt")), 8);
        assert_eq!(number(Some("elsewhere")), 7);
        assert_eq!(number(None), 7);
        assert_eq!(find_row(Platform::Android, &at(None), cancel), None);
    }

    #[test]
    fn compliance_on_the_activation_screen_is_activation() {
        let place = Place::new(None, Action::read("Compliance"), Some(Screen::read("enrollmentactivation")));
        assert_eq!(find_row(Platform::Ios, &place, RowEnd::Waited).unwrap().number, 19);
    }
}
