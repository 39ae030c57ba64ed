//! Reads one body, member by member. Required are `session`, a list of `parts`, one name of the device, and for each
//! record its id, part, time, event and data. Anything else that is missing or unreadable counts as not reported,
//! because the script never sends a refused body again.

use super::super::{reported, unnamed};
use crate::cloudevents::{BodyError, Parsed};
use crate::fields::FieldError;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use vestibule_domain::Timestamp;
use vestibule_domain::esp::filter::Property;
use vestibule_domain::esp::{DeploymentMode, EspAction, Start};
use vestibule_domain::event::{About, Platform};
use vestibule_domain::identity::IdentifierKind;

/// Largest number of records, and of facts, in a body.
const MAX_ENTRIES: usize = 100;
/// Longest id of a session, in characters. It is a UUID, and event ids made from it must also fit.
const MAX_SESSION_CHARS: usize = 64;
/// In pre-provisioning the user's part follows the technician's. Larger numbers of parts are invalid.
const MAX_PARTS: u64 = 1_000;
/// The longest time limit of the page, in minutes.
const MAX_LIMIT_MINUTES: i64 = 1440;
/// The bits in Autopilot's first-run settings that are set if the device deploys itself: it joins with its own
/// credentials, without its user.
const SELF_DEPLOYING: i64 = 0x60;
/// Windows' numbers for its editions, and Intune's names for them in filters.
const SKUS: [(i64, &str); 32] = [
    (4, "Enterprise"),
    (10, "Core"),
    (27, "EnterpriseN"),
    (48, "Professional"),
    (49, "BusinessN"),
    (72, "EnterpriseEval"),
    (84, "EnterpriseNEval"),
    (98, "CoreN"),
    (99, "CoreCountrySpecific"),
    (100, "CoreSingleLanguage"),
    (101, "Core"),
    (111, "Core"),
    (119, "PPIPro"),
    (121, "Education"),
    (122, "EducationN"),
    (123, "IoTUAP"),
    (125, "EnterpriseS"),
    (126, "EnterpriseSN"),
    (129, "EnterpriseSEval"),
    (131, "IoTUAPCommercial"),
    (136, "Holographic"),
    (138, "ProfessionalSingleLanguage"),
    (161, "ProfessionalWorkstation"),
    (162, "ProfessionalN"),
    (164, "ProfessionalEducation"),
    (165, "ProfessionalEducationN"),
    (171, "EnterpriseG"),
    (172, "EnterpriseGN"),
    (175, "ServerRdsh"),
    (188, "IoTEnterprise"),
    (202, "CloudEditionN"),
    (203, "CloudEdition"),
];
/// Accounts that stand in while there is no user yet.
const NOBODY: [&str; 2] = ["foouser@", "autopilot@"];

/// The contents of a body.
pub(super) struct Posted<'a> {
    pub(super) session: String,
    pub(super) about: About,
    sku: Option<String>,
    pub(super) windows: Windows,
    pub(super) parts: BTreeMap<u32, Part>,
    pub(super) records: Vec<Record<'a>>,
    pub(super) facts: &'a [Value],
    pub(super) errors: Vec<(Option<String>, FieldError)>,
}

/// What Windows reported of its configuration.
pub(super) struct Windows {
    pub(super) enrolled_at: Option<Timestamp>,
    profile: Option<String>,
    oobe_config: Option<i64>,
    hybrid_join: bool,
    /// Autopilot device preparation, which has a page of its own.
    pub(super) device_preparation: bool,
    pub(super) skips_account_setup: bool,
    limit_minutes: Option<u32>,
    allowed_actions: Option<Vec<EspAction>>,
}

/// A part of the session: all of it, or the technician's or the user's part of pre-provisioning.
pub(super) struct Part {
    pub(super) number: u32,
    pub(super) started_at: Timestamp,
    white_glove: Option<bool>,
}

/// A record of the log.
pub(super) struct Record<'a> {
    pub(super) id: u64,
    pub(super) part: u32,
    pub(super) at: Timestamp,
    pub(super) event: u64,
    pub(super) data: &'a Value,
}

