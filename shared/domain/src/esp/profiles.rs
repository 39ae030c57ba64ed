//! A tenant's profiles in order of priority.
//!
//! Must stay true: the list is the order, so priorities are 1 to n without gaps, whatever changes. The default is
//! always there, after all others, and is neither assigned nor removed.

use super::profile::{Assignment, DEFAULT_PROFILE, DEFAULT_PROFILE_ID, EspProfile, Settings};
use crate::identity::TenantId;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// Most profiles of a tenant, the default included.
pub const MAX_PROFILES: usize = 51;

/// A tenant's profiles.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profiles {
    /// Highest priority first.
    ordered: Vec<EspProfile>,
    default: EspProfile,
    /// Each change raises it. A write requires that nobody else has raised it meanwhile.
    pub version: u64,
}

/// Why a change of profiles is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProfilesError {
    /// The tenant already has [`MAX_PROFILES`].
    #[error("a tenant has at most {MAX_PROFILES} profiles, the default included")]
    TooMany,
    /// The default can't be removed, assigned, switched off or ranked.
    #[error("the default profile can't be {0}")]
    Default(&'static str),
    /// No profile has that id.
    #[error("there is no such profile")]
    Unknown,
}

/// A profile as it is in Graph.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GraphProfile {
    /// Its id there.
    pub id: String,
    /// What was chosen.
    pub settings: Settings,
    /// To whom it is assigned.
    pub assignments: Vec<Assignment>,
    /// Whether it is the profile that applies if no other does.
    pub is_default: bool,
}

impl GraphProfile {
    /// What was chosen in Graph, and here for what Graph has no member for.
    fn settings_over(&self, ours: &Settings) -> Settings {
        Settings {
            enabled: ours.enabled,
            block_device_use: ours.block_device_use,
            show_error_details: ours.show_error_details,
            allow_user_to_skip_account_setup: ours.allow_user_to_skip_account_setup,
            ..self.settings.clone()
        }
    }
}

impl EspProfile {
    /// Takes over what it is in Graph. The version rises only if something differs.
    fn follow(&mut self, there: &GraphProfile, now: Timestamp) {
        let settings = there.settings_over(&self.settings);
        // The default is not assigned, whatever Graph lists.
        let assignments = if self.is_default() { Vec::new() } else { there.assignments.clone() };
        if (&settings, &assignments) != (&self.settings, &self.assignments) {
            (self.settings, self.assignments) = (settings, assignments);
            self.version += 1;
            self.modified_at = now;
        }
        self.graph_id = Some(there.id.clone());
    }
}

impl Default for Profiles {
    /// What a new tenant has.
    fn default() -> Self {
        let settings = Settings::named(DEFAULT_PROFILE);
        Self {
            ordered: Vec::new(),
            default: EspProfile {
                id: DEFAULT_PROFILE_ID.to_owned(),
                version: 1,
                created_at: Timestamp::MIN,
                modified_at: Timestamp::MIN,
                settings,
                assignments: Vec::new(),
                graph_id: None,
            },
            version: 0,
        }
    }
}

impl Profiles {
    /// The profiles, highest priority first, the default last, each with its priority (0 for the default, as in Graph).
    pub fn iter(&self) -> impl Iterator<Item = (u32, &EspProfile)> {
        (1..).zip(&self.ordered).chain(std::iter::once((0, &self.default)))
    }

    /// How many there are, the default included.
    pub fn count(&self) -> usize {
        self.ordered.len() + 1
    }

    /// The profile that applies if no other does.
    pub fn fallback(&self) -> &EspProfile {
        &self.default
    }

    /// A profile and its priority.
    pub fn get(&self, id: &str) -> Option<(u32, &EspProfile)> {
        self.iter().find(|(_, profile)| profile.id == id)
    }

    /// Adds a profile at `priority`, or after all others, and returns its id. The id is made from the version that this
    /// list is stored under next, so no two ids are equal.
    ///
    /// # Errors
    /// [`ProfilesError::TooMany`].
    pub fn add(
        &mut self,
        tenant: &TenantId,
        settings: Settings,
        assignments: Vec<Assignment>,
        priority: Option<u32>,
        now: Timestamp,
    ) -> Result<String, ProfilesError> {
        if self.count() >= MAX_PROFILES {
            return Err(ProfilesError::TooMany);
        }
        let id = self.next_id(tenant);
        let (created_at, modified_at) = (now, now);
        let graph_id = None;
        let profile =
            EspProfile { id: id.clone(), version: 1, created_at, modified_at, settings, assignments, graph_id };
        let at = self.place(priority).unwrap_or(self.ordered.len());
        self.ordered.insert(at.min(self.ordered.len()), profile);
        Ok(id)
    }

