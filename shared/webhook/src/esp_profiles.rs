//! Enrollment Status Page profiles as Graph writes them: `windows10EnrollmentCompletionPageConfiguration`.
//!
//! <https://learn.microsoft.com/en-us/graph/api/resources/intune-onboarding-windows10enrollmentcompletionpageconfiguration>
//!
//! Must stay true: every member is either read, or one of those that Graph makes up itself, which are ignored. A
//! misspelt member is refused, because people would believe in a setting that we ignore. Answers of Graph itself are
//! not misspelt, and may have members we do not know yet: [`read_pulled`].

use crate::esp::read_name;
use crate::fields::{FieldError, Reader};
use serde_json::{Map, Value};
use vestibule_domain::esp::ItemName;
use vestibule_domain::esp::filter::MAX_RULE_LENGTH;
use vestibule_domain::esp::profile::{
    Assignment, AssignmentFilter, DEFAULT_PROFILE_ID, FilterType, GRAPH_DEFAULT_ID_ENDS, MAX_ASSIGNMENTS,
    MAX_DESCRIPTION_CHARS, MAX_MESSAGE_CHARS, MAX_NAME_CHARS, MAX_SCOPE_TAGS, MAX_SELECTED_APPS, Settings, Target,
};

/// Graph's name of their type.
pub const TYPE: &str = "#microsoft.graph.windows10EnrollmentCompletionPageConfiguration";

/// Members that Graph or we make up: accepted and ignored.
const READ_ONLY: [&str; 7] = [
    "graphId",
    "id",
    "version",
    "createdDateTime",
    "lastModifiedDateTime",
    "deviceEnrollmentConfigurationType",
    "isDefault",
];

/// A profile as it was posted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Posted {
    /// The chosen settings.
    pub settings: Settings,
    /// `None` if the body has no such member: the stored assignments stay.
    pub assignments: Option<Vec<Assignment>>,
    /// Its priority among the profiles.
    pub priority: Option<u32>,
    /// Whether it is Graph's, or our own, default profile.
    pub is_default: bool,
    /// Whether the body has scope tags, which say who may see it.
    pub has_scope_tags: bool,
}

/// Whether an entry of Graph's mixed list of enrollment configurations is an ESP profile.
pub fn is_profile(map: &Map<String, Value>) -> bool {
    let is_type = |kind: &str| kind.trim_start_matches('#').eq_ignore_ascii_case(TYPE.trim_start_matches('#'));
    map.get("@odata.type").and_then(Value::as_str).is_none_or(is_type)
}

/// Reads a profile at `path`, which is empty for the body itself.
pub fn read(path: &str, map: &Map<String, Value>, errors: &mut Vec<FieldError>) -> Option<Posted> {
    let before = errors.len();
    let mut body = Reader::new(path, map, errors);
    if !is_profile(map) || body.value("@odata.type").is_some_and(|kind| !kind.is_string()) {
        body.refuse("@odata.type", format!("must be {TYPE}"));
    }
    let defaults = Settings::named("");
    let mut settings = Settings {
        display_name: body.required_text("displayName", MAX_NAME_CHARS).unwrap_or_default(),
        description: text(&mut body, "description", MAX_DESCRIPTION_CHARS),
        custom_error_message: text(&mut body, "customErrorMessage", MAX_MESSAGE_CHARS),
        selected_mobile_app_ids: texts(&mut body, "selectedMobileAppIds", MAX_SELECTED_APPS).unwrap_or_default(),
        ..defaults.clone()
    };
    let tags = texts(&mut body, "roleScopeTagIds", MAX_SCOPE_TAGS);
    let has_scope_tags = tags.as_ref().is_some_and(|tags| !tags.is_empty());
    settings.role_scope_tag_ids = tags.filter(|tags| !tags.is_empty()).unwrap_or(defaults.role_scope_tag_ids);
    if let Some(minutes) = number(&mut body, "installProgressTimeoutInMinutes") {
        settings.install_progress_timeout_in_minutes = minutes;
    }
    for (name, setting) in flags(&mut settings) {
        if let Some(value) = body.boolean(name) {
            *setting = value;
        }
    }
    let priority = number(&mut body, "priority").filter(|priority| *priority > 0);
    let assignments = body.value("assignments").map(|_| read_assignments(&mut body, "assignments"));
    let known = serde_json::to_value(&settings).unwrap_or_default();
    for name in map.keys() {
        let ours = known.get(name).is_some() || ["priority", "assignments"].contains(&name.as_str());
        if !ours && !READ_ONLY.contains(&name.as_str()) && !name.contains("@odata.") {
            body.refuse(name, "is not a member of a profile");
        }
    }
    let missing_name = settings.display_name.is_empty();
    for wrong in settings.problems() {
        // Already reported above.
        if !(wrong.field == "displayName" && missing_name) {
            body.refuse(wrong.field, wrong.problem);
        }
    }
    let id = map.get("id").and_then(Value::as_str).unwrap_or_default();
    let is_default = id == DEFAULT_PROFILE_ID || id.ends_with(GRAPH_DEFAULT_ID_ENDS);
    (errors.len() == before).then_some(Posted { settings, assignments, priority, is_default, has_scope_tags })
}

