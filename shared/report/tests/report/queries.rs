//! The queries against plain arithmetic on folded attempts.

#![allow(clippy::cast_precision_loss)]

use crate::common;

use common::{at, build, changes, context, tenant, world};
use std::collections::{BTreeMap, BTreeSet};
use vestibule_advice::Catalogue;
use vestibule_domain::attempt::DeviceState;
use vestibule_domain::catalogue::{KnownAction, ROWS};
use vestibule_domain::esp::SessionState;
use vestibule_domain::failure::{Failure, FailureCategory};
use vestibule_domain::identity::EnrollmentKey;
use vestibule_domain::{
    Action, Attempt, Cause, Day, Enrollment, History, Outcome, Platform, Section, TenantSettings, Timestamp, fold,
};
use vestibule_report::reader::{Advice, AttemptFilter};
use vestibule_report::{Error, Working};

struct World {
    working: Working,
    enrollments: Vec<Enrollment>,
    /// When the newest event of each enrollment that says more than tags is placed.
    newest: BTreeMap<EnrollmentKey, Option<Timestamp>>,
    settings: TenantSettings,
    as_of: Timestamp,
    _folder: tempfile::TempDir,
}

fn make(seed: u64) -> World {
    let settings = TenantSettings { time_zone: chrono_tz::America::New_York, ..TenantSettings::default() };
    let (tenant, as_of) = (tenant(), at("2026-03-20T02:00:00Z"));
    let all = changes(&world(seed, 1_000, at("2026-02-10T00:00:00Z"), as_of), as_of);
    let folder = tempfile::tempdir().unwrap();
    let working = build(&folder.path().join("w"), &context(&tenant, &settings), &all, as_of);
    let enrollments = all.iter().map(|change| fold(&tenant, &change.history, &settings, as_of)).collect();
    // Tags alone are no report.
    let reported = |history: &History| {
        let reports = history.events().filter(|event| !event.is_tagged()).map(|event| event.placed());
        reports.filter(|at| *at <= as_of).max()
    };
    let newest = all.iter().map(|change| (change.history.key(), reported(&change.history))).collect();
    World { working, enrollments, newest, settings, as_of, _folder: folder }
}

impl World {
    fn day(&self, at: Timestamp) -> Day {
        at.day(self.settings.time_zone)
    }

    /// The attempts in the window that started on or after `from` and before `to`.
    fn attempts(&self, from: Day, to: Day) -> impl Iterator<Item = &Attempt> {
        let first = self.working.cutoff(self.as_of).max(from);
        let all = self.enrollments.iter().flat_map(|enrollment| &enrollment.attempts);
        all.filter(move |attempt| (first..to).contains(&self.day(attempt.started_at)))
    }
}

fn section(attempt: &Attempt) -> Option<Section> {
    attempt.place.as_ref().and_then(|place| place.section)
}

fn action(attempt: &Attempt) -> Option<&Action> {
    attempt.place.as_ref().map(|place| &place.action)
}

