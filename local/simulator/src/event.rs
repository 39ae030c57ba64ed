//! The wire format: CloudEvents 1.0 in structured JSON.
//!
//! The events are structs rather than JSON trees: a tree takes some kilobytes per event, and a sample may hold a
//! million.

use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, SecondsFormat};
use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

/// A CloudEvents 1.0 event; it serialises to the structured JSON form.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// The event's id, unique within its source.
    pub id: EventId,
    /// The sender that reports it.
    pub source: &'static str,
    /// The type of event.
    pub kind: Kind,
    /// When it happened by the sender's clock, in milliseconds since 1970.
    pub time_ms: i64,
    /// The identifier by which the sender knows the device.
    pub subject: Arc<str>,
    /// The details that the sender reports.
    pub data: Data,
}

impl Event {
    /// The event as a JSON tree.
    pub fn to_json(&self) -> serde_json::Value {
        // Only a map with keys other than strings could fail, and there is no such map here.
        serde_json::to_value(self).unwrap_or_default()
    }

    /// The event as the bytes of a request body.
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// The event's time as in the envelope: RFC 3339 in UTC with milliseconds.
    pub fn time(&self) -> String {
        DateTime::from_timestamp_millis(self.time_ms).unwrap_or_default().to_rfc3339_opts(SecondsFormat::Millis, true)
    }
}

impl Serialize for Event {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut event = serializer.serialize_struct("Event", 8)?;
        event.serialize_field("specversion", "1.0")?;
        event.serialize_field("id", &self.id)?;
        event.serialize_field("source", self.source)?;
        event.serialize_field("type", self.kind.name())?;
        event.serialize_field("time", &self.time())?;
        event.serialize_field("subject", &self.subject)?;
        event.serialize_field("datacontenttype", "application/json")?;
        event.serialize_field("data", &self.data)?;
        event.end()
    }
}

/// A UUID; displayed and serialised in its usual form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EventId(pub u128);

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = self.0;
        write!(
            f,
            "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
            id >> 96,
            (id >> 80) & 0xFFFF,
            (id >> 64) & 0xFFFF,
            (id >> 48) & 0xFFFF,
            id & 0xFFFF_FFFF_FFFF
        )
    }
}

impl Serialize for EventId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The type of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// Known to the organisation, not begun.
    Registered,
    /// An attempt begins.
    Started,
    /// A screen is shown.
    StepEntered,
    /// A screen is left in the forward direction.
    StepCompleted,
    /// The person chose to stop.
    Stopped,
    /// The Company Portal was closed.
    PortalClosed,
    /// The enrollment failed.
    Failed,
    /// The device is under management.
    Enrolled,
    /// Compliance and activation are complete.
    Compliant,
    /// The device is no longer managed.
    Unenrolled,
    /// An Enrollment Status Page session begins.
    EspStarted,
    /// The items of a subtask are known.
    EspTracked,
    /// An item has a new state.
    EspItem,
    /// A phase has a new state.
    EspPhase,
    /// The person chose something on the page.
    EspAction,
    /// The session succeeded.
    EspCompleted,
    /// The session failed.
    EspFailed,
}

impl Kind {
    /// The `type` of the envelope.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Registered => "enrollment.registered",
            Self::Started => "enrollment.started",
            Self::StepEntered => "enrollment.step.entered",
            Self::StepCompleted => "enrollment.step.completed",
            Self::Stopped => "enrollment.stopped",
            Self::PortalClosed => "enrollment.portalClosed",
            Self::Failed => "enrollment.failed",
            Self::Enrolled => "enrollment.enrolled",
            Self::Compliant => "enrollment.compliant",
            Self::Unenrolled => "enrollment.unenrolled",
            Self::EspStarted => "esp.started",
            Self::EspTracked => "esp.tracked",
            Self::EspItem => "esp.item",
            Self::EspPhase => "esp.phase",
            Self::EspAction => "esp.action",
            Self::EspCompleted => "esp.completed",
            Self::EspFailed => "esp.failed",
        }
    }

    /// Whether the event belongs to the Enrollment Status Page, which has its own webhook.
    pub const fn is_esp(self) -> bool {
        matches!(
            self,
            Self::EspStarted
                | Self::EspTracked
                | Self::EspItem
                | Self::EspPhase
                | Self::EspAction
                | Self::EspCompleted
                | Self::EspFailed
        )
    }
}

/// An operating system family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Platform {
    /// Windows.
    Windows,
    /// macOS.
    Macos,
    /// iOS and iPadOS.
    Ios,
    /// Android.
    Android,
}

/// The `data` of an event. Details that a sender does not report are missing from the JSON.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Data {
    /// The sender's own id of the enrollment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enrollment_id: Option<Arc<str>>,
    /// The parts of the device that this event reports.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<Arc<Device>>,
    /// The person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<Arc<User>>,
    /// The device's platform.
    pub platform: Platform,
    /// The operating system's version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub os_version: Option<&'static str>,
    /// How the device is enrolled, by Graph's names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enrollment_type: Option<&'static str>,
    /// Where the person works.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tags: Option<Tags>,
    /// The section of the enrollment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub section: Option<&'static str>,
    /// The action of the section, or what the person chose on the status page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action: Option<&'static str>,
    /// The screen of the action.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub screen: Option<&'static str>,
    /// What the person chose.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_action: Option<&'static str>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<Box<Failure>>,
    /// The Enrollment Status Page's members, at the same level as the others.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub esp: Option<Box<Esp>>,
}

