//! Writes the rows of a folded enrollment.
//!
//! Every statement is prepared once and kept, because looking it up for every row costs as much as running it.

use crate::error::Result;
use crate::file::pseudonym::People;
use crate::lists::dictionary::{Coded as _, Label, id_of, tags};
use crate::lists::ids::Ids;
use crate::lists::times;
use crate::lists::words::Words;
use crate::rows::{InsertInto, row};
use crate::write::counting::Counting;
use crate::write::folded::{Change, Folded};
use crate::write::insert_esp::{InsertEsp, SessionKeys};
use crate::write::insert_failure::{FailureKeys, InsertFailure};
use crate::write::load::Load;
use crate::write::totals::{Counted, Device, Sender};
use rusqlite::Connection;
use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use vestibule_advice::Catalogue;
use vestibule_domain::attempt::{Attempt, DeviceFailure, Enrollment};
use vestibule_domain::catalogue::Place;
use vestibule_domain::esp::{EspSession, SessionState};
use vestibule_domain::event::{Body, Event, Reports, Step};
use vestibule_domain::identity::IdentifierKind;
use vestibule_domain::{Day, History, Kind, Platform, TenantSettings, Timestamp};

/// Writes rows.
pub(crate) struct Insert<'c> {
    ids: Ids,
    people: People,
    words: Words<'c>,
    enrollment: InsertInto<'c>,
    attempt: InsertInto<'c>,
    event: InsertInto<'c>,
    step: InsertInto<'c>,
    source: InsertInto<'c>,
    device_source: InsertInto<'c>,
    tag: InsertInto<'c>,
    failures: InsertFailure<'c>,
    sessions: InsertEsp<'c>,
    state: InsertInto<'c>,
}

/// Milliseconds in a minute.
const MINUTE: i64 = 60_000;

/// The keys of an attempt's rows.
#[derive(Clone, Copy)]
struct AttemptKeys {
    number: i64,
    enrollment_no: i64,
    /// Its session, if the file has it.
    session_no: Option<i64>,
    /// The day it began.
    day: Day,
}

impl<'c> Insert<'c> {
    pub(crate) fn new(
        conn: &'c Connection,
        ids: Ids,
        people: People,
        advice: Arc<Catalogue>,
        load: &Rc<Load>,
    ) -> Result<Self> {
        Ok(Self {
            ids,
            people,
            words: Words::loading(conn, ids, load)?,
            enrollment: InsertInto::loading(conn, "enrollments", load),
            attempt: InsertInto::loading(conn, "attempts", load),
            event: InsertInto::loading(conn, "attempt_events", load),
            step: InsertInto::loading(conn, "attempt_steps", load),
            source: InsertInto::loading(conn, "attempt_sources", load),
            device_source: InsertInto::loading(conn, "device_sources", load),
            tag: InsertInto::loading(conn, "enrollment_tags", load),
            failures: InsertFailure::new(conn, ids, advice, load),
            sessions: InsertEsp::new(conn, ids, load),
            state: InsertInto::loading(conn, "refresh_state", load),
        })
    }

