//! The Enrollment Status Page's sessions by example: those in the documents, by name, and one for each rule of the
//! session (docs/DOMAIN.md, S). Profiles and which of them applies: `esp_profiles.rs`.

use crate::esp_common;

use esp_common::*;
use vestibule_domain::esp::page::{Stage, StepState};
use vestibule_domain::esp::profile::Settings;
use vestibule_domain::esp::{
    Category, DeploymentMode, EspAction, EspDetail, EspEvent, ItemState, Phase, PhaseState, SessionState, Start,
    TargetedApp, Tracking,
};
use vestibule_domain::event::{About, Body, Event};
use vestibule_domain::{History, Reports, TenantId, TenantSettings, Timestamp, fold};

#[test]
fn app_1_to_4_example() {
    let choose = |settings: &mut Settings| settings.selected_mobile_app_ids = select(&["App 1", "App 2", "App 3"]);
    let mut reports = vec![(0, start(None, choose, Some(&["App 3", "App 4"])))];
    let begin = session(&reports, MINUTE);
    assert_eq!(apps(&begin), (0, 1));
    assert_eq!((tracking(&begin, "App 3"), tracking(&begin, "App 4")), (Tracking::Blocking, Tracking::NotTracked));

    reports.push((2 * MINUTE, app("App 4", ItemState::Error)));
    let passed = session(&reports, 3 * MINUTE);
    assert_eq!((passed.state, passed.failed, apps(&passed)), (SessionState::InProgress, false, (0, 1)));

    reports.push((4 * MINUTE, app("App 3", ItemState::Completed)));
    let done = subtask(&session(&reports, 5 * MINUTE), Phase::DeviceSetup, Category::Apps);
    assert_eq!((done.state, done.done, done.total, done.progress), (StepState::Completed, Some(1), Some(1), Some(1.0)));
    reports.push((6 * MINUTE, EspDetail::Completed));
    assert_eq!(session(&reports, 7 * MINUTE).state, SessionState::Success);

    // Nothing was reported of App 1 and App 2. If it were, they would still not be targeted.
    reports.insert(1, (1, app("App 1", ItemState::Error)));
    assert_eq!(session(&reports, 7 * MINUTE).state, SessionState::Success);
    // The session waits for App 3.
    reports.insert(1, (1, app("App 3", ItemState::Error)));
    assert_eq!(session(&reports, 1 + GRACE).state, SessionState::InProgress);
    let failed = session(&reports, 2 + GRACE);
    assert_eq!((failed.state, failed.failed_phase), (SessionState::Failed, Some(Phase::DeviceSetup)));
}

#[test]
fn hybrid_30_plus_40() {
    let EspDetail::Started(mut start) =
        start(None, |settings| settings.install_progress_timeout_in_minutes = 30, Some(&[]))
    else {
        panic!("a start")
    };
    start.hybrid_join = true;
    let reports = [(0, EspDetail::Started(start))];
    let last = session(&reports, 70 * MINUTE);
    assert_eq!((last.limit_minutes, last.deadline, last.state), (70, at(70 * MINUTE), SessionState::InProgress));
    assert_eq!(last.stands_until(), Some(at(70 * MINUTE)));
    let over = session(&reports, 70 * MINUTE + 1);
    assert_eq!((over.state, over.timed_out, over.failed), (SessionState::TimedOut, true, false));
}

fn technician(tries_others: bool) -> EspDetail {
    let choose = |settings: &mut Settings| {
        settings.selected_mobile_app_ids = select(&["Blocking"]);
        settings.allow_non_blocking_app_installation = tries_others;
    };
    start(Some(DeploymentMode::PreProvisioningTechnician), choose, Some(&["Blocking", "Other"]))
}

