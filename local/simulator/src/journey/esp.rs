//! The Enrollment Status Page of a Windows device.

use crate::event::{EspDetail, EventId, Failure, Groups, Item, ItemName, ItemState, Kind, TargetedApp};
use crate::plan::Course;
use crate::rhythm::{MINUTE, SECOND};

use super::tape::Tape;

/// How the device is deployed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    User,
    SelfDeploying,
    Technician,
    PreparedUser,
}

impl Mode {
    const fn name(self) -> &'static str {
        match self {
            Self::User => "userDriven",
            Self::SelfDeploying => "selfDeploying",
            Self::Technician => "preProvisioningTechnician",
            Self::PreparedUser => "preProvisioningUser",
        }
    }

    const fn has_account(self) -> bool {
        matches!(self, Self::User | Self::PreparedUser)
    }

    const fn proves_hardware(self) -> bool {
        matches!(self, Self::SelfDeploying | Self::Technician)
    }
}

/// How a session ended.
#[derive(Debug)]
pub(super) enum Page {
    Done,
    /// No further event arrives.
    Left,
    Failed(Failure),
}

const fn app(id: &'static str, name: &'static str, context: &'static str) -> TargetedApp {
    TargetedApp { id, name, context }
}

/// The organisation's apps.
#[rustfmt::skip]
static APPS: [TargetedApp; 10] = [
    app("5f1d0a3e-0c1b-4a52-9c0e-6a3f6f1f0a01", "Company Portal", "device"),
    app("5f1d0a3e-0c1b-4a52-9c0e-6a3f6f1f0a02", "Microsoft 365 Apps", "device"),
    app("5f1d0a3e-0c1b-4a52-9c0e-6a3f6f1f0a03", "Endpoint Protection", "device"),
    app("5f1d0a3e-0c1b-4a52-9c0e-6a3f6f1f0a04", "Contoso VPN", "device"),
    app("5f1d0a3e-0c1b-4a52-9c0e-6a3f6f1f0a05", "Contoso Root Tools", "device"),
    app("5f1d0a3e-0c1b-4a52-9c0e-6a3f6f1f0a06", "PDF Reader", "device"),
    app("5f1d0a3e-0c1b-4a52-9c0e-6a3f6f1f0a07", "Archive Manager", "device"),
    app("5f1d0a3e-0c1b-4a52-9c0e-6a3f6f1f0a08", "Contoso Expenses", "user"),
    app("5f1d0a3e-0c1b-4a52-9c0e-6a3f6f1f0a09", "Team Chat", "user"),
    app("5f1d0a3e-0c1b-4a52-9c0e-6a3f6f1f0a10", "Print Client", "user"),
];

const PREPARATION: &str = "devicePreparation";
const DEVICE: &str = "deviceSetup";
const ACCOUNT: &str = "accountSetup";

/// Codes with which an app's installation fails.
const APP_ERRORS: [&str; 4] = ["0x87D1041C", "0x80070643", "0x87D300C9", "0x80070005"];

/// How long the page waits before it reports a time-out.
const TIME_LIMIT: i64 = 60 * MINUTE;

struct Session<'t, 'a> {
    tape: &'t mut Tape<'a>,
    id: Option<EventId>,
    mode: Mode,
    began_ms: i64,
    /// How long one item takes, in milliseconds.
    item_ms: i64,
}

/// Shows the page once. The device comes under management on it, unless a technician is at work.
pub(super) fn run(tape: &mut Tape<'_>, mode: Mode, course: Course) -> Page {
    let id = tape.rng.chance(0.4).then(|| EventId(tape.rng.uuid()));
    let apps: Vec<TargetedApp> = APPS
        .iter()
        .enumerate()
        .filter(|(index, app)| (mode.has_account() || app.context == "device") && (*index < 2 || tape.rng.chance(0.5)))
        .map(|(_, app)| *app)
        .collect();
    let minutes = match course {
        Course::Smooth | Course::Retried => tape.rng.range(16, 40),
        Course::Identifying => tape.rng.range(12, 24),
        Course::TimedOutThenDone => tape.rng.range(30, 60),
        Course::TimedOut | Course::Failed => tape.rng.range(20, 50),
    };
    let items = i64::try_from(apps.len()).unwrap_or(0) + 4;
    let session = Session { began_ms: tape.at_ms, tape, id, mode, item_ms: minutes * MINUTE / items };
    session.run(&apps, course)
}

