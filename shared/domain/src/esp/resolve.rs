//! Which profile applies to a device, and why (docs/DOMAIN.md, S4).
//!
//! The highest-priority profile assigned to the device; failing that, if there is a user, the one assigned to the user;
//! failing that, the default. A pure function of the tenant's profiles and what `esp.started` reported. Its answer is
//! fixed for a session when the session starts, as an [`AppliedProfile`].

use super::profile::{AssignmentFilter, DEFAULT_PROFILE, DEFAULT_PROFILE_ID, EspProfile, FilterType, Target};
use super::profile::{DEFAULT_TIMEOUT_MINUTES, GRAPH_DEFAULT_ID_ENDS, Settings};
use super::profiles::Profiles;
use super::{DeploymentMode, ItemName, Start};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// What made a profile apply.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Rule {
    /// It is assigned to a group of the device.
    DeviceGroup(ItemName),
    /// It is assigned to all devices.
    AllDevices,
    /// It is assigned to a group of the user.
    UserGroup(ItemName),
    /// It is assigned to all users.
    AllLicensedUsers,
    /// No other applies.
    #[default]
    Default,
    /// The sender reported that it applied.
    Reported,
}

impl Rule {
    /// Its name: `deviceGroup`, `allDevices`, `userGroup`, `allLicensedUsers`, `default` or `reported`.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::DeviceGroup(_) => "deviceGroup",
            Self::AllDevices => "allDevices",
            Self::UserGroup(_) => "userGroup",
            Self::AllLicensedUsers => "allLicensedUsers",
            Self::Default => "default",
            Self::Reported => "reported",
        }
    }

    /// The group, if a group made it apply.
    pub const fn group(&self) -> Option<&ItemName> {
        match self {
            Self::DeviceGroup(group) | Self::UserGroup(group) => Some(group),
            _ => None,
        }
    }

    /// The rule in words.
    pub fn words(&self) -> String {
        let called = |group: &ItemName| group.name.clone().unwrap_or_else(|| group.id.clone());
        match self {
            Self::DeviceGroup(group) => {
                format!("the highest-priority profile assigned to the device: it is in the group {}", called(group))
            }
            Self::AllDevices => "the highest-priority profile assigned to the device: assigned to all devices".to_owned(),
            Self::UserGroup(group) => format!(
                "none is assigned to the device; the highest-priority profile assigned to the user, who is in the group {}",
                called(group)
            ),
            Self::AllLicensedUsers => {
                "none is assigned to the device; the highest-priority profile assigned to the user: assigned to all users"
                    .to_owned()
            }
            Self::Default => "no other profile is assigned to the device or its user".to_owned(),
            Self::Reported => "the sender reported that it applied".to_owned(),
        }
    }
}

/// Why a profile does not apply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It is switched off.
    Disabled,
    /// It is assigned to nobody.
    NotAssigned,
    /// It is assigned neither to the device nor to its user.
    OtherGroups,
    /// It is assigned, but its filter excludes the device.
    Filtered,
    /// It is assigned with a filter whose rule only Graph has.
    FilterUnknown,
    /// It is assigned to users, but no user takes part in this kind of deployment.
    NoUser,
    /// It is assigned to the user, but one assigned to the device comes first.
    DeviceFirst,
    /// It applies too, but another has a higher priority.
    LowerPriority,
    /// It is the default, but another applies.
    Fallback,
}

impl Reason {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Disabled => "disabled",
            Self::NotAssigned => "notAssigned",
            Self::OtherGroups => "otherGroups",
            Self::Filtered => "filtered",
            Self::FilterUnknown => "filterUnknown",
            Self::NoUser => "noUser",
            Self::DeviceFirst => "deviceFirst",
            Self::LowerPriority => "lowerPriority",
            Self::Fallback => "fallback",
        }
    }

    /// The reason in words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Disabled => "it is switched off",
            Self::NotAssigned => "it is assigned to nobody",
            Self::OtherGroups => "neither the device nor its user is in a group that it is assigned to",
            Self::Filtered => "it is assigned, but a filter keeps this device out",
            Self::FilterUnknown => "it is assigned under a filter whose rule is not known here",
            Self::NoUser => "it is assigned to users, and no user takes part in this kind of deployment",
            Self::DeviceFirst => "it is assigned to the user, and a profile assigned to the device comes first",
            Self::LowerPriority => "another profile that applies has a higher priority",
            Self::Fallback => "it applies only where no other does",
        }
    }
}

/// A profile that does not apply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PassedOver<'p> {
    /// Its priority, 0 for the default.
    pub priority: u32,
    /// The profile.
    pub profile: &'p EspProfile,
    /// Why not.
    pub reason: Reason,
}