#[test]
fn the_report_equals_the_sum_of_the_attempts() {
    let world = make(11);
    let reader = world.working.reader().unwrap();
    let today = world.day(world.as_of);
    for (from, to) in
        [(today.plus(-13), today.plus(1)), (today.plus(-60), today.plus(3)), (today.plus(-5), today.plus(-4))]
    {
        for os in [None].into_iter().chain(Platform::ALL.iter().copied().map(Some)) {
            for only in [
                None,
                Some(Section::SetupChecklist),
                Some(Section::PlatformScreens),
                Some(Section::ComplianceActivation),
            ] {
                let report = reader.incomplete(from, to, os, only).unwrap();
                let counted: Vec<&Attempt> = world
                    .attempts(from, to)
                    .filter(|attempt| match os {
                        Some(os) => attempt.platform() == Some(os),
                        None => matches!(attempt.platform(), Some(Platform::Ios | Platform::Android)),
                    })
                    .collect();
                let count =
                    |test: &dyn Fn(&Attempt) -> bool| counted.iter().filter(|attempt| test(attempt)).count() as u64;
                let here = |attempt: &Attempt| only.is_none() || section(attempt) == only;
                let abandoned = |attempt: &Attempt| attempt.outcome == Outcome::Abandoned && here(attempt);
                assert_eq!(report.initiated, counted.len() as u64);
                assert_eq!(report.abandoned, Some(count(&abandoned)));
                assert_eq!(report.failed, Some(count(&|attempt| attempt.outcome == Outcome::Failed && here(attempt))));
                assert_eq!(
                    report.incomplete,
                    report.abandoned.zip(report.failed).map(|(abandoned, failed)| abandoned + failed)
                );
                assert_eq!(report.completed, count(&|attempt| attempt.outcome == Outcome::Completed));
                assert_eq!(report.open, count(&|attempt| attempt.outcome == Outcome::InProgress));
                assert_eq!(report.measured, count(&|attempt| attempt.has_starts()));
                assert_eq!(report.only_end_reported, report.initiated - report.measured);
                assert_eq!(report.with_steps, count(&|attempt| attempt.has_steps()));
                assert_eq!(report.judged, count(&|attempt| attempt.is_judged()));
                let measured = count(&|attempt| abandoned(attempt) && attempt.has_starts());
                assert_eq!(report.abandoned_measured, measured);
                let rate = (report.measured > 0).then(|| measured as f64 / report.measured as f64);
                assert_eq!(report.incomplete_rate, rate);

                let days = u64::try_from(to.get() - from.get()).unwrap();
                assert_eq!(report.daily.len() as u64 % days, 0);
                assert!(report.daily.len() as u64 >= days * if only.is_some() { 1 } else { 4 });
                // Attempts without a section, or with one outside the catalogue, only make a series if there are any.
                for extra in [None, Some("enrollmentStatusPage")] {
                    let here = || report.daily.iter().filter(|cell| cell.section.as_deref() == extra);
                    assert_eq!(here().count() > 0, here().any(|cell| cell.abandoned > 0), "{os:?} {only:?} {extra:?}");
                }
                for cell in &report.daily {
                    let day = Day::parse(&cell.date).unwrap();
                    let expected = count(&|attempt| {
                        abandoned(attempt)
                            && world.day(attempt.started_at) == day
                            && section(attempt).map(Section::name) == cell.section.as_deref()
                    });
                    assert_eq!(cell.abandoned, expected, "{cell:?}");
                }
                assert_eq!(report.daily.iter().map(|cell| cell.abandoned).sum::<u64>(), report.abandoned.unwrap());

                let has_rows = os.is_none_or(|os| matches!(os, Platform::Ios | Platform::Android));
                assert_eq!(report.actions.len(), if has_rows { ROWS.len() } else { 0 });
                for (row, shown) in ROWS.iter().zip(&report.actions) {
                    assert_eq!((row.number, row.end_name()), (shown.catalogue_row, shown.how.as_str()));
                    let at_row = |attempt: &&&Attempt| abandoned(attempt) && attempt.row == Some(row.number);
                    assert_eq!(shown.abandoned, Some(counted.iter().filter(at_row).count() as u64));
                    let limits = counted.iter().filter(at_row).filter_map(|attempt| attempt.limit);
                    let limits = limits.map(|limit| u32::try_from(limit.get() / 60_000).unwrap());
                    assert_eq!(shown.shortest_limit_minutes, limits.clone().min());
                    assert_eq!(shown.longest_limit_minutes, limits.max());
                }
                for shown in &report.other_causes {
                    let expected = count(&|attempt| {
                        abandoned(attempt)
                            && attempt.row.is_none()
                            && attempt.cause.map(Cause::name) == Some(&shown.cause)
                            && section(attempt).map(Section::name) == shown.section.as_deref()
                            && action(attempt).map(Action::name) == shown.action.as_deref()
                    });
                    assert_eq!(shown.abandoned, expected, "{shown:?}");
                }
                let parts = report.actions.iter().filter_map(|row| row.abandoned).sum::<u64>()
                    + report.other_causes.iter().map(|cause| cause.abandoned).sum::<u64>()
                    + report.place_not_reported
                    + report.other;
                assert_eq!(Some(parts), report.abandoned);
                assert_eq!(report.other_places.iter().map(|place| place.abandoned).sum::<u64>(), report.other);
                let elsewhere = [Cause::PortalClosed, Cause::Restarted, Cause::Unenrolled];
                let nowhere = count(&|attempt| {
                    abandoned(attempt)
                        && attempt.place.is_none()
                        && attempt.row.is_none()
                        && !attempt.cause.is_some_and(|cause| elsewhere.contains(&cause))
                });
                assert_eq!(report.place_not_reported, nowhere);

                let steps = KnownAction::ALL.iter().filter(|step| only.is_none_or(|only| step.section() == only));
                assert_eq!(report.funnel.len(), steps.clone().count());
                for (step, shown) in steps.zip(&report.funnel) {
                    let known = Action::Known(*step);
                    let visits = |attempt: &Attempt| {
                        attempt.visits.iter().filter(|visit| visit.action == known).cloned().collect::<Vec<_>>()
                    };
                    assert_eq!(shown.action, step.name());
                    // If no sender reports steps, a step's counts are null.
                    let entered = count(&|one| !visits(one).is_empty());
                    let said = |number: u64| (entered > 0 || report.with_steps > 0).then_some(number);
                    assert_eq!(shown.entered, said(entered));
                    let left = count(&|one| visits(one).iter().any(|visit| visit.left_at.is_some()));
                    assert_eq!(shown.left, said(left));
                    let gave_up = count(&|one| {
                        one.outcome == Outcome::Abandoned && action(one) == Some(&known) && !visits(one).is_empty()
                    });
                    assert_eq!(shown.abandoned, said(gave_up));
                    let mut times: Vec<i64> = counted
                        .iter()
                        .flat_map(|attempt| visits(attempt))
                        .filter_map(|visit| visit.left_at.map(|left| (left - visit.entered_at).get() / 1_000))
                        .collect();
                    times.sort_unstable();
                    let n = times.len();
                    let median = (n > 0).then(|| (times[(n - 1) / 2] + times[n / 2]) as f64 / 2.0);
                    assert_eq!(shown.median_seconds, median, "{shown:?}");
                }
            }
        }
    }
    // "all" is the sum over the platforms and the attempts without one.
    let asked = |os: &str| -> u64 {
        let given = [("os".to_owned(), os.to_owned())].into();
        reader.answer("incomplete-enrollments", &given).unwrap().unwrap()["initiated"].as_u64().unwrap()
    };
    let each: u64 = Platform::ALL.iter().map(|os| asked(os.name())).sum();
    let unknown = world.attempts(today.plus(-13), today.plus(1)).filter(|attempt| attempt.platform().is_none()).count();
    assert_eq!(asked("all"), each + unknown as u64);
    assert!(
        matches!(reader.incomplete(today, today, None, None), Err(Error::InvalidFilter { field, .. }) if field == "to")
    );
}