#[test]
fn technician_yes_tries_all_and_only_blocking_apps_fail_it() {
    let mut reports = vec![(0, technician(true)), (1, app("Other", ItemState::Error))];
    let begin = session(&reports, MINUTE);
    assert_eq!((begin.state, apps(&begin)), (SessionState::InProgress, (0, 2)));
    assert_eq!(tracking(&begin, "Other"), Tracking::NonBlocking);
    let mut failing = reports.clone();
    failing.push((2, app("Blocking", ItemState::Error)));
    assert_eq!(session(&failing, 2 + GRACE).state, SessionState::InProgress);
    assert_eq!(session(&failing, 3 + GRACE).state, SessionState::Failed);

    // The other one may take as long as it needs.
    let slow = [(0, technician(true)), (1, app("Other", ItemState::InProgress))];
    assert_eq!(session(&slow, MINUTE).state, SessionState::InProgress);
    let done = [slow.as_slice(), &[(2, app("Blocking", ItemState::Completed))]].concat();
    assert_eq!(session(&done, MINUTE).state, SessionState::Success);

    reports.push((2, app("Blocking", ItemState::Completed)));
    let apps = subtask(&session(&reports, MINUTE), Phase::DeviceSetup, Category::Apps);
    // The other one does not count as done, but the session does not wait for it.
    assert_eq!((apps.state, apps.done, apps.total, apps.progress), (StepState::Completed, Some(1), Some(2), Some(1.0)));
    reports.push((3, EspDetail::Completed));
    assert_eq!(session(&reports, MINUTE).state, SessionState::Success);
}

#[test]
fn technician_no_leaves_the_others_for_sign_in() {
    let reports = [(0, technician(false)), (1, app("Other", ItemState::Error))];
    let shown = session(&reports, MINUTE);
    assert_eq!((shown.state, apps(&shown)), (SessionState::InProgress, (0, 1)));
    assert_eq!(tracking(&shown, "Other"), Tracking::Deferred);
    assert!(shown.page().iter().all(|view| view.phase != Phase::AccountSetup));
    // An item outside the technician's part is not even deferred.
    let account = item(Phase::AccountSetup, Category::Apps, "Other", ItemState::Error);
    let reports = [(0, technician(false)), (1, account)];
    let found = session(&reports, MINUTE);
    let account = found.items.iter().find(|item| item.phase == Phase::AccountSetup).unwrap();
    assert_eq!((account.tracking, found.state), (Tracking::NotTracked, SessionState::InProgress));
}

#[test]
fn security_policies_1_of_1() {
    let policies = Category::SecurityPolicies;
    let mut reports = vec![(0, plain_start())];
    let count = |reports: &[(i64, EspDetail)]| {
        let shown = subtask(&session(reports, MINUTE), Phase::DeviceSetup, policies);
        (shown.state, shown.done, shown.total)
    };
    assert_eq!(count(&reports), (StepState::Identifying, None, None));
    reports.push((1, tracked(Phase::DeviceSetup, policies, &["Edge", "Kiosk"])));
    assert_eq!(count(&reports), (StepState::InProgress, Some(0), Some(1)));
    reports.push((2, item(Phase::DeviceSetup, policies, "Edge", ItemState::Completed)));
    assert_eq!(count(&reports), (StepState::InProgress, Some(0), Some(1)));
    reports.push((3, item(Phase::DeviceSetup, policies, "Kiosk", ItemState::Completed)));
    assert_eq!(count(&reports), (StepState::Completed, Some(1), Some(1)));
}

/// The status page's example: DESKTOP-NEW001, "Installing Apps", 75 %. The other two enrollments are not on Windows.
#[test]
fn three_active_enrollments_desktop_new001_installing_apps_75_percent() {
    let user_app = TargetedApp { app: name("Teams"), user_context: true };
    let start = Start { targeted_apps: Some(vec![user_app]), ..Start::default() };
    let reports = [(0, EspDetail::Started(Box::new(start))), (MINUTE, begun(Phase::AccountSetup))];
    let session = session(&reports, 2 * MINUTE);
    assert_eq!((session.stage(), session.progress()), (Stage::InstallingApps, Some(0.75)));
    assert_eq!(session.stage().name(), "Installing apps");
}

#[test]
fn progress_by_quarters() {
    let policies = |state| item(Phase::DeviceSetup, Category::SecurityPolicies, "Edge", state);
    let mut reports = vec![(0, plain_start())];
    let mut then = |detail: Option<EspDetail>| {
        reports.extend(detail.map(|detail| (reports.last().unwrap().0 + MINUTE, detail)));
        let session = session(&reports, reports.last().unwrap().0);
        (session.progress(), session.stage())
    };
    assert_eq!(then(None), (None, Stage::DeviceSetup));
    assert_eq!(then(Some(begun(Phase::DeviceSetup))), (Some(0.25), Stage::DeviceSetup));
    assert_eq!(then(Some(policies(ItemState::InProgress))), (Some(0.25), Stage::ApplyingPolicies));
    assert_eq!(then(Some(policies(ItemState::Completed))), (Some(0.5), Stage::ApplyingPolicies));
    let list = tracked(Phase::DeviceSetup, Category::Apps, &["A", "B"]);
    assert_eq!(then(Some(list)), (Some(0.5), Stage::InstallingApps));
    assert_eq!(then(Some(app("A", ItemState::Completed))), (Some(0.625), Stage::InstallingApps));
    assert_eq!(then(Some(begun(Phase::AccountSetup))), (Some(0.75), Stage::AccountSetup));
    assert_eq!(then(Some(EspDetail::Completed)).0, Some(1.0));
}

