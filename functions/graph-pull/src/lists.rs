//! Graph's lists that are read: where each is, how often, with which permission, and what becomes of its records.
//!
//! Public documentation has the addresses and permissions; what it does not say and other programs met on live directories
//! stands at each list. None of it was tried on a directory of ours.

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
    /// What the directory must have a licence for.
    pub licence: &'static str,
    /// What becomes of its records.
    pub becomes: Becomes,
}

/// What becomes of a list's records.
#[derive(Debug)]
pub enum Becomes {
    /// Events, by the module of a sender.
    Events(Records),
    /// The tenant's profiles of the Enrollment Status Page.
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
    /// Members from which, when they alone change, nothing new follows.
    pub passing: &'static [&'static str],
    /// Whether most readings are of a part: by a filter on `dated`.
    pub by_date: bool,
    /// Most records in a body, so that its events are no more than a body may have.
    pub in_body: usize,
}

const DEVICES: &str = "DeviceManagementManagedDevices.Read.All";
const SERVICE: &str = "DeviceManagementServiceConfig.Read.All";
const AUDIT: &str = "AuditLog.Read.All";
const APPS: &str = "DeviceManagementApps.Read.All";
/// What every directory that is read for has, or there is nothing to read.
pub const INTUNE: &str = "Intune";
const ENTRA: &str = "Entra ID P1";

/// What is asked of a managed device.
const DEVICE_MEMBERS: &str = "id,serialNumber,azureADDeviceId,userId,userPrincipalName,deviceName,operatingSystem,\
    osVersion,manufacturer,model,enrolledDateTime,lastSyncDateTime,complianceState,deviceEnrollmentType,managementState";

/// All lists, in the order in which they are shown.
pub static LISTS: [List; 8] = [
    // <https://learn.microsoft.com/en-us/graph/api/intune-devices-manageddevice-list>. That `enrolledDateTime` can be filtered
    // by is not documented; where it is refused, the whole list is read, less often.
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
            // It is looked at where the device is compliant for the first time, and that changes the state as well.
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
            in_body: 400,
        }),
    },
    // <https://learn.microsoft.com/en-us/graph/api/intune-troubleshooting-enrollmenttroubleshootingevent-list>. A filter by
    // time was refused on a live directory.
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
    // <https://learn.microsoft.com/en-us/graph/api/intune-troubleshooting-devicemanagementautopilotevent-list> (beta). On a
    // live directory a page had 50 records whatever was asked for. A record changes in place.
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
    // <https://learn.microsoft.com/en-us/graph/api/signin-list>: a page has at most 1 000, and an answer of ours 8 MiB. Asked
    // without a filter by type it has interactive sign-ins alone.
    List {
        name: "sign-ins",
        path: "v1.0/auditLogs/signIns",
        query: &[("$top", "500")],
        every: Millis::from_minutes(10),
        permission: AUDIT,
        licence: ENTRA,
        becomes: Becomes::SignIns(SignIns { interactive: true }),
    },
    // The same (beta). Of these there are many times more.
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
    /// The `source` of the events that are made of it.
    pub fn source(&self) -> Option<&'static str> {
        match &self.becomes {
            Becomes::Events(records) => records.sender.source,
            Becomes::Profiles | Becomes::SignIns(_) | Becomes::AppNames => None,
        }
    }

    /// The lists that are read where these are chosen.
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
