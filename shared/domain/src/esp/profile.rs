//! One Enrollment Status Page profile: what an organisation chose. Members are named as in Graph's
//! `windows10EnrollmentCompletionPageConfiguration`, so that an export from Graph imports unchanged.
//!
//! Must stay true: a profile that is stored passes [`Settings::problems`].

use super::filter::Filter;
use super::{ItemName, filter::FilterError};
use crate::names::names;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// Minutes a session may take unless a profile says otherwise.
pub const DEFAULT_TIMEOUT_MINUTES: u32 = 60;
/// Longest time limit in minutes: a day.
pub const MAX_TIMEOUT_MINUTES: u32 = 1_440;
/// Most characters of a message.
pub const MAX_MESSAGE_CHARS: usize = 10_000;
/// Most selected apps.
pub const MAX_SELECTED_APPS: usize = 100;
/// Most characters of a name, an id or a tag.
pub const MAX_NAME_CHARS: usize = 256;
/// Most characters of a description.
pub const MAX_DESCRIPTION_CHARS: usize = 1_500;
/// Most assignments of a profile.
pub const MAX_ASSIGNMENTS: usize = 200;
/// Most scope tags of a profile.
pub const MAX_SCOPE_TAGS: usize = 50;
/// The scope tag of everything that is given no other tag, as in Graph.
pub const DEFAULT_SCOPE_TAG: &str = "0";
/// Name of a new tenant's default profile.
pub const DEFAULT_PROFILE: &str = "Default ESP";
/// Its id.
pub const DEFAULT_PROFILE_ID: &str = "default";
/// The end of the id of Graph's own default profile.
pub const GRAPH_DEFAULT_ID_ENDS: &str = "_DefaultWindows10EnrollmentCompletionPageConfiguration";
/// What people read on failure or timeout if the profile has no message of its own.
pub const DEFAULT_MESSAGE: &str =
    "Your device could not be set up completely. Try once more, or ask your organization's support for help.";

/// What an organisation chose. Graph's members come first, then ours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Settings {
    /// Its name.
    pub display_name: String,
    /// What the profile is for.
    pub description: Option<String>,
    /// Whether the page is shown at all; if not, the rest has no effect.
    pub show_installation_progress: bool,
    /// Minutes a session may take. If the page isn't shown, an export usually has 0, which means no limit.
    pub install_progress_timeout_in_minutes: u32,
    /// What people read on failure or timeout.
    pub custom_error_message: Option<String>,
    /// Whether people may collect logs on failure.
    pub allow_log_collection_on_install_failure: bool,
    /// Whether only a device's first user goes through the account's part.
    pub disable_user_status_tracking_after_first_user: bool,
    /// Whether the page is shown only to devices provisioned out of the box.
    pub track_install_progress_for_autopilot_only: bool,
    /// Whether people may not try again on failure.
    pub block_device_setup_retry_by_user: bool,
    /// Whether people may reset the device on failure.
    pub allow_device_reset_on_install_failure: bool,
    /// Whether people may use the device in spite of a failure.
    pub allow_device_use_on_install_failure: bool,
    /// The apps that a session waits for; empty means all that are targeted.
    pub selected_mobile_app_ids: Vec<String>,
    /// In the technician phase, whether the other apps are also tried; they cannot fail the session.
    pub allow_non_blocking_app_installation: bool,
    /// Whether quality updates are installed.
    pub install_quality_updates: bool,
    /// Who may see and reorder the profile.
    pub role_scope_tag_ids: Vec<String>,
    /// Whether the profile can apply at all. Ours.
    pub enabled: bool,
    /// Whether people must wait until the device is set up. Ours.
    pub block_device_use: bool,
    /// Whether people see codes and names of what failed. Ours.
    pub show_error_details: bool,
    /// Whether people may skip the account's part. Ours.
    pub allow_user_to_skip_account_setup: bool,
}

/// What is wrong with one member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// The member.
    pub field: &'static str,
    /// What is wrong with it.
    pub problem: String,
}

impl Settings {
    /// What a profile chooses if only its name is given.
    pub fn named(display_name: impl Into<String>) -> Self {
        Self {
            display_name: display_name.into(),
            description: None,
            show_installation_progress: true,
            install_progress_timeout_in_minutes: DEFAULT_TIMEOUT_MINUTES,
            custom_error_message: None,
            allow_log_collection_on_install_failure: false,
            disable_user_status_tracking_after_first_user: false,
            track_install_progress_for_autopilot_only: false,
            block_device_setup_retry_by_user: false,
            allow_device_reset_on_install_failure: false,
            allow_device_use_on_install_failure: false,
            selected_mobile_app_ids: Vec::new(),
            allow_non_blocking_app_installation: false,
            install_quality_updates: false,
            role_scope_tag_ids: vec![DEFAULT_SCOPE_TAG.to_owned()],
            enabled: true,
            block_device_use: true,
            show_error_details: false,
            allow_user_to_skip_account_setup: false,
        }
    }

