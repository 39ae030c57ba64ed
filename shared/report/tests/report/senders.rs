//! The same eleven attempts as each kind of sender can report them: every number shown is true, and what no sender
//! reported is not shown as a number.

use crate::common;

use common::esp::{PROFILES, esp_event, item, started};
use common::{about, at, build, context, event, reports, step, tenant};
use vestibule_domain::catalogue::ROWS;
use vestibule_domain::esp::resolve::Rule;
use vestibule_domain::esp::{Category, DeploymentMode, EspDetail, ItemState, Phase, PhaseState};
use vestibule_domain::event::Reports;
use vestibule_domain::failure::Failure;
use vestibule_domain::{
    Action, Event, History, Kind, Millis, Place, Platform, Section, TenantSettings, Timestamp, UserAction,
};
use vestibule_report::reader::{AttemptFilter, Coverage, IncompleteReport, PlatformStatus, Status};
use vestibule_report::{Change, Working, report_html};

const AS_OF: &str = "2026-03-20T02:00:00Z";
const BEGIN: &str = "2026-03-18T10:00:00Z";

/// How one of the eleven attempts really went.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Truth {
    Completed,
    GivenUp,
    Failed,
}

/// What really happened: seven completed after 13 minutes, three were given up at the terms of use, one failed.
fn truth() -> Vec<Truth> {
    let mut all = vec![Truth::Completed; 7];
    all.extend([Truth::GivenUp, Truth::GivenUp, Truth::GivenUp, Truth::Failed]);
    all
}

/// Events of one device by one sender.
struct Sender {
    source: &'static str,
    reports: Reports,
}

impl Sender {
    fn event(&self, device: u64, minutes: i64, platform: Platform, step: vestibule_domain::event::Step) -> Event {
        let time = at(BEGIN) + Millis::from_minutes(minutes + i64::try_from(device).unwrap() * 20);
        let id = format!("{device}-{minutes}-{}", step.kind.name());
        let mut event = event(id, time, 0, about(device, platform), step);
        event.key.source = self.source.to_owned();
        event.reports = self.reports;
        event
    }

    /// The events that this sender can report of one attempt.
    fn events(&self, device: u64, went: Truth) -> Vec<Event> {
        let Reports { starts, steps, stops, failures, ends, compliance, .. } = self.reports;
        let mut events = Vec::new();
        let mut add = |reported: bool, minutes: i64, step| {
            if reported {
                events.push(self.event(device, minutes, Platform::Ios, step));
            }
        };
        add(starts, 0, step(Kind::Started));
        if starts && !steps {
            // Apple's `Authenticate`, of a sender that has no other screens.
            add(true, 0, entered("iOSProfileLaunch"));
        }
        add(steps, 1, entered("PreEnrollmentWizard"));
        add(steps, 5, entered("TermsofUse"));
        match went {
            Truth::Completed => {
                add(ends, 12, step(Kind::Enrolled));
                let mut compliant = step(Kind::Compliant);
                compliant.said.assumed = !compliance;
                add(ends, 13, compliant);
            }
            Truth::GivenUp => {
                let mut stopped = step(Kind::Stopped);
                stopped.user_action = Some(UserAction::DeclineAll);
                add(stops, 14, stopped);
            }
            Truth::Failed => {
                let mut failed = step(Kind::Failed);
                failed.failure = Some(Failure { code: Some("0x801C0003".to_owned()), ..Failure::default() });
                add(failures, 15, failed);
            }
        }
        events
    }
}

fn entered(action: &str) -> vestibule_domain::event::Step {
    let place = Some(Place::new(None, Action::read(action), None));
    vestibule_domain::event::Step { place, ..step(Kind::StepEntered) }
}

fn change(device: u64, events: impl IntoIterator<Item = Event>) -> Option<Change> {
    let mut history = History::default();
    for event in events {
        history.add(event);
    }
    let version = history.len() as u64;
    (version > 0).then(|| Change { item: format!("item-{device}"), version, history, expires_at: None })
}

/// A file of these devices, with its reports and its page.
struct World {
    working: Working,
    report: IncompleteReport,
    status: Status,
    coverage: Coverage,
    page: String,
    _folder: tempfile::TempDir,
}

impl World {
    fn of(changes: &[Change]) -> Self {
        Self::at(changes, at(AS_OF))
    }

