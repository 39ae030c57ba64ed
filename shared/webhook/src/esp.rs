//! The members of `data` of ESP events (docs/DOMAIN.md, S9).

use crate::fields::{Reader, list_names};
use serde_json::Value;
use vestibule_domain::esp::filter::Property;
use vestibule_domain::esp::{
    Category, DeploymentMode, EspAction, EspDetail, EspEvent, ItemName, ItemState, Phase, PhaseState, Start,
    TargetedApp,
};
use vestibule_domain::event::{MAX_MESSAGE_CHARS, MAX_TEXT_CHARS};

/// Largest number of entries in any list of an ESP event.
const MAX_ENTRIES: usize = 500;

/// The types of ESP events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EspType {
    /// `esp.started`
    Started,
    /// `esp.tracked`
    Tracked,
    /// `esp.item`
    Item,
    /// `esp.phase`
    Phase,
    /// `esp.action`
    Action,
    /// `esp.completed`
    Completed,
    /// `esp.failed`
    Failed,
}

impl EspType {
    const NAMES: [(&'static str, Self); 7] = [
        ("esp.started", Self::Started),
        ("esp.tracked", Self::Tracked),
        ("esp.item", Self::Item),
        ("esp.phase", Self::Phase),
        ("esp.action", Self::Action),
        ("esp.completed", Self::Completed),
        ("esp.failed", Self::Failed),
    ];

    /// The type called `name`; letter case is ignored.
    pub fn read(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, kind)| *kind)
    }
}

pub(crate) fn read(kind: EspType, data: &mut Reader<'_, '_>) -> Option<EspEvent> {
    let session_id = data.text("sessionId", MAX_TEXT_CHARS);
    let detail = match kind {
        EspType::Started => EspDetail::Started(Box::new(read_start(data))),
        EspType::Tracked => {
            let (phase, category) = read_subtask(data)?;
            let list = data.list("items", MAX_ENTRIES);
            let names = list.iter().map(|item| read_name(data, "items", item)).collect::<Option<_>>()?;
            EspDetail::Tracked(phase, category, names)
        }
        EspType::Item => {
            let (phase, category) = read_subtask(data)?;
            let Some(item) = data.value("item") else {
                data.refuse("item", "is required");
                return None;
            };
            let name = read_name(data, "item", item)?;
            let mut item = data.object("item");
            let state = read_state(&mut item, phase)?;
            let error_code = item.code("errorCode");
            EspDetail::Item(phase, category, name, state, error_code)
        }
        EspType::Phase => {
            let phase = required(data, "phase", &list_names(Phase::ALL, Phase::name), Phase::read)?;
            let state = required(data, "state", &list_names(PhaseState::ALL, PhaseState::name), PhaseState::read)?;
            EspDetail::Phase(phase, state)
        }
        EspType::Action => {
            let action = required(data, "action", &list_names(EspAction::ALL, EspAction::name), EspAction::read)?;
            EspDetail::Action(action)
        }
        EspType::Completed => EspDetail::Completed,
        EspType::Failed => EspDetail::Failed(data.code("errorCode"), data.text("message", MAX_MESSAGE_CHARS)),
    };
    Some(EspEvent { session_id, detail })
}

/// The longest time limit of the page, in minutes.
const MAX_LIMIT_MINUTES: u32 = 1440;

