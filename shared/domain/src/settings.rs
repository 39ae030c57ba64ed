//! What a tenant chooses (docs/DOMAIN.md, T). The file is rebuilt after a change that alters history.

use crate::about::Platform;
use crate::format::StoredFormat;
use crate::tags::TagKeys;
use crate::time::{Millis, Timestamp};
use chrono::{NaiveTime, TimeZone as _};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The longest retention that a tenant may set, in days (docs/DOMAIN.md, T1).
pub const LONGEST_RETENTION_DAYS: u32 = 400;
/// The same as a time.
pub const LONGEST_RETENTION: Millis = Millis::from_days(LONGEST_RETENTION_DAYS as i64);

/// A tenant's settings; names as the API writes them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct TenantSettings {
    /// IANA name of the zone that days are counted in.
    pub time_zone: Tz,
    /// Whether `enrolled` alone completes an attempt (`false`) or compliance must follow.
    pub require_compliance: bool,
    /// Minutes that an enrolled device may take to become compliant, while nobody is in front of a screen.
    pub compliance_limit_minutes: u32,
    /// Minutes of silence after which a Windows attempt is abandoned.
    pub windows_idle_limit_minutes: u32,
    /// Minutes of silence after which an attempt on macOS is abandoned.
    pub macos_idle_limit_minutes: u32,
    /// Days that attempts are kept.
    pub retention_days: u32,
    /// Whether names and addresses in the report file are replaced by keyed hashes.
    pub pseudonymise: bool,
    /// Devices one person may enroll, for diagnostics.
    pub device_limit: u32,
    /// Local time of the nightly file, `HH:MM`.
    pub export_at: ExportAt,
    /// The source that reports compliance if the MDM itself cannot.
    pub compliance_source: ComplianceSource,
    /// The keys of tags that are kept.
    pub tag_keys: TagKeys,
    /// Counts the changes that may have altered attempts ([`alters_fold`](Self::alters_fold)). A stored item records
    /// the count under which it was folded. It is kept beside the settings, and tenants do not choose it.
    #[serde(skip)]
    pub version: u32,
    /// Changes with each of the tenant's erasures, so that a writer knows that it must refuse other events; 0 if there was
    /// none. It is kept beside the settings, as the version is.
    #[serde(skip)]
    pub erasures: u64,
    /// The format in which the tenant's items are written. It is kept beside the settings, as the version is.
    #[serde(skip)]
    pub format: StoredFormat,
}

/// People who are silent for longer than this have given up (docs/DOMAIN.md, A5).
pub const PEOPLE_LIMIT: Millis = Millis::from_minutes(30);

/// Which source reports compliance: none is named, one for all platforms, or one for each platform.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ComplianceSource {
    /// No source is named: compliance counts whichever source reports or assumes it.
    #[default]
    None,
    /// This source, on every platform.
    All(String),
    /// One source for each platform named here.
    Each(BTreeMap<Platform, String>),
}

impl ComplianceSource {
    /// The source named for `platform`. A device whose platform is unknown has the source for all platforms.
    pub fn of(&self, platform: Option<Platform>) -> Option<&str> {
        match self {
            Self::None => None,
            Self::All(source) => Some(source),
            Self::Each(each) => each.get(&platform?).map(String::as_str),
        }
    }

    /// Whether another source is named for `platform`, so that what `source` itself says of compliance does not count.
    pub fn is_another(&self, platform: Option<Platform>, source: &str) -> bool {
        self.of(platform).is_some_and(|named| named != source)
    }

    /// A copy with another source, or none, for one platform. The source for all platforms still applies to the others.
    #[must_use]
    pub fn with(self, platform: Platform, source: Option<String>) -> Self {
        let mut each = match self {
            Self::None => BTreeMap::new(),
            Self::All(all) => Platform::ALL.iter().map(|platform| (*platform, all.clone())).collect(),
            Self::Each(each) => each,
        };
        match source {
            Some(source) => each.insert(platform, source),
            None => each.remove(&platform),
        };
        if each.is_empty() { Self::None } else { Self::Each(each) }
    }

