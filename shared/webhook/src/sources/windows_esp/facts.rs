//! What the registry reports of apps. A fact holds a value's previous and present content, so only changes are
//! reported.

use super::body::{at_path, number, part_number, problem, required_time};
use super::records::hresult;
use crate::fields::FieldError;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use vestibule_domain::Timestamp;
use vestibule_domain::esp::{Category, EspDetail, ItemName, ItemState, Phase};
use vestibule_domain::event::MAX_TEXT_CHARS;

/// The lists of apps that the page waits for, by their registry names: `tracked/device/…` and `tracked/user/…`.
pub const TRACKED: [&str; 3] = ["Sidecar", "ExpectedMSIAppPackages", "ExpectedModernAppPackages"];

/// 2001-09-09: .NET writes an earlier time for a missing one.
const EARLIEST: i64 = 1_000_000_000_000;

/// What the facts of a body report.
pub(super) struct Said {
    pub(super) details: Vec<(u32, Timestamp, EspDetail)>,
    pub(super) errors: Vec<(Option<String>, FieldError)>,
}

/// A value that changed.
struct Fact<'a> {
    part: u32,
    at: Timestamp,
    name: &'a str,
    was: Option<Map<String, Value>>,
    is: Map<String, Value>,
}

/// Reads the facts.
pub(super) fn read(posted: &[Value]) -> Said {
    let mut said = Said { details: Vec::new(), errors: Vec::new() };
    let mut facts = Vec::new();
    for (index, value) in posted.iter().enumerate() {
        match Fact::read(value) {
            Ok(Some(fact)) => facts.push(fact),
            Ok(None) => {}
            Err(error) => said.errors.push((None, at_path(&format!("facts[{index}]"), error))),
        }
    }
    let codes: BTreeMap<String, String> = facts.iter().filter_map(Fact::code).collect();
    for fact in &facts {
        let details = match fact.name.split('/').collect::<Vec<_>>()[..] {
            ["tracked", "device", list] if TRACKED.contains(&list) => fact.tracked(Phase::DeviceSetup, list, &codes),
            ["tracked", "user", list] if TRACKED.contains(&list) => fact.tracked(Phase::AccountSetup, list, &codes),
            ["workloads"] => fact.workloads(),
            _ => Vec::new(),
        };
        said.details.extend(details.into_iter().map(|(at, detail)| (fact.part, at, detail)));
    }
    said
}

impl<'a> Fact<'a> {
    /// A fact; `None` if its value cannot be read.
    fn read(value: &'a Value) -> Result<Option<Self>, FieldError> {
        let map = value.as_object().ok_or_else(|| problem("", "must be an object"))?;
        let name = map.get("fact").and_then(Value::as_str).ok_or_else(|| problem("fact", "must be a string"))?;
        let (part, at) = (part_number(map, "part")?, required_time(map, "at")?);
        let object = |name: &str| match map.get(name)? {
            Value::Object(map) => Some(map.clone()),
            Value::String(text) => serde_json::from_str(text).ok(),
            _ => None,
        };
        Ok(object("is").map(|is| Self { part, at, name, was: object("was"), is }))
    }

    /// The error code of an app that Intune's agent installs, by the app's id.
    fn code(&self) -> Option<(String, String)> {
        let ["app", _, app] = self.name.split('/').collect::<Vec<_>>()[..] else { return None };
        // An installer's exit code serves if there is no other code.
        let exit = || number(&self.is, "exitCode").filter(|code| *code != 0).map(|code| code.to_string());
        let code = self.is.get("errorCode").and_then(hresult).or_else(exit)?;
        Some((guid_in(app)?, code))
    }

    /// The apps of a list with their states: the whole list if any app is new, then each change. One list may hold both
    /// the device's apps and the user's.
    fn tracked(&self, of: Phase, list: &str, codes: &BTreeMap<String, String>) -> Vec<(Timestamp, EspDetail)> {
        let read = |map: &Map<String, Value>| {
            let mut apps: BTreeMap<Phase, BTreeMap<String, Option<ItemState>>> = BTreeMap::new();
            for (address, state) in map {
                let phase = if address.starts_with("./User/") { Phase::AccountSetup } else { of };
                if let Some(id) = app_id(list, address) {
                    apps.entry(phase).or_default().insert(id, app_state(list, state, phase));
                }
            }
            apps
        };
        let was = self.was.as_ref().map(read).unwrap_or_default();
        let name = |id: &String| ItemName { id: id.clone(), name: None };
        let mut details = Vec::new();
        for (phase, is) in read(&self.is) {
            let before = |id: &String| was.get(&phase).and_then(|apps| apps.get(id));
            if is.keys().any(|id| before(id).is_none()) {
                details.push(EspDetail::Tracked(phase, Category::Apps, is.keys().map(name).collect()));
            }
            for (id, state) in &is {
                if let Some(state) = state
                    && before(id) != Some(&Some(*state))
                {
                    let code = codes.get(id).cloned().filter(|_| *state == ItemState::Error);
                    details.push(EspDetail::Item(phase, Category::Apps, name(id), *state, code));
                }
            }
        }
        details.into_iter().map(|detail| (self.at, detail)).collect()
    }

