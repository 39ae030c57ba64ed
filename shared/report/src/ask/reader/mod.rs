//! The numbers of the report and the status page, as page, API and commands show them.
//!
//! Every number comes from a question of the file ([`ask`](crate::ask)); here its answers have types.

mod advice;
mod annotations;
mod attempts;
mod coverage;
mod esp;
mod esp_numbers;
mod incomplete;
mod overview;
mod status;

pub use advice::Advice;
pub use annotations::Annotation;
pub use attempts::{Attempt, AttemptDetail, AttemptFilter, AttemptPage, AttemptSender, Cursor, TimelineEvent};
pub use coverage::{Coverage, SenderCoverage};
pub use esp::{EspItemRow, EspPhaseRow, EspSessionDetail, EspSessionFilter, EspSessionPage, EspSessionRow};
pub use esp_numbers::{
    EspApp, EspDay, EspOverview, EspPhaseNumbers, EspProfileNumbers, RecoveredTimeout, StuckSession,
};
pub use incomplete::{ActionCount, DayCount, FunnelStep, IncompleteReport, OtherCause, OtherPlace};
pub use overview::{GotWorse, Overview, OverviewPeriod, OverviewStep, OverviewWeek, Worse};
pub use status::{
    Active, ActivePage, EspProfileRow, FailureReason, FailureReport, FirstTimeRight, PlatformStatus, RecentFailure,
    Status,
};

use crate::ask::Parameters;
use crate::error::{Error, Result};
use crate::file::pseudonym::People;
use crate::file::{Context, is_ours, meta};
use crate::publish::summary::is_summary;
use crate::write::refresh::UNREADABLE;
use rusqlite::trace::{TraceEvent, TraceEventCodes};
use rusqlite::{Connection, OpenFlags};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::Path;
use vestibule_domain::{Day, Timestamp};

/// A report file, or its [summary](crate::summarise), open for reading.
#[derive(Debug)]
pub struct Reader<'c> {
    conn: Source<'c>,
    as_of: Timestamp,
    summary: bool,
}

#[derive(Debug)]
enum Source<'c> {
    Own(Connection),
    Shared(&'c Connection),
}

/// The settings that a file was made with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Basis {
    /// The time zone of its days.
    pub time_zone: String,
    /// See the settings.
    pub require_compliance: bool,
    /// See the settings.
    pub windows_idle_limit_minutes: u32,
    /// See the settings.
    pub macos_idle_limit_minutes: u32,
    /// See the settings.
    pub compliance_limit_minutes: u32,
    /// See the settings: `None`, one source for all platforms, or `platform: source` separated by commas.
    pub compliance_source: Option<String>,
    /// See the settings.
    pub retention_days: u32,
    /// See the settings: the keys of tags, separated by commas.
    pub tag_keys: String,
}

/// What a file says about itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Meta(pub BTreeMap<String, String>);

impl Reader<'static> {
    /// Opens a file.
    ///
    /// # Errors
    /// [`Error::ForeignFile`] if it is not a report file of this schema.
    pub fn open(path: &Path) -> Result<Self> {
        let conn = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        if !is_ours(&conn)? {
            return Err(Error::ForeignFile);
        }
        let as_of = as_of(&conn)?;
        Ok(Self { conn: Source::Own(conn), as_of, summary: false })
    }

    /// The same, and `trace` is called with each statement that an answer needs, so that a benchmark can run the same
    /// statements without the reader.
    ///
    /// # Errors
    /// Those of [`open`](Self::open).
    #[doc(hidden)]
    pub fn open_traced(path: &Path, trace: fn(TraceEvent<'_>)) -> Result<Self> {
        let reader = Self::open(path)?;
        reader.conn().trace_v2(TraceEventCodes::SQLITE_TRACE_STMT, Some(trace));
        Ok(reader)
    }

    /// Opens a [summary](crate::summarise). It answers [`incomplete`](Self::incomplete),
    /// [`status`](Self::status), [`failure_reasons`](Self::failure_reasons) and what it says about itself; what needs
    /// single attempts, devices or sessions is [`Error::NotInSummary`]. A summary has no room for the sums that the
    /// funnel's medians come from, so it has medians only for the whole window and both platforms together.
    ///
    /// # Errors
    /// [`Error::ForeignFile`] if it is not a summary of this schema.
    pub fn open_summary(path: &Path) -> Result<Self> {
        let conn = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        if !is_summary(&conn)? {
            return Err(Error::ForeignFile);
        }
        let as_of = as_of(&conn)?;
        Ok(Self { conn: Source::Own(conn), as_of, summary: true })
    }
}

impl<'c> Reader<'c> {
    pub(crate) fn over(conn: &'c Connection) -> Result<Self> {
        Ok(Self { as_of: as_of(conn)?, conn: Source::Shared(conn), summary: false })
    }

    pub(crate) fn conn(&self) -> &Connection {
        match &self.conn {
            Source::Own(conn) => conn,
            Source::Shared(conn) => conn,
        }
    }

