//! The worked examples of docs/DOMAIN.md, X1 to X28, by the plain model and by the domain's fold, delivered in order,
//! backwards, and twice.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[allow(dead_code, reason = "the other test that shares it uses the rest")]
mod bridge;

use bridge::{as_stored, folded};
use vestibule_domain::{Enrollment, Timestamp};
use vestibule_model::esp::{Item, What};
use vestibule_model::scenes::{BASE_MS, event, page, place};
use vestibule_model::{ComplianceSource, Device, Event, Kind, Settings, devices_of};

const MINUTE_MS: i64 = 60_000;
/// A day in minutes.
const DAY: f64 = 1440.0;
/// A week after the last event.
const LATER: f64 = 10.0 * DAY;

fn ms(minutes: f64) -> i64 {
    #[expect(clippy::cast_possible_truncation, reason = "whole milliseconds")]
    let ms = (minutes * 60_000.0).round() as i64;
    ms
}

/// The events of an example, one line each: `minute sender what`.
fn events(platform: &str, script: &str) -> Vec<Event> {
    let mut events = Vec::new();
    for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let mut words = line.split_whitespace();
        let at = ms(words.next().unwrap().parse().unwrap());
        let sender = words.next().unwrap();
        let words: Vec<&str> = words.collect();
        events.push(read(platform, at, sender, &words));
        let last = events.last_mut().unwrap();
        last.id = line.to_owned();
    }
    as_stored(&events)
}

fn read(platform: &str, at: i64, sender: &str, words: &[&str]) -> Event {
    let plain = |kind| Event { platform: Some(platform.to_owned()), ..event(sender, at, kind) };
    let item = |name: &str, state: &str, code: Option<&str>| {
        What::Item(Item {
            phase: "deviceSetup".to_owned(),
            category: "networkConnections".to_owned(),
            id: name.to_owned(),
            name: Some(name.to_owned()),
            state: state.to_owned(),
            code: code.map(str::to_owned),
        })
    };
    let begins = |mode: &str| What::Started {
        mode: Some(mode.to_owned()),
        hybrid: false,
        limit: None,
        targeted: None,
        profile: None,
    };
    match words {
        ["started"] => plain(Kind::Started),
        ["step", action] => Event { place: Some(place(action)), ..plain(Kind::StepEntered) },
        ["stopped", chose] => Event { user_action: Some((*chose).to_owned()), ..plain(Kind::Stopped) },
        ["failed", code] => Event { failure_code: Some((*code).to_owned()), ..plain(Kind::Failed) },
        ["enrolled"] => plain(Kind::Enrolled),
        ["enrolled", "held"] => Event { awaiting_configuration: true, ..plain(Kind::Enrolled) },
        ["enrolled", "restated"] => Event { restated: true, ..plain(Kind::Enrolled) },
        ["compliant"] => plain(Kind::Compliant),
        ["compliant", "assumed"] => Event { assumed: true, ..plain(Kind::Compliant) },
        ["esp.started", mode] => page(sender, at, begins(mode)),
        ["item", name, state] => page(sender, at, item(name, state, None)),
        ["item", name, state, code] => page(sender, at, item(name, state, Some(code))),
        ["action", action] => page(sender, at, What::Action((*action).to_owned())),
        ["esp.completed"] => page(sender, at, What::Completed),
        _ => panic!("{words:?} is not an event"),
    }
}

/// What is asserted for both: one line for each attempt and each session, and the device's state.
struct Found {
    attempts: Vec<String>,
    sessions: Vec<String>,
    device: String,
}

fn minute(at_ms: i64) -> String {
    format!("{}", (at_ms - BASE_MS) / MINUTE_MS)
}

fn line(started: i64, ended: Option<i64>, words: &[Option<String>]) -> String {
    let words: Vec<&str> = words.iter().flatten().map(String::as_str).collect();
    format!("{}–{} {}", minute(started), ended.map(minute).unwrap_or_default(), words.join(", "))
}

