//! What an `esp.*` event reports (docs/DOMAIN.md, S9), read and checked.

use super::filter::Property;
use super::resolve::AppliedProfile;
use crate::about::{About, EventKey};
use crate::codec::hex;
use crate::names::names;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

names! {
    /// The three parts of provisioning.
    Phase {
        /// Securing the hardware, joining, registering.
        DevicePreparation = "devicePreparation",
        /// What the device gets.
        DeviceSetup = "deviceSetup",
        /// What the user gets.
        AccountSetup = "accountSetup",
    }
}

names! {
    /// The subtasks of a phase.
    Category {
        /// Attesting the hardware.
        SecureHardware = "secureHardware",
        /// Joining the organisation's network.
        JoinNetwork = "joinNetwork",
        /// Registering for management.
        RegisterDevice = "registerDevice",
        /// Security policies; they always count as one.
        SecurityPolicies = "securityPolicies",
        /// Certificate profiles.
        Certificates = "certificates",
        /// VPN and Wi-Fi profiles.
        NetworkConnections = "networkConnections",
        /// Apps.
        Apps = "apps",
    }
}

names! {
    /// The state of an item.
    ItemState {
        /// Not begun.
        NotInstalled = "notInstalled",
        /// Under way.
        InProgress = "inProgress",
        /// Done.
        Completed = "completed",
        /// Failed.
        Error = "error",
        /// Not needed here; only device preparation has it.
        NotRequired = "notRequired",
        /// Skipped.
        Skipped = "skipped",
        /// Not meant for this device.
        NotApplicable = "notApplicable",
    }
}

names! {
    /// The state of a phase.
    PhaseState {
        /// Begun.
        Started = "started",
        /// Done.
        Completed = "completed",
        /// Failed.
        Failed = "failed",
    }
}

names! {
    /// What the person chose on failure or timeout.
    EspAction {
        /// Try again.
        Retry = "retry",
        /// Reset the device.
        Reset = "reset",
        /// Use the device all the same.
        ContinueAnyway = "continueAnyway",
        /// Collect logs.
        CollectLogs = "collectLogs",
    }
}

names! {
    /// How the device is deployed.
    DeploymentMode {
        /// By its user.
        UserDriven = "userDriven",
        /// Without a person.
        SelfDeploying = "selfDeploying",
        /// The technician's part of pre-provisioning.
        PreProvisioningTechnician = "preProvisioningTechnician",
        /// The user's part of pre-provisioning.
        PreProvisioningUser = "preProvisioningUser",
    }
}

impl Phase {
    /// The phases of a device with this deployment mode.
    pub const fn expected(mode: Option<DeploymentMode>) -> &'static [Self] {
        match mode {
            Some(DeploymentMode::SelfDeploying | DeploymentMode::PreProvisioningTechnician) => {
                &[Self::DevicePreparation, Self::DeviceSetup]
            }
            _ => Self::ALL,
        }
    }
}

impl Category {
    /// Whether the category belongs to `phase`. Hybrid join may join the network in account setup too.
    pub const fn in_phase(self, phase: Phase) -> bool {
        match self {
            Self::SecureHardware | Self::RegisterDevice => matches!(phase, Phase::DevicePreparation),
            Self::JoinNetwork => matches!(phase, Phase::DevicePreparation | Phase::AccountSetup),
            _ => !matches!(phase, Phase::DevicePreparation),
        }
    }
}

impl ItemState {
    /// Reads a state's number in the EnrollmentStatusTracking CSP. In device preparation the number 2 means not
    /// required.
    pub fn from_number(number: u64, phase: Phase) -> Option<Self> {
        match (number, phase) {
            (2, Phase::DevicePreparation) => Some(Self::NotRequired),
            (1, _) => Some(Self::NotInstalled),
            (2, _) => Some(Self::InProgress),
            (3, _) => Some(Self::Completed),
            (4, _) => Some(Self::Error),
            _ => None,
        }
    }
}