/// Reads the members of `data` that `esp.started` reports.
pub fn read_start(data: &mut Reader<'_, '_>) -> Start {
    let modes = list_names(DeploymentMode::ALL, DeploymentMode::name);
    let deployment_mode = data.one_of("deploymentMode", &modes, DeploymentMode::read).map(|(mode, _)| mode);
    let hybrid_join = data.boolean("hybridJoin").unwrap_or(false);
    let properties = Property::ALL
        .iter()
        .filter_map(|property| Some((*property, data.text(property.name(), MAX_TEXT_CHARS)?)))
        .collect();
    let targeted_apps = data.value("targetedApps").map(|_| {
        let list = data.list("targetedApps", MAX_ENTRIES);
        list.iter()
            .filter_map(|entry| {
                let app = read_name(data, "targetedApps", entry)?;
                let user_context = match entry.get("context") {
                    None | Some(Value::Null) => false,
                    Some(Value::String(context)) if context.eq_ignore_ascii_case("device") => false,
                    Some(Value::String(context)) if context.eq_ignore_ascii_case("user") => true,
                    Some(_) => {
                        data.refuse("targetedApps.context", "must be one of device, user");
                        return None;
                    }
                };
                Some(TargetedApp { app, user_context })
            })
            .collect()
    });
    let mut groups = data.object("groups");
    let mut read_groups = |name: &str| -> Vec<ItemName> {
        let list = groups.list(name, MAX_ENTRIES);
        list.iter().filter_map(|entry| read_name(&mut groups, name, entry)).collect()
    };
    let (device_groups, user_groups) = (read_groups("device"), read_groups("user"));
    let limit_minutes = data.value("limitMinutes").and_then(|_| {
        let minutes =
            data.value("limitMinutes").and_then(Value::as_u64).and_then(|minutes| u32::try_from(minutes).ok());
        let minutes = minutes.filter(|minutes| (1..=MAX_LIMIT_MINUTES).contains(minutes));
        if minutes.is_none() {
            data.refuse("limitMinutes", format!("must be a whole number from 1 to {MAX_LIMIT_MINUTES}"));
        }
        minutes
    });
    let allowed_actions = data.value("allowedActions").map(|_| {
        let names = list_names(EspAction::ALL, EspAction::name);
        let list = data.list("allowedActions", EspAction::ALL.len());
        let mut actions = Vec::new();
        for entry in list {
            match entry.as_str().and_then(|text| EspAction::read(text.trim())) {
                Some(action) => actions.push(action),
                None => data.refuse("allowedActions", format!("must be a list of {names}")),
            }
        }
        actions
    });
    Start {
        deployment_mode,
        hybrid_join,
        device_groups,
        user_groups,
        properties,
        targeted_apps,
        profile: None,
        limit_minutes,
        allowed_actions,
    }
}

fn read_subtask(data: &mut Reader<'_, '_>) -> Option<(Phase, Category)> {
    let phase = required(data, "phase", &list_names(Phase::ALL, Phase::name), Phase::read);
    let category = required(data, "category", &list_names(Category::ALL, Category::name), Category::read);
    let (phase, category) = (phase?, category?);
    if !category.in_phase(phase) {
        data.refuse("category", format!("does not belong to {}", phase.name()));
        return None;
    }
    Some((phase, category))
}

fn required<T>(data: &mut Reader<'_, '_>, name: &str, names: &str, read: impl Fn(&str) -> Option<T>) -> Option<T> {
    let text = data.required_text(name, MAX_TEXT_CHARS)?;
    let value = read(text.trim());
    if value.is_none() {
        data.refuse(name, format!("must be one of {names}"));
    }
    value
}

/// A name, given as `{id, name?}` or as the id alone.
pub fn read_name(data: &mut Reader<'_, '_>, field: &str, value: &Value) -> Option<ItemName> {
    let fits = |text: &str| !text.is_empty() && text.chars().count() <= MAX_TEXT_CHARS;
    let (id, name) = match value {
        Value::String(id) => (Some(id.as_str()), None),
        Value::Object(map) => match map.get("name") {
            None | Some(Value::Null) => (map.get("id").and_then(Value::as_str), None),
            Some(Value::String(name)) => (map.get("id").and_then(Value::as_str), Some(name.as_str())),
            Some(_) => (None, None),
        },
        _ => (None, None),
    };
    match id.filter(|id| fits(id)) {
        Some(id) if name.is_none_or(|name| name.chars().count() <= MAX_TEXT_CHARS) => {
            Some(ItemName { id: id.to_owned(), name: name.filter(|name| !name.is_empty()).map(str::to_owned) })
        }
        _ => {
            data.refuse(field, format!("needs an id, and texts of at most {MAX_TEXT_CHARS} characters"));
            None
        }
    }
}

/// An item's state, given as its name or as its number in the CSP (a number or digits).
fn read_state(item: &mut Reader<'_, '_>, phase: Phase) -> Option<ItemState> {
    let state = match item.value("state") {
        Some(Value::Number(number)) => number.as_u64().and_then(|number| ItemState::from_number(number, phase)),
        Some(Value::String(text)) => {
            let text = text.trim();
            ItemState::read(text).or_else(|| ItemState::from_number(text.parse().ok()?, phase))
        }
        _ => None,
    };
    let state = state.filter(|state| *state != ItemState::NotRequired || phase == Phase::DevicePreparation);
    if state.is_none() {
        let names = list_names(ItemState::ALL, ItemState::name);
        item.refuse("state", format!("must be one of {names}, or 1 to 4"));
    }
    state
}
