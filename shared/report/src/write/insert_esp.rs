//! From a session of the Enrollment Status Page to its rows.

use crate::error::Result;
use crate::file::pseudonym::People;
use crate::lists::dictionary::{Coded as _, id_of, rule_id};
use crate::lists::ids::Ids;
use crate::lists::words::Words;
use crate::write::insert::{insert_into, unique};
use rusqlite::{Connection, Statement, params};
use vestibule_domain::esp::session::STUCK_IDENTIFYING;
use vestibule_domain::esp::{EspItem, EspSession, Phase, PhaseProgress, PhaseState, SessionState};
use vestibule_domain::{Day, Timestamp};

/// Writes the rows of sessions.
pub(crate) struct InsertEsp<'c> {
    ids: Ids,
    session: Statement<'c>,
    phase: Statement<'c>,
    item: Statement<'c>,
}

/// What a session's rows are found by.
#[derive(Clone, Copy)]
pub(crate) struct SessionKeys {
    pub number: i64,
    pub enrollment_no: i64,
    /// The day it began.
    pub day: Day,
}

fn count(of: usize) -> i64 {
    i64::try_from(of).unwrap_or(i64::MAX)
}

impl<'c> InsertEsp<'c> {
    pub(crate) fn new(conn: &'c Connection, ids: Ids) -> Result<Self> {
        Ok(Self {
            ids,
            session: insert_into(conn, "esp_sessions", 36)?,
            phase: insert_into(conn, "esp_session_phases", 5)?,
            item: insert_into(conn, "esp_items", 13)?,
        })
    }

    /// Writes a session with its phases and items.
    pub(crate) fn session(
        &mut self,
        words: &mut Words,
        people: &People,
        keys: SessionKeys,
        session: &EspSession,
    ) -> Result<()> {
        let SessionKeys { number, enrollment_no, day } = keys;
        let EspSession { profile, about, .. } = session;
        let group = profile.rule.group().map(|group| group.name.as_ref().unwrap_or(&group.id));
        let counted: Vec<&EspItem> = session.items.iter().filter(|item| item.tracking.is_counted()).collect();
        let done = counted.iter().filter(|item| item.is_done()).count();
        let inserted = self.session.execute(params![
            number,
            session.id.bytes(),
            enrollment_no,
            words.id(session.session_id.as_deref())?,
            session.started_at.millis(),
            day.get(),
            session.last_event_at.millis(),
            session.ended_at.map(Timestamp::millis),
            session.deadline.millis(),
            session.state.id(),
            words.id(Some(&profile.id))?,
            words.id(Some(&profile.name))?,
            profile.version,
            rule_id(&profile.rule),
            words.id(group.map(String::as_str))?,
            session.limit_minutes,
            id_of(session.deployment_mode),
            session.hybrid_join,
            id_of(session.phase),
            session.stage().id(),
            session.progress(),
            count(counted.len()),
            count(done),
            session.timed_out,
            session.failed,
            id_of(session.failed_phase),
            count(session.retries()),
            session.stuck_since.map(Timestamp::millis),
            id_of(stuck_phase(session)),
            session.is_stuck,
            words.id(session.error_code.as_deref())?,
            words.id(people.message(session.error_message.as_deref()))?,
            words.id(about.os_version.as_deref())?,
            words.id(people.name(about.device_name.as_deref()).as_deref())?,
            words.id(people.name(about.user_principal_name.as_deref()).as_deref())?,
            words.id(people.name(about.user_id.as_deref()).as_deref())?,
        ]);
        unique(self.ids, "esp_sessions", inserted)?;
        for (phase, progress) in &session.phases {
            let (state, ended_at) = standing(session, *phase, progress);
            let (started_at, ended_at) = (progress.started_at.millis(), ended_at.map(Timestamp::millis));
            self.phase.execute(params![number, phase.id(), started_at, ended_at, state.id()])?;
        }
        for (seq, item) in (1_i64..).zip(&session.items) {
            self.item.execute(params![
                number,
                seq,
                item.phase.id(),
                item.category.id(),
                words.id(Some(&item.id))?,
                words.id(item.name.as_deref())?,
                item.tracking.id(),
                id_of(item.state),
                words.id(item.error_code.as_deref())?,
                item.updated_at.millis(),
                item.began_at.map(Timestamp::millis),
                item.settled_at.map(Timestamp::millis),
                item.errors,
            ])?;
        }
        Ok(())
    }
}

/// The phase whose list was not known in time.
fn stuck_phase(session: &EspSession) -> Option<Phase> {
    let since = session.stuck_since?;
    let began = |(phase, progress): &(&Phase, &PhaseProgress)| {
        **phase != Phase::DevicePreparation && progress.started_at + STUCK_IDENTIFYING == since
    };
    let told = session.phases.iter().find(began).map(|(phase, _)| *phase);
    Some(told.unwrap_or_else(|| session.current_phase().0))
}

/// How a phase stands and since when it is over, as the device's page has it: a phase that went wrong and was
/// left behind all the same is over, but nobody told when.
fn standing(session: &EspSession, phase: Phase, progress: &PhaseProgress) -> (PhaseState, Option<Timestamp>) {
    let (current, _) = session.current_phase();
    if session.state == SessionState::Failed && session.failed_phase.unwrap_or(current) == phase {
        let told = progress.ended_at.filter(|_| progress.state == PhaseState::Failed);
        (PhaseState::Failed, told.or(session.ended_at))
    } else if progress.state == PhaseState::Completed {
        (PhaseState::Completed, progress.ended_at)
    } else if session.state.is_success() || phase < current {
        (PhaseState::Completed, None)
    } else {
        (PhaseState::Started, None)
    }
}