    /// Writes all rows of an enrollment that started on `cutoff` or later, and counts them. `number` is its number.
    pub(crate) fn enrollment<C: Borrow<Change>>(
        &mut self,
        counting: &mut Counting,
        settings: &TenantSettings,
        cutoff: Day,
        number: i64,
        folded: &Folded<C>,
    ) -> Result<()> {
        let Folded { enrollment, state, .. } = folded;
        let Change { item, version, history, .. } = folded.change();
        let day_of = |at: Timestamp| at.day(settings.time_zone);
        let attempts: Vec<&Attempt> =
            enrollment.attempts.iter().filter(|attempt| day_of(attempt.started_at) >= cutoff).collect();
        let sessions: Vec<&EspSession> =
            enrollment.sessions.iter().filter(|session| day_of(session.started_at) >= cutoff).collect();
        let failures: Vec<&DeviceFailure> =
            enrollment.failures.iter().filter(|failure| day_of(failure.at) >= cutoff).collect();
        // Events that opened no attempt count too: a device that anything was reported about exists, but is not
        // enrolled.
        let reported = state.newest_day.is_some_and(|newest| newest >= cutoff.get());
        let present = enrollment.enrolled || enrollment.registered_at.is_some() || reported;
        // An item without rows needs this too: its events become rows later, or are old and must be pruned.
        if present || state.deadline.is_some() || state.oldest_day.is_some() {
            self.state.insert(row! {
                enrollment_no: number,
                item: item.as_str(),
                version: version.cast_signed(),
                deadline: state.deadline,
                expires_at: state.expires_at,
                oldest_day: state.oldest_day,
                newest_day: state.newest_day,
            })?;
        }
        if !present {
            return Ok(());
        }
        let tags = self.tags(number, settings, enrollment)?;
        let ids = self.ids;
        let attempt_no = |attempt: &Attempt| ids.timed(attempt.started_at, item, attempt.id.bytes());
        let session_no = |session: &EspSession| ids.timed(session.started_at, item, session.id.bytes());
        for attempt in &attempts {
            let session = sessions.iter().find(|session| attempt.session == Some(session.id));
            let keys = AttemptKeys {
                number: attempt_no(attempt),
                enrollment_no: number,
                session_no: session.map(|session| session_no(session)),
                day: day_of(attempt.started_at),
            };
            self.attempt(counting, keys, (history, &tags[..]), enrollment, attempt)?;
        }
        for session in &sessions {
            let attempt = attempts.iter().find(|attempt| session.attempt == Some(attempt.id));
            let (of, day) = (session_no(session), day_of(session.started_at));
            let attempt_no = attempt.map(|attempt| attempt_no(attempt));
            let keys = SessionKeys { number: of, enrollment_no: number, attempt_no, day };
            counting.session(self.sessions.session(&mut self.words, &self.people, keys, session)?)?;
            if session.attempt.is_none() && session.state == SessionState::Failed {
                let keys = FailureKeys { number: of, enrollment_no: number, day, platform: Some(Platform::Windows) };
                self.failures.of_session(counting, &mut self.words, &self.people, keys, session)?;
            }
        }
        for failure in failures {
            let of = ids.failure(failure.at, item, &failure.event);
            let (day, platform) = (day_of(failure.at), enrollment.about.platform);
            let keys = FailureKeys { number: of, enrollment_no: number, day, platform };
            self.failures.of_device(counting, &mut self.words, &self.people, keys, failure)?;
        }
        self.device_sources(number, history, enrollment.as_of, cutoff, &day_of)?;
        self.device(counting, number, item, history, enrollment, &attempts, &sessions)
    }

    /// Writes the tags of a device. Returns the value of each key that is kept, 0 where none was reported.
    fn tags(
        &mut self,
        enrollment_no: i64,
        settings: &TenantSettings,
        enrollment: &Enrollment,
    ) -> Result<Vec<(i64, i64)>> {
        let kept = settings.tag_keys.kept(&enrollment.tags);
        let mut values = Vec::new();
        for (slice, key) in tags(&settings.tag_keys) {
            let value = self.people.name(kept.get(key).map(String::as_str));
            let word = self.words.id(value.as_deref())?;
            if let Some(word) = word {
                self.tag.insert(row! { enrollment_no: enrollment_no, slice_id: slice, value_word: word })?;
            }
            values.push((slice, word.unwrap_or(0)));
        }
        Ok(values)
    }

    /// Writes which senders reported anything about the device from `cutoff` on, and what each last reported about its
    /// management.
    fn device_sources(
        &mut self,
        enrollment_no: i64,
        history: &History,
        as_of: Timestamp,
        cutoff: Day,
        day_of: &impl Fn(Timestamp) -> Day,
    ) -> Result<()> {
        #[derive(Default)]
        struct Reported {
            newest: Option<Timestamp>,
            removals: bool,
            enrolled_at: Option<Timestamp>,
            left_at: Option<Timestamp>,
        }
        let mut sources: BTreeMap<&str, Reported> = BTreeMap::new();
        let within = history.ordered(as_of).into_iter().filter(|event| day_of(event.placed()) >= cutoff);
        // Who knows its department alone reported nothing of its management.
        for event in within.filter(|event| !event.is_tagged()) {
            let reported = sources.entry(&event.key.source).or_default();
            let at = Some(event.placed());
            // Events come in order of time, so the last report counts.
            (reported.newest, reported.removals) = (at, event.reports.removals);
            match event.step().map(|step| step.kind) {
                Some(Kind::Enrolled) => reported.enrolled_at = at,
                Some(Kind::Unenrolled) => reported.left_at = at,
                _ => {}
            }
        }
        for (source, reported) in sources {
            let Some(newest) = reported.newest else { continue };
            self.device_source.insert(row! {
                enrollment_no: enrollment_no,
                source_word: self.words.id(Some(source))?.unwrap_or(0),
                removals: reported.removals,
                last_day: day_of(newest).get(),
                enrolled_at: reported.enrolled_at.map(Timestamp::millis),
                left_at: reported.left_at.map(Timestamp::millis),
                left_day: reported.left_at.map(|at| day_of(at).get()),
            })?;
        }
        Ok(())
    }

