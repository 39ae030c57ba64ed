//! Graph's list of enrollment configurations. The Enrollment Status Page profiles in it are kept as Graph has them.

use crate::lists::List;
use crate::problem::Problem;
use crate::puller::Run;
use serde_json::Value;
use std::collections::BTreeMap;
use vestibule_domain::esp::profiles::{GraphProfile, MAX_PROFILES, ProfilesError};
use vestibule_graph::Transport;
use vestibule_store::StoreError;
use vestibule_webhook::FieldError;
use vestibule_webhook::esp_profiles::{Posted, TYPE, read_pulled};

/// Most configurations, of all kinds, that are kept in memory at once. A directory has tens of them.
const MOST: usize = 2_000;

/// Why the stored profiles were not changed.
enum Kept {
    TooMany,
    Store(StoreError),
}

impl From<StoreError> for Kept {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// The profiles of a list.
#[derive(Debug, Default)]
struct Listed {
    /// In the order of their priorities.
    profiles: Vec<GraphProfile>,
    /// Ids of the profiles that can't be read. What is stored of them stays.
    unread: Vec<String>,
    /// What is wrong with the first of these.
    wrong: Option<String>,
}

impl<T: Transport> Run<'_, T> {
    /// Reads the whole list and changes the stored profiles that differ. Returns the number of profiles, and what is
    /// wrong with those that could not be read.
    pub(crate) async fn read_profiles(
        &self,
        list: &List,
    ) -> Result<Result<(u64, Option<String>), Problem>, StoreError> {
        let mut records = Vec::new();
        let take = |page: Vec<Value>| {
            records.extend(page);
            records.len() <= MOST
        };
        if let Err(problem) = self.each_page(list, take).await {
            return Ok(Err(problem));
        }
        let listed = read(&records);
        let (tenant, now) = (&self.tenant.id, self.puller.now());
        let change = |profiles: &mut vestibule_domain::esp::profiles::Profiles| {
            let kept = profiles.keep_as_in_graph(tenant, &listed.profiles, &listed.unread, now);
            kept.map_err(|_: ProfilesError| Kept::TooMany)
        };
        match self.puller.store.change_profiles(tenant, change).await {
            Ok(_) => Ok(Ok((listed.profiles.len() as u64, listed.wrong))),
            Err(Kept::TooMany) => Ok(Err(Problem::TooManyProfiles)),
            Err(Kept::Store(error)) => Err(error),
        }
    }
}

fn read(records: &[Value]) -> Listed {
    let mut listed = Listed::default();
    let mut by_priority: BTreeMap<(u32, usize), GraphProfile> = BTreeMap::new();
    for (at, record) in records.iter().enumerate() {
        // The list has other enrollment configurations as well. Each names its own type.
        let kind = record["@odata.type"].as_str().unwrap_or_default();
        let Some(map) = record.as_object().filter(|_| kind.eq_ignore_ascii_case(TYPE)) else { continue };
        let mut errors: Vec<FieldError> = Vec::new();
        if let Some((id, posted)) = read_pulled("", map, &mut errors).filter(|_| by_priority.len() < MAX_PROFILES) {
            let Posted { settings, assignments, priority, is_default, .. } = posted;
            let profile = GraphProfile { id, settings, assignments: assignments.unwrap_or_default(), is_default };
            by_priority.insert((priority.unwrap_or(u32::MAX), at), profile);
        } else {
            listed.unread.extend(map.get("id").and_then(Value::as_str).map(str::to_owned));
            let wrong = errors.first().map(|error| format!("{} {}", error.field, error.problem));
            let wrong = wrong.unwrap_or_else(|| "there are too many".to_owned());
            listed.wrong.get_or_insert(format!("a profile was left as it was: {wrong}"));
        }
    }
    listed.profiles = by_priority.into_values().collect();
    listed
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn profiles_are_read_in_order_and_an_unreadable_one_is_named() {
        let profile = |id: &str, priority: u32, more: Value| {
            let mut record = json!({"@odata.type": TYPE, "id": id, "displayName": id, "priority": priority,
                "memberOfTomorrow": true, "assignments": [{"id": "x", "source": "direct", "sourceId": "y",
                "target": {"@odata.type": "#microsoft.graph.allDevicesAssignmentTarget"}}]});
            record
                .as_object_mut()
                .into_iter()
                .for_each(|map| map.extend(more.as_object().cloned().unwrap_or_default()));
            record
        };
        let excluded = json!({"assignments": [{"target": {"@odata.type": "#microsoft.graph.exclusionGroupAssignmentTarget",
            "groupId": "g"}}]});
        let listed = read(&[
            json!({"@odata.type": "#microsoft.graph.deviceEnrollmentLimitConfiguration", "id": "limit", "limit": 15}),
            profile("second", 2, json!({})),
            profile("excluded", 3, excluded),
            profile("first", 1, json!({"installProgressTimeoutInMinutes": 30})),
            profile("a_DefaultWindows10EnrollmentCompletionPageConfiguration", 0, json!({})),
            json!("nothing"),
        ]);
        let ids: Vec<(&str, bool)> = listed.profiles.iter().map(|one| (one.id.as_str(), one.is_default)).collect();
        let default = "a_DefaultWindows10EnrollmentCompletionPageConfiguration";
        assert_eq!(ids, [("first", false), ("second", false), (default, true)]);
        assert_eq!(listed.unread, ["excluded"]);
        assert!(listed.wrong.is_some_and(|wrong| wrong.contains("assignments[0].target.@odata.type")));
    }
}