    /// The connection, for queries that a summary cannot answer.
    pub(crate) fn facts(&self) -> Result<&Connection> {
        if self.summary { Err(Error::NotInSummary) } else { Ok(self.conn()) }
    }

    /// Whether this is a summary rather than a report file.
    pub fn is_summary(&self) -> bool {
        self.summary
    }

    /// The instant that all numbers describe.
    pub fn as_of(&self) -> Timestamp {
        self.as_of
    }

    /// The IANA name of the time zone of the days.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn time_zone(&self) -> Result<String> {
        Ok(meta(self.conn(), "timeZone")?.unwrap_or_default())
    }

    /// The first day in the file and the day after its last.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn window(&self) -> Result<(Day, Day)> {
        let day = |key| -> Result<Day> {
            let text = meta(self.conn(), key)?.ok_or(Error::Empty)?;
            Ok(Day::new(text.parse().map_err(|_| Error::Empty)?))
        };
        Ok((day("windowFromDay")?, day("windowToDay")?))
    }

    /// Whether the file is the same tenant's and writes people the same way as `context`, so that it may be shown in
    /// place of a file made with `context`. Other settings may differ.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn may_stand_for(&self, context: &Context) -> Result<bool> {
        let says = |key| meta(self.conn(), key);
        let people = People::of(context);
        Ok(says("tenant")?.as_deref() == Some(context.tenant.as_str())
            && says("pseudonyms")?.as_deref() == Some(&people.mark()))
    }

    /// The settings that the file was made with.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn basis(&self) -> Result<Basis> {
        let says = |key| -> Result<String> { Ok(meta(self.conn(), key)?.unwrap_or_default()) };
        Ok(Basis {
            time_zone: says("timeZone")?,
            require_compliance: says("requireCompliance")? == "true",
            windows_idle_limit_minutes: says("windowsIdleLimitMinutes")?.parse().unwrap_or_default(),
            macos_idle_limit_minutes: says("macosIdleLimitMinutes")?.parse().unwrap_or_default(),
            compliance_limit_minutes: says("complianceLimitMinutes")?.parse().unwrap_or_default(),
            compliance_source: Some(says("complianceSource")?).filter(|source| !source.is_empty()),
            retention_days: says("retentionDays")?.parse().unwrap_or_default(),
            tag_keys: says("tagKeys")?,
        })
    }

    /// How many enrollments of the store could not be read: the file contains nothing about them.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn unreadable(&self) -> Result<u64> {
        Ok(meta(self.conn(), UNREADABLE)?.and_then(|count| count.parse().ok()).unwrap_or(0))
    }

    /// Whether the file contains [pseudonyms](crate::pseudonym) in place of people.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn is_pseudonymised(&self) -> Result<bool> {
        Ok(meta(self.conn(), "pseudonyms")?.is_some_and(|mark| !mark.is_empty()))
    }

    /// How many attempts that were closed in the file published before are different now.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn corrections(&self) -> Result<u64> {
        match self.summary {
            true => Ok(meta(self.conn(), "corrections")?.and_then(|count| count.parse().ok()).unwrap_or(0)),
            false => Ok(self.conn().query_row("SELECT count(*) FROM corrections", [], |row| row.get(0))?),
        }
    }

    /// What the file corrects in the one before: attempts by their outcome there and here, commonest first. The outcome
    /// here is the same if only the cause, end or place differs, `gone` if the
    /// attempts no longer exist, and `erased` if their person or device was erased.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn corrected(&self) -> Result<Vec<(String, String, u64)>> {
        let mut query = self.facts()?.prepare(
            "SELECT old_outcome, CASE WHEN erased = 1 THEN 'erased' WHEN gone = 1 THEN 'gone' ELSE new_outcome END AS now, count(*) AS n
             FROM attempt_corrections GROUP BY 1, 2 ORDER BY n DESC, old_outcome, now",
        )?;
        let rows = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Everything that the file says about itself.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn meta(&self) -> Result<Meta> {
        let mut all = self.conn().prepare("SELECT key, value FROM meta")?;
        let all = all.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(Meta(all.collect::<rusqlite::Result<_>>()?))
    }
}

fn as_of(conn: &Connection) -> Result<Timestamp> {
    let text = meta(conn, "asOfMillis")?.ok_or(Error::Empty)?;
    text.parse().map(Timestamp::from_millis).map_err(|_| Error::Empty)
}

/// The most rows that a list may have.
const MOST: u32 = 1_000;

/// The parameters that have a value.
pub(crate) fn parameters<const N: usize>(all: [(&str, Option<String>); N]) -> Parameters {
    all.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

fn range(from: Day, to: Day) -> Parameters {
    parameters([("from", Some(from.to_string())), ("to", Some(to.to_string()))])
}

fn paged(mut asked: Parameters, cursor: Option<Cursor>, limit: u32) -> Parameters {
    let limit = limit.clamp(1, MOST).to_string();
    asked.extend(parameters([("cursor", cursor.map(|cursor| cursor.to_string())), ("limit", Some(limit))]));
    asked
}
