//! The closed lists of names and their ids: the position in the domain's list, from 1; 0 stands for none.
//!
//! Must stay true: people keep files with these ids, so a list may only grow at its end; no name may move.

use rusqlite::{Connection, params};
use vestibule_domain::TagKeys;
use vestibule_domain::attempt::{Cause, DeviceState, Outcome, Wait};
use vestibule_domain::catalogue::{Action, KnownAction, KnownScreen, Place, ROWS, Screen, Section, UserAction};
use vestibule_domain::esp::page::Stage;
use vestibule_domain::esp::resolve::Rule;
use vestibule_domain::esp::{Category, DeploymentMode, ItemName, ItemState, Phase, PhaseState, SessionState, Tracking};
use vestibule_domain::event::{ClockSkew, Kind, Platform};
use vestibule_domain::failure::FailureCategory;
use vestibule_domain::web_enrollment::WebStep;
use vestibule_words::{List, Named, words};

use crate::error::Result;
use crate::lists::times;
use crate::rows::{InsertInto, row};

/// A name of a closed list.
pub(crate) trait Coded: Copy + 'static {
    /// All of them, in order.
    const LIST: &'static [Self];
    /// Its id.
    fn id(self) -> i64;
    /// Its name.
    fn word(self) -> &'static str;
}

macro_rules! coded {
    ($($type:ty),+) => { $(
        impl Coded for $type {
            const LIST: &'static [Self] = Self::ALL;
            fn id(self) -> i64 {
                self as i64 + 1
            }
            fn word(self) -> &'static str {
                self.name()
            }
        }
    )+ };
}
coded!(Section, KnownAction, KnownScreen, UserAction, Outcome, Cause, Platform, Kind, FailureCategory);
coded!(DeviceState, Wait, FailureSubject, Slice, WebStep);
coded!(Phase, PhaseState, Category, ItemState, SessionState, Stage, Tracking, DeploymentMode, Label);

impl Coded for ClockSkew {
    const LIST: &'static [Self] = &[Self::Ahead, Self::Behind];
    fn id(self) -> i64 {
        self as i64 + 1
    }
    fn word(self) -> &'static str {
        match self {
            Self::Ahead => "ahead",
            Self::Behind => "behind",
        }
    }
}

/// The id of a name that may be missing.
pub(crate) fn id_of<T: Coded>(name: Option<T>) -> i64 {
    name.map_or(0, Coded::id)
}

const SOME_GROUP: ItemName = ItemName { id: String::new(), name: None };

/// The rules that choose a profile. They contain a group, so the domain has no closed list of them.
const RULES: [Rule; 6] = [
    Rule::DeviceGroup(SOME_GROUP),
    Rule::AllDevices,
    Rule::UserGroup(SOME_GROUP),
    Rule::AllLicensedUsers,
    Rule::Default,
    Rule::Reported,
];

/// The id of a rule, whatever its group.
pub(crate) fn rule_id(rule: &Rule) -> i64 {
    (1..).zip(&RULES).find(|(_, known)| known.name() == rule.name()).map_or(0, |(id, _)| id)
}

/// What failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FailureSubject {
    /// An attempt.
    Attempt,
    /// A session of the Enrollment Status Page that belongs to no attempt.
    Session,
    /// A device, outside any attempt. An index contains this id.
    Device,
}

impl FailureSubject {
    const ALL: &'static [Self] = &[Self::Attempt, Self::Session, Self::Device];

    const fn name(self) -> &'static str {
        match self {
            Self::Attempt => "attempt",
            Self::Session => "session",
            Self::Device => "device",
        }
    }
}

/// By what attempts of every organisation are told apart (docs/DOMAIN.md, K1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Slice {
    Model,
    OsVersion,
    EnrollmentType,
    Source,
}

impl Slice {
    const ALL: &'static [Self] = &[Self::Model, Self::OsVersion, Self::EnrollmentType, Self::Source];

    const fn name(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::OsVersion => "osVersion",
            Self::EnrollmentType => "enrollmentType",
            Self::Source => "source",
        }
    }
}

/// The id of the first tag among the slices. Those below are of every organisation.
pub(crate) const FIRST_TAG: i64 = 101;

/// The ids of an organisation's tags among the slices, in its order, with their keys.
pub(crate) fn tags(keys: &TagKeys) -> impl Iterator<Item = (i64, &str)> {
    (FIRST_TAG..).zip(keys.iter())
}

