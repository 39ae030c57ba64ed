//! Writes the rows of a session of the Enrollment Status Page.

use crate::error::Result;
use crate::file::pseudonym::People;
use crate::lists::dictionary::{Coded as _, id_of, rule_id};
use crate::lists::ids::Ids;
use crate::lists::words::Words;
use crate::rows::{InsertInto, row};
use crate::write::app_sums::{CountedApp, CountedSession};
use crate::write::insert_failure::counted_code;
use crate::write::load::Load;
use rusqlite::Connection;
use std::rc::Rc;
use vestibule_domain::esp::session::STUCK_IDENTIFYING;
use vestibule_domain::esp::{Category, EspItem, EspSession, Phase, PhaseProgress, PhaseState, SessionState};
use vestibule_domain::{Day, Timestamp};

/// Writes the rows of sessions.
pub(crate) struct InsertEsp<'c> {
    ids: Ids,
    session: InsertInto<'c>,
    phase: InsertInto<'c>,
    item: InsertInto<'c>,
}

/// The keys of a session's rows.
#[derive(Clone, Copy)]
pub(crate) struct SessionKeys {
    pub number: i64,
    pub enrollment_no: i64,
    /// The attempt that it belongs to, if the file has it.
    pub attempt_no: Option<i64>,
    /// The day it began.
    pub day: Day,
}

fn count(of: usize) -> i64 {
    i64::try_from(of).unwrap_or(i64::MAX)
}

impl<'c> InsertEsp<'c> {
    pub(crate) fn new(conn: &'c Connection, ids: Ids, load: &Rc<Load>) -> Self {
        Self {
            ids,
            session: InsertInto::loading(conn, "esp_sessions", load),
            phase: InsertInto::loading(conn, "esp_session_phases", load),
            item: InsertInto::loading(conn, "esp_items", load),
        }
    }

    /// Writes a session with its phases and items. Returns what counts of it.
    pub(crate) fn session(
        &mut self,
        words: &mut Words,
        people: &People,
        keys: SessionKeys,
        session: &EspSession,
    ) -> Result<CountedSession> {
        let SessionKeys { number, enrollment_no, attempt_no, day } = keys;
        let EspSession { profile, about, .. } = session;
        let group = profile.rule.group().map(|group| group.name.as_ref().unwrap_or(&group.id));
        let counted: Vec<&EspItem> = session.items.iter().filter(|item| item.tracking.is_counted()).collect();
        let done = counted.iter().filter(|item| item.is_done()).count();
        let profile_id = words.id(Some(&profile.id))?;
        let model = words.id(about.model.as_deref())?;
        let inserted = self.session.insert(row! {
            session_no: number,
            session_id: session.id.bytes(),
            enrollment_no: enrollment_no,
            attempt_no: attempt_no,
            sender_session_word: words.id(session.session_id.as_deref())?,
            started_at: session.started_at.millis(),
            started_day: day.get(),
            last_event_at: session.last_event_at.millis(),
            ended_at: session.ended_at.map(Timestamp::millis),
            deadline: session.deadline.millis(),
            state_id: session.state.id(),
            profile_id_word: profile_id,
            profile_name_word: words.id(Some(&profile.name))?,
            profile_version: profile.version,
            rule_id: rule_id(&profile.rule),
            rule_group_word: words.id(group.map(String::as_str))?,
            limit_minutes: session.limit_minutes,
            deployment_mode_id: id_of(session.deployment_mode),
            hybrid_join: session.hybrid_join,
            phase_id: id_of(session.phase),
            stage_id: session.stage().id(),
            progress: session.progress(),
            items: count(counted.len()),
            items_done: count(done),
            timed_out: session.timed_out,
            failed: session.failed,
            failed_phase_id: id_of(session.failed_phase),
            failed_item_word: words.id(session.failed_item.as_deref())?,
            end_not_reported: session.end_not_reported,
            retries: count(session.retries()),
            stuck_since: session.stuck_since.map(Timestamp::millis),
            stuck_phase_id: id_of(stuck_phase(session)),
            is_stuck: session.is_stuck,
            error_code_word: words.id(session.error_code.as_deref())?,
            error_message_word: words.id(people.message(session.error_message.as_deref()))?,
            model_word: model,
            os_version_word: words.id(about.os_version.as_deref())?,
            device_name_word: words.id(people.name(about.device_name.as_deref()).as_deref())?,
            user_principal_name_word: words.id(people.name(about.user_principal_name.as_deref()).as_deref())?,
            user_id_word: words.id(people.name(about.user_id.as_deref()).as_deref())?,
        });
        self.ids.unique("esp_sessions", inserted)?;
        for (phase, progress) in &session.phases {
            let (state, ended_at) = standing(session, *phase, progress);
            self.phase.insert(row! {
                session_no: number,
                phase_id: phase.id(),
                started_at: progress.started_at.millis(),
                ended_at: ended_at.map(Timestamp::millis),
                state_id: state.id(),
            })?;
        }
        let mut apps = Vec::new();
        for (seq, item) in (1_i64..).zip(&session.items) {
            let (item_word, name_word) = (words.id(Some(&item.id))?, words.id(item.name.as_deref())?);
            self.item.insert(row! {
                session_no: number,
                seq: seq,
                phase_id: item.phase.id(),
                category_id: item.category.id(),
                item_word: item_word,
                name_word: name_word,
                tracking_id: item.tracking.id(),
                state_id: id_of(item.state),
                error_code_word: words.id(item.error_code.as_deref())?,
                updated_at: item.updated_at.millis(),
                began_at: item.began_at.map(Timestamp::millis),
                settled_at: item.settled_at.map(Timestamp::millis),
                errors: item.errors,
            })?;
            if item.category == Category::Apps {
                let code = counted_code(item.error_code.as_deref(), None);
                apps.push(CountedApp {
                    app: name_word.or(item_word).unwrap_or(0),
                    state: id_of(item.state),
                    tried: item.began_at.is_some(),
                    failed: item.errors > 0,
                    code: words.id(code.as_deref())?.unwrap_or(0),
                });
            }
        }
        let is_open = session.state == SessionState::InProgress;
        Ok(CountedSession { day: day.get(), profile: profile_id, model: model.unwrap_or(0), is_open, apps })
    }
}

/// The phase whose list was not known in time.
fn stuck_phase(session: &EspSession) -> Option<Phase> {
    let since = session.stuck_since?;
    let began = |(phase, progress): &(&Phase, &PhaseProgress)| {
        let since_then = session.identifying_since(progress.started_at);
        **phase != Phase::DevicePreparation && since_then + STUCK_IDENTIFYING == since
    };
    // If several phases count from the same instant, only the last of them was still current when the session got
    // stuck.
    session.phases.iter().rev().find(began).map(|(phase, _)| *phase)
}

/// A phase's state and when it ended, as the device's page shows them. A phase that failed but that the session went on
/// from is completed, and nobody reported when.
fn standing(session: &EspSession, phase: Phase, progress: &PhaseProgress) -> (PhaseState, Option<Timestamp>) {
    let (current, _) = session.current_phase();
    if session.state == SessionState::Failed && session.failed_phase.unwrap_or(current) == phase {
        let reported = progress.ended_at.filter(|_| progress.state == PhaseState::Failed);
        (PhaseState::Failed, reported.or(session.ended_at))
    } else if progress.state == PhaseState::Completed {
        (PhaseState::Completed, progress.ended_at)
    } else if session.state.is_success() || phase < current {
        (PhaseState::Completed, None)
    } else {
        (PhaseState::Started, None)
    }
}