impl Session<'_, '_> {
    fn run(mut self, apps: &[TargetedApp], course: Course) -> Page {
        self.start(apps, course);
        self.prepare();
        if self.mode != Mode::Technician && !self.tape.enrolled {
            self.tape.outcome(Kind::Enrolled);
        }
        let of =
            |context: &str| -> Vec<TargetedApp> { apps.iter().filter(|app| app.context == context).copied().collect() };
        if let Some(page) = self.set_up(DEVICE, &of("device"), course) {
            return page;
        }
        if self.mode.has_account() {
            self.set_up(ACCOUNT, &of("user"), Course::Smooth);
        }
        self.end(Kind::EspCompleted, None, None);
        Page::Done
    }

    fn report(&mut self, kind: Kind, choice: Option<&'static str>, detail: EspDetail) {
        self.tape.esp(kind, self.id, choice, detail);
        if !self.mode.has_account() {
            self.tape.without_user();
        }
    }

    fn start(&mut self, apps: &[TargetedApp], course: Course) {
        // Joining a local domain lengthens the limit, so a session that must time out does not do it.
        let hybrid_join = course == Course::Smooth && self.tape.rng.chance(0.12);
        let reports_apps = self.tape.rng.chance(0.8);
        let group = self.tape.rng.pick(&["autopilot-berlin", "autopilot-lisbon", "autopilot-field"]);
        let department = self.tape.rng.pick(&["sales", "engineering", "finance", "care"]);
        let groups =
            Groups { device: vec![group], user: if self.mode.has_account() { vec![department] } else { Vec::new() } };
        let detail = EspDetail::Started {
            deployment_mode: self.mode.name(),
            hybrid_join,
            groups,
            operating_system_sku: self.tape.rng.pick(&["Enterprise", "Professional"]),
            device_ownership: "Corporate",
            enrollment_profile_name: match self.mode {
                Mode::User => "Standard user-driven",
                Mode::SelfDeploying => "Shared desk",
                Mode::Technician | Mode::PreparedUser => "Prepared by IT",
            },
            targeted_apps: if reports_apps { apps.to_vec() } else { Vec::new() },
        };
        self.report(Kind::EspStarted, None, detail);
        self.tape.wait(2 * SECOND, 10 * SECOND);
    }

    fn phase(&mut self, phase: &'static str, state: &'static str) {
        self.report(Kind::EspPhase, None, EspDetail::Phase { phase, state });
        self.tape.wait(SECOND, 5 * SECOND);
    }

    fn item(
        &mut self,
        phase: &'static str,
        category: &'static str,
        name: ItemName,
        state: &'static str,
        error_code: Option<&'static str>,
    ) {
        let number = match state {
            "notInstalled" => 1,
            "inProgress" => 2,
            "completed" => 3,
            _ => 4,
        };
        let item = Item {
            id: name.id,
            name: self.tape.rng.chance(0.5).then_some(name.name),
            state: if self.tape.numbers { ItemState::Number(number) } else { ItemState::Name(state) },
            error_code,
        };
        self.report(Kind::EspItem, None, EspDetail::Item { phase, category, item });
    }

    /// Waits for half to three halves of an item's time.
    fn work(&mut self) {
        self.tape.wait(self.item_ms / 2, self.item_ms * 3 / 2);
    }

    fn prepare(&mut self) {
        self.phase(PREPARATION, "started");
        let items: &[(&'static str, &'static str)] = if self.mode.proves_hardware() {
            &[
                ("secureHardware", "Secure your hardware"),
                ("joinNetwork", "Join your organization's network"),
                ("registerDevice", "Register your device"),
            ]
        } else {
            &[("joinNetwork", "Join your organization's network"), ("registerDevice", "Register your device")]
        };
        for (id, name) in items {
            self.tape.wait(self.item_ms / 6, self.item_ms / 2);
            self.item(PREPARATION, id, ItemName { id, name }, "completed", None);
        }
        self.phase(PREPARATION, "completed");
    }

