//! Instants, durations and days.
//!
//! An instant is whole milliseconds since 1970 in UTC. The thirty-minute rule is exact to the millisecond, and a
//! sender's digits below the millisecond must not decide anything.

use chrono::{DateTime, NaiveDate, SecondsFormat, TimeZone as _, Utc};
pub use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::ops::{Add, Sub};

/// An instant: milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(i64);

/// A length of time in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Millis(i64);

/// A calendar day in a tenant's time zone, as days since 1970-01-01.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Day(i32);

/// A text that is not a time or date of the expected form.
#[derive(Debug, thiserror::Error)]
#[error("not {expected}")]
pub struct TimeError {
    expected: &'static str,
}

impl Millis {
    /// No time.
    pub const ZERO: Self = Self(0);

    /// A length of `millis` milliseconds.
    pub const fn new(millis: i64) -> Self {
        Self(millis)
    }

    /// A length of whole seconds.
    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds * 1_000)
    }

    /// A length of whole minutes.
    pub const fn from_minutes(minutes: i64) -> Self {
        Self(minutes * 60_000)
    }

    /// A length of whole days of 24 hours.
    pub const fn from_days(days: i64) -> Self {
        Self(days * 86_400_000)
    }

    /// The length in milliseconds.
    pub const fn get(self) -> i64 {
        self.0
    }
}

impl Timestamp {
    /// The earliest instant that senders may report: the epoch.
    pub const MIN: Self = Self(0);
    /// 9999-12-31T23:59:59.999Z, the last instant that RFC 3339 can write.
    pub const MAX: Self = Self(253_402_300_799_999);

    /// The instant `millis` milliseconds after the epoch, clamped to [`MIN`](Self::MIN) and [`MAX`](Self::MAX) so that
    /// adding a limit to it can never overflow.
    pub const fn from_millis(millis: i64) -> Self {
        if millis < Self::MIN.0 {
            Self::MIN
        } else if millis > Self::MAX.0 {
            Self::MAX
        } else {
            Self(millis)
        }
    }

    /// Milliseconds since the epoch.
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since the epoch.
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(1_000)
    }

    /// Reads an RFC 3339 time; digits below the millisecond are cut off.
    ///
    /// # Errors
    /// If the text is not RFC 3339.
    pub fn parse(text: &str) -> Result<Self, TimeError> {
        DateTime::parse_from_rfc3339(text)
            .map(|time| Self::from_millis(time.timestamp_millis()))
            .map_err(|_| TimeError { expected: "an RFC 3339 time" })
    }

    /// The day this instant falls on in `zone`.
    pub fn day(self, zone: Tz) -> Day {
        let local = self.utc().with_timezone(&zone).date_naive();
        Day::from_date(local)
    }

    /// The same instant as a chrono type.
    pub fn utc(self) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(self.0).unwrap_or_default()
    }
}

impl fmt::Display for Timestamp {
    /// `YYYY-MM-DDTHH:MM:SS.mmmZ`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.utc().to_rfc3339_opts(SecondsFormat::Millis, true))
    }
}

impl Add<Millis> for Timestamp {
    type Output = Self;
    fn add(self, length: Millis) -> Self {
        Self::from_millis(self.0.saturating_add(length.0))
    }
}

impl Sub<Millis> for Timestamp {
    type Output = Self;
    fn sub(self, length: Millis) -> Self {
        Self::from_millis(self.0.saturating_sub(length.0))
    }
}

impl Sub for Timestamp {
    type Output = Millis;
    fn sub(self, earlier: Self) -> Millis {
        Millis(self.0 - earlier.0)
    }
}

impl Day {
    /// The day `days` after 1970-01-01.
    pub const fn new(days: i32) -> Self {
        Self(days)
    }

    /// Days since 1970-01-01.
    pub const fn get(self) -> i32 {
        self.0
    }

    /// Reads `YYYY-MM-DD`.
    ///
    /// # Errors
    /// If the text is not a date of this form.
    pub fn parse(text: &str) -> Result<Self, TimeError> {
        NaiveDate::parse_from_str(text, "%Y-%m-%d")
            .map(Self::from_date)
            .map_err(|_| TimeError { expected: "a date like 2026-01-31" })
    }

    fn from_date(date: NaiveDate) -> Self {
        Self(date.to_epoch_days())
    }

    /// The calendar date.
    pub fn date(self) -> NaiveDate {
        NaiveDate::from_epoch_days(self.0).unwrap_or_default()
    }

    /// The day `days` later (earlier when negative).
    #[must_use]
    pub fn plus(self, days: i32) -> Self {
        Self(self.0.saturating_add(days))
    }

    /// The instant at which the day begins in `zone`: if a clock change skips midnight, the first instant of the day
    /// that exists; if it repeats midnight, the first of the two.
    pub fn start(self, zone: Tz) -> Timestamp {
        let midnight = self.date().and_time(chrono::NaiveTime::MIN);
        // Clock changes are a few hours at most, so the loop ends within the day.
        (0..24 * 4)
            .find_map(|quarter| {
                zone.from_local_datetime(&(midnight + chrono::Duration::minutes(15 * quarter))).earliest()
            })
            .map_or(Timestamp::MIN, |time| Timestamp::from_millis(time.timestamp_millis()))
    }
}

impl fmt::Display for Day {
    /// `YYYY-MM-DD`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.date().fmt(f)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_with_milliseconds() {
        let time = Timestamp::parse("2026-03-01T12:00:00.1239+01:00").unwrap();
        assert_eq!(time.to_string(), "2026-03-01T11:00:00.123Z");
    }

    #[test]
    fn a_day_is_the_tenants() {
        let time = Timestamp::parse("2026-03-01T23:30:00Z").unwrap();
        assert_eq!(time.day(chrono_tz::UTC).to_string(), "2026-03-01");
        assert_eq!(time.day(chrono_tz::Europe::Berlin).to_string(), "2026-03-02");
    }

    #[test]
    fn a_day_without_midnight_starts_at_its_first_instant() {
        // Beirut skipped 00:00–01:00 on this day.
        let day = Day::parse("2022-03-27").unwrap();
        assert_eq!(day.start(chrono_tz::Asia::Beirut).to_string(), "2022-03-26T22:00:00.000Z");
    }
}
