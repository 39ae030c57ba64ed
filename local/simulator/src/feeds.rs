//! What products post about the same enrollments, each in its own form.
//!
//! An [`Enrollment`] is what really happened; [`Product::posts`] gives the bodies that a product would post about it,
//! without anything that the product cannot report. The demonstration feeds a tenant with them, and the tests compare
//! what is shown with the truth.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};

/// What really happened to a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Enrollment {
    /// Its serial number, which is unique.
    pub serial: String,
    /// When somebody began, in milliseconds since 1970.
    pub began_ms: i64,
    /// The outcome.
    pub truth: Truth,
}

/// The outcome of an enrollment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Truth {
    /// Under management and compliant after this many milliseconds.
    Completed(i64),
    /// The person stopped, and never came back.
    GivenUp,
    /// It failed after this many milliseconds.
    Failed(i64),
}

/// A product that posts in a form of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Product {
    /// NanoMDM, for iPhones: it posts when the profile is installed, and when a device is under management.
    NanoMdm,
    /// Jamf Pro, for iPads: it posts finished enrollments.
    Jamf,
    /// Fleet, for Macs: it posts finished enrollments.
    Fleet,
    /// Workspace ONE, for iPhones: finished enrollments, and compliance.
    WorkspaceOne,
    /// The Android Management API, for phones: finished enrollments, and compliance.
    AndroidManagement,
    /// Intune's records of Autopilot deployments: those that ended, successful or not.
    AutopilotEvents,
    /// The Enrollment Status Page's own log, for Windows devices: that it opened, and how it ended.
    WindowsEsp,
}

/// Number of deployments on one page of Graph's answer.
const AUTOPILOT_PAGE: usize = 100;

fn instant(at_ms: i64) -> String {
    let at = DateTime::<Utc>::from_timestamp_millis(at_ms).unwrap_or_default();
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

impl Product {
    /// All products.
    pub const ALL: [Self; 7] = [
        Self::NanoMdm,
        Self::Jamf,
        Self::Fleet,
        Self::WorkspaceOne,
        Self::AndroidManagement,
        Self::AutopilotEvents,
        Self::WindowsEsp,
    ];

    /// The source's name.
    pub const fn source(self) -> &'static str {
        match self {
            Self::NanoMdm => "nanomdm",
            Self::Jamf => "jamf",
            Self::Fleet => "fleet",
            Self::WorkspaceOne => "workspace-one",
            Self::AndroidManagement => "android-management",
            Self::AutopilotEvents => "graph-autopilot-events",
            Self::WindowsEsp => "windows-esp",
        }
    }

    /// The bodies that it posts about these enrollments, in the order of time.
    pub fn posts(self, enrollments: &[Enrollment]) -> Vec<Value> {
        if self == Self::AutopilotEvents {
            let ended: Vec<Value> = enrollments.iter().filter_map(deployment).collect();
            return ended.chunks(AUTOPILOT_PAGE).map(|page| json!({"value": page})).collect();
        }
        let mut posts: Vec<(i64, Value)> = enrollments.iter().flat_map(|one| self.posts_of(one)).collect();
        posts.sort_by_key(|(at_ms, _)| *at_ms);
        posts.into_iter().map(|(_, body)| body).collect()
    }

    fn posts_of(self, one: &Enrollment) -> Vec<(i64, Value)> {
        let mut posts = Vec::new();
        if self == Self::WindowsEsp {
            return windows_esp(one);
        }
        if self == Self::NanoMdm {
            posts.push((one.began_ms, nanomdm("Authenticate", &one.serial, one.began_ms)));
        }
        let Truth::Completed(took_ms) = one.truth else { return posts };
        let at_ms = one.began_ms + took_ms;
        match self {
            Self::NanoMdm => posts.push((at_ms, nanomdm("TokenUpdate", &one.serial, at_ms))),
            Self::Jamf => posts.push((at_ms, jamf(&one.serial, at_ms))),
            Self::Fleet => posts.push((at_ms, fleet(&one.serial, at_ms))),
            Self::WorkspaceOne => {
                posts.push((at_ms, workspace_one(&one.serial, at_ms, false)));
                posts.push((at_ms, workspace_one(&one.serial, at_ms, true)));
            }
            Self::AndroidManagement => {
                posts.push((at_ms, android_management(one, at_ms, false)));
                posts.push((at_ms, android_management(one, at_ms, true)));
            }
            Self::AutopilotEvents | Self::WindowsEsp => {}
        }
        posts
    }
}