/// Adds the tags by which an organisation tells attempts apart.
pub(crate) fn fill_tags(conn: &Connection, keys: &TagKeys) -> Result<()> {
    let mut insert = conn.prepare("INSERT INTO slices (id, name, title) VALUES (?1, ?2, ?3)")?;
    for (id, key) in tags(keys) {
        insert.execute(params![id, key, words(List::Slice, key)])?;
    }
    Ok(())
}

/// The status page's platform labels (docs/DOMAIN.md, D4 and D8).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Label {
    WindowsAutopilot,
    WindowsManual,
    MacAde,
    MacManual,
    Ios,
    Android,
    /// The technician's part of pre-provisioning: only attempts have this label, never devices.
    WindowsTechnician,
}

impl Label {
    const ALL: &'static [Self] = &[
        Self::WindowsAutopilot,
        Self::WindowsManual,
        Self::MacAde,
        Self::MacManual,
        Self::Ios,
        Self::Android,
        Self::WindowsTechnician,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::WindowsAutopilot => "Windows (Autopilot)",
            Self::WindowsManual => "Windows (Manual)",
            Self::MacAde => "macOS (ADE)",
            Self::MacManual => "macOS (Manual)",
            Self::Ios => "iOS/iPadOS",
            Self::Android => "Android Enterprise",
            Self::WindowsTechnician => "Windows (Pre-provisioning)",
        }
    }

    /// The label of a platform. Registration and Autopilot are facts of the device; the enrollment type is the
    /// attempt's.
    pub(crate) fn of_device(
        platform: Option<Platform>,
        registered: bool,
        autopilot: bool,
        enrollment_type: Option<&str>,
    ) -> Option<Self> {
        let kind = enrollment_type.unwrap_or_default().to_ascii_lowercase();
        Some(match platform? {
            Platform::Windows if autopilot || registered || kind.contains("autopilot") => Self::WindowsAutopilot,
            Platform::Windows => Self::WindowsManual,
            Platform::MacOs if registered || kind.starts_with("applebulk") => Self::MacAde,
            Platform::MacOs => Self::MacManual,
            Platform::Ios => Self::Ios,
            Platform::Android => Self::Android,
        })
    }
}

/// The platforms of the incomplete-enrollments report.
pub(crate) const REPORTED: [Platform; 2] = [Platform::Ios, Platform::Android];

/// Whether an action exists only if a tenant set it up, or only on one maker's devices (docs/DOMAIN.md, C4).
const fn is_optional(action: KnownAction) -> bool {
    match action {
        KnownAction::PreEnrollmentWizard
        | KnownAction::IosProfileLaunch
        | KnownAction::AndroidPermissions
        | KnownAction::EnrollmentWrapUp => false,
        KnownAction::TermsofUse
        | KnownAction::KnoxActivation
        | KnownAction::DeviceCategory
        | KnownAction::Compliance
        | KnownAction::Activation => true,
    }
}

/// The id of an action, if the catalogue has it.
pub(crate) fn known_action(action: &Action) -> Option<i64> {
    match action {
        Action::Known(known) => Some(known.id()),
        Action::Other(_) => None,
    }
}

/// The id of a screen, if the catalogue has it.
pub(crate) fn known_screen(screen: &Screen) -> Option<i64> {
    match screen {
        Screen::Known(known) => Some(known.id()),
        Screen::Other(_) => None,
    }
}

/// Writes a list whose names are words for people already.
fn plain<T: Coded>(conn: &Connection, table: &str) -> Result<()> {
    let mut insert = conn.prepare(&format!("INSERT INTO {table} (id, name) VALUES (?1, ?2)"))?;
    insert.execute(params![0, None::<&str>])?;
    for one in T::LIST {
        insert.execute(params![one.id(), one.word()])?;
    }
    Ok(())
}