#[test]
fn the_views_agree_with_the_whole_window() {
    let world = make(12);
    let reader = world.working.reader().unwrap();
    let (from, to) = reader.window().unwrap();
    let report = reader.incomplete(from, to, None, None).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out");
    let mut working = make(12).working;
    working.publish(&path, None).unwrap();
    let conn = rusqlite::Connection::open(path).unwrap();
    let one = |sql: &str| conn.query_row(sql, [], |row| row.get::<_, u64>(0)).unwrap();
    assert_eq!(one("SELECT initiated FROM incomplete_rollup"), report.initiated);
    assert_eq!(one("SELECT abandoned FROM incomplete_rollup"), report.abandoned.unwrap());
    assert_eq!(
        one("SELECT sum(abandoned) + (SELECT sum(abandoned) FROM incomplete_without_row) FROM incomplete_by_action"),
        report.abandoned.unwrap()
    );
    assert_eq!(one("SELECT sum(abandoned) FROM incomplete_by_section_and_day"), report.abandoned.unwrap());
    assert_eq!(one("SELECT count(*) FROM incomplete_by_section_and_day WHERE section IS NOT NULL"), 31 * 4);
    assert_eq!(
        one("SELECT sum(entered) FROM funnel"),
        report.funnel.iter().filter_map(|step| step.entered).sum::<u64>()
    );
    let medians: Vec<Option<f64>> = conn
        .prepare("SELECT median_seconds FROM funnel ORDER BY step")
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert_eq!(medians, report.funnel.iter().map(|step| step.median_seconds).collect::<Vec<_>>());
}