    fn at(changes: &[Change], as_of: Timestamp) -> Self {
        let (tenant, settings, folder) = (tenant(), TenantSettings::default(), tempfile::tempdir().unwrap());
        let working = build(&folder.path().join("w"), &context(&tenant, &settings), changes, as_of);
        let reader = working.reader().unwrap();
        let (from, to) = reader.window().unwrap();
        let report = reader.incomplete(from, to, None, None).unwrap();
        let (status, coverage) = (reader.status().unwrap(), reader.coverage(from, to, None).unwrap());
        let page = report_html(&reader).unwrap();
        drop(reader);
        Self { working, report, status, coverage, page, _folder: folder }
    }

    fn of_sender(source: &'static str, words: &[&str]) -> Self {
        let sender = Sender { source, reports: reports(words) };
        let all = truth().into_iter().zip(0..).filter_map(|(went, device)| change(device, sender.events(device, went)));
        Self::of(&all.collect::<Vec<_>>())
    }

    fn line(&self, label: &str) -> &PlatformStatus {
        self.status.by_platform.iter().find(|line| line.platform.as_deref() == Some(label)).unwrap()
    }

    /// Initiated, completed, measured, reported only at the end, judged.
    fn counts(&self) -> [u64; 5] {
        let IncompleteReport { initiated, completed, measured, only_end_reported, judged, .. } = self.report;
        [initiated, completed, measured, only_end_reported, judged]
    }

    /// Incomplete, abandoned, failed. The platform's row and the tiles agree on the last two.
    fn ended(&self) -> [Option<u64>; 3] {
        let IncompleteReport { incomplete, abandoned, failed, .. } = self.report;
        let line = self.line("iOS/iPadOS");
        assert_eq!((line.abandoned, line.failed), (abandoned, failed));
        let tiles = [self.status.gave_up, self.status.failed].map(|count| count.is_none());
        assert_eq!(tiles, [abandoned.is_none(), failed.is_none()]);
        [incomplete, abandoned, failed]
    }

    /// The number of the catalogue's rows that have a count of people who stopped there.
    fn known_rows(&self) -> usize {
        self.report.actions.iter().filter(|row| row.abandoned.is_some()).count()
    }

    /// Incomplete rate, success rate, average minutes, first time right.
    fn rates(&self) -> [Option<f64>; 4] {
        let line = self.line("iOS/iPadOS");
        [self.report.incomplete_rate, line.success_rate, line.average_minutes, self.status.first_time_right.rate]
    }

    fn entered(&self, action: &str) -> Option<u64> {
        self.report.funnel.iter().find(|step| step.action == action).unwrap().entered
    }
}

const EVERYTHING: [&str; 7] = ["starts", "steps", "stops", "failures", "ends", "compliance", "deviceTime"];

#[test]
fn a_sender_of_everything_shows_the_truth() {
    let world = World::of_sender("native", &EVERYTHING);
    assert_eq!(world.counts(), [11, 7, 11, 0, 11]);
    assert_eq!((world.ended(), world.known_rows()), ([Some(4), Some(3), Some(1)], ROWS.len()));
    assert_eq!(world.rates(), [Some(3.0 / 11.0), Some(7.0 / 11.0), Some(13.0), Some(7.0 / 11.0)]);
    assert_eq!(world.entered("TermsofUse"), Some(11));
    assert_eq!((world.entered("Activation"), world.report.place_not_reported), (Some(0), 0));
    let all = "All 11 enrollments come from senders that together report starts, screens and ends.";
    assert_eq!(world.coverage.sentence.as_deref(), Some(all));
    assert!(world.coverage.sources[0].sentence.is_none() && world.coverage.sources[0].reports == "everything");
    assert!(!world.page.contains(">not reported<"));
}

#[test]
fn a_sender_of_starts_and_ends_has_no_screens_and_no_failures() {
    let world = World::of_sender("nanomdm", &["starts", "ends"]);
    // The failure was not reported, so its attempt timed out.
    assert_eq!(world.counts(), [11, 7, 11, 0, 11]);
    assert_eq!((world.ended(), world.known_rows()), ([Some(4), Some(4), None], 1));
    assert_eq!(world.rates(), [Some(4.0 / 11.0), Some(7.0 / 11.0), Some(13.0), Some(7.0 / 11.0)]);
    // The one reported step has a count; the others have none.
    assert_eq!((world.entered("iOSProfileLaunch"), world.entered("TermsofUse")), (Some(11), None));
    assert_eq!(world.report.with_steps, 0);
    let gap = "11 of 11 enrollments come from nanomdm, which reports only starts, ends: no screens, no failures, \
               no compliance.";
    assert_eq!(world.coverage.sentence.as_deref(), Some(gap));
}

