//! The questions about enrollments: filters read and checked, then asked of the tenant's report file.

use crate::query::Query;
use crate::{Api, Call, problem};
use http::StatusCode;
use serde::Serialize;
use std::collections::BTreeSet;
use std::num::NonZeroU64;
use vestibule_archive::Answer;
use vestibule_domain::esp::SessionState;
use vestibule_domain::{AttemptId, Cause, Day, Outcome, Platform, Section};
use vestibule_platform::problem::json;
use vestibule_platform::{HttpResponse, Problem};
use vestibule_report::reader::{AttemptFilter, Cursor, EspSessionFilter};
use vestibule_report::{Basis, Error as ReportError, Reader, pseudonym};

/// Days that the report shows unless asked otherwise.
const DEFAULT_DAYS: i32 = 14;
/// Rows of a page unless asked otherwise.
const DEFAULT_LIMIT: u32 = 50;
const MOST: u32 = 1_000;

/// Days from `from` to `to`, exclusive.
#[derive(Clone, Copy)]
struct Range {
    from: Option<Day>,
    to: Option<Day>,
}

impl Range {
    fn read(query: &Query) -> Result<Self, Problem> {
        // Whole years of four digits, so that what is counted from a day is a date as well.
        let read = |text: &str| Day::parse(text).ok().filter(|day| text.len() == 10 && day.get() >= 0);
        let day = |name| query.parse(name, "must be a date like 2026-01-31", read);
        Ok(Self { from: day("from")?, to: day("to")? })
    }

    /// The range asked for; open ends reach today, and as far back as usual.
    fn or_recent(self, call: &Call) -> (Day, Day) {
        let today = call.now.day(call.tenant.settings.time_zone);
        let to = self.to.unwrap_or_else(|| today.plus(1));
        (self.from.unwrap_or_else(|| to.plus(-DEFAULT_DAYS)), to)
    }
}

/// An answer with what is to be said of all of it.
#[derive(Serialize)]
struct Marked<T> {
    #[serde(flatten)]
    answer: T,
    #[serde(flatten)]
    marks: Marks,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Marks {
    #[serde(skip_serializing_if = "Option::is_none")]
    stands_on: Option<StandsOn>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unreadable_enrollments: Option<NonZeroU64>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct StandsOn {
    settings: Basis,
    being_rebuilt: bool,
}

impl<T> Marked<T> {
    fn split(answer: Answer<T>) -> (T, Marks) {
        let stands_on = answer.stands_on.map(|settings| StandsOn { settings, being_rebuilt: true });
        (answer.value, Marks { stands_on, unreadable_enrollments: NonZeroU64::new(answer.unreadable) })
    }
}

fn limit(query: &Query) -> Result<u32, Problem> {
    let read = |text: &str| number(text).filter(|limit| (1..=MOST).contains(limit));
    Ok(query.parse("limit", "must be between 1 and 1000", read)?.unwrap_or(DEFAULT_LIMIT))
}

fn cursor(query: &Query) -> Result<Option<Cursor>, Problem> {
    let is_ours = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    let read = |text: &str| Cursor::parse(text).ok().filter(|_| is_ours(text));
    query.parse("cursor", "is not one that a page ended with", read)
}

/// A number in digits alone.
fn number(text: &str) -> Option<u32> {
    text.parse().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()))
}

fn platform(query: &Query, name: &'static str) -> Result<Option<Platform>, Problem> {
    query.parse(name, "must be one of windows, macos, ios, android", Platform::read)
}

/// Whether a profile of which a report tells is among those that the credential may see.
fn is_visible(visible: Option<&BTreeSet<String>>, id: Option<&String>) -> bool {
    visible.is_none_or(|visible| id.is_some_and(|id| visible.contains(id)))
}

fn section(query: &Query) -> Result<Option<Section>, Problem> {
    let problem = "must be one of setupChecklist, platformScreens, termsOfUse, complianceActivation";
    query.parse("section", problem, Section::read)
}

impl Api {
    pub(crate) async fn status(&self, call: &Call) -> Result<HttpResponse, Problem> {
        Query::read(call.request.uri().query(), &[])?;
        let visible = self.visible_profiles(call).await?;
        self.answer_from(call, move |reader| {
            let mut status = reader.status()?;
            status.esp_profiles.retain(|profile| is_visible(visible.as_ref(), Some(&profile.profile_id)));
            Ok(status)
        })
        .await
    }

    pub(crate) async fn active(&self, call: &Call) -> Result<HttpResponse, Problem> {
        let query = Query::read(call.request.uri().query(), &["cursor", "limit"])?;
        let (cursor, limit) = (cursor(&query)?, limit(&query)?);
        self.answer_from(call, move |reader| reader.active(cursor, limit)).await
    }

    pub(crate) async fn failures(&self, call: &Call) -> Result<HttpResponse, Problem> {
        let query = Query::read(call.request.uri().query(), &["from", "to", "platform", "limit"])?;
        let (from, to) = Range::read(&query)?.or_recent(call);
        let (platform, limit) = (platform(&query, "platform")?, limit(&query)?);
        self.answer_from(call, move |reader| reader.failures(from, to, platform, limit)).await
    }

    pub(crate) async fn incomplete(&self, call: &Call) -> Result<HttpResponse, Problem> {
        let query = Query::read(call.request.uri().query(), &["from", "to", "os", "section"])?;
        let (from, to) = Range::read(&query)?.or_recent(call);
        let (os, section) = (platform(&query, "os")?, section(&query)?);
        self.answer_from(call, move |reader| reader.incomplete(from, to, os, section)).await
    }

