//! The lists of Graph that are read: address, interval and permission of each, and what becomes of its records.
//!
//! Addresses and permissions are from public documentation. Comments at each list give what is not documented but was
//! seen by other programs on live directories. We have not tried any of it on a directory of our own.

use crate::sign_ins::SignIns;
use std::collections::BTreeSet;
use vestibule_domain::Millis;
use vestibule_domain::pull::is_read;
use vestibule_webhook::sources::{
    Sender, graph_autopilot_devices, graph_autopilot_events, graph_managed_devices, graph_troubleshooting_events,
};

/// A list.
#[derive(Debug)]
pub struct List {
    /// Its name.
    pub name: &'static str,
    /// Its address, with the version.
    pub path: &'static str,
    /// Names and values of its query.
    pub query: &'static [(&'static str, &'static str)],
    /// How often it is read.
    pub every: Millis,
    /// The application permission that it needs.
    pub permission: &'static str,
    /// The licence that the directory must have.
    pub licence: &'static str,
    /// What becomes of its records.
    pub becomes: Becomes,
}

/// What becomes of a list's records.
#[derive(Debug)]
pub enum Becomes {
    /// Events, which a sender's module makes of them.
    Events(Records),
    /// The tenant's Enrollment Status Page profiles.
    Profiles,
    /// Steps of web-based enrollment.
    SignIns(SignIns),
    /// The names of the tenant's apps.
    AppNames,
}

/// Records that a sender's module reads.
#[derive(Debug)]
pub struct Records {
    /// The sender.
    pub sender: &'static Sender,
    /// The member with the record's time.
    pub dated: &'static str,
    /// Members that are ignored when records are compared: if only these change, the record is not new.
    pub passing: &'static [&'static str],
    /// Whether most readings ask for only a part of the list, with a filter on `dated`.
    pub by_date: bool,
    /// Most records in a body, so that they become no more events than a body may have.
    pub in_body: usize,
}

const DEVICES: &str = "DeviceManagementManagedDevices.Read.All";
const SERVICE: &str = "DeviceManagementServiceConfig.Read.All";
const AUDIT: &str = "AuditLog.Read.All";
const APPS: &str = "DeviceManagementApps.Read.All";
/// The licence of every directory that has anything to read.
pub const INTUNE: &str = "Intune";
const ENTRA: &str = "Entra ID P1";

/// The members of a managed device that are requested.
const DEVICE_MEMBERS: &str = "id,serialNumber,azureADDeviceId,userId,userPrincipalName,deviceName,operatingSystem,\
    osVersion,manufacturer,model,enrolledDateTime,lastSyncDateTime,complianceState,deviceEnrollmentType,managementState";

