//! The members of `data` (docs/DOMAIN.md, E4): those of enrollment events, and those that ESP events share.

use crate::esp;
use crate::fields::{Reader, list_names};
use serde_json::{Map, Value};
use vestibule_domain::catalogue::{Action, Place, Screen, Section, UserAction};
use vestibule_domain::event::{About, Body, Kind, MAX_MESSAGE_CHARS, MAX_TEXT_CHARS, Member, Platform, Said, Step};
use vestibule_domain::failure::{Failure, FailureCategory};
use vestibule_domain::identity::IdentifierKind;
use vestibule_domain::tags::{MAX_TAG_CHARS, MAX_TAGS, Tags};

/// The event types we know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// `enrollment.*`
    Enrollment(Kind),
    /// `esp.*`
    Esp(esp::EspType),
}

impl Family {
    /// The type that a CloudEvents `type` names; letter case is ignored.
    pub fn of(name: &str) -> Option<Self> {
        let name = name.trim();
        Kind::read(name).map(Self::Enrollment).or_else(|| esp::EspType::read(name).map(Self::Esp))
    }
}

/// Reads `data`. Errors go to the reader; `None` means that there was at least one.
pub(crate) fn read(family: Family, mut data: Reader<'_, '_>) -> Option<(About, Body)> {
    let mut reported = Vec::new();
    let mut about = read_about(&mut data, &mut reported);
    if about.identifiers().next().is_none() {
        let otherwise = "must have a serialNumber, udid or mdmDeviceId that names the device, or data an enrollmentId";
        let member = |kind| match kind {
            IdentifierKind::SerialNumber => "device.serialNumber",
            IdentifierKind::Udid => "device.udid",
            IdentifierKind::MdmDeviceId => "device.mdmDeviceId",
            IdentifierKind::EnrollmentId => "enrollmentId",
        };
        data.refuse_unnamed(&about, member, ("device", otherwise));
    }
    let body = match family {
        Family::Enrollment(kind) => Body::Enrollment(read_step(kind, &mut data, reported)?),
        Family::Esp(kind) => {
            // Only Windows has the Enrollment Status Page.
            about.platform = Some(Platform::Windows);
            Body::Esp(esp::read(kind, &mut data)?)
        }
    };
    Some((about, body))
}

fn read_about(data: &mut Reader<'_, '_>, reported: &mut Vec<(Member, String)>) -> About {
    let enrollment_id = data.text("enrollmentId", MAX_TEXT_CHARS);
    let os_version = data.text("osVersion", MAX_TEXT_CHARS);
    let enrollment_type = data.text("enrollmentType", MAX_TEXT_CHARS);
    let platform = data.one_of("platform", &list_names(Platform::ALL, Platform::name), Platform::read);
    let platform = platform.map(|(platform, text)| {
        keep_reported(reported, Member::Platform, text, platform.name());
        platform
    });
    let mut device = data.object("device");
    let serial_number = device.text("serialNumber", MAX_TEXT_CHARS);
    let udid = device.text("udid", MAX_TEXT_CHARS);
    let mdm_device_id = device.text("mdmDeviceId", MAX_TEXT_CHARS);
    let device_name = device.text("name", MAX_TEXT_CHARS);
    let manufacturer = device.text("manufacturer", MAX_TEXT_CHARS);
    let model = device.text("model", MAX_TEXT_CHARS);
    let mut user = data.object("user");
    About {
        enrollment_id,
        serial_number,
        udid,
        mdm_device_id,
        device_name,
        manufacturer,
        model,
        user_principal_name: user.text("principalName", MAX_TEXT_CHARS),
        user_id: user.text("id", MAX_TEXT_CHARS),
        platform,
        os_version,
        enrollment_type,
    }
}

fn read_step(kind: Kind, data: &mut Reader<'_, '_>, mut reported: Vec<(Member, String)>) -> Option<Step> {
    let section = data.one_of("section", &list_names(Section::ALL, Section::name), Section::read);
    let section = section.map(|(section, text)| {
        keep_reported(&mut reported, Member::Section, text, section.name());
        section
    });
    let screen = data.text("screen", MAX_TEXT_CHARS).map(|text| {
        let screen = Screen::read(text.trim());
        keep_reported(&mut reported, Member::Screen, text, screen.name());
        screen
    });
    let action = match kind {
        Kind::StepEntered | Kind::StepCompleted => Some(data.required_text("action", MAX_TEXT_CHARS)?),
        _ => data.text("action", MAX_TEXT_CHARS),
    };
    let place = action.map(|text| {
        let place = Place::new(section, Action::read(text.trim()), screen);
        keep_reported(&mut reported, Member::Action, text, place.action.name());
        place
    });
    let user_action = data.one_of("userAction", &list_names(UserAction::ALL, UserAction::name), UserAction::read);
    let user_action = user_action.map(|(action, text)| {
        keep_reported(&mut reported, Member::UserAction, text, action.name());
        action
    });
    let failure = read_failure(data.object("failure"));
    let said = Said {
        awaiting_configuration: data.boolean("awaitingConfiguration").unwrap_or_default(),
        restated: data.boolean("restated").unwrap_or_default(),
        assumed: data.boolean("assumed").unwrap_or_default(),
    };
    let tags = read_tags(kind, data)?;
    Some(Step { kind, place, user_action, failure, reported, said, tags }.read())
}

/// `tags`: which of them are kept is decided at intake, which knows the tenant.
fn read_tags(kind: Kind, data: &mut Reader<'_, '_>) -> Option<Tags> {
    if kind == Kind::Tagged && data.value("tags").is_none() {
        data.refuse("tags", "is required");
        return None;
    }
    let members = data.value("tags").and_then(Value::as_object);
    let keys: Vec<&String> = members.into_iter().flat_map(Map::keys).collect();
    if keys.len() > MAX_TAGS {
        data.refuse("tags", format!("must have at most {MAX_TAGS} members"));
        return None;
    }
    if keys.iter().any(|key| key.chars().count() > MAX_TAG_CHARS) {
        data.refuse("tags", format!("must have keys of at most {MAX_TAG_CHARS} characters"));
        return None;
    }
    let mut tags = data.object("tags");
    let read = |key: &String| Some((key.clone(), tags.text(key, MAX_TAG_CHARS)?));
    Some(keys.into_iter().filter_map(read).collect())
}

/// `failure`: its category comes from `category`, or from a `reason` that is one of Graph's categories.
fn read_failure(mut failure: Reader<'_, '_>) -> Option<Failure> {
    let code = failure.code("code");
    let reason = failure.text("reason", MAX_TEXT_CHARS);
    let message = failure.text("message", MAX_MESSAGE_CHARS);
    let category = failure.text("category", MAX_TEXT_CHARS);
    let read = |text: Option<&str>| text.and_then(|text| FailureCategory::read(text.trim()));
    let category = read(category.as_deref()).or_else(|| read(reason.as_deref()));
    Some(Failure { code, reason, message, category }).filter(|failure| !failure.is_empty())
}

fn keep_reported(reported: &mut Vec<(Member, String)>, member: Member, text: String, canonical: &str) {
    if text != canonical {
        reported.push((member, text));
    }
}