fn by_model(device: &Device) -> Found {
    let attempt = |it: &vestibule_model::Attempt| {
        let row = it.catalogue_row.map(|row| format!("row {row}"));
        let place = it.action.as_ref().filter(|_| row.is_none()).map(|action| format!("at {action}"));
        let release = it.release_not_reported.then(|| "release not reported".to_owned());
        let time = (it.outcome == "completed" && !it.start_reported).then(|| "time not reported".to_owned());
        let words = [Some(it.outcome.clone()), it.cause.clone(), row, place, it.failure_code.clone(), release, time];
        line(it.started_at_ms, it.ended_at_ms, &words)
    };
    Found {
        attempts: device.attempts.iter().map(attempt).collect(),
        sessions: device.sessions.iter().map(|it| format!("{} {}", minute(it.started_at_ms), it.state)).collect(),
        device: device.state.clone(),
    }
}

fn by_domain(enrollment: &Enrollment) -> Found {
    let attempt = |it: &vestibule_domain::Attempt| {
        let row = it.row.map(|row| format!("row {row}"));
        let place = it.place.as_ref().filter(|_| row.is_none()).map(|place| format!("at {}", place.action.name()));
        let release = it.release_not_reported.then(|| "release not reported".to_owned());
        let completed = it.outcome == vestibule_domain::Outcome::Completed;
        let time = (completed && it.duration().is_none()).then(|| "time not reported".to_owned());
        let code = it.failure.as_ref().and_then(|failure| failure.code.clone());
        let cause = it.cause.map(|cause| cause.name().to_owned());
        let words = [Some(it.outcome.name().to_owned()), cause, row, place, code, release, time];
        line(it.started_at.millis(), it.ended_at.map(Timestamp::millis), &words)
    };
    let session =
        |it: &vestibule_domain::esp::EspSession| format!("{} {}", minute(it.started_at.millis()), it.state.name());
    Found {
        attempts: enrollment.attempts.iter().map(attempt).collect(),
        sessions: enrollment.sessions.iter().map(session).collect(),
        device: enrollment.state.name().to_owned(),
    }
}

/// An example: the deliveries and the questions.
struct Example {
    events: Vec<Event>,
    settings: Settings,
}

impl Example {
    fn of(platform: &str, script: &str) -> Self {
        Self { events: events(platform, script), settings: Settings::default() }
    }

    /// Both give this answer for the attempts and the device at a minute, in whatever order the events are delivered.
    #[track_caller]
    fn at(&self, minute: f64, attempts: &[&str], device: &str) -> &Self {
        self.check(minute, |found, who| {
            assert_eq!(found.attempts, attempts, "attempts by {who}");
            assert_eq!(found.device, device, "device by {who}");
        });
        self
    }

    /// Both give this answer for the sessions.
    #[track_caller]
    fn sessions_at(&self, minute: f64, sessions: &[&str]) -> &Self {
        self.check(minute, |found, who| assert_eq!(found.sessions, sessions, "sessions by {who}"));
        self
    }

    #[track_caller]
    fn check(&self, minute: f64, same: impl Fn(&Found, &str)) {
        let as_of_ms = BASE_MS + ms(minute);
        let settings = bridge::settings(&self.settings);
        let backwards: Vec<Event> = self.events.iter().rev().cloned().collect();
        let twice: Vec<Event> = backwards.iter().chain(&self.events).cloned().collect();
        for (delivered, how) in [(&self.events, "in order"), (&backwards, "backwards"), (&twice, "twice")] {
            let devices = devices_of(delivered, &self.settings, as_of_ms);
            assert_eq!(devices.len(), 1);
            same(&by_model(&devices[0]), &format!("the model, delivered {how}"));
            same(&by_domain(&folded(delivered, &settings, as_of_ms)), &format!("the fold, delivered {how}"));
        }
    }
}

#[test]
fn x01() {
    Example::of(
        "ios",
        "0 native started
         1 native step PreEnrollmentWizard
         5 native step iOSProfileLaunch
         10 native enrolled
         12 native step Compliance
         15 native compliant",
    )
    .at(LATER, &["0–15 completed"], "enrolled");
}