#[test]
fn the_drill_down_pages_through_exactly_the_attempts() {
    let world = make(13);
    let reader = world.working.reader().unwrap();
    let (from, to) = reader.window().unwrap();
    let user = "PERSON.15@contoso.example";
    type Test<'t> = Box<dyn Fn(&Attempt) -> bool + 't>;
    let cases: Vec<(AttemptFilter, Test)> = vec![
        (AttemptFilter::default(), Box::new(|_| true)),
        (
            AttemptFilter { from: Some(to.plus(-9)), to: Some(to.plus(-2)), ..AttemptFilter::default() },
            Box::new(|one| (to.plus(-9)..to.plus(-2)).contains(&world.day(one.started_at))),
        ),
        (
            AttemptFilter { os: Some(Platform::Windows), ..AttemptFilter::default() },
            Box::new(|one| one.platform() == Some(Platform::Windows)),
        ),
        (
            AttemptFilter {
                reported: true,
                outcome: Some(Outcome::Abandoned),
                catalogue_row: Some(0),
                ..AttemptFilter::default()
            },
            Box::new(|one| {
                matches!(one.platform(), Some(Platform::Ios | Platform::Android))
                    && one.outcome == Outcome::Abandoned
                    && one.row.is_none()
            }),
        ),
        (AttemptFilter { catalogue_row: Some(15), ..AttemptFilter::default() }, Box::new(|one| one.row == Some(15))),
        (
            AttemptFilter {
                cause: Some(Cause::TimedOut),
                section: Some(Section::SetupChecklist),
                ..AttemptFilter::default()
            },
            Box::new(|one| one.cause == Some(Cause::TimedOut) && section(one) == Some(Section::SetupChecklist)),
        ),
        (
            AttemptFilter { action: Some("senderown".to_owned()), ..AttemptFilter::default() },
            Box::new(|one| action(one).is_some_and(|action| action.name() == "SenderOwn")),
        ),
        (
            AttemptFilter { user: Some(user.to_owned()), ..AttemptFilter::default() },
            Box::new(|one| {
                one.about.user_principal_name.as_deref().is_some_and(|name| name.eq_ignore_ascii_case(user))
            }),
        ),
    ];
    for (filter, test) in cases {
        let mut expected: BTreeSet<String> =
            world.attempts(from, to).filter(|attempt| test(attempt)).map(|attempt| attempt.id.to_string()).collect();
        assert!(!expected.is_empty(), "{filter:?}");
        let (mut cursor, mut last) = (None, String::from("9"));
        loop {
            let page = reader.attempts(&filter, cursor, 7).unwrap();
            for attempt in &page.attempts {
                assert!(expected.remove(&attempt.attempt_id), "{filter:?}: {attempt:?}");
                assert!(attempt.started_at[..19] <= last[..19.min(last.len())]);
                last.clone_from(&attempt.started_at);
            }
            assert_eq!(page.first_page_as_of, world.as_of.to_string());
            let Some(next) = page.next else { break };
            cursor = Some(vestibule_report::reader::Cursor::new(&next.to_string()));
            assert_eq!(cursor, Some(next));
        }
        assert!(expected.is_empty(), "{filter:?}: {expected:?}");
    }
    for text in ["abc", "1-2", "1-2-3-4", "1-2-x", "-1-2-3", "1-2-3 ", &"1-".repeat(40)] {
        let cursor = Some(vestibule_report::reader::Cursor::new(text));
        let refused = reader.attempts(&AttemptFilter::default(), cursor, 7);
        assert!(matches!(refused, Err(Error::InvalidFilter { field, .. }) if field == "cursor"), "{text}");
    }
}