    /// Everything that contradicts a limit or another member, by member.
    pub fn problems(&self) -> Vec<Wrong> {
        let mut wrong = Vec::new();
        let mut refuse = |field: &'static str, problem: &str| wrong.push(Wrong { field, problem: problem.to_owned() });
        let chars = |text: &Option<String>| text.as_ref().map_or(0, |text| text.chars().count());
        if self.display_name.trim().is_empty() {
            refuse("displayName", "is required");
        } else if self.display_name.chars().count() > MAX_NAME_CHARS {
            refuse("displayName", "must have at most 256 characters");
        }
        if chars(&self.description) > MAX_DESCRIPTION_CHARS {
            refuse("description", "must have at most 1500 characters");
        }
        if chars(&self.custom_error_message) > MAX_MESSAGE_CHARS {
            refuse("customErrorMessage", "must have at most 10000 characters");
        }
        let least = u32::from(self.show_installation_progress);
        if !(least..=MAX_TIMEOUT_MINUTES).contains(&self.install_progress_timeout_in_minutes) {
            refuse("installProgressTimeoutInMinutes", "must be between 1 and 1440");
        }
        if self.selected_mobile_app_ids.len() > MAX_SELECTED_APPS {
            refuse("selectedMobileAppIds", "must have at most 100 entries");
        }
        self.depend(&mut refuse);
        wrong
    }

    /// Members that have no effect without another one.
    fn depend(&self, refuse: &mut impl FnMut(&'static str, &str)) {
        let selected = !self.selected_mobile_app_ids.is_empty();
        // Not blockDeviceSetupRetryByUser: Intune's own default sets it and hides the page.
        let needs_page = [
            ("customErrorMessage", self.custom_error_message.is_some()),
            ("allowLogCollectionOnInstallFailure", self.allow_log_collection_on_install_failure),
            ("disableUserStatusTrackingAfterFirstUser", self.disable_user_status_tracking_after_first_user),
            ("trackInstallProgressForAutopilotOnly", self.track_install_progress_for_autopilot_only),
            ("installQualityUpdates", self.install_quality_updates),
            ("showErrorDetails", self.show_error_details),
            ("allowUserToSkipAccountSetup", self.allow_user_to_skip_account_setup),
        ];
        let needs_block = [
            ("allowDeviceResetOnInstallFailure", self.allow_device_reset_on_install_failure),
            ("allowDeviceUseOnInstallFailure", self.allow_device_use_on_install_failure),
            ("selectedMobileAppIds", selected),
        ];
        if !self.show_installation_progress {
            for (field, _) in needs_page.iter().chain(&needs_block).filter(|(_, on)| *on) {
                refuse(field, "has no effect without showInstallationProgress");
            }
        } else if !self.block_device_use {
            for (field, _) in needs_block.iter().filter(|(_, on)| *on) {
                refuse(field, "needs blockDeviceUse");
            }
        }
        if self.allow_non_blocking_app_installation && !selected {
            refuse("allowNonBlockingAppInstallation", "needs selectedMobileAppIds");
        }
    }
}

names! {
    /// Whether a filter includes or excludes the devices that match it.
    FilterType {
        /// It includes them.
        Include = "include",
        /// It excludes them.
        Exclude = "exclude",
    }
}

/// A filter of an assignment.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AssignmentFilter {
    /// Its id in Graph.
    pub id: Option<String>,
    /// Whether it includes or excludes.
    pub kind: FilterType,
    /// Its rule. Graph keeps rules apart from assignments, so an export has no rule, and such an assignment is skipped.
    pub rule: Option<String>,
}

impl AssignmentFilter {
    /// The parsed rule, if it has one.
    pub fn parsed(&self) -> Option<Result<Filter, FilterError>> {
        self.rule.as_deref().map(Filter::parse)
    }
}

/// To whom a profile is assigned.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Target {
    /// Devices or users of a group: `groupAssignmentTarget`.
    Group(ItemName),
    /// `allDevicesAssignmentTarget`
    AllDevices,
    /// `allLicensedUsersAssignmentTarget`
    AllLicensedUsers,
}

impl Target {
    /// Its name for people.
    pub fn words(&self) -> &str {
        match self {
            Self::Group(group) => group.name.as_deref().unwrap_or(&group.id),
            Self::AllDevices => "All Devices",
            Self::AllLicensedUsers => "All Users",
        }
    }
}

/// An assignment of a profile.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Assignment {
    /// To whom.
    pub target: Target,
    /// A further condition, if there is one.
    pub filter: Option<AssignmentFilter>,
}

/// A profile of a tenant. Its place in [`Profiles`](super::profiles::Profiles) is its priority.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EspProfile {
    /// Identifies it within its tenant.
    pub id: String,
    /// Each change of settings or assignments raises it.
    pub version: u32,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub modified_at: Timestamp,
    /// What was chosen.
    pub settings: Settings,
    /// To whom it is assigned.
    pub assignments: Vec<Assignment>,
    /// Its id in Graph, if it is kept as it is in Graph.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub graph_id: Option<String>,
}

impl EspProfile {
    /// Whether it is the profile that applies if no other does.
    pub fn is_default(&self) -> bool {
        self.id == DEFAULT_PROFILE_ID
    }

    /// Whether somebody with these scope tags may see it; without tags one sees everything. Everybody may see the
    /// default.
    pub fn is_visible(&self, scope_tags: &[String]) -> bool {
        scope_tags.is_empty()
            || self.is_default()
            || self.settings.role_scope_tag_ids.iter().any(|tag| scope_tags.contains(tag))
    }

    /// What people read on failure or timeout.
    pub fn message(&self) -> &str {
        self.settings.custom_error_message.as_deref().unwrap_or(DEFAULT_MESSAGE)
    }
}