#[test]
fn a_sender_of_ends_alone_has_no_rates_and_no_times() {
    let world = World::of_sender("jamf", &["ends"]);
    assert_eq!(world.counts(), [7, 7, 0, 7, 0]);
    assert_eq!((world.ended(), world.known_rows()), ([None; 3], 0));
    assert_eq!(world.rates(), [None; 4]);
    assert!(world.report.funnel.iter().all(|step| (step.entered, step.left, step.abandoned) == (None, None, None)));
    let gap = "7 of 7 enrollments come from jamf, which reports only the end: no give-ups, no failures, no times.";
    assert_eq!(world.coverage.sentence.as_deref(), Some(gap));
    assert!(world.page.contains("<dt>Incomplete rate</dt><dd>not reported</dd>"));
    assert!(world.page.contains("<dt>First time right</dt><dd>not reported</dd>"));
    assert!(world.page.contains(gap), "the page says which data its numbers have");
    let reader = world.working.reader().unwrap();
    let page = reader.attempts(&AttemptFilter::default(), None, 10).unwrap();
    assert_eq!(page.attempts.len(), 7);
    for attempt in page.attempts {
        assert!(!attempt.has_starts && !attempt.judged && !attempt.start_reported);
        assert!(attempt.more["minutes"].is_null(), "no sender reported a time");
    }
}

#[test]
fn a_sender_of_ends_and_compliance_waits_and_names_the_limit() {
    let world = World::of_sender("workspaceone", &["ends", "compliance"]);
    assert_eq!(world.counts(), [7, 7, 0, 7, 0]);
    assert_eq!((world.ended(), world.known_rows()), ([None; 3], 0));
    assert_eq!(world.rates(), [None; 4]);
    let gap = "7 of 7 enrollments come from workspaceone, which reports only ends, compliance: no give-ups, no failures, \
               no times.";
    assert_eq!(world.coverage.sentence.as_deref(), Some(gap));

    // An enrolled phone that never becomes compliant waits for a day; then it counts in the row, with that limit.
    let sender = Sender { source: "workspaceone", reports: reports(&["ends", "compliance"]) };
    let enrolled = || change(1, [sender.event(1, 0, Platform::Android, step(Kind::Enrolled))]).unwrap();
    let waiting = World::at(&[enrolled()], at(BEGIN) + Millis::from_minutes(600));
    assert_eq!((waiting.status.waiting_for_compliance, waiting.status.in_progress, waiting.status.devices), (1, 0, 1));
    assert_eq!((waiting.report.open, waiting.report.abandoned), (1, None));
    let active = waiting.working.reader().unwrap().active(None, 5).unwrap().active;
    assert_eq!((active.len(), active[0].waits_for.as_deref()), (1, Some("compliance")));
    assert_eq!((active[0].stage.as_deref(), active[0].progress), (Some("Compliance and activation"), None));
    let over = World::of(&[enrolled()]);
    let row = over.report.actions.iter().find(|row| row.catalogue_row == 17).unwrap();
    assert_eq!((row.abandoned, row.shortest_limit_minutes), (Some(1), Some(1_440)));
    assert_eq!((row.longest_limit_minutes, over.known_rows()), (Some(1_440), 1));
    assert_eq!(
        (over.report.abandoned, over.report.abandoned_measured, over.report.incomplete_rate),
        (Some(1), 0, None)
    );
    assert!(over.page.contains("Over 24 h"), "a row's words name the limit that ran out");
    assert_eq!((over.status.enrolled, over.status.gave_up), (1, None));
    // A waiting device shows its stage, although no sender reported that step.
    assert_eq!(over.entered("Compliance"), None);
}

#[test]
fn attempts_of_a_sender_of_ends_and_failures_are_judged_and_not_measured() {
    let world = World::of_sender("intune", &["ends", "failures"]);
    assert_eq!(world.counts(), [8, 7, 0, 8, 8]);
    assert_eq!((world.ended(), world.known_rows()), ([Some(1), None, Some(1)], 0));
    assert_eq!(world.rates(), [None, Some(7.0 / 8.0), None, Some(7.0 / 8.0)]);
    assert_eq!(world.status.failed, Some(1));
    let gap = "8 of 8 enrollments come from intune, which reports only failures, ends: no give-ups, no times.";
    assert_eq!(world.coverage.sentence.as_deref(), Some(gap));
}

