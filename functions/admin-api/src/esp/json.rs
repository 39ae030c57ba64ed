//! Writes profiles in Graph's form, with the same members as they were posted
//! ([`vestibule_webhook::esp_profiles`] reads them).

use serde_json::{Value, json};
use vestibule_domain::Timestamp;
use vestibule_domain::esp::profile::{Assignment, EspProfile, Target};
use vestibule_webhook::esp_profiles::{FILTER, TYPE};

/// A profile in an answer. One that was never changed is as old as its tenant, which exists `since` then.
pub(crate) fn write(priority: u32, profile: &EspProfile, since: Timestamp) -> Value {
    let time = |at: Timestamp| at.max(since).to_string();
    let mut out = json!({
        "@odata.type": TYPE,
        "deviceEnrollmentConfigurationType": TYPE.trim_start_matches("#microsoft.graph."),
        "id": profile.id,
        "priority": priority,
        "version": profile.version,
        "createdDateTime": time(profile.created_at),
        "lastModifiedDateTime": time(profile.modified_at),
        "isDefault": profile.is_default(),
        "assignments": profile.assignments.iter().map(|one| json!({"target": write_target(one)})).collect::<Vec<_>>(),
    });
    if let Some(id) = &profile.graph_id {
        out["graphId"] = json!(id);
    }
    if let (Value::Object(out), Ok(Value::Object(settings))) = (&mut out, serde_json::to_value(&profile.settings)) {
        out.extend(settings);
    }
    out
}

fn write_target(assignment: &Assignment) -> Value {
    let filter = assignment.filter.as_ref();
    let mut out = match &assignment.target {
        Target::Group(group) => {
            let mut out = json!({"@odata.type": "#microsoft.graph.groupAssignmentTarget", "groupId": group.id});
            if let Some(name) = &group.name {
                out["groupName"] = json!(name);
            }
            out
        }
        Target::AllDevices => json!({"@odata.type": "#microsoft.graph.allDevicesAssignmentTarget"}),
        Target::AllLicensedUsers => json!({"@odata.type": "#microsoft.graph.allLicensedUsersAssignmentTarget"}),
    };
    let [id_name, kind_name, rule_name] = FILTER;
    out[id_name] = json!(filter.and_then(|filter| filter.id.as_deref()));
    out[kind_name] = json!(filter.map_or("none", |filter| filter.kind.name()));
    if let Some(rule) = filter.and_then(|filter| filter.rule.as_deref()) {
        out[rule_name] = json!(rule);
    }
    out
}