#[test]
fn csp_numbers() {
    let read = |phase| [0, 1, 2, 3, 4, 5].map(|number| ItemState::from_number(number, phase));
    let [no, one, two, three, four, five] = read(Phase::DeviceSetup);
    assert_eq!((no, five), (None, None));
    assert_eq!((one, two), (Some(ItemState::NotInstalled), Some(ItemState::InProgress)));
    assert_eq!((three, four), (Some(ItemState::Completed), Some(ItemState::Error)));
    assert_eq!(read(Phase::AccountSetup), read(Phase::DeviceSetup));
    let preparation = [no, one, Some(ItemState::NotRequired), three, four, five];
    assert_eq!(read(Phase::DevicePreparation), preparation);
}

#[test]
fn a_timeout_is_no_failure() {
    let retry = EspDetail::Action(EspAction::Retry);
    let failed = EspDetail::Failed(Some("0x81036502".to_owned()), None);
    let end = |reports: &[(i64, &EspDetail)]| {
        let mut all = vec![(0, plain_start())];
        all.extend(reports.iter().map(|(minutes, detail)| (minutes * MINUTE, (*detail).clone())));
        let session = session(&all, 100 * MINUTE);
        (session.state, session.timed_out, session.failed)
    };
    let completed = EspDetail::Completed;
    assert_eq!(end(&[(60, &completed)]), (SessionState::Success, false, false));
    assert_eq!(end(&[]), (SessionState::TimedOut, true, false));
    assert_eq!(end(&[(61, &completed)]), (SessionState::SuccessWithTimeout, true, false));
    assert_eq!(end(&[(61, &retry), (62, &completed)]), (SessionState::SuccessOnRetry, true, false));
    assert_eq!(end(&[(61, &completed), (62, &retry)]).0, SessionState::SuccessWithTimeout);
    assert_eq!(end(&[(5, &failed)]), (SessionState::Failed, false, true));
    // A failure before a good end stays visible.
    assert_eq!(end(&[(5, &failed), (6, &completed)]), (SessionState::Success, false, true));
    assert_eq!(end(&[(5, &failed), (61, &completed)]), (SessionState::Success, true, true));
    assert_eq!(end(&[(5, &failed), (6, &retry), (7, &completed)]), (SessionState::SuccessOnRetry, false, true));
    assert_eq!(end(&[(5, &failed), (6, &retry)]), (SessionState::TimedOut, true, true));
    assert_eq!(end(&[(5, &completed), (6, &failed)]).0, SessionState::Success);
    assert_eq!(end(&[(70, &failed)]), (SessionState::Failed, true, true));
    // If somebody tries again although nothing went wrong, it still succeeded.
    assert_eq!(end(&[(5, &retry), (6, &completed)]).0, SessionState::Success);
}

#[test]
fn stuck_identifying_after_15_minutes() {
    let mut reports = vec![(0, plain_start()), (MINUTE, begun(Phase::DeviceSetup))];
    let limit = 16 * MINUTE;
    let last = session(&reports, limit);
    assert_eq!((last.is_stuck, last.stuck_since, last.stuck_from), (false, None, Some(at(limit))));
    assert_eq!(last.stands_until(), Some(at(limit)));
    let stuck = session(&reports, limit + 1);
    assert_eq!((stuck.is_stuck, stuck.stuck_since, stuck.stuck_from), (true, Some(at(limit)), None));

    let list = tracked(Phase::DeviceSetup, Category::Apps, &[]);
    let mut in_time = reports.clone();
    in_time.push((limit, list.clone()));
    assert_eq!(session(&in_time, 50 * MINUTE).stuck_since, None);
    reports.push((20 * MINUTE, list));
    let freed = session(&reports, 50 * MINUTE);
    assert_eq!((freed.is_stuck, freed.stuck_since), (false, Some(at(limit))));
    // The account's list is separate.
    reports.push((30 * MINUTE, begun(Phase::AccountSetup)));
    assert!(!session(&reports, 45 * MINUTE).is_stuck);
    let again = session(&reports, 45 * MINUTE + 1);
    assert_eq!((again.is_stuck, again.stuck_since), (true, Some(at(limit))));
}