    /// The workloads of Autopilot device preparation, which have names and times of their own.
    fn workloads(&self) -> Vec<(Timestamp, EspDetail)> {
        let read = |map: &Map<String, Value>| -> BTreeMap<String, Workload> {
            let list = map.get("Workloads").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
            list.iter().filter_map(Workload::read).map(|one| (one.name.id.clone(), one)).collect()
        };
        let was = self.was.as_ref().map(read).unwrap_or_default();
        let is = read(&self.is);
        let mut details = Vec::new();
        if is.keys().any(|id| !was.contains_key(id)) {
            let names = is.values().map(|one| one.name.clone()).collect();
            details.push((self.at, EspDetail::Tracked(Phase::DeviceSetup, Category::Apps, names)));
        }
        for (id, one) in is.iter().filter(|(id, one)| was.get(*id) != Some(*one)) {
            let before = was.get(id);
            let item = |state: ItemState| {
                let code = one.code.clone().filter(|_| state == ItemState::Error);
                EspDetail::Item(Phase::DeviceSetup, Category::Apps, one.name.clone(), state, code)
            };
            let Some(state) = one.state else { continue };
            let has_begun = before.is_some_and(|before| before.started_at == one.started_at);
            if let Some(started_at) = one.started_at.filter(|_| state != ItemState::NotInstalled && !has_begun) {
                details.push((started_at, item(ItemState::InProgress)));
            }
            let is_over = matches!(state, ItemState::Completed | ItemState::Error);
            if is_over || state == ItemState::NotInstalled {
                details.push((one.ended_at.filter(|_| is_over).unwrap_or(self.at), item(state)));
            } else if one.started_at.is_none() {
                details.push((self.at, item(state)));
            }
        }
        details
    }
}

/// One workload: an app or a script.
#[derive(PartialEq)]
struct Workload {
    name: ItemName,
    state: Option<ItemState>,
    started_at: Option<Timestamp>,
    ended_at: Option<Timestamp>,
    code: Option<String>,
}

impl Workload {
    fn read(value: &Value) -> Option<Self> {
        let text = |name: &str| {
            let text = value.get(name)?.as_str()?.trim();
            (!text.is_empty() && text.chars().count() <= MAX_TEXT_CHARS).then(|| text.to_owned())
        };
        let state = match value.get("WorkloadState").and_then(Value::as_u64) {
            Some(0) => Some(ItemState::NotInstalled),
            Some(5 | 6) => Some(ItemState::InProgress),
            Some(1 | 2) => Some(ItemState::Completed),
            Some(4 | 7) => Some(ItemState::Error),
            _ => None,
        };
        Some(Self {
            name: ItemName { id: text("WorkloadId")?.to_lowercase(), name: text("FriendlyName") },
            state,
            started_at: text("StartTime").as_deref().and_then(net_time),
            ended_at: text("EndTime").as_deref().and_then(net_time),
            code: value.get("ErrorCode").and_then(|code| hresult(code).or_else(|| text("ErrorCode"))),
        })
    }
}

/// A time as .NET writes it into JSON: `/Date(1745871176634)/`, possibly with an offset, which does not change the
/// instant.
fn net_time(text: &str) -> Option<Timestamp> {
    let digits: String = text.strip_prefix("/Date(")?.chars().take_while(char::is_ascii_digit).collect();
    let millis: i64 = digits.parse().ok()?;
    (millis >= EARLIEST).then(|| Timestamp::from_millis(millis))
}

/// The id of a listed app, from the address by which the page tracks it.
fn app_id(list: &str, address: &str) -> Option<String> {
    let id = match list {
        // Intune identifies apps by this id everywhere.
        "Sidecar" => guid_in(address),
        "ExpectedModernAppPackages" => {
            // The package family name follows the app's store.
            address.split('/').skip_while(|segment| *segment != "AppManagement").nth(2).map(unescaped)
        }
        // The product code, in braces.
        _ => unescaped(address).split('/').find(|segment| segment.starts_with('{')).map(str::to_owned),
    };
    id.filter(|id| !id.is_empty() && id.chars().count() <= MAX_TEXT_CHARS)
}

fn app_state(list: &str, state: &Value, phase: Phase) -> Option<ItemState> {
    let number = state.as_u64().or_else(|| state.as_str()?.trim().parse().ok())?;
    match (list, number) {
        ("Sidecar", number) => ItemState::from_number(number, phase),
        (_, 0) => Some(ItemState::InProgress),
        (_, 1) => Some(ItemState::Completed),
        _ => None,
    }
}

/// The first UUID with hyphens in a text, in lower case.
fn guid_in(text: &str) -> Option<String> {
    const LENGTHS: [usize; 5] = [8, 4, 4, 4, 12];
    let is_guid = |part: &&str| {
        let parts: Vec<&str> = part.split('-').collect();
        let fits =
            |(part, length): (&&str, usize)| part.len() == length && part.bytes().all(|one| one.is_ascii_hexdigit());
        parts.len() == LENGTHS.len() && parts.iter().zip(LENGTHS).all(fits)
    };
    text.split(|char: char| !char.is_ascii_hexdigit() && char != '-').find(is_guid).map(str::to_ascii_lowercase)
}

/// A text with `%7B` and other escapes decoded.
fn unescaped(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let hex = |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        match (first, after) {
            (b'%', [high, low, others @ ..]) if hex(high).is_some() && hex(low).is_some() => {
                bytes.push(hex(high).unwrap_or_default() << 4 | hex(low).unwrap_or_default());
                rest = others;
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