fn nanomdm(message: &str, serial: &str, at_ms: i64) -> Value {
    let udid = format!("00008140-{serial}");
    let plist = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<plist version=\"1.0\"><dict>\
         <key>MessageType</key><string>{message}</string><key>UDID</key><string>{udid}</string>\
         <key>Topic</key><string>com.apple.mgmt.External.0d0c0b0a-1111-4222-8333-444455556666</string>\
         <key>DeviceName</key><string>iPhone</string><key>ProductName</key><string>iPhone17,1</string>\
         <key>OSVersion</key><string>18.3.1</string><key>SerialNumber</key><string>{serial}</string>\
         </dict></plist>"
    );
    json!({
        "topic": format!("mdm.{message}"),
        "event_id": format!("{serial}-{message}"),
        "created_at": instant(at_ms),
        "checkin_event": {
            "udid": udid, "ids": {"id": udid, "type": "Device"}, "raw_payload": STANDARD.encode(plist),
            "token_update_tally": 1,
        },
    })
}

fn jamf(serial: &str, at_ms: i64) -> Value {
    json!({
        "webhook": {"eventTimestamp": at_ms, "id": 7, "name": "Vestibule", "webhookEvent": "MobileDeviceEnrolled"},
        "event": {
            "udid": format!("270aae10-{serial}"), "serialNumber": serial, "deviceName": format!("iPad {serial}"),
            "model": "iPad11,6", "modelDisplay": "iPad (8th generation)", "osVersion": "17.5.1", "osBuild": "21F90",
            "username": format!("{}@wingtip.example", serial.to_lowercase()), "jssID": 7,
        },
    })
}

fn fleet(serial: &str, at_ms: i64) -> Value {
    json!({
        "timestamp": instant(at_ms),
        "type": "mdm_enrolled",
        "details": {
            "host_serial": serial, "host_display_name": format!("MacBookPro16,1 ({serial})"), "enrollment_id": null,
            "installed_from_dep": true, "mdm_platform": "apple", "platform": "darwin",
        },
    })
}

fn workspace_one(serial: &str, at_ms: i64, compliant: bool) -> Value {
    let (id, kind, compliance) = if compliant {
        (178, "Compliance Status Changed", "Compliant")
    } else {
        (148, "MDM Enrollment Complete", "PendingComplianceCheck")
    };
    json!({
        "EventId": id, "EventType": kind, "EventTime": instant(at_ms), "EnrollmentStatus": "Enrolled",
        "ComplianceStatus": compliance, "SerialNumber": serial, "Udid": format!("D20E0F3D{serial}"),
        "DeviceFriendlyName": format!("iPhone {serial}"), "Platform": "Apple", "OperatingSystem": "18.3.1",
        "EnrollmentEmailAddress": format!("{}@wingtip.example", serial.to_lowercase()),
    })
}