#[test]
fn a_session_in_which_no_phase_was_reported_is_not_stuck() {
    let list = tracked(Phase::DeviceSetup, Category::Certificates, &[]);
    let alone = [
        vec![(0, plain_start())],
        vec![(0, EspDetail::Action(EspAction::Retry))],
        // A list reports no phase.
        vec![(0, plain_start()), (1, list)],
        vec![(0, plain_start()), (20 * MINUTE, EspDetail::Completed)],
        vec![(0, plain_start()), (20 * MINUTE, EspDetail::Failed(None, None))],
        // A phase named when the session had ended is not identifying either.
        vec![
            (0, plain_start()),
            (1, EspDetail::Completed),
            (MINUTE, begun(Phase::DeviceSetup)),
            (19 * MINUTE, begun(Phase::AccountSetup)),
        ],
    ];
    for reports in &alone {
        for at in [20 * MINUTE, 30 * MINUTE, 300 * MINUTE] {
            let over = session(reports, at);
            let stuck = (over.is_stuck, over.stuck_since, over.stuck_from);
            assert_eq!(stuck, (false, None, None), "nobody reported that a phase was identifying: {reports:?}");
        }
    }
}

#[test]
fn a_phase_that_ended_is_not_stuck_any_more_at_that_very_instant() {
    let reports =
        |end| [(0, begun(Phase::DeviceSetup)), (end, EspDetail::Phase(Phase::DeviceSetup, PhaseState::Completed))];
    for (end, later) in [(20 * MINUTE, 0), (20 * MINUTE, 1), (5 * MINUTE, 0), (5 * MINUTE, 1)] {
        let over = session(&reports(end), end + later);
        assert_eq!((over.is_stuck, over.stuck_from), (false, None), "{end} {later}");
    }
}

#[test]
fn identifying_has_no_progress_and_never_0() {
    let reports = [(0, plain_start()), (1, begun(Phase::DeviceSetup))];
    let page = session(&reports, MINUTE).page();
    let setup = page.iter().find(|view| view.phase == Phase::DeviceSetup).unwrap();
    for subtask in &setup.subtasks {
        assert_eq!(subtask.state, StepState::Identifying);
        assert_eq!((subtask.done, subtask.total, subtask.progress), (None, None, None));
    }
    assert_eq!(session(&[(0, plain_start())], MINUTE).progress(), None);
}

#[test]
fn allowed_actions() {
    use EspAction::{CollectLogs, ContinueAnyway, Reset, Retry};
    let actions = |choose: &dyn Fn(&mut Settings), account: bool, end: Option<EspDetail>| {
        let mut reports = vec![(0, start(None, choose, Some(&[])))];
        reports.extend(account.then(|| (1, begun(Phase::AccountSetup))));
        reports.extend(end.map(|end| (2, end)));
        session(&reports, MINUTE).allowed_actions()
    };
    let failed = || Some(EspDetail::Failed(None, None));
    let nothing = |_: &mut Settings| {};
    let everything = |settings: &mut Settings| {
        settings.allow_device_reset_on_install_failure = true;
        settings.allow_device_use_on_install_failure = true;
        settings.allow_log_collection_on_install_failure = true;
    };
    assert_eq!(actions(&nothing, false, failed()), [Retry]);
    assert_eq!(actions(&|settings| settings.block_device_setup_retry_by_user = true, false, failed()), []);
    assert_eq!(actions(&everything, false, failed()), [Retry, Reset, ContinueAnyway, CollectLogs]);
    assert_eq!(actions(&everything, false, None), []);
    assert_eq!(actions(&everything, false, Some(EspDetail::Completed)), []);
    let free = |settings: &mut Settings| settings.block_device_use = false;
    assert_eq!(actions(&free, false, None), [ContinueAnyway]);
    assert_eq!(actions(&free, false, Some(EspDetail::Completed)), []);
    let skip = |settings: &mut Settings| settings.allow_user_to_skip_account_setup = true;
    assert_eq!(actions(&skip, false, None), []);
    assert_eq!(actions(&skip, true, None), [ContinueAnyway]);
    let over = [(0, start(None, everything, Some(&[])))];
    assert_eq!(session(&over, 61 * MINUTE).allowed_actions(), [Retry, Reset, ContinueAnyway, CollectLogs]);
}