    /// A copy in which `read` has replaced each source.
    ///
    /// # Errors
    /// The first error of `read`.
    pub fn read_sources<E>(self, mut read: impl FnMut(String) -> Result<String, E>) -> Result<Self, E> {
        Ok(match self {
            Self::None => Self::None,
            Self::All(source) => Self::All(read(source)?),
            Self::Each(each) => {
                let read = |(platform, source)| Ok((platform, read(source)?));
                Self::Each(each.into_iter().map(read).collect::<Result<_, E>>()?)
            }
        })
    }

    fn sources(&self) -> impl Iterator<Item = &String> {
        let (all, each) = match self {
            Self::None => (None, None),
            Self::All(source) => (Some(source), None),
            Self::Each(each) => (None, Some(each.values())),
        };
        all.into_iter().chain(each.into_iter().flatten())
    }
}

/// A time of day, `HH:MM`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ExportAt(NaiveTime);

/// A setting outside its range.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct SettingsError {
    /// The setting's name as the API writes it.
    pub field: &'static str,
    /// What is wrong with it.
    pub problem: &'static str,
}

impl Default for TenantSettings {
    fn default() -> Self {
        Self {
            time_zone: Tz::UTC,
            require_compliance: true,
            compliance_limit_minutes: 1440,
            windows_idle_limit_minutes: 1440,
            macos_idle_limit_minutes: 30,
            retention_days: 30,
            pseudonymise: false,
            device_limit: 15,
            export_at: ExportAt(NaiveTime::from_hms_opt(2, 0, 0).unwrap_or_default()),
            compliance_source: ComplianceSource::default(),
            tag_keys: TagKeys::default(),
            version: 0,
            erasures: 0,
            format: StoredFormat::NEWEST,
        }
    }
}

impl TenantSettings {
    /// Checks the ranges.
    ///
    /// # Errors
    /// The first setting that is outside its range.
    pub fn validate(&self) -> Result<(), SettingsError> {
        let range = |ok: bool, field, problem| if ok { Ok(()) } else { Err(SettingsError { field, problem }) };
        range(
            (30..=LONGEST_RETENTION_DAYS).contains(&self.retention_days),
            "retentionDays",
            "must be between 30 and 400",
        )?;
        range(
            (1..=43_200).contains(&self.windows_idle_limit_minutes),
            "windowsIdleLimitMinutes",
            "must be between 1 and 43200",
        )?;
        range(
            (1..=43_200).contains(&self.macos_idle_limit_minutes),
            "macosIdleLimitMinutes",
            "must be between 1 and 43200",
        )?;
        range(
            (30..=43_200).contains(&self.compliance_limit_minutes),
            "complianceLimitMinutes",
            "must be between 30 and 43200",
        )?;
        range((1..=1_000).contains(&self.device_limit), "deviceLimit", "must be between 1 and 1000")?;
        range(
            self.compliance_source.sources().all(|source| !source.is_empty() && source.chars().count() <= 256),
            "complianceSource",
            "must name sources of 1 to 256 characters",
        )?;
        match self.tag_keys.problem() {
            None => Ok(()),
            Some(problem) => Err(SettingsError { field: "tagKeys", problem }),
        }
    }

    /// Silence longer than this ends an attempt on `platform` (docs/DOMAIN.md, A5). Thirty minutes fit people; a
    /// Windows attempt, and some set-ups of Macs, mostly wait for installations.
    pub fn idle_limit(&self, platform: Option<Platform>) -> Millis {
        match platform {
            Some(Platform::Windows) => Millis::from_minutes(i64::from(self.windows_idle_limit_minutes)),
            Some(Platform::MacOs) => Millis::from_minutes(i64::from(self.macos_idle_limit_minutes)),
            _ => PEOPLE_LIMIT,
        }
    }