impl<'a> Posted<'a> {
    pub(super) fn read(map: &'a Map<String, Value>) -> Result<Self, BodyError> {
        let is_id = |text: &String| {
            let fits = |char: char| char.is_ascii_alphanumeric() || char == '-';
            text.len() <= MAX_SESSION_CHARS && text.chars().all(fits)
        };
        let session = reported(map, "session").filter(is_id);
        let session = session.ok_or(BodyError::Malformed("session is an id of letters, digits and hyphens"))?;
        let parts = map.get("parts").and_then(Value::as_array).ok_or(BodyError::Malformed("parts is a list"))?;
        let records = entries(map, "records")?;
        let mut errors = Vec::new();
        let mut posted = Self {
            session,
            about: about(map),
            sku: object(map, "device").and_then(sku),
            windows: Windows::read(object(map, "windows")),
            parts: BTreeMap::new(),
            records: Vec::new(),
            facts: entries(map, "facts")?,
            errors: Vec::new(),
        };
        for (index, value) in parts.iter().enumerate() {
            match Part::read(value) {
                Ok(part) => {
                    posted.parts.entry(part.number).or_insert(part);
                }
                Err(error) => errors.push((None, at_path(&format!("parts[{index}]"), error))),
            }
        }
        for (index, value) in records.iter().enumerate() {
            match Record::read(value) {
                Ok(record) => posted.records.push(record),
                Err(error) => {
                    let id = value.as_object().and_then(|record| reported(record, "id"));
                    errors.push((id, at_path(&format!("records[{index}]"), error)));
                }
            }
        }
        // In the order in which they were logged.
        posted.records.sort_by_key(|record| (record.part, record.id));
        posted.errors = errors;
        Ok(posted)
    }

    /// The refusal of a body that names no device.
    pub(super) fn unnamed(&self) -> Option<Parsed> {
        if self.about.identifiers().next().is_some() {
            return None;
        }
        let member = |kind| {
            let member = match kind {
                IdentifierKind::SerialNumber | IdentifierKind::Udid => "serialNumber",
                IdentifierKind::MdmDeviceId => "mdmDeviceId",
                IdentifierKind::EnrollmentId => "entraDeviceId",
            };
            format!("device.{member}")
        };
        let otherwise = "must have a serialNumber, mdmDeviceId or entraDeviceId that names the device";
        Some(unnamed(None, &self.about, member, ("device", otherwise)))
    }

    /// How a part is deployed, if known.
    pub(super) fn mode(&self, part: &Part) -> Option<DeploymentMode> {
        let Windows { oobe_config, device_preparation, .. } = self.windows;
        if part.white_glove == Some(true) {
            Some(DeploymentMode::PreProvisioningTechnician)
        } else if part.number > 1 {
            Some(DeploymentMode::PreProvisioningUser)
        } else if !device_preparation && oobe_config.is_some_and(|config| config & SELF_DEPLOYING == SELF_DEPLOYING) {
            Some(DeploymentMode::SelfDeploying)
        } else if device_preparation || oobe_config.is_some() || part.white_glove.is_some() {
            Some(DeploymentMode::UserDriven)
        } else {
            None
        }
    }

    /// The device's configuration at the start.
    pub(super) fn start(&self, deployment_mode: Option<DeploymentMode>) -> Start {
        let about = &self.about;
        let properties = [
            (Property::Model, &about.model),
            (Property::Manufacturer, &about.manufacturer),
            (Property::OsVersion, &about.os_version),
            (Property::OperatingSystemSku, &self.sku),
            (Property::EnrollmentProfileName, &self.windows.profile),
        ];
        Start {
            deployment_mode,
            hybrid_join: self.windows.hybrid_join,
            properties: properties.into_iter().filter_map(|(name, value)| Some((name, value.clone()?))).collect(),
            limit_minutes: self.windows.limit_minutes,
            allowed_actions: self.windows.allowed_actions.clone(),
            ..Start::default()
        }
    }
}

impl Windows {
    fn read(map: Option<&Map<String, Value>>) -> Self {
        let nothing = Map::new();
        let map = map.unwrap_or(&nothing);
        let page = object(map, "firstSync").unwrap_or(&nothing);
        let limit = number(page, "timeoutMinutes").filter(|minutes| (1..=MAX_LIMIT_MINUTES).contains(minutes));
        Self {
            enrolled_at: time(map, "enrolledAt"),
            profile: reported(map, "autopilotProfile"),
            oobe_config: number(map, "oobeConfig"),
            hybrid_join: number(map, "domainJoinMethod") == Some(1),
            device_preparation: flag(map, "devicePreparation") == Some(true),
            skips_account_setup: number(page, "skipUser").is_some_and(|skip| skip != 0),
            limit_minutes: limit.and_then(|minutes| u32::try_from(minutes).ok()),
            allowed_actions: allowed(page),
        }
    }
}

/// What a person may do on failure: the page's bits, and whether it offers to collect logs. If the bit is missing, the
/// page does not hold the person at all, which is another matter.
fn allowed(page: &Map<String, Value>) -> Option<Vec<EspAction>> {
    let bits = number(page, "block").filter(|bits| *bits > 0)?;
    let logs = flag(page, "collectLogs") == Some(true);
    let all = [
        (bits & 2 != 0, EspAction::Retry),
        (bits & 1 != 0, EspAction::Reset),
        (bits & 4 != 0, EspAction::ContinueAnyway),
        (logs, EspAction::CollectLogs),
    ];
    Some(all.into_iter().filter_map(|(may, action)| may.then_some(action)).collect())
}