#[test]
fn attempts_of_a_sender_of_failures_alone_are_not_judged() {
    let world = World::of_sender("log", &["failures"]);
    assert_eq!(world.counts(), [1, 0, 0, 1, 0]);
    assert_eq!((world.ended(), world.known_rows()), ([Some(1), None, Some(1)], 0));
    assert_eq!(world.rates(), [None; 4]);
}

#[test]
fn senders_of_one_attempt_complete_each_other() {
    let (ends, starts) = (reports(&["ends"]), reports(&EVERYTHING));
    let (jamf, manager) = (Sender { source: "jamf", reports: ends }, Sender { source: "manager", reports: starts });
    let both = |device| {
        let mut events = manager.events(device, Truth::Completed);
        events.extend(jamf.events(device, Truth::Completed));
        change(device, events).unwrap()
    };
    let alone = change(3, jamf.events(3, Truth::Completed)).unwrap();
    let world = World::of(&[both(1), both(2), alone]);
    assert_eq!((world.report.initiated, world.report.measured), (3, 2));
    let of = |name: &str| world.coverage.sources.iter().find(|one| one.source.as_deref() == Some(name)).unwrap();
    let counts = |name: &str| (of(name).attempts, of(name).measured, of(name).lacking);
    assert_eq!((counts("jamf"), counts("manager")), ((3, 2, 1), (2, 2, 0)));
    let gap = "1 of 3 enrollments comes from jamf, which reports only the end: no give-ups, no failures, no times.";
    assert_eq!(world.coverage.sentence.as_deref(), Some(gap));
}

#[test]
fn numbers_of_a_sentence_are_written_as_elsewhere() {
    let jamf = Sender { source: "jamf", reports: reports(&["ends"]) };
    let enrolled = |device| {
        let mut event = jamf.event(device, 0, Platform::Ios, step(Kind::Enrolled));
        (event.time, event.received_at) = (at(BEGIN), at(BEGIN));
        change(device, vec![event]).unwrap()
    };
    let world = World::of(&(1..=1_001).map(enrolled).collect::<Vec<_>>());
    let gap =
        "1,001 of 1,001 enrollments come from jamf, which reports only the end: no give-ups, no failures, no times.";
    assert_eq!(world.coverage.sentence.as_deref(), Some(gap));
    assert!(world.page.contains(gap));
}

#[test]
fn a_place_that_no_sender_reported_counts_as_not_reported() {
    let sender = Sender { source: "mdm", reports: reports(&["starts", "ends"]) };
    let started = sender.event(1, 0, Platform::Android, step(Kind::Started));
    let world = World::of(&[change(1, [started]).unwrap()]);
    let IncompleteReport { abandoned, place_not_reported, other, .. } = world.report;
    assert_eq!((abandoned, place_not_reported, other), (Some(1), 1, 0));
    let nowhere: u64 = world.report.daily.iter().filter(|day| day.section.is_none()).map(|day| day.abandoned).sum();
    assert_eq!(nowhere, 1);
    let sections = world.report.daily.iter().filter_map(|day| day.section.as_deref());
    assert!(sections.clone().all(|name| name != Section::EnrollmentStatusPage.name()) && sections.count() > 0);
    assert!(world.report.funnel.iter().all(|step| step.entered.is_none()));
    assert_eq!(world.page.matches("Place not reported").count(), 2, "once as a term, once in the table");
    let reader = world.working.reader().unwrap();
    let attempt = reader.attempts(&AttemptFilter::default(), None, 1).unwrap().attempts.remove(0);
    assert_eq!((attempt.section, attempt.action, attempt.limit_minutes), (None, None, Some(30)));
}