#[test]
fn x02() {
    Example::of(
        "ios",
        "0 native started
         5 native step iOSProfileLaunch
         40 native step iOSProfileLaunch
         45 native enrolled
         50 native compliant",
    )
    .at(LATER, &["0–35 abandoned, timedOut, row 9", "40–50 completed"], "enrolled");
}

#[test]
fn x03() {
    Example::of(
        "ios",
        "0 native started
         3 native step TermsofUse
         4 native stopped declineAll
         5 graph failed 0x1",
    )
    .at(LATER, &["0–4 abandoned, declineAll, row 14, 0x1"], "gaveUp");
}

#[test]
fn x04() {
    Example::of(
        "ios",
        "0 native started
         10 native enrolled
         11 native step Compliance
         42 native compliant",
    )
    .at(LATER, &["0–41 abandoned, timedOut, row 17", "42–42 completed, time not reported"], "enrolled");
}

/// `Authenticate` of NanoMDM.
const AUTHENTICATE: &str = "0 nanomdm started
    0 nanomdm step iOSProfileLaunch";

#[test]
fn x05() {
    Example::of("ios", AUTHENTICATE).at(LATER, &["0–30 abandoned, timedOut, row 9"], "gaveUp");
}

fn held() -> Example {
    Example::of("ios", &format!("{AUTHENTICATE}\n1 nanomdm enrolled held"))
}

#[test]
fn x06() {
    held().at(60.0, &["0– inProgress, at AwaitConfiguration"], "waitingForCompliance");
}

#[test]
fn x07() {
    held().at(3.0 * DAY, &["0–1441 completed, release not reported"], "enrolled");
}

#[test]
fn x08() {
    let script = "1 nanomdm enrolled
                  1 nanomdm compliant assumed
                  2000 graph compliant";
    let mut example = Example::of("ios", &format!("{AUTHENTICATE}\n{script}"));
    example.settings.compliance_source = ComplianceSource::All("graph".to_owned());
    example.at(1999.0, &["0–1441 abandoned, timedOut, row 17"], "enrolled").at(
        3.0 * DAY,
        &["0–2000 completed"],
        "enrolled",
    );
}

#[test]
fn x09() {
    Example::of(
        "macos",
        "0 jamf enrolled
         0 jamf compliant assumed
         2 jamf enrolled
         2 jamf compliant assumed
         9 jamf enrolled
         9 jamf compliant assumed",
    )
    .at(LATER, &["0–0 completed, time not reported"], "enrolled");
}

#[test]
fn x10() {
    let days = [0, 10, 20].map(|day| {
        let minute = day * 1440;
        format!("{minute} jamf enrolled\n{minute} jamf compliant assumed")
    });
    Example::of("macos", &days.join("\n")).at(
        30.0 * DAY,
        &[
            "0–0 completed, time not reported",
            "14400–14400 completed, time not reported",
            "28800–28800 completed, time not reported",
        ],
        "enrolled",
    );
}

fn hourly(compliant_from: i64) -> Example {
    let mut lines = vec!["0 amapi enrolled".to_owned()];
    for hour in 1..72 {
        lines.push(format!("{} amapi enrolled restated", hour * 60));
        if hour * 60 >= compliant_from {
            lines.push(format!("{} amapi compliant", hour * 60));
        }
    }
    Example::of("android", &lines.join("\n"))
}

#[test]
fn x11() {
    hourly(i64::MAX).at(3.0 * DAY, &["0–1440 abandoned, timedOut, row 17"], "enrolled");
}

#[test]
fn x12() {
    hourly(300).at(3.0 * DAY, &["0–300 completed, time not reported"], "enrolled");
}

#[test]
fn x13() {
    Example::of(
        "android",
        "0 amapi enrolled
         30 amapi compliant
         120 amapi compliant
         500 amapi compliant",
    )
    .at(LATER, &["0–30 completed, time not reported"], "enrolled");
}

#[test]
fn x14() {
    Example::of(
        "ios",
        "0 log enrolled
         4 graph compliant
         16 graph enrolled",
    )
    .at(3.0 * DAY, &["0–4 completed, time not reported"], "enrolled");
}

#[test]
fn x15() {
    Example::of(
        "ios",
        "0 native started
         3 native step TermsofUse
         4 graph enrolled restated",
    )
    .at(LATER, &["0–33 abandoned, timedOut, row 15"], "gaveUp");
}