/// A device, as far as an event reports it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Device {
    /// The serial number, which may be a manufacturer's placeholder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub serial_number: Option<Arc<str>>,
    /// The UDID.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub udid: Option<Arc<str>>,
    /// The MDM's id of the device.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mdm_device_id: Option<Arc<str>>,
    /// The device's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<Arc<str>>,
    /// The manufacturer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub manufacturer: Option<&'static str>,
    /// The model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<&'static str>,
}

/// Tags of a device: where its person works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Tags {
    /// The department.
    pub department: &'static str,
    /// The building.
    pub building: &'static str,
}

/// A person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct User {
    /// The address the person signs in with.
    pub principal_name: Arc<str>,
    /// The directory's id of the person.
    pub id: EventId,
}

/// Why an enrollment failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// The error code as the sender writes it: hexadecimal or a signed decimal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The reason in a few words.
    pub reason: &'static str,
    /// Graph's category.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category: Option<&'static str>,
    /// Anything else that the sender reports.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<&'static str>,
}

/// The further members of an Enrollment Status Page event.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Esp {
    /// The session, if the sender names it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_id: Option<EventId>,
    /// The details of the event.
    #[serde(flatten)]
    pub detail: EspDetail,
}

/// The details of an Enrollment Status Page event.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged, rename_all_fields = "camelCase")]
pub enum EspDetail {
    /// A session begins.
    Started {
        /// How the device is deployed.
        deployment_mode: &'static str,
        /// Whether the device also joins a local domain.
        hybrid_join: bool,
        /// The groups that choose the profile.
        groups: Groups,
        /// The edition of Windows.
        #[serde(rename = "operatingSystemSKU")]
        operating_system_sku: &'static str,
        /// Who owns the device.
        device_ownership: &'static str,
        /// The Autopilot profile.
        enrollment_profile_name: &'static str,
        /// The apps assigned to this device and person.
        targeted_apps: Vec<TargetedApp>,
    },
    /// The items of a subtask are known.
    Tracked {
        /// The phase.
        phase: &'static str,
        /// The subtask.
        category: &'static str,
        /// Its items.
        items: Vec<ItemName>,
    },
    /// An item has a new state.
    Item {
        /// The phase.
        phase: &'static str,
        /// The subtask.
        category: &'static str,
        /// The item and its state.
        item: Item,
    },
    /// A phase has a new state.
    Phase {
        /// The phase.
        phase: &'static str,
        /// Its state.
        state: &'static str,
    },
    /// The session ended, or the person acted.
    Ended {
        /// The error that ended it.
        #[serde(skip_serializing_if = "Option::is_none")]
        error_code: Option<&'static str>,
        /// The message that the page shows.
        #[serde(skip_serializing_if = "Option::is_none")]
        message: Option<&'static str>,
    },
}

/// The groups of a device and its user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Groups {
    /// The device's groups.
    pub device: Vec<&'static str>,
    /// The person's groups.
    pub user: Vec<&'static str>,
}

/// An app assigned to a device or a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct TargetedApp {
    /// The app's id.
    pub id: &'static str,
    /// The app's name.
    pub name: &'static str,
    /// `device` or `user`.
    pub context: &'static str,
}

/// An item of a subtask.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct ItemName {
    /// The item's id.
    pub id: &'static str,
    /// The item's name.
    pub name: &'static str,
}

/// An item and its state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Item {
    /// The item's id.
    pub id: &'static str,
    /// The item's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<&'static str>,
    /// Its state.
    pub state: ItemState,
    /// The error code, if it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_code: Option<&'static str>,
}

/// An item's state, by name or by its number in the device's configuration service provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum ItemState {
    /// By name.
    Name(&'static str),
    /// By number.
    Number(u8),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_as_a_uuid() {
        let id = EventId(0x0123_4567_89ab_4def_8123_4567_89ab_cdef);
        assert_eq!(id.to_string(), "01234567-89ab-4def-8123-456789abcdef");
    }

    #[test]
    fn what_is_not_reported_is_missing() {
        let event = Event {
            id: EventId(1),
            source: "urn:test",
            kind: Kind::EspPhase,
            time_ms: 1_700_000_000_007,
            subject: "C02X".into(),
            data: Data {
                enrollment_id: None,
                device: None,
                user: None,
                platform: Platform::Windows,
                os_version: None,
                enrollment_type: None,
                tags: None,
                section: None,
                action: None,
                screen: None,
                user_action: None,
                failure: None,
                esp: Some(Box::new(Esp {
                    session_id: None,
                    detail: EspDetail::Phase { phase: "deviceSetup", state: "started" },
                })),
            },
        };
        assert_eq!(
            event.to_json(),
            serde_json::json!({
                "specversion": "1.0",
                "id": "00000000-0000-0000-0000-000000000001",
                "source": "urn:test",
                "type": "esp.phase",
                "time": "2023-11-14T22:13:20.007Z",
                "subject": "C02X",
                "datacontenttype": "application/json",
                "data": {"platform": "windows", "phase": "deviceSetup", "state": "started"},
            })
        );
    }
}