#[test]
fn a_technicians_part_has_a_row_of_its_own_and_its_device_is_prepared() {
    let begin = at(BEGIN);
    let profile = PROFILES.iter().next().unwrap().1;
    let mut start = started(profile, Rule::Default);
    start.deployment_mode = Some(DeploymentMode::PreProvisioningTechnician);
    let minute = |minutes| begin + Millis::from_minutes(minutes);
    let events = [
        esp_event(1, "a", minute(0), Some("s"), EspDetail::Started(Box::new(start))),
        esp_event(1, "b", minute(40), Some("s"), EspDetail::Phase(Phase::DeviceSetup, PhaseState::Completed)),
        esp_event(1, "c", minute(41), Some("s"), EspDetail::Completed),
    ];
    let world = World::of(&[change(1, events).unwrap()]);
    assert_eq!((world.status.prepared, world.status.enrolled, world.status.devices), (1, 0, 1));
    let line = world.line("Windows (Pre-provisioning)");
    assert_eq!((line.total, line.initiated, line.completed, line.n), (0, 1, 1, 1));
    let line = world.line("Windows (Autopilot)");
    assert_eq!((line.total, line.initiated, line.success_rate), (1, 0, None));
    // Attempt and session refer to each other; the page's sender counts as one of the attempt's senders.
    let reader = world.working.reader().unwrap();
    let filter = AttemptFilter { os: Some(Platform::Windows), ..AttemptFilter::default() };
    let attempt = reader.attempts(&filter, None, 1).unwrap().attempts.remove(0);
    let session = reader.esp_sessions("sn00000001").unwrap().remove(0).session;
    assert!(attempt.technician);
    assert_eq!(attempt.session_id.as_deref(), Some(session.session_id.as_str()));
    assert_eq!(session.attempt_id.as_deref(), Some(attempt.attempt_id.as_str()));
    let id = vestibule_domain::AttemptId::parse(&attempt.attempt_id).unwrap();
    let senders = reader.attempt(id).unwrap().unwrap().senders;
    assert_eq!(senders.iter().map(|one| one.source.as_deref()).collect::<Vec<_>>(), [Some("esp")]);
}

#[test]
fn a_wait_is_no_time_at_the_last_screen() {
    let starts = Reports::read(["starts", "ends"].iter().copied()).unwrap();
    let sender = Sender { source: "mdm", reports: starts };
    let mut held = step(Kind::Enrolled);
    held.said.awaiting_configuration = true;
    let events = vec![
        sender.event(1, 0, Platform::Ios, step(Kind::Started)),
        sender.event(1, 0, Platform::Ios, entered("iOSProfileLaunch")),
        sender.event(1, 1, Platform::Ios, held),
        sender.event(1, 25, Platform::Ios, step(Kind::Enrolled)),
    ];
    let world = World::of(&[change(1, events).unwrap()]);
    let launch = world.report.funnel.iter().find(|step| step.action == "iOSProfileLaunch").unwrap();
    assert_eq!((launch.entered, launch.left), (Some(1), Some(1)));
    assert_eq!(launch.median_seconds, Some(60.0), "the Setup Assistant's wait came after the screen");
}

#[test]
fn a_failure_outside_any_attempt_is_listed_among_the_failures() {
    let sender = Sender { source: "native", reports: Reports::ALL };
    let mut events = sender.events(1, Truth::Completed);
    let mut failed = step(Kind::Failed);
    failed.failure = Some(Failure { code: Some("0x801C0003".to_owned()), ..Failure::default() });
    events.push(sender.event(1, 300, Platform::Ios, failed));
    let failures = |world: &World| {
        let reader = world.working.reader().unwrap();
        let (from, to) = reader.window().unwrap();
        reader.failures(from, to, None, 10).unwrap()
    };
    let world = World::of(&[change(1, events.clone()).unwrap()]);
    let one = failures(&world).failures.remove(0);
    assert_eq!((one.subject.as_str(), one.resolved, one.attempt_id), ("device", Some(false), None));
    assert_eq!((one.enrollment_key.as_str(), one.device_name.as_deref()), ("sn00000001", Some("DEVICE-1")));
    assert!(!one.advice.is_empty());
    assert_eq!((world.status.failed, world.status.enrolled, world.report.failed), (Some(1), 0, Some(0)));
    let reasons = failures(&world).reasons;
    assert_eq!((reasons.len(), reasons[0].count), (1, 1), "each listed failure counts among the reasons");
    assert_eq!(reasons[0].code.as_deref(), Some("0x801c0003"));
    assert!(!reasons[0].advice.is_empty());

    events.push(sender.event(1, 600, Platform::Ios, step(Kind::Enrolled)));
    let world = World::of(&[change(1, events).unwrap()]);
    assert_eq!(failures(&world).failures[0].resolved, Some(true));
    assert_eq!((world.status.failed, world.status.enrolled), (Some(0), 1));
}