    #[allow(clippy::too_many_arguments)]
    fn device(
        &mut self,
        counting: &mut Counting,
        number: i64,
        item: &str,
        history: &History,
        enrollment: &Enrollment,
        attempts: &[&Attempt],
        sessions: &[&EspSession],
    ) -> Result<()> {
        let about = &enrollment.about;
        let label = label(enrollment, about.platform, about.enrollment_type.as_deref());
        let first = attempts.iter().find(|attempt| attempt.number == 1);
        let first_judged = first.is_some_and(|attempt| attempt.is_judged());
        let first = first.map(|attempt| attempt.outcome);
        let last = attempts.last();
        let open_session = sessions.iter().rev().find(|session| session.is_open());
        let timed = |at, id: &vestibule_domain::AttemptId| self.ids.timed(at, item, id.bytes());
        let active_since = (last.filter(|attempt| !attempt.is_closed()).map(|attempt| attempt.started_at))
            .or_else(|| open_session.map(|session| session.started_at));
        let (first, last_outcome) = (id_of(first), id_of(last.map(|attempt| attempt.outcome)));
        let counted = Device {
            platform: id_of(about.platform),
            label,
            state: enrollment.state.id(),
            first_outcome: first,
            first_judged,
        };
        counting.device(counted)?;
        let words = &mut self.words;
        // Of several identifiers of one kind, the first: it stays the same whichever was reported last.
        let identifier = |kind| {
            let found = history.identifiers().iter().find(|identifier| identifier.kind == kind);
            found.map(|identifier| identifier.value.as_str())
        };
        self.enrollment.insert(row! {
            enrollment_no: number,
            enrollment_key: enrollment.key.as_str(),
            serial_number: identifier(IdentifierKind::SerialNumber),
            udid: identifier(IdentifierKind::Udid),
            mdm_device_id: identifier(IdentifierKind::MdmDeviceId),
            enrollment_id: identifier(IdentifierKind::EnrollmentId),
            registered_at: enrollment.registered_at.map(|at| at.millis()),
            enrolled: enrollment.enrolled,
            compliant: enrollment.compliant,
            complete: enrollment.complete,
            pending: enrollment.pending,
            state_id: enrollment.state.id(),
            platform_id: id_of(about.platform),
            platform_label_id: label,
            device_name_word: words.id(self.people.name(about.device_name.as_deref()).as_deref())?,
            manufacturer_word: words.id(about.manufacturer.as_deref())?,
            model_word: words.id(about.model.as_deref())?,
            os_version_word: words.id(about.os_version.as_deref())?,
            user_principal_name_word: words.id(self.people.name(about.user_principal_name.as_deref()).as_deref())?,
            user_id_word: words.id(self.people.name(about.user_id.as_deref()).as_deref())?,
            first_outcome_id: first,
            first_judged: first_judged,
            last_outcome_id: last_outcome,
            last_attempt_no: last.map(|attempt| timed(attempt.started_at, &attempt.id)),
            open_session_no: open_session.map(|session| timed(session.started_at, &session.id)),
            active_since: active_since.map(|at| at.millis()),
        })?;
        Ok(())
    }