/// Which profile applies and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolution<'p> {
    /// Its priority, 0 for the default.
    pub priority: u32,
    /// The profile that applies.
    pub profile: &'p EspProfile,
    /// What made it apply.
    pub rule: Rule,
    /// All the others, highest priority first.
    pub passed_over: Vec<PassedOver<'p>>,
}

/// How a profile relates to a device.
enum Standing {
    Device(Rule),
    User(Rule),
    Not(Reason),
}

/// Which of `profiles` applies to the device that reported `start`.
pub fn resolve<'p>(profiles: &'p Profiles, start: &Start) -> Resolution<'p> {
    let mut standings: Vec<(u32, &EspProfile, Standing)> = Vec::new();
    for (priority, profile) in profiles.iter() {
        let standing = if profile.is_default() { Standing::Not(Reason::Fallback) } else { standing(profile, start) };
        standings.push((priority, profile, standing));
    }
    // Highest priority first, so the first match applies.
    let device = standings.iter().position(|(_, _, standing)| matches!(standing, Standing::Device(_)));
    let user = || standings.iter().position(|(_, _, standing)| matches!(standing, Standing::User(_)));
    let chosen = device.or_else(user).unwrap_or(standings.len() - 1);
    let mut answer = Resolution {
        priority: 0,
        profile: profiles.fallback(),
        rule: Rule::Default,
        passed_over: Vec::with_capacity(standings.len()),
    };
    for (at, (priority, profile, standing)) in standings.into_iter().enumerate() {
        let (rule, reason) = match standing {
            Standing::Device(rule) => (rule, Reason::LowerPriority),
            Standing::User(rule) if device.is_some() => (rule, Reason::DeviceFirst),
            Standing::User(rule) => (rule, Reason::LowerPriority),
            Standing::Not(reason) => (Rule::Default, reason),
        };
        if at == chosen {
            (answer.priority, answer.profile, answer.rule) = (priority, profile, rule);
        } else {
            answer.passed_over.push(PassedOver { priority, profile, reason });
        }
    }
    answer
}

/// Whether a user takes part: not in the technician's part of pre-provisioning, and not in self-deploying.
pub const fn has_user(mode: Option<DeploymentMode>) -> bool {
    !matches!(mode, Some(DeploymentMode::PreProvisioningTechnician | DeploymentMode::SelfDeploying))
}

fn standing(profile: &EspProfile, start: &Start) -> Standing {
    if !profile.settings.enabled {
        return Standing::Not(Reason::Disabled);
    }
    if profile.assignments.is_empty() {
        return Standing::Not(Reason::NotAssigned);
    }
    // The reason shown is the one that comes nearest to applying.
    let mut reason = Reason::OtherGroups;
    let mut user = None;
    for assignment in &profile.assignments {
        let Some((rule, of_user)) = aimed(&assignment.target, start) else { continue };
        if of_user && !has_user(start.deployment_mode) {
            reason = Reason::NoUser;
            continue;
        }
        match assignment.filter.as_ref().map_or(Ok(()), |filter| lets_through(filter, start)) {
            Ok(()) if !of_user => return Standing::Device(rule),
            Ok(()) => user = user.or(Some(rule)),
            Err(why) => reason = why,
        }
    }
    user.map_or(Standing::Not(reason), Standing::User)
}

/// The reason why a target includes this device or its user, and whether it is the user.
fn aimed(target: &Target, start: &Start) -> Option<(Rule, bool)> {
    match target {
        Target::AllDevices => Some((Rule::AllDevices, false)),
        Target::AllLicensedUsers => Some((Rule::AllLicensedUsers, true)),
        Target::Group(group) => {
            let among = |groups: &[ItemName]| {
                groups.iter().find(|known| known.id.eq_ignore_ascii_case(&group.id)).map(|known| ItemName {
                    id: group.id.clone(),
                    name: group.name.clone().or_else(|| known.name.clone()),
                })
            };
            let device = among(&start.device_groups).map(|group| (Rule::DeviceGroup(group), false));
            device.or_else(|| among(&start.user_groups).map(|group| (Rule::UserGroup(group), true)))
        }
    }
}

fn lets_through(filter: &AssignmentFilter, start: &Start) -> Result<(), Reason> {
    let rule = filter.parsed().and_then(Result::ok).ok_or(Reason::FilterUnknown)?;
    let matches = rule.matches(|property| start.property(property));
    if matches == (filter.kind == FilterType::Include) { Ok(()) } else { Err(Reason::Filtered) }
}

/// Identifies an app in a session's copy of the blocking list: the first six bytes of the hash of the case-folded id.
pub type AppHash = [u8; 6];

/// An id in the form in which ids are compared: senders differ in its case.
pub(super) fn folded_id(id: &str) -> String {
    id.trim().to_ascii_lowercase()
}