impl Part {
    fn read(value: &Value) -> Result<Self, FieldError> {
        let map = value.as_object().ok_or_else(|| problem("", "must be an object"))?;
        Ok(Self {
            number: part_number(map, "n")?,
            started_at: required_time(map, "startedAt")?,
            white_glove: flag(map, "whiteGlove"),
        })
    }
}

impl<'a> Record<'a> {
    fn read(value: &'a Value) -> Result<Self, FieldError> {
        let map = value.as_object().ok_or_else(|| problem("", "must be an object"))?;
        let whole =
            |name: &str| map.get(name).and_then(Value::as_u64).ok_or_else(|| problem(name, "must be a whole number"));
        let data = map.get("data").filter(|data| data.is_array() || data.is_string());
        Ok(Self {
            id: whole("id")?,
            part: part_number(map, "part")?,
            at: required_time(map, "at")?,
            event: whole("event")?,
            data: data.ok_or_else(|| problem("data", "must be a list of texts, or a text"))?,
        })
    }
}

/// The device, for all events of a body.
fn about(map: &Map<String, Value>) -> About {
    let nothing = Map::new();
    let device = object(map, "device").unwrap_or(&nothing);
    let user = object(map, "user").unwrap_or(&nothing);
    let is_person = |name: &String| {
        let name = name.to_lowercase();
        !NOBODY.iter().any(|nobody| name.starts_with(nobody))
    };
    About {
        // Intune's logs use this name, so both senders' events belong to one device.
        enrollment_id: reported(device, "entraDeviceId"),
        serial_number: reported(device, "serialNumber"),
        mdm_device_id: reported(device, "mdmDeviceId"),
        device_name: reported(device, "name"),
        manufacturer: reported(device, "manufacturer"),
        model: reported(device, "model"),
        user_principal_name: reported(user, "principalName").filter(is_person),
        platform: Some(Platform::Windows),
        os_version: reported(device, "osVersion"),
        enrollment_type: Some("windowsAzureADJoin".to_owned()),
        ..About::default()
    }
}

/// The edition of Windows by its name in filters; Windows itself reports a number.
fn sku(device: &Map<String, Value>) -> Option<String> {
    let number = number(device, "sku");
    let known = SKUS.iter().find(|(sku, _)| Some(*sku) == number);
    known.map(|(_, name)| (*name).to_owned()).or_else(|| reported(device, "sku"))
}

/// An optional list of at most [`MAX_ENTRIES`] entries.
fn entries<'a>(map: &'a Map<String, Value>, name: &str) -> Result<&'a [Value], BodyError> {
    match map.get(name) {
        None | Some(Value::Null) => Ok(&[]),
        Some(Value::Array(list)) if list.len() <= MAX_ENTRIES => Ok(list),
        Some(Value::Array(_)) => Err(BodyError::Malformed("a body has at most 100 records and 100 facts")),
        Some(_) => Err(BodyError::Malformed("records and facts are lists")),
    }
}

fn object<'a>(map: &'a Map<String, Value>, name: &str) -> Option<&'a Map<String, Value>> {
    map.get(name).and_then(Value::as_object)
}

/// A whole number, or a text of its digits, as the registry may hold it. A number with all bits set arrives as -1 or
/// unsigned.
pub(super) fn number(map: &Map<String, Value>, name: &str) -> Option<i64> {
    match map.get(name)? {
        Value::Bool(value) => Some(i64::from(*value)),
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

fn flag(map: &Map<String, Value>, name: &str) -> Option<bool> {
    number(map, name).map(|number| number != 0)
}

fn time(map: &Map<String, Value>, name: &str) -> Option<Timestamp> {
    Timestamp::parse(&reported(map, name)?).ok()
}

pub(super) fn required_time(map: &Map<String, Value>, name: &str) -> Result<Timestamp, FieldError> {
    time(map, name).ok_or_else(|| problem(name, "must be an RFC 3339 time"))
}

pub(super) fn part_number(map: &Map<String, Value>, name: &str) -> Result<u32, FieldError> {
    let number = map.get(name).and_then(Value::as_u64).filter(|number| (1..=MAX_PARTS).contains(number));
    let number = number.and_then(|number| u32::try_from(number).ok());
    number.ok_or_else(|| problem(name, "must be a whole number from 1 to 1000"))
}

pub(super) fn problem(field: &str, problem: &str) -> FieldError {
    FieldError { field: field.to_owned(), problem: problem.to_owned() }
}

/// The same error, with the entry's path.
pub(super) fn at_path(path: &str, error: FieldError) -> FieldError {
    let field = if error.field.is_empty() { path.to_owned() } else { format!("{path}.{}", error.field) };
    FieldError { field, ..error }
}