    fn next_id(&self, tenant: &TenantId) -> String {
        let digest = |number: usize| {
            let mut hash = Sha256::new();
            hash.update(format!("{tenant}#{}#{number}", self.version));
            let hash = hash.finalize();
            let hex: String = hash[..16].iter().map(|byte| format!("{byte:02x}")).collect();
            [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
        };
        let free = |id: &String| self.get(id).is_none();
        (0..=MAX_PROFILES).map(digest).find(free).unwrap_or_default()
    }

    fn place(&self, priority: Option<u32>) -> Option<usize> {
        priority.map(|priority| usize::try_from(priority.max(1) - 1).unwrap_or(usize::MAX))
    }

    /// Replaces a profile's settings, and its assignments where given.
    ///
    /// # Errors
    /// [`ProfilesError::Unknown`], or [`ProfilesError::Default`] if the default cannot have such settings.
    pub fn replace(
        &mut self,
        id: &str,
        settings: Settings,
        assignments: Option<Vec<Assignment>>,
        now: Timestamp,
    ) -> Result<(), ProfilesError> {
        if id == DEFAULT_PROFILE_ID {
            if !settings.enabled {
                return Err(ProfilesError::Default("switched off"));
            }
            if assignments.as_ref().is_some_and(|list| !list.is_empty()) {
                return Err(ProfilesError::Default("assigned"));
            }
        }
        let profile = self.find(id)?;
        profile.settings = settings;
        if let Some(assignments) = assignments {
            profile.assignments = assignments;
        }
        profile.version += 1;
        profile.modified_at = now;
        Ok(())
    }

    /// Removes a profile.
    ///
    /// # Errors
    /// [`ProfilesError::Unknown`], or [`ProfilesError::Default`].
    pub fn remove(&mut self, id: &str) -> Result<(), ProfilesError> {
        if id == DEFAULT_PROFILE_ID {
            return Err(ProfilesError::Default("removed"));
        }
        let at = self.ordered.iter().position(|profile| profile.id == id).ok_or(ProfilesError::Unknown)?;
        self.ordered.remove(at);
        Ok(())
    }

    /// Moves a profile to `priority` (a number beyond the last means last); the others shift.
    ///
    /// # Errors
    /// [`ProfilesError::Unknown`], or [`ProfilesError::Default`].
    pub fn set_priority(&mut self, id: &str, priority: u32) -> Result<(), ProfilesError> {
        if id == DEFAULT_PROFILE_ID {
            return Err(ProfilesError::Default("ranked"));
        }
        let at = self.ordered.iter().position(|profile| profile.id == id).ok_or(ProfilesError::Unknown)?;
        let profile = self.ordered.remove(at);
        let to = self.place(Some(priority)).unwrap_or_default().min(self.ordered.len());
        self.ordered.insert(to, profile);
        Ok(())
    }

    /// Replaces a profile's assignments.
    ///
    /// # Errors
    /// [`ProfilesError::Unknown`], or [`ProfilesError::Default`].
    pub fn assign(&mut self, id: &str, assignments: Vec<Assignment>, now: Timestamp) -> Result<(), ProfilesError> {
        let settings = self.find(id)?.settings.clone();
        self.replace(id, settings, Some(assignments), now)
    }

    /// Makes the profiles that are kept as in Graph equal to `theirs`, in its order; our own stay where they are. A
    /// profile that is here already, pulled or posted in the same words, keeps its id. A profile that is gone from
    /// Graph is removed here, unless `unread` has its id. Settings that Graph has no member for stay as chosen here.
    ///
    /// # Errors
    /// [`ProfilesError::TooMany`]; then nothing has changed.
    pub fn keep_as_in_graph(
        &mut self,
        tenant: &TenantId,
        theirs: &[GraphProfile],
        unread: &[String],
        now: Timestamp,
    ) -> Result<(), ProfilesError> {
        let mut next = self.clone();
        // First remove what is gone, which makes room.
        next.ordered.retain(|profile| {
            let is_there = |id: &String| unread.contains(id) || theirs.iter().any(|one| one.id == *id);
            profile.graph_id.as_ref().is_none_or(is_there)
        });
        let mut listed = Vec::new();
        for one in theirs {
            if one.is_default {
                next.default.follow(one, now);
                continue;
            }
            let known = next.ordered.iter().position(|profile| profile.graph_id.as_ref() == Some(&one.id));
            let same = |profile: &EspProfile| {
                profile.graph_id.is_none()
                    && profile.settings == one.settings_over(&profile.settings)
                    && profile.assignments == one.assignments
            };
            let at = match known.or_else(|| next.ordered.iter().position(same)) {
                Some(at) => at,
                None => {
                    next.add(tenant, one.settings.clone(), one.assignments.clone(), None, now)?;
                    next.ordered.len() - 1
                }
            };
            if let Some(profile) = next.ordered.get_mut(at) {
                profile.follow(one, now);
                listed.push(profile.id.clone());
            }
        }
        // They have the same order as in Graph; our own stay between them.
        let slots: Vec<usize> = (0..next.ordered.len()).filter(|at| listed.contains(&next.ordered[*at].id)).collect();
        let place = |id: &String| listed.iter().position(|one| one == id).unwrap_or(usize::MAX);
        let mut moved: Vec<EspProfile> = slots.iter().map(|at| next.ordered[*at].clone()).collect();
        moved.sort_by_key(|profile| place(&profile.id));
        for (at, profile) in slots.into_iter().zip(moved) {
            next.ordered[at] = profile;
        }
        *self = next;
        Ok(())
    }

    fn find(&mut self, id: &str) -> Result<&mut EspProfile, ProfilesError> {
        let ordered = self.ordered.iter_mut().chain(std::iter::once(&mut self.default));
        ordered.into_iter().find(|profile| profile.id == id).ok_or(ProfilesError::Unknown)
    }
}