/// Writes a list of names with the words for them.
fn titled(conn: &Connection, table: &str, list: List, names: impl Iterator<Item = (i64, &'static str)>) -> Result<()> {
    let mut insert = conn.prepare(&format!("INSERT INTO {table} (id, name, title) VALUES (?1, ?2, ?3)"))?;
    insert.execute(params![0, None::<&str>, None::<&str>])?;
    for (id, name) in names {
        insert.execute(params![id, name, words(list, name)])?;
    }
    Ok(())
}

/// Writes a list of the domain with its words.
fn named<T: Coded + Named>(conn: &Connection, table: &str) -> Result<()> {
    titled(conn, table, T::WORDS, T::LIST.iter().map(|one| (one.id(), one.word())))
}

/// Fills the dictionaries of a new file.
pub(crate) fn fill(conn: &Connection) -> Result<()> {
    named::<Section>(conn, "sections")?;
    named::<Phase>(conn, "esp_phases")?;
    named::<DeviceState>(conn, "device_states")?;
    named::<KnownScreen>(conn, "screens")?;
    named::<UserAction>(conn, "user_actions")?;
    named::<Outcome>(conn, "outcomes")?;
    named::<Cause>(conn, "causes")?;
    named::<Wait>(conn, "waits")?;
    named::<Kind>(conn, "kinds")?;
    named::<FailureCategory>(conn, "failure_categories")?;
    named::<Category>(conn, "esp_categories")?;
    named::<ItemState>(conn, "esp_item_states")?;
    named::<SessionState>(conn, "esp_session_states")?;
    named::<PhaseState>(conn, "esp_phase_states")?;
    named::<Tracking>(conn, "esp_trackings")?;
    named::<DeploymentMode>(conn, "deployment_modes")?;
    let subjects = FailureSubject::LIST.iter().map(|one| (one.id(), one.word()));
    titled(conn, "failure_subjects", List::FailureSubject, subjects)?;
    titled(conn, "slices", List::Slice, Slice::LIST.iter().map(|one| (one.id(), one.word())))?;
    let skews = ClockSkew::LIST.iter().map(|one| (one.id(), one.word()));
    titled(conn, "clock_skews", List::ClockSkew, skews)?;
    titled(conn, "esp_rules", List::Rule, RULES.iter().map(|rule| (rule_id(rule), rule.name())))?;
    plain::<Label>(conn, "platform_labels")?;
    plain::<Stage>(conn, "esp_stages")?;
    let mut insert = InsertInto::new(conn, "web_steps");
    insert.insert(row! { id: 0, name: None::<&str>, title: None::<&str>, opens: false })?;
    for step in WebStep::ALL {
        insert.insert(row! { id: step.id(), name: step.name(), title: step.words(), opens: step.may_open() })?;
    }
    conn.execute("INSERT INTO words (id, text) VALUES (0, '')", [])?;

    let mut insert = InsertInto::new(conn, "platforms");
    insert.insert(row! { id: 0, name: None::<&str>, title: None::<&str>, reported: false })?;
    for platform in Platform::ALL {
        let reported = REPORTED.contains(platform);
        let (id, name, title) = (platform.id(), platform.name(), platform.words());
        insert.insert(row! { id: id, name: name, title: title, reported: reported })?;
    }

    let mut insert = InsertInto::new(conn, "actions");
    insert.insert(row! {
        id: 0,
        name: None::<&str>,
        title: None::<&str>,
        section_id: 0,
        step: None::<i64>,
        on_ios: false,
        on_android: false,
        optional: true,
    })?;
    for action in KnownAction::ALL {
        insert.insert(row! {
            id: action.id(),
            name: action.name(),
            title: action.words(),
            section_id: action.section().id(),
            step: action.step(),
            on_ios: action.on(Platform::Ios),
            on_android: action.on(Platform::Android),
            optional: is_optional(*action),
        })?;
    }

    times::fill(conn)?;
    let mut insert = InsertInto::new(conn, "catalogue_rows");
    for row in &ROWS {
        let place = Place::new(None, Action::Known(row.action), Some(Screen::Known(row.screen)));
        let on = (row.on(Platform::Ios), row.on(Platform::Android));
        let platform = match on {
            (true, true) => "both",
            (true, false) => "ios",
            _ => "android",
        };
        insert.insert(row! {
            number: row.number,
            section_id: id_of(place.section),
            action_id: row.action.id(),
            screen_id: row.screen.id(),
            platform: platform,
            on_ios: on.0,
            on_android: on.1,
            how: row.end_name(),
        })?;
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use vestibule_words::LEXICON;

    /// The domain does not have the file's own lists, so their words are looked up by name.
    #[test]
    fn every_name_of_the_files_own_lists_has_its_words() {
        let lists: serde_json::Value = serde_json::from_str(LEXICON).unwrap();
        let own = [
            (List::FailureSubject, FailureSubject::LIST.iter().map(|one| one.word()).collect::<Vec<_>>()),
            (List::Slice, Slice::LIST.iter().map(|one| one.word()).collect()),
            (List::ClockSkew, ClockSkew::LIST.iter().map(|one| one.word()).collect()),
            (List::Rule, RULES.iter().map(Rule::name).collect()),
        ];
        for (list, names) in own {
            let there = lists[list.key()].as_object().unwrap();
            assert_eq!(there.len(), names.len(), "{}", list.key());
            assert!(names.iter().all(|name| there.contains_key(*name)), "{}", list.key());
        }
    }
}