fn android_management(one: &Enrollment, at_ms: i64, compliant: bool) -> Value {
    let (kind, state) = if compliant { ("STATUS_REPORT", "ACTIVE") } else { ("ENROLLMENT", "PROVISIONING") };
    let device = json!({
        "name": format!("enterprises/LC02dhxx1r/devices/{}", one.serial.to_lowercase()),
        "managementMode": "DEVICE_OWNER", "state": state, "appliedState": state, "policyCompliant": compliant,
        "enrollmentTime": instant(at_ms), "lastStatusReportTime": instant(at_ms),
        "lastPolicyComplianceReportTime": instant(at_ms), "softwareInfo": {"androidVersion": "15"},
        "hardwareInfo": {"manufacturer": "Google", "model": "Pixel 9", "serialNumber": one.serial},
    });
    json!({
        "message": {
            "attributes": {"notificationType": kind}, "data": STANDARD.encode(device.to_string()),
            "messageId": format!("{}-{kind}", one.serial), "publishTime": instant(at_ms),
        },
        "subscription": "projects/wingtip/subscriptions/vestibule",
    })
}

/// The record of a deployment; `None` if it never ended, because then Intune keeps no record.
fn deployment(one: &Enrollment) -> Option<Value> {
    let (took_ms, deployed, enrollment) = match one.truth {
        Truth::Completed(took_ms) => (took_ms, "success", "enrolled"),
        Truth::Failed(took_ms) => (took_ms, "failure", "failed"),
        Truth::GivenUp => return None,
    };
    Some(json!({
        "id": format!("autopilot-{}", one.serial),
        "deviceId": format!("device-{}", one.serial),
        "deviceSerialNumber": one.serial,
        "managedDeviceName": format!("WINGTIP-{}", one.serial),
        "userPrincipalName": format!("{}@wingtip.example", one.serial.to_lowercase()),
        "enrollmentType": "azureADJoinedWithAutopilotProfile",
        "enrollmentState": enrollment,
        "deploymentState": deployed,
        "deviceSetupStatus": deployed,
        "osVersion": "10.0.26100.3194",
        "enrollmentStartDateTime": instant(one.began_ms),
        "deploymentStartDateTime": instant(one.began_ms),
        "deploymentEndDateTime": instant(one.began_ms + took_ms),
        "eventDateTime": instant(one.began_ms + took_ms),
        "deploymentDuration": format!("PT{}S", took_ms / 1_000),
        "policyStatusDetails": [],
    }))
}

/// The page's log of a set-up, each record in a body of its own, as the script posts while the set-up goes on.
fn windows_esp(one: &Enrollment) -> Vec<(i64, Value)> {
    let enrolled_ms = one.began_ms + 60_000;
    let began = ("CommercialOOBE_ESPProgress_Category_Started", "Starting category DeviceSetupCategory...", 0);
    let mut records = vec![(enrolled_ms, began)];
    match one.truth {
        Truth::Completed(took_ms) => records.push((
            one.began_ms + took_ms,
            ("CommercialOOBE_ESPProgress_Category_Success", "Category AccountSetupCategory succeeded.", 0),
        )),
        Truth::Failed(took_ms) => records.push((
            one.began_ms + took_ms,
            (
                "CommercialOOBE_ESPDeviceSetup_ApplicationsInstallation_Failed",
                "An error occured during app installation. Error = 0x87d1041c",
                -2_016_345_060,
            ),
        )),
        Truth::GivenUp => {}
    }
    let post = |(number, (at_ms, (name, message, code))): (usize, (i64, (&str, &str, i64)))| {
        let message = json!({"message": format!("BootstrapStatus: {message}"), "errorCode": code});
        let body = json!({
            "schema": 1, "session": format!("session-{}", one.serial), "sentAt": instant(at_ms),
            "reporter": {"version": "1.0.0"},
            "device": {"serialNumber": one.serial, "name": format!("WINGTIP-{}", one.serial)},
            "user": {"principalName": format!("{}@wingtip.example", one.serial.to_lowercase())},
            "windows": {"enrolledAt": instant(enrolled_ms)},
            "parts": [{"n": 1, "startedAt": instant(one.began_ms)}],
            "records": [{
                "id": number, "part": 1, "at": instant(at_ms), "event": 62407, "data": [name, message.to_string()],
            }],
        });
        (at_ms, body)
    };
    records.into_iter().enumerate().map(post).collect()
}