    fn attempt(
        &mut self,
        counting: &mut Counting,
        keys: AttemptKeys,
        (history, tags): (&History, &[(i64, i64)]),
        enrollment: &Enrollment,
        attempt: &Attempt,
    ) -> Result<()> {
        let AttemptKeys { number, enrollment_no, session_no, day } = keys;
        let about = &attempt.about;
        let label = match attempt.technician {
            true => Label::WindowsTechnician.id(),
            false => label(enrollment, about.platform, about.enrollment_type.as_deref()),
        };
        let limit = attempt.limit.map(|limit| limit.get() / MINUTE);
        let place = attempt.place.as_ref();
        let section = id_of(place.and_then(|place| place.section));
        let action = self.words.action(place.map(|place| &place.action))?;
        let screen = self.words.screen(place.and_then(|place| place.screen.as_ref()))?;
        let words = &mut self.words;
        let model = words.id(about.model.as_deref())?;
        let os_version = words.id(about.os_version.as_deref())?;
        let enrollment_type = words.id(about.enrollment_type.as_deref())?;
        let inserted = self.attempt.insert(row! {
            attempt_no: number,
            attempt_id: attempt.id.bytes(),
            enrollment_no: enrollment_no,
            number: attempt.number,
            started_at: attempt.started_at.millis(),
            started_day: day.get(),
            last_activity_at: attempt.last_activity.millis(),
            ended_at: attempt.ended_at.map(|at| at.millis()),
            deadline: attempt.deadline.map(|at| at.millis()),
            outcome_id: attempt.outcome.id(),
            cause_id: id_of(attempt.cause),
            limit_minutes: limit,
            wait_id: id_of(attempt.wait),
            section_id: section,
            action_id: action,
            screen_id: screen,
            catalogue_row: attempt.row,
            has_starts: attempt.has_starts(),
            has_steps: attempt.has_steps(),
            start_reported: attempt.start_reported,
            judged: attempt.is_judged(),
            technician: attempt.technician,
            release_not_reported: attempt.release_not_reported,
            session_no: session_no,
            platform_id: id_of(about.platform),
            platform_label_id: label,
            clock_skew: attempt.clock_skew,
            event_count: i64::try_from(attempt.events.len()).unwrap_or(i64::MAX),
            os_version_word: os_version,
            enrollment_type_word: enrollment_type,
            device_name_word: words.id(self.people.name(about.device_name.as_deref()).as_deref())?,
            manufacturer_word: words.id(about.manufacturer.as_deref())?,
            model_word: model,
            user_principal_name_word: words.id(self.people.name(about.user_principal_name.as_deref()).as_deref())?,
            user_id_word: words.id(self.people.name(about.user_id.as_deref()).as_deref())?,
        });
        self.ids.unique("attempts", inserted)?;
        let events: Vec<Option<&Event>> = attempt.events.iter().map(|key| history.event(key)).collect();
        for (seq, event) in (1_i64..).zip(&events) {
            if let Some(event) = event {
                self.event(number, seq, event)?;
            }
        }
        let mut visits = Vec::with_capacity(attempt.visits.len());
        for (seq, visit) in (1_i64..).zip(&attempt.visits) {
            let action = self.words.action(Some(&visit.action))?;
            visits.push((action, visit.left_at.map(|left| times::whole_seconds(left - visit.entered_at))));
            let left_at = visit.left_at.map(|at| at.millis());
            let entered_at = visit.entered_at.millis();
            let step =
                row! { attempt_no: number, seq: seq, action_id: action, entered_at: entered_at, left_at: left_at };
            self.step.insert(step)?;
        }
        let sources = self.senders(number, &events, history, enrollment, attempt)?;
        let failure_keys = FailureKeys { number, enrollment_no, day, platform: about.platform };
        self.failures.of_attempt(counting, &mut self.words, &self.people, failure_keys, attempt)?;
        let counted = Counted {
            day: day.get(),
            platform: id_of(about.platform),
            label,
            outcome: attempt.outcome.id(),
            cause: id_of(attempt.cause),
            section,
            action,
            row: attempt.row.map(i64::from),
            limit,
            has_starts: attempt.has_starts(),
            has_steps: attempt.has_steps(),
            judged: attempt.is_judged(),
            start_reported: attempt.start_reported,
            lasted: attempt.ended_at.map_or(0, |end| (end - attempt.started_at).get()),
            visits,
            sources,
            model: model.unwrap_or(0),
            os_version: os_version.unwrap_or(0),
            enrollment_type: enrollment_type.unwrap_or(0),
            tags: tags.to_vec(),
        };
        counting.attempt(counted)?;
        Ok(())
    }