#[test]
fn x16() {
    Example::of(
        "macos",
        "0 jamf enrolled
         0 jamf compliant assumed
         0.7 setup started
         20 setup enrolled
         20 setup compliant assumed",
    )
    .at(LATER, &["0–20 completed"], "enrolled");
}

/// The first four events of [`x17`].
const FIRST_FOUR: &str = "0 native started
    2 native esp.started userDriven
    3 native item vpn inProgress
    5 native enrolled";

fn after_four(script: &str) -> Example {
    Example::of("windows", &format!("{FIRST_FOUR}\n{script}"))
}

#[test]
fn x17() {
    after_four(
        "20 native compliant
         35 native esp.completed",
    )
    .at(LATER, &["0–35 completed"], "enrolled")
    .sessions_at(LATER, &["2 success"]);
}

#[test]
fn x18() {
    after_four("20 native item vpn error 0x87D1").at(25.0, &["0–20 failed, at deviceSetup, 0x87D1"], "failed");
}

#[test]
fn x19() {
    after_four(
        "10 native compliant
         20 native item vpn error 0x87D1
         22 native action retry
         50 native esp.completed",
    )
    .at(LATER, &["0–50 completed"], "enrolled")
    .sessions_at(LATER, &["2 successOnRetry"]);
}

#[test]
fn x20() {
    after_four(
        "20 native item vpn error 0x87D1
         21 native action continueAnyway
         60 native compliant",
    )
    .at(LATER, &["0–20 failed, at deviceSetup, 0x87D1"], "enrolled");
}

#[test]
fn x21() {
    after_four("40 native compliant")
        .at(3.0 * DAY, &["0–40 completed"], "enrolled")
        .sessions_at(3.0 * DAY, &["2 timedOut"]);
}

#[test]
fn x22() {
    after_four("").at(3.0 * DAY, &["0–1445 abandoned, timedOut, at deviceSetup"], "enrolled");
}

#[test]
fn x23() {
    after_four(
        "80 native action reset
         100 native started
         102 native esp.started userDriven
         110 native enrolled
         140 native esp.completed
         141 native compliant",
    )
    .at(LATER, &["0–80 abandoned, restarted, at deviceSetup", "100–141 completed"], "enrolled")
    .sessions_at(LATER, &["2 timedOut", "102 success"]);
}

const TECHNICIAN: &str = "0 agent esp.started preProvisioningTechnician
    40 agent esp.completed
    300 graph compliant";

#[test]
fn x24() {
    Example::of("windows", TECHNICIAN).at(1000.0, &["0–40 completed"], "prepared");
}

#[test]
fn x25() {
    let user = "30000 agent esp.started preProvisioningUser
                30005 agent item vpn inProgress
                30020 agent esp.completed
                30025 graph compliant";
    Example::of("windows", &format!("{TECHNICIAN}\n{user}")).at(
        40_000.0,
        &["0–40 completed", "30000–30020 completed"],
        "enrolled",
    );
    Example::of("windows", &format!("{TECHNICIAN}\n{user}\n30003 graph enrolled")).at(
        40_000.0,
        &["0–40 completed", "30000–30025 completed"],
        "enrolled",
    );
}

#[test]
fn x26() {
    Example::of(
        "windows",
        "0 agent esp.started selfDeploying
         30 agent esp.completed
         5000 agent esp.started userDriven
         5005 agent item vpn error 0x7",
    )
    .at(LATER, &["0–30 completed"], "enrolled")
    .sessions_at(LATER, &["0 success", "5000 failed"]);
}

#[test]
fn x27() {
    Example::of(
        "windows",
        "0 graph enrolled
         1 graph compliant
         12 agent esp.started userDriven
         30 agent item vpn error 0x9",
    )
    .at(LATER, &["0–30 failed, at deviceSetup, 0x9"], "failed");
}

#[test]
fn x28() {
    after_four(
        "15 native started
         40 native esp.completed
         45 native compliant",
    )
    .at(LATER, &["0–45 completed"], "enrolled");
}