#[test]
fn a_second_session_begins_with_a_start_after_an_ended_one() {
    let failed = EspDetail::Failed(None, None);
    let states = |reports: &[(i64, EspDetail)]| -> Vec<_> {
        sessions(reports, 2000 * MINUTE).iter().map(|session| (session.started_at, session.state)).collect()
    };
    let start = plain_start;
    let open = SessionState::TimedOut;
    // An open session goes on; an ended one does not, however it ended.
    assert_eq!(states(&[(0, start()), (60 * MINUTE, start())]), [(at(0), open)]);
    for (end, state) in [(EspDetail::Completed, SessionState::Success), (failed.clone(), SessionState::Failed)] {
        let reports = [(0, start()), (1, end), (2, start()), (3, EspDetail::Completed)];
        assert_eq!(states(&reports), [(at(0), state), (at(2), SessionState::Success)]);
    }
    // A session past its limit goes on too, until it has been silent for longer than a Windows attempt may be.
    let idle = 1440 * MINUTE;
    assert_eq!(states(&[(0, start()), (60 * MINUTE + 1, start())]), [(at(0), open)]);
    assert_eq!(states(&[(0, start()), (idle, start())]), [(at(0), open)]);
    assert_eq!(states(&[(0, start()), (idle + 1, start())]), [(at(0), open), (at(idle + 1), open)]);
    // What follows an ended session without a start belongs to that session.
    let reports =
        [(0, start()), (1, failed), (2, EspDetail::Action(EspAction::Retry)), (3, start()), (4, EspDetail::Completed)];
    assert_eq!(states(&reports), [(at(0), SessionState::SuccessOnRetry)]);
}

#[test]
fn of_several_starts_the_earliest_counts() {
    let limit = |minutes| start(None, move |settings| settings.install_progress_timeout_in_minutes = minutes, None);
    let reports = [(2 * MINUTE, limit(10)), (MINUTE, limit(30)), (3 * MINUTE, limit(20))];
    let session = session(&reports, 4 * MINUTE);
    assert_eq!((session.started_at, session.limit_minutes, session.deadline), (at(MINUTE), 30, at(31 * MINUTE)));
    // What came before the start belongs to the session, but its time begins with the start.
    let reports = [(0, app("A", ItemState::InProgress)), (MINUTE, limit(5))];
    let session = esp_common::session(&reports, 4 * MINUTE);
    assert_eq!((session.started_at, session.deadline, session.items.len()), (at(MINUTE), at(6 * MINUTE), 1));
}

#[test]
fn named_sessions_differ_by_name_alone() {
    let reports = [
        (0, Some("one"), plain_start()),
        (1, Some("two"), plain_start()),
        (2, None, plain_start()),
        (3, Some("one"), EspDetail::Failed(None, None)),
        (4, Some("two"), EspDetail::Completed),
        (5, Some("one"), plain_start()),
    ];
    let found: Vec<_> = sessions_named(&reports, 6)
        .into_iter()
        .map(|session| (session.session_id, session.started_at, session.state))
        .collect();
    let expected = [
        (Some("one".to_owned()), at(0), SessionState::Failed),
        (Some("two".to_owned()), at(1), SessionState::Success),
        (None, at(2), SessionState::InProgress),
    ];
    assert_eq!(found, expected);
}

#[test]
fn two_sources_whose_sessions_overlap_report_one() {
    let done = |id: &str| app(id, ItemState::Completed);
    let mut reports: Vec<Reported<'_>> = vec![
        (0, "agent", None, plain_start()),
        (MINUTE, "agent", None, done("A")),
        (2 * MINUTE, "mdm", None, done("B")),
        (3 * MINUTE, "mdm", None, done("C")),
        (4 * MINUTE, "agent", None, app("A", ItemState::InProgress)),
    ];
    let items = |reports: &[Reported<'_>]| -> Vec<(Timestamp, Vec<String>)> {
        let all = sessions_of(reports, None, 50 * MINUTE);
        all.into_iter()
            .map(|session| (session.started_at, session.items.into_iter().map(|item| item.id).collect()))
            .collect()
    };
    // One source reports the start, the other has more items: the session takes each from there.
    assert_eq!(items(&reports), [(at(0), vec!["B".to_owned(), "C".to_owned()])]);
    // Not if they report different deployment modes.
    reports[0].3 = start(Some(DeploymentMode::UserDriven), |_| {}, None);
    reports.push((MINUTE, "mdm", None, start(Some(DeploymentMode::SelfDeploying), |_| {}, None)));
    assert_eq!(items(&reports).len(), 2);
    // A session's name counts, whichever source gives it.
    for part in &mut reports {
        part.2 = Some("one");
    }
    assert_eq!(items(&reports).len(), 1);
}