    /// Writes which senders took part in an attempt and what each reports.
    fn senders(
        &mut self,
        attempt_no: i64,
        events: &[Option<&Event>],
        history: &History,
        enrollment: &Enrollment,
        attempt: &Attempt,
    ) -> Result<Vec<Sender>> {
        // An attempt does not list events of the Enrollment Status Page, so those reported during it count as its own.
        let until = attempt.ended_at.unwrap_or(enrollment.as_of);
        let of_page = history.events().filter(|event| {
            matches!(event.body, Body::Esp(_)) && (attempt.started_at..=until).contains(&event.placed())
        });
        let mut senders: BTreeMap<&str, Reports> = BTreeMap::new();
        for event in events.iter().copied().flatten().chain(of_page) {
            let reports = senders.entry(&event.key.source).or_insert(Reports::NOTHING);
            *reports = reports.and(event.reports);
        }
        let mut written = Vec::with_capacity(senders.len());
        for (source, reports) in senders {
            let sender = Sender::new(self.words.id(Some(source))?.unwrap_or(0), reports);
            let [starts, steps, stops, failures, ends, compliance, device_time] = sender.reports;
            self.source.insert(row! {
                attempt_no: attempt_no,
                source_word: sender.source,
                starts: starts,
                steps: steps,
                stops: stops,
                failures: failures,
                ends: ends,
                compliance: compliance,
                device_time: device_time,
            })?;
            written.push(sender);
        }
        Ok(written)
    }

    fn event(&mut self, attempt_no: i64, seq: i64, event: &Event) -> Result<()> {
        let Some(step) = event.step() else { return Ok(()) };
        let Step { kind, place, user_action, failure, reported, said: _, tags: _ } = step;
        let place: Option<&Place> = place.as_ref();
        let failure = failure.as_ref();
        // Most senders spell as we do.
        let reported = (!reported.is_empty()).then(|| {
            let spellings = reported.iter().map(|(member, text)| format!("{}={text}", member.name()));
            spellings.collect::<Vec<_>>().join("; ")
        });
        let uuid = uuid_bytes(&event.key.id);
        let words = &mut self.words;
        self.event.insert(row! {
            attempt_no: attempt_no,
            seq: seq,
            kind_id: kind.id(),
            time: event.time.millis(),
            received_after: (event.received_at - event.time).get(),
            source_word: words.id(Some(&event.key.source))?,
            event_uuid: uuid,
            event_id: if uuid.is_none() { Some(event.key.id.as_str()) } else { None },
            section_id: id_of(place.and_then(|place| place.section)),
            action_id: words.action(place.map(|place| &place.action))?,
            screen_id: words.screen(place.and_then(|place| place.screen.as_ref()))?,
            user_action_id: id_of(*user_action),
            clock_skew_id: id_of(event.clock_skew),
            code_word: words.id(failure.and_then(|failure| failure.code.as_deref()))?,
            reason_word: words.id(failure.and_then(|failure| failure.reason.as_deref()))?,
            reported_word: words.id(reported.as_deref())?,
        })?;
        Ok(())
    }
}

fn label(enrollment: &Enrollment, platform: Option<vestibule_domain::Platform>, enrollment_type: Option<&str>) -> i64 {
    let registered = enrollment.registered_at.is_some();
    id_of(Label::of_device(platform, registered, enrollment.autopilot, enrollment_type))
}

/// The sixteen bytes of a UUID, if it is in the usual spelling, which can be restored from them.
fn uuid_bytes(id: &str) -> Option<[u8; 16]> {
    let hyphens = [8, 13, 18, 23];
    let id: &[u8; 36] = id.as_bytes().try_into().ok()?;
    if hyphens.iter().any(|at| id[*at] != b'-') {
        return None;
    }
    let digit = |byte: &u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let mut digits = id.iter().enumerate().filter(|(at, _)| !hyphens.contains(at)).map(|(_, byte)| digit(byte));
    let mut bytes = [0; 16];
    for byte in &mut bytes {
        *byte = digits.next()?? << 4 | digits.next()??;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_usual_spelling_of_a_uuid_is_its_bytes() {
        let bytes = [0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef, 0xfe, 0xdc, 0xba, 0x98, 0x76, 0x54, 0x32, 0x10];
        assert_eq!(uuid_bytes("01234567-89ab-cdef-fedc-ba9876543210"), Some(bytes));
        for other in [
            "",
            "01234567-89AB-cdef-fedc-ba9876543210",
            "0123456789abcdeffedcba9876543210",
            "01234567-89ab-cdef-fedc-ba98765432100",
            "01234567-89ab-cdef-fedc-ba987654321",
            "0123456-789ab-cdef-fedc-ba9876543210",
            "01234567-89ab-cdef-fedc-ba987654321g",
            "-1234567-89ab-cdef-fedc-ba9876543210",
            "01234567-89ab-cdef-fedc-ba98765432é",
        ] {
            assert_eq!(uuid_bytes(other), None, "{other}");
        }
    }
}