    pub(crate) async fn attempts(&self, call: &Call) -> Result<HttpResponse, Problem> {
        let known = [
            "from",
            "to",
            "os",
            "section",
            "action",
            "screen",
            "cause",
            "outcome",
            "catalogueRow",
            "user",
            "enrollmentKey",
            "cursor",
            "limit",
        ];
        let query = Query::read(call.request.uri().query(), &known)?;
        let Range { from, to } = Range::read(&query)?;
        let settings = &call.tenant.settings;
        let user = query.text("user").map(|user| match settings.pseudonymise {
            true => pseudonym(call.tenant.pseudonym_key.expose().as_bytes(), user),
            false => user.to_owned(),
        });
        let os = platform(&query, "os")?;
        let row = |text: &str| number(text).and_then(|row| u8::try_from(row).ok()).filter(|row| *row <= 19);
        // What the report's number of that name counts: abandoned and failed.
        let incomplete = query.text("outcome") == Some("incomplete");
        let filter = AttemptFilter {
            from,
            to,
            os,
            // Without a platform these are the attempts that the report counts.
            reported: os.is_none(),
            section: section(&query)?,
            action: query.text("action").map(str::to_owned),
            screen: query.text("screen").map(str::to_owned),
            cause: query.parse("cause", "is not a cause", Cause::read)?,
            outcome: match incomplete {
                true => None,
                false => query.parse("outcome", "is not an outcome", Outcome::read)?,
            },
            incomplete,
            catalogue_row: query.parse("catalogueRow", "must be between 0 (none) and 19", row)?,
            user,
            enrollment_key: query.text("enrollmentKey").map(str::to_owned),
        };
        let (cursor, limit) = (cursor(&query)?, limit(&query)?);
        self.answer_from(call, move |reader| reader.attempts(&filter, cursor, limit)).await
    }

    pub(crate) async fn esp(&self, call: &Call) -> Result<HttpResponse, Problem> {
        let query = Query::read(call.request.uri().query(), &["from", "to", "limit"])?;
        let (from, to) = Range::read(&query)?.or_recent(call);
        let limit = limit(&query)?;
        let visible = self.visible_profiles(call).await?;
        self.answer_from(call, move |reader| {
            let mut overview = reader.esp_overview(from, to, limit)?;
            let is_visible = |id: &Option<String>| is_visible(visible.as_ref(), id.as_ref());
            overview.by_profile.retain(|one| is_visible(&one.profile_id));
            overview.by_phase.retain(|one| is_visible(&one.profile_id));
            if visible.is_some() {
                // These have the name alone.
                overview.stuck.iter_mut().for_each(|one| one.profile = None);
                overview.recovered.iter_mut().for_each(|one| one.profile = None);
            }
            Ok(overview)
        })
        .await
    }

    pub(crate) async fn esp_sessions(&self, call: &Call) -> Result<HttpResponse, Problem> {
        let known = ["from", "to", "state", "profileId", "stuck", "cursor", "limit"];
        let query = Query::read(call.request.uri().query(), &known)?;
        let Range { from, to } = Range::read(&query)?;
        let filter = EspSessionFilter {
            from,
            to,
            state: query.parse("state", "is not a session's state", SessionState::read)?,
            profile_id: query.text("profileId").map(str::to_owned),
            stuck: query.parse("stuck", "must be true or false", |text| text.parse().ok())?,
        };
        let (cursor, limit) = (cursor(&query)?, limit(&query)?);
        let visible = self.visible_profiles(call).await?;
        self.answer_from(call, move |reader| {
            let mut page = reader.esp_session_page(&filter, cursor, limit)?;
            for one in &mut page.sessions {
                if !is_visible(visible.as_ref(), one.profile_id.as_ref()) {
                    (one.profile, one.profile_id, one.rule_group) = (None, None, None);
                }
            }
            Ok(page)
        })
        .await
    }

    pub(crate) async fn attempt(&self, call: &Call, id: &str) -> Result<HttpResponse, Problem> {
        Query::read(call.request.uri().query(), &[])?;
        let id = AttemptId::parse(id).ok_or_else(Problem::not_found)?;
        let found = self.ask(call, move |reader| reader.attempt(id)).await?;
        let (attempt, marks) = Marked::<Option<_>>::split(found);
        match attempt {
            Some(attempt) => Ok(json(StatusCode::OK, &Marked { answer: attempt, marks })),
            None => Err(Problem::not_found()),
        }
    }

    pub(crate) async fn answer_from<T, F>(&self, call: &Call, question: F) -> Result<HttpResponse, Problem>
    where
        T: Serialize + Send + 'static,
        F: FnOnce(&Reader<'_>) -> Result<T, ReportError> + Send + 'static,
    {
        let (answer, marks) = Marked::<T>::split(self.ask(call, question).await?);
        Ok(json(StatusCode::OK, &Marked { answer, marks }))
    }

    /// Asks the tenant's file, and for a new file where the answer stands on one that must be built anew.
    async fn ask<T, F>(&self, call: &Call, question: F) -> Result<Answer<T>, Problem>
    where
        T: Send + 'static,
        F: FnOnce(&Reader<'_>) -> Result<T, ReportError> + Send + 'static,
    {
        let answer = self.archive.answer(&call.tenant, call.now, question).await.map_err(|error| problem(&error))?;
        if answer.ask_for_file {
            // The answer stands without it; why there was no request was logged, and a later question asks again.
            let _asked = self.request_export(call, false).await;
        }
        Ok(answer)
    }
}