#[test]
fn an_attempt_is_shown_in_words_with_its_events() {
    let world = make(14);
    let reader = world.working.reader().unwrap();
    let (from, to) = reader.window().unwrap();
    for attempt in world.attempts(from, to) {
        let shown = reader.attempt(attempt.id).unwrap().unwrap();
        assert_eq!(shown.attempt.outcome, attempt.outcome.name());
        assert_eq!(shown.attempt.cause.as_deref(), attempt.cause.map(Cause::name));
        assert_eq!(shown.attempt.section.as_deref(), section(attempt).map(Section::name));
        assert_eq!(shown.attempt.action.as_deref(), action(attempt).map(Action::name));
        assert_eq!(shown.attempt.platform.as_deref(), attempt.platform().map(Platform::name));
        assert_eq!(shown.attempt.catalogue_row, attempt.row);
        assert_eq!(shown.attempt.started_at, attempt.started_at.to_string());
        assert_eq!(shown.attempt.ended_at, attempt.ended_at.map(|at| at.to_string()));
        assert_eq!(shown.attempt.failure_code, attempt.failure.as_ref().and_then(|failure| failure.code.clone()));
        assert_eq!(shown.attempt.user_principal_name, attempt.about.user_principal_name);
        let ids: Vec<_> = shown.events.iter().map(|event| event.event_id.clone().unwrap()).collect();
        assert_eq!(ids, attempt.events.iter().map(|key| key.id.clone()).collect::<Vec<_>>());
        let sources: Vec<_> = shown.events.iter().map(|event| event.source.clone().unwrap()).collect();
        assert_eq!(sources, attempt.events.iter().map(|key| key.source.clone()).collect::<Vec<_>>());
    }
    assert!(reader.attempt(vestibule_domain::AttemptId::parse(&"0".repeat(32)).unwrap()).unwrap().is_none());
}