    /// Silence longer than this ends an attempt that waits for compliance (docs/DOMAIN.md, A8).
    pub fn compliance_limit(&self) -> Millis {
        Millis::from_minutes(i64::from(self.compliance_limit_minutes))
    }

    /// How long attempts are kept.
    pub fn retention(&self) -> Millis {
        Millis::from_days(i64::from(self.retention_days))
    }

    /// The newest instant, not after `now`, at which this tenant's nightly file is due. If a clock change skips the
    /// local time, that day's file is due an hour later.
    pub fn last_export_due(&self, now: Timestamp) -> Timestamp {
        let today = now.day(self.time_zone);
        let due = |day: crate::Day| {
            let local = day.date().and_time(self.export_at.0);
            let found = self.time_zone.from_local_datetime(&local).earliest();
            found.or_else(|| self.time_zone.from_local_datetime(&(local + chrono::Duration::hours(1))).earliest())
        };
        [today, today.plus(-1), today.plus(-2)]
            .into_iter()
            .filter_map(due)
            .map(|time| Timestamp::from_millis(time.timestamp_millis()))
            .find(|due| *due <= now)
            .unwrap_or(Timestamp::MIN)
    }

    /// Whether attempts may differ under these settings from those under `before`. If so, every stored enrollment must
    /// be folded again.
    pub fn alters_fold(&self, before: &Self) -> bool {
        self.require_compliance != before.require_compliance
            || self.windows_idle_limit_minutes != before.windows_idle_limit_minutes
            || self.macos_idle_limit_minutes != before.macos_idle_limit_minutes
            || self.compliance_limit_minutes != before.compliance_limit_minutes
            || self.compliance_source != before.compliance_source
    }

    /// Whether nothing that a tenant chooses is another than in `other`.
    pub fn says_as_much_as(&self, other: &Self) -> bool {
        let Self { version, erasures, format, .. } = *other;
        Self { version, erasures, format, ..self.clone() } == *other
    }

    /// Whether changing from `before` to `self` alters the past, so that the report file must be rebuilt rather than
    /// refreshed.
    pub fn alters_history(&self, before: &Self) -> bool {
        // Every setting is named, so that a new one does not compile until somebody decides what a change of it alters.
        let Self {
            time_zone,
            pseudonymise,
            retention_days,
            // Files have tags of allowed keys only.
            tag_keys,
            // These alter attempts: see `alters_fold`.
            require_compliance: _,
            compliance_limit_minutes: _,
            windows_idle_limit_minutes: _,
            macos_idle_limit_minutes: _,
            compliance_source: _,
            // No row of a file follows from these.
            device_limit: _,
            export_at: _,
            version: _,
            erasures: _,
            format: _,
        } = self;
        self.alters_fold(before)
            || *time_zone != before.time_zone
            || *pseudonymise != before.pseudonymise
            || *retention_days != before.retention_days
            || *tag_keys != before.tag_keys
    }
}

impl TryFrom<String> for ExportAt {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        NaiveTime::parse_from_str(&text, "%H:%M").map(Self).map_err(|_| "exportAt must be a time like 02:00")
    }
}

impl From<ExportAt> for String {
    fn from(at: ExportAt) -> Self {
        at.0.format("%H:%M").to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_of_compliance_is_named_for_one_platform_and_taken_back() {
        let of = |source: &str| Some(source.to_owned());
        let mac = ComplianceSource::None.with(Platform::MacOs, of("a"));
        assert_eq!((mac.of(Some(Platform::MacOs)), mac.of(Some(Platform::Ios))), (Some("a"), None));
        assert_eq!(mac.with(Platform::MacOs, None), ComplianceSource::None);
        let all = ComplianceSource::All("all".to_owned()).with(Platform::MacOs, of("a"));
        assert_eq!((all.of(Some(Platform::MacOs)), all.of(Some(Platform::Ios))), (Some("a"), Some("all")));
        let none = all.with(Platform::MacOs, None);
        assert_eq!((none.of(Some(Platform::MacOs)), none.of(Some(Platform::Windows))), (None, Some("all")));
    }
}