fn app_hash(id: &str) -> AppHash {
    let hash = Sha256::digest(folded_id(id));
    [hash[0], hash[1], hash[2], hash[3], hash[4], hash[5]]
}

/// Which apps a session waits for.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Blocking {
    /// All that are targeted.
    #[default]
    All,
    /// These, if they are targeted. They are hashes, since each update of the session rewrites the list.
    Selected(Vec<AppHash>),
    /// No app: the page is not shown.
    None,
}

/// What a session must know of the profile fixed for it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AppliedProfile {
    /// The profile.
    pub id: String,
    /// Its version then.
    pub version: u32,
    /// Its name then.
    pub name: String,
    /// What made it apply.
    pub rule: Rule,
    /// Minutes a session may take, without hybrid join's share.
    pub timeout_minutes: u32,
    /// Which apps a session waits for.
    pub blocking: Blocking,
    /// In the technician phase, whether the other apps are also tried.
    pub tries_non_blocking: bool,
    /// Whether people must wait.
    pub blocks_use: bool,
    /// What people may do on failure or timeout.
    pub allows: Allows,
}

/// What people may do on failure or timeout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Allows {
    /// Try again.
    pub retry: bool,
    /// Reset the device.
    pub reset: bool,
    /// Use the device all the same.
    pub continue_anyway: bool,
    /// Collect logs.
    pub collect_logs: bool,
    /// Skip the account's part, even if nothing has failed.
    pub skip_account_setup: bool,
}

impl AppliedProfile {
    /// The profile in the form that a session keeps.
    pub fn of(profile: &EspProfile, rule: Rule) -> Self {
        Self::from_settings(profile.id.clone(), profile.version, &profile.settings, rule)
    }

    /// A profile that the sender reported to apply, of which nothing more is known.
    pub fn reported(id: String, name: String) -> Self {
        Self::from_settings(id, 0, &Settings::named(name), Rule::Reported)
    }

    /// The tenant's own profile of the name that a sender reported; without one, the profile as reported. The session
    /// waits for the apps that the sender lists, whatever the profile selects today.
    #[must_use]
    pub fn as_reported(reported: &Self, profiles: &Profiles) -> Self {
        let called = |profile: &EspProfile| profile.settings.display_name.eq_ignore_ascii_case(&reported.name);
        let known = match reported.id.ends_with(GRAPH_DEFAULT_ID_ENDS) {
            true => Some(profiles.fallback()),
            false => profiles.iter().map(|(_, profile)| profile).find(|profile| called(profile)),
        };
        let known = known.map(|profile| Self { blocking: Blocking::All, ..Self::of(profile, Rule::Reported) });
        known.unwrap_or_else(|| reported.clone())
    }

    /// What applies to a session whose start was not reported: a new tenant's default.
    pub fn built_in() -> Self {
        Self::from_settings(DEFAULT_PROFILE_ID.to_owned(), 0, &Settings::named(DEFAULT_PROFILE), Rule::Default)
    }

    fn from_settings(id: String, version: u32, settings: &Settings, rule: Rule) -> Self {
        let blocking = if !settings.show_installation_progress {
            Blocking::None
        } else if settings.selected_mobile_app_ids.is_empty() {
            Blocking::All
        } else {
            let mut hashes: Vec<_> = settings.selected_mobile_app_ids.iter().map(|id| app_hash(id)).collect();
            hashes.sort_unstable();
            hashes.dedup();
            Blocking::Selected(hashes)
        };
        // A page that isn't shown may have no limit of its own.
        let timeout_minutes = match settings.install_progress_timeout_in_minutes {
            0 => DEFAULT_TIMEOUT_MINUTES,
            minutes => minutes,
        };
        Self {
            id,
            version,
            name: settings.display_name.clone(),
            rule,
            timeout_minutes,
            blocking,
            tries_non_blocking: settings.allow_non_blocking_app_installation,
            blocks_use: settings.block_device_use && settings.show_installation_progress,
            allows: Allows {
                retry: !settings.block_device_setup_retry_by_user,
                reset: settings.allow_device_reset_on_install_failure,
                continue_anyway: settings.allow_device_use_on_install_failure,
                collect_logs: settings.allow_log_collection_on_install_failure,
                skip_account_setup: settings.allow_user_to_skip_account_setup,
            },
        }
    }

    /// Whether the page is shown at all.
    pub const fn is_shown(&self) -> bool {
        !matches!(self.blocking, Blocking::None)
    }

    /// Whether the session waits for the app if it is targeted.
    pub fn waits_for(&self, app: &str) -> bool {
        match &self.blocking {
            Blocking::All => true,
            Blocking::Selected(hashes) => hashes.binary_search(&app_hash(app)).is_ok(),
            Blocking::None => false,
        }
    }
}