#[test]
fn a_removal_weeks_later_does_not_make_sessions_of_two_sources_one() {
    let day = 1440 * MINUTE;
    let reports: [Reported<'_>; 2] = [(0, "agent", None, plain_start()), (2 * day, "mdm", None, plain_start())];
    let ends = |removed: Option<i64>| -> Vec<_> {
        let all = sessions_of(&reports, removed, 30 * day);
        all.into_iter().map(|session| (session.started_at, session.state, session.ended_at)).collect()
    };
    let open = [(at(0), SessionState::TimedOut, None), (at(2 * day), SessionState::TimedOut, None)];
    assert_eq!(ends(None), open);
    let removed = 2 * day + MINUTE;
    let ended =
        [(at(0), SessionState::TimedOut, Some(at(removed))), (at(2 * day), SessionState::Ended, Some(at(removed)))];
    assert_eq!(ends(Some(removed)), ended);
}

#[test]
fn the_newest_state_counts_and_of_one_instant_the_further() {
    let states = [ItemState::NotInstalled, ItemState::InProgress, ItemState::Completed, ItemState::Error];
    let newest = |reports: &[(i64, EspDetail)]| session(reports, MINUTE).items[0].state.unwrap();
    for one in states {
        for other in states {
            assert_eq!(newest(&[(1, app("A", one)), (2, app("A", other))]), other);
            assert_eq!(newest(&[(1, app("A", one)), (1, app("A", other))]), one.max(other));
        }
    }
}

#[test]
fn an_item_has_two_minutes_to_leave_error() {
    let mut reports = vec![(0, plain_start()), (1, app("A", ItemState::Error)), (2, app("B", ItemState::Error))];
    reports.push((3, app("A", ItemState::InProgress)));
    // Two items went wrong; the one that stays so fails the session, at the instant of its error.
    let waiting = session(&reports, 2 + GRACE);
    assert_eq!((waiting.state, waiting.fails_after), (SessionState::InProgress, Some(at(2 + GRACE))));
    assert_eq!(waiting.stands_until(), Some(at(2 + GRACE)));
    let failed = session(&reports, 3 + GRACE);
    assert_eq!((failed.state, failed.ended_at, failed.fails_after), (SessionState::Failed, Some(at(2)), None));
    assert_eq!((failed.failed_item.as_deref(), failed.error_code.as_deref()), (Some("b"), Some("0x8B")));
    // An item that recovers in time never failed.
    let mut recovered = reports.clone();
    recovered.push((2 + GRACE, app("B", ItemState::Completed)));
    let mended = session(&recovered, 9 * MINUTE);
    assert_eq!((mended.state, mended.failed, mended.ended_at), (SessionState::InProgress, false, None));
    // An item that recovers later does not undo the failure; only a retry or the good end does.
    reports.push((3 + GRACE, app("B", ItemState::Completed)));
    assert_eq!(session(&reports, 9 * MINUTE).state, SessionState::Failed);
    reports.push((5 * MINUTE, EspDetail::Completed));
    let completed = session(&reports, 9 * MINUTE);
    assert_eq!((completed.state, completed.failed), (SessionState::Success, true));
}

#[test]
fn what_is_skipped_or_does_not_apply_holds_nobody_up() {
    let account = |id: &str, state| item(Phase::AccountSetup, Category::Apps, id, state);
    let mut reports = vec![
        (0, plain_start()),
        (1, tracked(Phase::AccountSetup, Category::Apps, &["A", "B", "C"])),
        (2, account("A", ItemState::Skipped)),
        (3, account("B", ItemState::NotApplicable)),
    ];
    assert_eq!(session(&reports, MINUTE).state, SessionState::InProgress);
    reports.push((4, account("C", ItemState::Completed)));
    let ended = session(&reports, MINUTE);
    assert_eq!((ended.state, ended.ended_at), (SessionState::Success, Some(at(4))));
    // If the last phase's list is known and empty, nothing ends.
    let empty = [(0, plain_start()), (1, tracked(Phase::AccountSetup, Category::Apps, &[]))];
    assert_eq!(session(&empty, MINUTE).state, SessionState::InProgress);
}

#[test]
fn a_phase_keeps_the_end_that_was_reported_first() {
    let setup = |state| EspDetail::Phase(Phase::DeviceSetup, state);
    let mut reports = vec![(0, plain_start()), (MINUTE, begun(Phase::DeviceSetup))];
    reports.push((5 * MINUTE, setup(PhaseState::Completed)));
    // After a restart of the device Windows goes through it again.
    reports.extend([(7 * MINUTE, begun(Phase::DeviceSetup)), (9 * MINUTE, setup(PhaseState::Completed))]);
    let phase = |reports: &[(i64, EspDetail)]| {
        let progress = session(reports, 30 * MINUTE).phases[&Phase::DeviceSetup];
        (progress.state, progress.ended_at)
    };
    assert_eq!(phase(&reports), (PhaseState::Completed, Some(at(5 * MINUTE))));
    let mut retried = reports.clone();
    retried.push((6 * MINUTE, EspDetail::Action(EspAction::Retry)));
    assert_eq!(phase(&retried), (PhaseState::Completed, Some(at(9 * MINUTE))));
    let mut failed = reports;
    failed.push((6 * MINUTE, setup(PhaseState::Failed)));
    assert_eq!(phase(&failed), (PhaseState::Completed, Some(at(9 * MINUTE))));
}

#[test]
fn what_the_device_was_given_wins_over_the_profile() {
    let EspDetail::Started(mut start) =
        start(None, |settings| settings.install_progress_timeout_in_minutes = 30, Some(&[]))
    else {
        panic!("a start")
    };
    start.limit_minutes = Some(45);
    start.allowed_actions = Some(vec![EspAction::CollectLogs]);
    let own = session(&[(0, EspDetail::Started(start.clone()))], 46 * MINUTE);
    assert_eq!((own.limit_minutes, own.deadline, own.state), (45, at(45 * MINUTE), SessionState::TimedOut));
    assert_eq!(own.allowed_actions(), [EspAction::CollectLogs]);
    // Hybrid join's minutes are added.
    start.hybrid_join = true;
    assert_eq!(session(&[(0, EspDetail::Started(start))], MINUTE).limit_minutes, 85);
}

#[test]
fn a_retry_pardons_what_went_wrong_before_it() {
    let mut reports = vec![(0, plain_start()), (1, app("A", ItemState::Error))];
    reports.push((2, EspDetail::Action(EspAction::Retry)));
    assert_eq!(session(&reports, 9 * MINUTE).state, SessionState::InProgress);
    reports.extend([(3, app("B", ItemState::Error)), (4, app("B", ItemState::Completed))]);
    assert_eq!(session(&reports, 9 * MINUTE).state, SessionState::InProgress, "the state from before B went wrong");
    reports.push((5, app("A", ItemState::Error)));
    assert_eq!(session(&reports, 9 * MINUTE).state, SessionState::Failed);
}

#[test]
fn a_second_failure_is_reported_afresh() {
    let reports = [
        (0, plain_start()),
        (1, app("A", ItemState::Error)),
        (2, EspDetail::Action(EspAction::Retry)),
        (3, app("A", ItemState::Completed)),
        (4, begun(Phase::AccountSetup)),
        (5, EspDetail::Failed(None, None)),
    ];
    let session = session(&reports, 5);
    assert_eq!((session.failed_phase, session.error_code.clone()), (Some(Phase::AccountSetup), None));
    let page: Vec<_> = session.page().iter().map(|view| view.state).collect();
    assert_eq!(page, [StepState::Completed, StepState::Completed, StepState::Failed]);
}

#[test]
fn a_failure_reported_while_an_item_is_in_error_is_the_items() {
    let failed = EspDetail::Failed(Some("0x9".to_owned()), None);
    let reports = [(0, plain_start()), (1, app("A", ItemState::Error)), (MINUTE, failed)];
    let found = session(&reports, MINUTE + 1);
    assert_eq!((found.state, found.ended_at), (SessionState::Failed, Some(at(1))));
    assert_eq!((found.failed_item.as_deref(), found.error_code.as_deref()), (Some("a"), Some("0x9")));
    // A retry in between pardons the item, and the session fails anew.
    let mut reports = reports.to_vec();
    reports.push((2, EspDetail::Action(EspAction::Retry)));
    let found = session(&reports, MINUTE + 1);
    assert_eq!((found.ended_at, found.failed_item.as_deref()), (Some(at(MINUTE)), None));
}

#[test]
fn what_the_person_left_stays_ended() {
    let act = |action| EspDetail::Action(action);
    let reports = [
        (0, plain_start()),
        (1, EspDetail::Failed(None, None)),
        (61 * MINUTE, act(EspAction::Retry)),
        (62 * MINUTE, act(EspAction::Reset)),
        (63 * MINUTE, EspDetail::Failed(None, None)),
        (64 * MINUTE, act(EspAction::Retry)),
    ];
    assert_eq!(session(&reports, 99 * MINUTE).ended_at, Some(at(62 * MINUTE)));
}

#[test]
fn after_a_removal_no_item_fails_a_session_that_the_person_left() {
    let over = 60 * MINUTE + 1;
    let reports: [Reported<'_>; 3] = [
        (0, "agent", None, plain_start()),
        (over, "agent", None, EspDetail::Action(EspAction::Reset)),
        (over + 1, "agent", None, app("A", ItemState::Error)),
    ];
    let found = sessions_of(&reports, Some(over + 2), over + 2);
    assert_eq!((found[0].state, found[0].fails_after), (SessionState::TimedOut, None));
}

#[test]
fn a_session_has_the_name_that_one_of_its_sources_gives_it() {
    let reports: [Reported<'_>; 3] = [
        (0, "agent", None, app("A", ItemState::InProgress)),
        (1, "mdm", Some("one"), app("A", ItemState::InProgress)),
        (2, "agent", None, app("A", ItemState::Completed)),
    ];
    let all = sessions_of(&reports, None, MINUTE);
    assert_eq!(all.iter().map(|session| session.session_id.as_deref()).collect::<Vec<_>>(), [Some("one")]);
    let alone = sessions_of(&reports[1..2], None, MINUTE);
    assert_eq!(all[0].id, alone[0].id, "the id does not depend on the other sources");
}

#[test]
fn a_failure_in_a_phase_reported_complete_is_seen() {
    let completed = EspDetail::Phase(Phase::DeviceSetup, PhaseState::Completed);
    let reports = [(0, plain_start()), (1, completed), (2, app("A", ItemState::Error))];
    let session = session(&reports, 3 + GRACE);
    assert_eq!((session.state, session.failed_phase), (SessionState::Failed, Some(Phase::DeviceSetup)));
    assert!(session.page().iter().any(|view| view.state == StepState::Failed));
}

#[test]
fn an_app_is_the_same_in_any_case() {
    let choose = |settings: &mut Settings| settings.selected_mobile_app_ids = select(&["0A1B"]);
    let reports = [(0, start(None, choose, Some(&["0A1B"]))), (1, app("0a1b", ItemState::Completed))];
    assert_eq!(apps(&session(&reports, 2)), (1, 1));
}

#[test]
fn a_start_reported_late_reopens_no_phase() {
    let reports = [
        (0, plain_start()),
        (MINUTE, begun(Phase::DeviceSetup)),
        (5 * MINUTE, EspDetail::Phase(Phase::DeviceSetup, PhaseState::Completed)),
        (5 * MINUTE, begun(Phase::AccountSetup)),
        (9 * MINUTE, begun(Phase::DeviceSetup)),
    ];
    let session = session(&reports, 10 * MINUTE);
    let setup = session.phases[&Phase::DeviceSetup];
    assert_eq!((setup.state, setup.ended_at), (PhaseState::Completed, Some(at(5 * MINUTE))));
}

/// Updates are identified by their content: two devices may report the same content and stay two.
#[test]
fn devices_that_report_alike_have_sessions_of_their_own() {
    let id_of = |serial: &str, session: Option<&str>| {
        let esp = EspEvent { session_id: session.map(str::to_owned), detail: app("A", ItemState::InProgress) };
        let mut history = History::default();
        history.add(Event {
            key: esp.stored_key("agent".to_owned(), "1".to_owned(), at(0)),
            time: at(0),
            received_at: at(0),
            clock_skew: None,
            reports: Reports::ALL,
            about: About { serial_number: Some(serial.to_owned()), ..About::default() },
            body: Body::Esp(esp),
        });
        fold(&TenantId::parse("contoso").unwrap(), &history, &TenantSettings::default(), at(1)).sessions[0].id
    };
    for session in [None, Some("session-1")] {
        assert_ne!(id_of("PF-1001", session), id_of("PF-1002", session));
    }
}