#[test]
fn the_status_page_equals_the_sum_of_the_devices() {
    let world = make(15);
    let reader = world.working.reader().unwrap();
    let (from, to) = reader.window().unwrap();
    let inside = |at: Timestamp| world.day(at) >= from;
    let status = reader.status().unwrap();
    let count = |test: &dyn Fn(&Enrollment) -> bool| world.enrollments.iter().filter(|one| test(one)).count() as u64;
    let last =
        |one: &Enrollment| one.attempts.last().filter(|attempt| inside(attempt.started_at)).map(|last| last.outcome);
    let session = |one: &Enrollment| one.sessions.iter().any(|session| session.is_open() && inside(session.started_at));
    let active = |one: &Enrollment| last(one) == Some(Outcome::InProgress) || session(one);
    // The file has enrolled and registered devices, and devices with any report in the window.
    let present =
        |one: &Enrollment| one.enrolled || one.registered_at.is_some() || world.newest[&one.key].is_some_and(inside);
    let states = [
        (DeviceState::InProgress, status.in_progress),
        (DeviceState::WaitingForCompliance, status.waiting_for_compliance),
        (DeviceState::Failed, status.failed.unwrap()),
        (DeviceState::Prepared, status.prepared),
        (DeviceState::Enrolled, status.enrolled),
        (DeviceState::GaveUp, status.gave_up.unwrap()),
        (DeviceState::Pending, status.pending),
        (DeviceState::NotEnrolled, status.not_enrolled),
    ];
    assert_eq!(states.len(), DeviceState::ALL.len());
    for (state, shown) in states {
        assert_eq!(shown, count(&|one| present(one) && one.state == state), "{state:?}");
    }
    assert_eq!(states.iter().map(|(_, shown)| shown).sum::<u64>(), status.devices);
    assert!(
        status.in_progress > 0 && status.failed > Some(0) && status.enrolled > 0 && status.waiting_for_compliance > 0
    );

    let first = |one: &Enrollment| {
        one.attempts
            .first()
            .filter(|attempt| attempt.number == 1 && inside(attempt.started_at) && attempt.is_judged())
            .map(|first| first.outcome)
    };
    let ended = count(&|one| first(one).is_some());
    let right = count(&|one| first(one) == Some(Outcome::Completed));
    assert_eq!((status.first_time_right.n, status.first_time_right.rate), (ended, Some(right as f64 / ended as f64)));

    let mut by_label: BTreeMap<&str, [u64; 8]> = BTreeMap::new();
    for enrollment in &world.enrollments {
        let autopilot = enrollment.registered_at.is_some() || enrollment.autopilot;
        for attempt in enrollment.attempts.iter().filter(|attempt| inside(attempt.started_at)) {
            let kind = attempt.about.enrollment_type.clone().unwrap_or_default();
            let label = match attempt.platform().unwrap() {
                _ if attempt.technician => "Windows (Pre-provisioning)",
                Platform::Windows if autopilot || kind == "windowsAutopilot" => "Windows (Autopilot)",
                Platform::Windows => "Windows (Manual)",
                Platform::MacOs if enrollment.registered_at.is_some() || kind == "appleBulkWithUser" => "macOS (ADE)",
                Platform::MacOs => "macOS (Manual)",
                Platform::Ios => "iOS/iPadOS",
                Platform::Android => "Android Enterprise",
            };
            let sums = by_label.entry(label).or_default();
            sums[0] += u64::from(world.day(attempt.started_at) > to.plus(-8));
            sums[1] += u64::from(attempt.outcome == Outcome::Completed);
            sums[2] += u64::from(attempt.outcome == Outcome::Failed);
            sums[3] += u64::from(attempt.outcome == Outcome::Abandoned);
            if let (Outcome::Completed, Some(lasted)) = (attempt.outcome, attempt.duration()) {
                sums[4] += u64::try_from(lasted.get()).unwrap();
                sums[5] += 1;
            }
            sums[6] += u64::from(attempt.is_judged());
            sums[7] += u64::from(attempt.is_judged() && attempt.outcome == Outcome::Completed);
        }
    }
    assert_eq!(status.by_platform.len(), 7, "the technician's part is a platform of its own");
    for shown in &status.by_platform {
        let [week, completed, failed, abandoned, spent, timed, judged, right] =
            by_label[shown.platform.as_deref().unwrap()];
        assert_eq!(
            [shown.last_7_days, shown.completed, shown.failed.unwrap(), shown.abandoned.unwrap()],
            [week, completed, failed, abandoned]
        );
        assert_eq!((shown.n, shown.success_rate), (judged, (judged > 0).then(|| right as f64 / judged as f64)));
        assert_eq!(shown.timed, timed);
        let minutes = (timed > 0).then(|| spent as f64 / (timed as f64 * 60_000.0));
        assert_eq!(shown.average_minutes, minutes);
    }
    assert_eq!(status.by_platform.iter().map(|label| label.total).sum::<u64>(), status.devices);

    let mut listed = Vec::new();
    let mut cursor = None;
    loop {
        let page = reader.active(cursor, 3).unwrap();
        listed.extend(page.active);
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    // Devices with an open session and no open attempt are listed too.
    assert_eq!(listed.len() as u64, count(&active));
    let waiting = listed.iter().filter(|one| one.state == "waitingForCompliance");
    assert_eq!(waiting.clone().count() as u64, status.waiting_for_compliance);
    assert!(waiting.clone().all(|one| one.waits_for.is_some()));
    assert_eq!(listed.iter().filter(|one| one.state == "inProgress").count() as u64, status.in_progress);
    assert!(listed.windows(2).all(|pair| pair[0].started_at >= pair[1].started_at));
    for one in &listed {
        let enrollment =
            world.enrollments.iter().find(|enrollment| enrollment.key.as_str() == one.enrollment_key).unwrap();
        assert!(active(enrollment));
        assert!(one.progress.is_none_or(|progress| (0.0..=1.0).contains(&progress)));
    }
    assert_eq!(status.esp_profiles.len(), 3);
}

fn ids(advice: &[Advice]) -> Vec<&str> {
    advice.iter().map(|advice| advice.id.as_str()).collect()
}

fn expected(texts: [&Option<String>; 3], category: &Option<String>, platform: Option<Platform>) -> Vec<&'static str> {
    let [code, reason, message] = texts.map(Clone::clone);
    let category = category.as_deref().and_then(FailureCategory::read);
    let found = Catalogue::built_in().for_failure(&Failure { code, reason, message, category }, platform);
    found.into_iter().map(|advice| advice.id.as_str()).collect()
}

/// Whether its sender reported no reason for the failure.
fn gives_no_reason(texts: [&Option<String>; 3], category: Option<&str>) -> bool {
    texts.iter().all(|text| text.is_none()) && category.is_none_or(|category| category == "unknown")
}