/// Reads a profile that Graph itself answered, with its id. A member that we do not know is ignored. A target that we
/// do not know is refused, and the profile with it: it may say to whom the profile does not apply.
pub fn read_pulled(path: &str, map: &Map<String, Value>, errors: &mut Vec<FieldError>) -> Option<(String, Posted)> {
    let settings = serde_json::to_value(Settings::named("")).unwrap_or_default();
    let is_known = |name: &String| {
        settings.get(name).is_some()
            || ["priority", "assignments", "@odata.type"].contains(&name.as_str())
            || name == "id"
    };
    let known = map.iter().filter(|(name, _)| is_known(name)).map(|(name, value)| (name.clone(), value.clone()));
    let known: Map<String, Value> = known.collect();
    let id = Reader::new(path, &known, errors).required_text("id", MAX_NAME_CHARS)?;
    Some((id, read(path, &known, errors)?))
}

/// The on/off settings, by name.
fn flags(settings: &mut Settings) -> [(&'static str, &mut bool); 13] {
    [
        ("showInstallationProgress", &mut settings.show_installation_progress),
        ("allowLogCollectionOnInstallFailure", &mut settings.allow_log_collection_on_install_failure),
        ("disableUserStatusTrackingAfterFirstUser", &mut settings.disable_user_status_tracking_after_first_user),
        ("trackInstallProgressForAutopilotOnly", &mut settings.track_install_progress_for_autopilot_only),
        ("blockDeviceSetupRetryByUser", &mut settings.block_device_setup_retry_by_user),
        ("allowDeviceResetOnInstallFailure", &mut settings.allow_device_reset_on_install_failure),
        ("allowDeviceUseOnInstallFailure", &mut settings.allow_device_use_on_install_failure),
        ("allowNonBlockingAppInstallation", &mut settings.allow_non_blocking_app_installation),
        ("installQualityUpdates", &mut settings.install_quality_updates),
        ("enabled", &mut settings.enabled),
        ("blockDeviceUse", &mut settings.block_device_use),
        ("showErrorDetails", &mut settings.show_error_details),
        ("allowUserToSkipAccountSetup", &mut settings.allow_user_to_skip_account_setup),
    ]
}

/// Reads the body of `assign`.
pub fn read_assign(map: &Map<String, Value>, errors: &mut Vec<FieldError>) -> Vec<Assignment> {
    let name = "enrollmentConfigurationAssignments";
    let mut body = Reader::new("", map, errors);
    if !map.get(name).is_some_and(Value::is_array) {
        body.refuse(name, "must be a list");
    }
    refuse_others(&mut body, Some(map), &[name], "is not a member of this body");
    read_assignments(&mut body, name)
}

fn read_assignments(body: &mut Reader<'_, '_>, name: &str) -> Vec<Assignment> {
    let mut read = Vec::new();
    for (at, entry) in body.list(name, MAX_ASSIGNMENTS).iter().enumerate() {
        let map = entry.as_object();
        let mut entry = body.entry(&format!("{name}[{at}]"), entry);
        refuse_others(&mut entry, map, &ASSIGNMENT, "is not a member of an assignment");
        let map = map.and_then(|map| map.get("target")).and_then(Value::as_object);
        let mut target = entry.object("target");
        refuse_others(&mut target, map, &TARGET, "is not a member of a target");
        read.extend(read_target(&mut target));
    }
    read
}

/// Refuses members outside `known`: an ignored member could be a misspelt filter, which would let everybody through.
fn refuse_others(reader: &mut Reader<'_, '_>, map: Option<&Map<String, Value>>, known: &[&str], problem: &str) {
    for name in map.into_iter().flat_map(Map::keys) {
        if !known.contains(&name.as_str()) && !name.contains("@odata.") {
            reader.refuse(name, problem);
        }
    }
}

fn read_target(target: &mut Reader<'_, '_>) -> Option<Assignment> {
    let kind = target.required_text("@odata.type", MAX_NAME_CHARS)?;
    let kind = kind.trim_start_matches('#').trim_start_matches("microsoft.graph.").to_ascii_lowercase();
    let aim = match kind.as_str() {
        "groupassignmenttarget" => Target::Group(read_group(target)?),
        "alldevicesassignmenttarget" => Target::AllDevices,
        "alllicensedusersassignmenttarget" => Target::AllLicensedUsers,
        _ => {
            let known = "groupAssignmentTarget, allDevicesAssignmentTarget, allLicensedUsersAssignmentTarget";
            target.refuse("@odata.type", format!("must be one of {known} (of #microsoft.graph)"));
            return None;
        }
    };
    Some(Assignment { target: aim, filter: read_filter(target)? })
}

fn read_group(target: &mut Reader<'_, '_>) -> Option<ItemName> {
    let Some(group) = target.value("groupId") else {
        target.refuse("groupId", "is required");
        return None;
    };
    let mut group = read_name(target, "groupId", group)?;
    if let Some(name) = target.text("groupName", MAX_NAME_CHARS) {
        group.name = Some(name);
    }
    Some(group)
}

/// The filter, if there is one; the outer `None` means that it is malformed.
#[allow(clippy::option_option, reason = "the caller uses the inner value, or stops")]
fn read_filter(target: &mut Reader<'_, '_>) -> Option<Option<AssignmentFilter>> {
    let [id_name, kind_name, rule_name] = FILTER;
    let id = target.text(id_name, MAX_NAME_CHARS);
    let rule = target.text(rule_name, MAX_RULE_LENGTH);
    let kind = target.text(kind_name, MAX_NAME_CHARS).filter(|kind| !kind.eq_ignore_ascii_case("none"));
    let Some(kind) = kind else {
        if id.is_some() || rule.is_some() {
            target.refuse(kind_name, "must be include or exclude");
            return None;
        }
        return Some(None);
    };
    let Some(kind) = FilterType::read(kind.trim()) else {
        target.refuse(kind_name, "must be one of none, include, exclude");
        return None;
    };
    if id.is_none() && rule.is_none() {
        target.refuse(rule_name, format!("is required, or {id_name}"));
        return None;
    }
    let filter = AssignmentFilter { id, kind, rule };
    if let Some(Err(error)) = filter.parsed() {
        target.refuse(rule_name, error.to_string());
        return None;
    }
    Some(Some(filter))
}

const ASSIGNMENT: [&str; 4] = ["id", "source", "sourceId", "target"];
const TARGET: [&str; 5] = ["groupId", "groupName", FILTER[0], FILTER[1], FILTER[2]];
/// The members of a target that make up its filter: id, include or exclude, and rule.
pub const FILTER: [&str; 3] = [
    "deviceAndAppManagementAssignmentFilterId",
    "deviceAndAppManagementAssignmentFilterType",
    "deviceAndAppManagementAssignmentFilterRule",
];

/// A text that may be null or blank.
fn text(body: &mut Reader<'_, '_>, name: &str, most: usize) -> Option<String> {
    match body.value(name) {
        Some(Value::String(blank)) if blank.trim().is_empty() => None,
        _ => body.text(name, most),
    }
}

fn texts(body: &mut Reader<'_, '_>, name: &str, most: usize) -> Option<Vec<String>> {
    body.value(name)?;
    let mut texts = Vec::new();
    for entry in body.list(name, most) {
        match entry.as_str() {
            Some(text) if !text.trim().is_empty() && text.chars().count() <= MAX_NAME_CHARS => {
                texts.push(text.to_owned());
            }
            _ => {
                body.refuse(name, "must hold texts of 1 to 256 characters");
                return None;
            }
        }
    }
    Some(texts)
}

fn number(body: &mut Reader<'_, '_>, name: &str) -> Option<u32> {
    let number = body.value(name)?;
    let read = number.as_u64().and_then(|number| u32::try_from(number).ok());
    if read.is_none() {
        body.refuse(name, "must be a whole number");
    }
    read
}