    /// One of the setup phases; returns the page's end if it ends there.
    fn set_up(&mut self, phase: &'static str, apps: &[TargetedApp], course: Course) -> Option<Page> {
        self.phase(phase, "started");
        if course == Course::Identifying {
            self.tape.wait(17 * MINUTE, 26 * MINUTE);
        }
        let policies = ItemName { id: "securityPolicies", name: "Security policies" };
        self.item(phase, "securityPolicies", policies, "completed", None);
        if self.tape.rng.chance(0.4) {
            let profile = ItemName { id: "wifi-contoso", name: "Contoso Wi-Fi" };
            self.tracked(phase, "networkConnections", vec![profile]);
            self.work();
            self.item(phase, "networkConnections", profile, "completed", None);
        }
        let names: Vec<ItemName> = apps.iter().map(|app| ItemName { id: app.id, name: app.name }).collect();
        self.tracked(phase, "apps", names.clone());
        let count = names.len();
        for (index, app) in names.into_iter().enumerate() {
            if self.tape.rng.chance(0.35) || index + 1 == count {
                self.item(phase, "apps", app, "inProgress", None);
            }
            self.work();
            if index + 1 == count {
                match course {
                    Course::TimedOut => return Some(Page::Left),
                    Course::Failed => return Some(self.fail(phase, app)),
                    Course::Retried => self.retry(phase, app),
                    Course::TimedOutThenDone => {
                        self.tape.at_ms = self.tape.at_ms.max(self.began_ms + TIME_LIMIT);
                        self.tape.wait(MINUTE, 40 * MINUTE);
                    }
                    Course::Smooth | Course::Identifying => {}
                }
            }
            self.item(phase, "apps", app, "completed", None);
        }
        self.phase(phase, "completed");
        None
    }

    fn tracked(&mut self, phase: &'static str, category: &'static str, items: Vec<ItemName>) {
        self.report(Kind::EspTracked, None, EspDetail::Tracked { phase, category, items });
        self.tape.wait(SECOND, 5 * SECOND);
    }

    /// An app cannot be installed: the item, the phase and the session report it.
    fn fail(&mut self, phase: &'static str, app: ItemName) -> Page {
        let error = self.tape.rng.pick(&APP_ERRORS);
        self.item(phase, "apps", app, "error", Some(error));
        self.tape.wait(SECOND, 30 * SECOND);
        self.phase(phase, "failed");
        self.end(Kind::EspFailed, Some(error), Some("Setup could not be completed. An app was not installed."));
        if self.tape.rng.chance(0.5) {
            self.tape.wait(MINUTE, 10 * MINUTE);
            let choice = self.tape.rng.pick(&["collectLogs", "continueAnyway", "reset"]);
            self.act(choice);
        }
        Page::Failed(Failure {
            code: Some(error.to_owned()),
            reason: "App installation failed",
            category: Some("unknown"),
            message: Some("An app that blocks the use of the device was not installed."),
        })
    }

    fn retry(&mut self, phase: &'static str, app: ItemName) {
        let error = self.tape.rng.pick(&APP_ERRORS);
        self.item(phase, "apps", app, "error", Some(error));
        self.tape.wait(SECOND, 30 * SECOND);
        self.end(Kind::EspFailed, Some(error), None);
        self.tape.wait(MINUTE, 15 * MINUTE);
        self.act("retry");
        self.work();
    }

    fn act(&mut self, choice: &'static str) {
        self.end_with(Kind::EspAction, Some(choice), None, None);
    }

    fn end(&mut self, kind: Kind, error_code: Option<&'static str>, message: Option<&'static str>) {
        self.end_with(kind, None, error_code, message);
    }

    fn end_with(
        &mut self,
        kind: Kind,
        choice: Option<&'static str>,
        error_code: Option<&'static str>,
        message: Option<&'static str>,
    ) {
        self.report(kind, choice, EspDetail::Ended { error_code, message });
    }
}