#[test]
fn failures_are_listed_with_age_and_advice() {
    let world = make(16);
    let reader = world.working.reader().unwrap();
    let (from, to) = reader.window().unwrap();
    let report = reader.failures(from, to, None, 1_000).unwrap();
    let failed = world.attempts(from, to).filter(|attempt| attempt.outcome == Outcome::Failed).count();
    let cancelled = world
        .attempts(from, to)
        .filter(|one| one.outcome != Outcome::Failed && (one.cause == Some(Cause::Cancel) || one.failure.is_some()))
        .count();
    let of = |subject: &str| report.failures.iter().filter(|failure| failure.subject == subject).count();
    let attempts_failed = report.failures.iter().filter(|one| one.subject == "attempt" && !one.abandoned).count();
    assert_eq!(attempts_failed, failed);
    let sessions =
        world.enrollments.iter().flat_map(|one| &one.sessions).filter(|one| {
            one.attempt.is_none() && one.state == SessionState::Failed && world.day(one.started_at) >= from
        });
    assert_eq!(of("session"), sessions.count());
    let devices = world.enrollments.iter().flat_map(|one| &one.failures).filter(|one| world.day(one.at) >= from);
    let (resolved, unresolved): (Vec<_>, Vec<_>) = devices.partition(|one| one.resolved);
    let listed_as = |resolved| report.failures.iter().filter(|failure| failure.resolved == Some(resolved)).count();
    assert_eq!((listed_as(true), listed_as(false)), (resolved.len(), unresolved.len()));
    assert_eq!(of("device"), resolved.len() + unresolved.len());
    assert!(of("device") > 0);
    assert_eq!(report.failures.iter().filter(|failure| failure.abandoned).count(), cancelled);
    let listed = report.failures.iter().filter(|failure| !failure.abandoned).count();
    assert_eq!(report.reasons.iter().map(|reason| reason.count).sum::<u64>(), listed as u64);
    assert!(report.reasons.windows(2).all(|pair| pair[0].count >= pair[1].count));
    assert!(report.failures.windows(2).all(|pair| pair[0].failed_at >= pair[1].failed_at));
    for failure in &report.failures {
        let age = (world.as_of - Timestamp::parse(&failure.failed_at).unwrap()).get() / 1_000;
        assert_eq!(failure.age_seconds, age);
        let texts = [&failure.code, &failure.reason, &failure.message];
        let platform = failure.platform.as_deref().and_then(Platform::read);
        if !failure.abandoned && gives_no_reason(texts, failure.category.as_deref()) {
            assert_eq!(failure.advice.last().unwrap().id, "failure-without-reason", "{failure:?}");
            let of_page = failure.advice.iter().any(|advice| advice.id.starts_with("esp-"));
            assert_eq!(
                of_page,
                failure.subject == "session" || failure.section.as_deref() == Some("enrollmentStatusPage")
            );
            continue;
        }
        assert_eq!(ids(&failure.advice), expected(texts, &failure.category, platform));
        // The catalogue has two meanings of this code; other advice may be added to them.
        if matches!(failure.code.as_deref(), Some("0x801C0003" | "-2145648637")) {
            assert!(
                failure.advice.iter().filter(|advice| advice.codes.contains(&"0x801c0003".to_owned())).count() >= 2
            );
        }
    }
    assert!(report.failures.iter().any(|failure| !failure.advice.is_empty()));
    for reason in &report.reasons {
        let texts = [&reason.code, &reason.reason, &None];
        if gives_no_reason(texts, reason.category.as_deref()) {
            assert_eq!(ids(&reason.advice), ["failure-without-reason"]);
            continue;
        }
        assert_eq!(ids(&reason.advice), expected(texts, &reason.category, None), "{reason:?}");
    }
    let one = reader.failures(from, to, Some(Platform::Android), 1_000).unwrap();
    assert!(one.failures.len() < report.failures.len() && !one.failures.is_empty());
    assert!(one.failures.iter().all(|failure| failure.platform.as_deref() == Some("android")));
    let sessions: usize =
        world.enrollments.iter().map(|enrollment| reader.esp_sessions(enrollment.key.as_str()).unwrap().len()).sum();
    let expected =
        world.enrollments.iter().flat_map(|one| &one.sessions).filter(|one| world.day(one.started_at) >= from);
    assert_eq!(sessions, expected.count());
    assert_eq!(reader.meta().unwrap().0["tenant"], "contoso");
}