/// An item as named by a sender.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ItemName {
    /// Its id.
    pub id: String,
    /// Its name, if reported.
    pub name: Option<String>,
}

/// An app targeted at a device or user.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TargetedApp {
    /// The app.
    pub app: ItemName,
    /// Whether it is targeted at the user rather than the device.
    pub user_context: bool,
}

/// What `esp.started` reports.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Start {
    /// How the device is deployed.
    pub deployment_mode: Option<DeploymentMode>,
    /// Whether it is also joined to an on-premises directory.
    pub hybrid_join: bool,
    /// Groups of the device.
    pub device_groups: Vec<ItemName>,
    /// Groups of the user.
    pub user_groups: Vec<ItemName>,
    /// The properties that filters may compare.
    pub properties: Vec<(Property, String)>,
    /// Apps targeted at device and user, if known.
    pub targeted_apps: Option<Vec<TargetedApp>>,
    /// The profile that applied when this event was received. Until it is resolved, the profile that the sender
    /// reported; few do.
    pub profile: Option<Box<AppliedProfile>>,
    /// The time limit in minutes that the device itself was given; it overrides the profile's. The codec keeps it
    /// beside the body.
    #[serde(skip)]
    pub limit_minutes: Option<u32>,
    /// The actions that the device itself allows on failure and time-out; they override the profile's. The codec keeps
    /// them beside the body.
    #[serde(skip)]
    pub allowed_actions: Option<Vec<EspAction>>,
}

impl Start {
    /// A copy in which the properties for filters are completed from what was reported of the device.
    #[must_use]
    pub fn with_about(&self, about: &About) -> Self {
        let mut whole = self.clone();
        for (property, reported) in [
            (Property::Model, &about.model),
            (Property::Manufacturer, &about.manufacturer),
            (Property::OsVersion, &about.os_version),
        ] {
            if let Some(reported) = reported
                && self.property(property).is_none()
            {
                whole.properties.push((property, reported.clone()));
            }
        }
        whole
    }

    /// The reported value of a filter's property.
    pub fn property(&self, property: Property) -> Option<&str> {
        self.properties.iter().find(|(known, _)| *known == property).map(|(_, value)| value.as_str())
    }
}

/// What happened on the page.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum EspDetail {
    /// `esp.started`
    Started(Box<Start>),
    /// `esp.tracked`: the list of that subtask is known.
    Tracked(Phase, Category, Vec<ItemName>),
    /// `esp.item`
    Item(Phase, Category, ItemName, ItemState, Option<String>),
    /// `esp.phase`
    Phase(Phase, PhaseState),
    /// `esp.action`
    Action(EspAction),
    /// `esp.completed`
    Completed,
    /// `esp.failed`, with error code and message
    Failed(Option<String>, Option<String>),
}

/// An `esp.*` event's content.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct EspEvent {
    /// The sender's id of the session; without ids, sessions follow one another.
    pub session_id: Option<String>,
    /// What happened.
    pub detail: EspDetail,
}

impl EspEvent {
    /// The key that an ESP event is stored under. Updates of items are many, so their content and time identify them: a
    /// repeat changes nothing, whatever id it carries, and no id need be kept.
    pub fn stored_key(&self, source: String, id: String, time: Timestamp) -> EventKey {
        let id = if self.is_update() { self.update_id(time) } else { id };
        EventKey { source, id }
    }

    /// Whether it is one of the many updates of items and lists.
    pub const fn is_update(&self) -> bool {
        matches!(self.detail, EspDetail::Item(..) | EspDetail::Tracked(..))
    }

    /// What identifies an update within one device and source: twelve hexadecimal digits.
    pub(crate) fn update_id(&self, time: Timestamp) -> String {
        // Serialising these types into memory cannot fail.
        let content = postcard::to_stdvec(&(self, time.millis())).unwrap_or_default();
        hex(&Sha256::digest(&content)[..6])
    }
}