/// All lists, in the order in which they are shown.
pub static LISTS: [List; 8] = [
    // <https://learn.microsoft.com/en-us/graph/api/intune-devices-manageddevice-list>. A filter by `enrolledDateTime`
    // is not documented. If Graph refuses it, the whole list is read, less often.
    List {
        name: "managed-devices",
        path: "v1.0/deviceManagement/managedDevices",
        query: &[("$select", DEVICE_MEMBERS)],
        every: Millis::from_minutes(5),
        permission: DEVICES,
        licence: INTUNE,
        becomes: Becomes::Events(Records {
            sender: &graph_managed_devices::SENDER,
            dated: "enrolledDateTime",
            // It is only used when the device is first compliant, and then the state changes as well.
            passing: &["lastSyncDateTime"],
            by_date: true,
            in_body: 200,
        }),
    },
    // <https://learn.microsoft.com/en-us/graph/api/intune-enrollment-windowsautopilotdeviceidentity-list>
    List {
        name: "autopilot-devices",
        path: "v1.0/deviceManagement/windowsAutopilotDeviceIdentities",
        query: &[],
        every: Millis::from_minutes(60),
        permission: SERVICE,
        licence: INTUNE,
        becomes: Becomes::Events(Records {
            sender: &graph_autopilot_devices::SENDER,
            dated: "",
            passing: &["lastContactedDateTime"],
            by_date: false,
            in_body: 200,
        }),
    },
    // <https://learn.microsoft.com/en-us/graph/api/intune-troubleshooting-enrollmenttroubleshootingevent-list>. A
    // filter by time was refused on a live directory.
    List {
        name: "troubleshooting-events",
        path: "v1.0/deviceManagement/troubleshootingEvents",
        query: &[],
        every: Millis::from_minutes(15),
        permission: DEVICES,
        licence: INTUNE,
        becomes: Becomes::Events(Records {
            sender: &graph_troubleshooting_events::SENDER,
            dated: "eventDateTime",
            passing: &[],
            by_date: false,
            in_body: 400,
        }),
    },
    // <https://learn.microsoft.com/en-us/graph/api/intune-troubleshooting-devicemanagementautopilotevent-list> (beta).
    // On a live directory a page always had 50 records, whatever size was requested. A record changes in place.
    List {
        name: "autopilot-events",
        path: "beta/deviceManagement/autopilotEvents",
        query: &[],
        every: Millis::from_minutes(30),
        permission: DEVICES,
        licence: INTUNE,
        becomes: Becomes::Events(Records {
            sender: &graph_autopilot_events::SENDER,
            dated: "eventDateTime",
            passing: &[],
            by_date: false,
            in_body: 50,
        }),
    },
    // <https://learn.microsoft.com/en-us/graph/api/intune-shared-deviceenrollmentconfiguration-list> (beta)
    List {
        name: "esp-profiles",
        path: "beta/deviceManagement/deviceEnrollmentConfigurations",
        query: &[("$expand", "assignments")],
        every: Millis::from_minutes(60),
        permission: SERVICE,
        licence: INTUNE,
        becomes: Becomes::Profiles,
    },
    // <https://learn.microsoft.com/en-us/graph/api/signin-list>: a page has at most 1 000, and we read answers up to 8
    // MiB. Without a filter by type, it lists only interactive sign-ins.
    List {
        name: "sign-ins",
        path: "v1.0/auditLogs/signIns",
        query: &[("$top", "500")],
        every: Millis::from_minutes(10),
        permission: AUDIT,
        licence: ENTRA,
        becomes: Becomes::SignIns(SignIns { interactive: true }),
    },
    // The same (beta). There are many times more of these.
    List {
        name: "sign-ins-non-interactive",
        path: "beta/auditLogs/signIns",
        query: &[("$top", "500")],
        every: Millis::from_minutes(10),
        permission: AUDIT,
        licence: ENTRA,
        becomes: Becomes::SignIns(SignIns { interactive: false }),
    },
    // <https://learn.microsoft.com/en-us/graph/api/intune-apps-mobileapp-list>
    List {
        name: "mobile-apps",
        path: "v1.0/deviceAppManagement/mobileApps",
        query: &[("$select", "id,displayName")],
        every: Millis::from_days(1),
        permission: APPS,
        licence: INTUNE,
        becomes: Becomes::AppNames,
    },
];

impl List {
    /// The `source` of its events.
    pub fn source(&self) -> Option<&'static str> {
        match &self.becomes {
            Becomes::Events(records) => records.sender.source,
            Becomes::Profiles | Becomes::SignIns(_) | Becomes::AppNames => None,
        }
    }

    /// The lists that are read when these are chosen.
    pub fn read_with(chosen: &BTreeSet<String>) -> impl Iterator<Item = &'static Self> {
        LISTS.iter().filter(|list| is_read(list.name, chosen))
    }

    /// The list of that name.
    pub fn named(name: &str) -> Option<&'static Self> {
        LISTS.iter().find(|list| list.name == name)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use vestibule_domain::pull::OPTIONAL_LISTS;
    use vestibule_graph::Cloud;
    use vestibule_words::{LEXICON, List as Words};

    #[test]
    fn lists_and_clouds_have_their_words() {
        let lexicon: serde_json::Value = serde_json::from_str(LEXICON).unwrap();
        let known = |list: Words| lexicon[list.key()].as_object().unwrap().keys().map(String::as_str).collect();
        let lists: BTreeSet<&str> = known(Words::PulledList);
        assert_eq!(lists, LISTS.iter().map(|list| list.name).collect());
        let clouds: BTreeSet<&str> = known(Words::Cloud);
        assert_eq!(clouds, Cloud::ALL.iter().map(|cloud| cloud.name()).collect());
    }

    #[test]
    fn optional_lists_are_lists() {
        assert!(OPTIONAL_LISTS.iter().all(|name| List::named(name).is_some()));
        let none = BTreeSet::new();
        assert_eq!(List::read_with(&none).count() + OPTIONAL_LISTS.len(), LISTS.len());
    }
}