#[test]
fn a_failed_session_without_an_attempt_is_listed_and_fails_no_device() {
    let minute = |minutes| at(BEGIN) + Millis::from_minutes(minutes);
    let mut start = started(PROFILES.fallback(), Rule::Default);
    start.deployment_mode = Some(DeploymentMode::SelfDeploying);
    let of_user = started(PROFILES.fallback(), Rule::Default);
    let events = [
        esp_event(1, "a", minute(0), Some("one"), EspDetail::Started(Box::new(start))),
        esp_event(1, "b", minute(30), Some("one"), EspDetail::Completed),
        esp_event(1, "c", minute(600), Some("two"), EspDetail::Started(Box::new(of_user))),
        esp_event(1, "d", minute(605), Some("two"), EspDetail::Failed(Some("0x80070BC2".to_owned()), None)),
    ];
    let world = World::of(&[change(1, events).unwrap()]);
    assert_eq!((world.status.enrolled, world.status.failed, world.status.devices), (1, Some(0), 1));
    let reader = world.working.reader().unwrap();
    let (from, to) = reader.window().unwrap();
    let failures = reader.failures(from, to, None, 10).unwrap().failures;
    assert_eq!(failures.len(), 1);
    let (one, session) = (&failures[0], &reader.esp_sessions("sn00000001").unwrap()[0].session);
    assert_eq!((one.subject.as_str(), one.attempt_id.as_deref(), one.resolved), ("session", None, None));
    assert_eq!(one.session_id.as_deref(), Some(session.session_id.as_str()));
    assert_eq!((one.code.as_deref(), one.platform.as_deref()), (Some("0x80070BC2"), Some("windows")));
    assert_eq!(session.attempt_id, None);
}

#[test]
fn an_app_that_never_completed_has_no_time() {
    let minute = |minutes| at(BEGIN) + Millis::from_minutes(minutes);
    let app = |state| EspDetail::Item(Phase::DeviceSetup, Category::Apps, item(1), state, None);
    let start = started(PROFILES.fallback(), Rule::Default);
    let events = [
        esp_event(1, "a", minute(0), Some("one"), EspDetail::Started(Box::new(start))),
        esp_event(1, "b", minute(1), Some("one"), app(ItemState::InProgress)),
        esp_event(1, "c", minute(9), Some("one"), app(ItemState::Error)),
    ];
    let world = World::of(&[change(1, events).unwrap()]);
    let reader = world.working.reader().unwrap();
    let (from, to) = reader.window().unwrap();
    let apps = reader.esp_overview(from, to, 5).unwrap().failing_apps;
    assert_eq!((apps.len(), apps[0].failed), (1, 1));
    assert_eq!((apps[0].median_minutes, apps[0].p90_minutes), (None, None));
}

#[test]
fn a_start_that_was_reported_after_the_end_gives_no_time() {
    let (jamf, manager) = (
        Sender { source: "jamf", reports: reports(&["ends"]) },
        Sender { source: "manager", reports: reports(&["starts", "steps", "ends"]) },
    );
    let mut compliant = step(Kind::Compliant);
    compliant.said.assumed = true;
    let events = [
        jamf.event(1, 0, Platform::MacOs, step(Kind::Enrolled)),
        jamf.event(1, 0, Platform::MacOs, compliant),
        manager.event(1, 1, Platform::MacOs, step(Kind::Started)),
    ];
    let world = World::of(&[change(1, events).unwrap()]);
    let line = world.line("macOS (Manual)");
    assert_eq!((line.completed, line.timed, line.average_minutes), (1, 0, None));
}

#[test]
fn a_failure_with_only_a_reported_message_counts_by_the_code_in_it() {
    let sender = Sender { source: "native", reports: Reports::ALL };
    let failed = |device, code: Option<&str>, message: Option<&str>| {
        let mut failed = step(Kind::Failed);
        let [code, message] = [code, message].map(|text| text.map(str::to_owned));
        failed.failure = Some(Failure { code, message, ..Failure::default() });
        change(device, [sender.event(device, 5, Platform::Windows, failed)]).unwrap()
    };
    let world = World::of(&[
        failed(1, Some("80180014"), None),
        failed(2, Some("-2145910764"), None),
        failed(3, None, Some("Enrollment failed (80180014).")),
        failed(4, None, Some("It did not work.")),
    ]);
    let reader = world.working.reader().unwrap();
    let (from, to) = reader.window().unwrap();
    let reasons = reader.failure_reasons(from, to, None, 10).unwrap();
    let counted: Vec<_> = reasons.iter().map(|reason| (reason.code.as_deref(), reason.count)).collect();
    assert_eq!(counted, [(Some("0x80180014"), 3), (None, 1)]);
    assert!(reasons.iter().all(|reason| !reason.advice.is_empty()));
}
