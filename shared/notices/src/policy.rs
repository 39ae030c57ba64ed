//! When messages may go out, and how often (docs/MESSAGES.md, N6).

use crate::rule::Invalid;
use chrono::Timelike as _;
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use vestibule_domain::{Millis, Timestamp};

/// Most minutes that news wait for more: a day.
const MOST_DIGEST_MINUTES: u16 = 1_440;
/// Most messages in an hour and channel that can be chosen.
const MOST_AN_HOUR: u16 = 1_000;

/// What a tenant chose for all its messages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Policy {
    /// Minutes after the first news in which what else happens joins the same message.
    pub digest_minutes: u16,
    /// Most messages in an hour and channel.
    pub limit_an_hour: u16,
    /// The part of the day without messages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quiet: Option<Quiet>,
    /// Whether messages name devices and people.
    pub names: bool,
    /// The origin under which people reach the page, for links; without it messages have none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
}

impl Default for Policy {
    fn default() -> Self {
        Self { digest_minutes: 5, limit_an_hour: 6, quiet: None, names: false, address: None }
    }
}

/// A part of the day, in minutes after midnight of the tenant's time zone. It may go over midnight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quiet {
    /// Its first minute.
    pub from: u16,
    /// The minute after it.
    pub to: u16,
}

impl Quiet {
    /// Reads `22:00-07:00`.
    pub fn read(text: &str) -> Option<Self> {
        let minute = |text: &str| {
            let (hours, minutes) = text.split_once(':')?;
            let digits = |text: &str| (text.len() == 2).then(|| text.parse::<u16>().ok()).flatten();
            let (hours, minutes) = (digits(hours)?, digits(minutes)?);
            (hours < 24 && minutes < 60).then_some(hours * 60 + minutes)
        };
        let (from, to) = text.split_once('-')?;
        let quiet = Self { from: minute(from.trim())?, to: minute(to.trim())? };
        (quiet.from != quiet.to).then_some(quiet)
    }

    /// Whether it is this part of the day.
    pub fn is_at(self, now: Timestamp, zone: Tz) -> bool {
        let local = now.utc().with_timezone(&zone);
        let minute = u16::try_from(local.hour() * 60 + local.minute()).unwrap_or(0);
        if self.from < self.to {
            (self.from..self.to).contains(&minute)
        } else {
            minute >= self.from || minute < self.to
        }
    }
}

impl std::fmt::Display for Quiet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { from, to } = self;
        write!(f, "{:02}:{:02}-{:02}:{:02}", from / 60, from % 60, to / 60, to % 60)
    }
}

impl Policy {
    /// Checks it.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn validate(&self) -> Result<(), Invalid> {
        if self.digest_minutes > MOST_DIGEST_MINUTES {
            return Err(Invalid::new("digestMinutes", "must be from 0 to 1440"));
        }
        if !(1..=MOST_AN_HOUR).contains(&self.limit_an_hour) {
            return Err(Invalid::new("limitAnHour", "must be from 1 to 1000"));
        }
        Ok(())
    }

    /// How long news wait for more.
    pub fn digest(&self) -> Millis {
        Millis::from_minutes(self.digest_minutes.into())
    }

    /// Whether nothing may go out at `now`.
    pub fn is_quiet(&self, now: Timestamp, zone: Tz) -> bool {
        self.quiet.is_some_and(|quiet| quiet.is_at(now, zone))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn quiet_hours_are_of_the_tenants_time_zone_and_go_over_midnight() {
        let quiet = Quiet::read("22:00-07:00").unwrap();
        assert_eq!(quiet.to_string(), "22:00-07:00");
        let at = |text: &str| Timestamp::parse(text).unwrap();
        let berlin: Tz = chrono_tz::Europe::Berlin;
        // In January Berlin is an hour ahead of UTC, in July two.
        for (time, is_quiet) in [
            ("2026-01-15T20:59:59Z", false),
            ("2026-01-15T21:00:00Z", true),
            ("2026-01-15T05:59:59Z", true),
            ("2026-01-15T06:00:00Z", false),
            ("2026-07-15T20:00:00Z", true),
            ("2026-07-15T05:00:00Z", false),
        ] {
            assert_eq!(quiet.is_at(at(time), berlin), is_quiet, "{time}");
        }
        let lunch = Quiet::read("12:00-13:00").unwrap();
        assert!(lunch.is_at(at("2026-01-15T12:30:00Z"), Tz::UTC) && !lunch.is_at(at("2026-01-15T13:00:00Z"), Tz::UTC));
        for wrong in ["", "22-7", "24:00-07:00", "22:60-07:00", "7:00-8:00", "08:00-08:00", "-1:00-02:00"] {
            assert_eq!(Quiet::read(wrong), None, "{wrong}");
        }
    }
}
