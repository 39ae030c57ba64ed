//! Devices whose events a test writes down, and the diagnosis of a file of them.

use crate::common::{about, at, build, context, event, step, tenant};
use vestibule_domain::event::Step;
use vestibule_domain::failure::{Failure, FailureCategory};
use vestibule_domain::{
    Action, Event, History, Kind, Millis, Place, Platform, Screen, TenantSettings, Timestamp, UserAction,
};
use vestibule_report::diagnosis::{Diagnosis, Finding, Known, Subject};
use vestibule_report::{Change, Working};

pub const AS_OF: &str = "2026-03-20T12:00:00Z";
pub const KNOWN: Known = Known { device_limit: 15, shows_profiles: true, silent: Vec::new() };

pub fn ago(minutes: i64) -> Timestamp {
    at(AS_OF) - Millis::from_minutes(minutes)
}

/// What a device reports, in minutes before the file's instant.
pub struct Reporter {
    pub device: u64,
    pub platform: Platform,
    pub events: Vec<Event>,
}

pub fn device(device: u64, platform: Platform) -> Reporter {
    Reporter { device, platform, events: Vec::new() }
}

impl Reporter {
    pub fn reports(mut self, minutes: i64, step: Step) -> Self {
        let id = format!("{}-{}", self.device, self.events.len());
        self.events.push(event(id, ago(minutes), 100, about(self.device, self.platform), step));
        self
    }

    /// Makes this the person of its events since the last call.
    pub fn by(mut self, person: &str) -> Self {
        for event in self.events.iter_mut().filter(|event| event.about.user_id.as_deref() != Some("another")) {
            event.about.user_principal_name = Some(person.to_owned());
            event.about.user_id = Some("another".to_owned());
        }
        self
    }

    /// Sets the device name of its events so far.
    pub fn named(mut self, name: &str) -> Self {
        self.events.iter_mut().for_each(|event| event.about.device_name = Some(name.to_owned()));
        self
    }

    pub fn starts(self, minutes: i64) -> Self {
        self.reports(minutes, step(Kind::Started))
    }

    /// Makes its events so far those of a sender that reports neither starts nor screens.
    pub fn without_steps(mut self) -> Self {
        for event in &mut self.events {
            (event.reports.starts, event.reports.steps) = (false, false);
        }
        self
    }

    pub fn enters(self, minutes: i64, action: &str, screen: &str) -> Self {
        let place = Some(Place::new(None, Action::read(action), Some(Screen::read(screen))));
        self.reports(minutes, Step { place, ..step(Kind::StepEntered) })
    }

    pub fn cancels(self, minutes: i64) -> Self {
        self.reports(minutes, Step { user_action: Some(UserAction::Cancel), ..step(Kind::Stopped) })
    }

    pub fn fails(
        self,
        minutes: i64,
        code: Option<&str>,
        category: Option<FailureCategory>,
        message: Option<&str>,
    ) -> Self {
        let failure =
            Failure { code: code.map(str::to_owned), reason: None, message: message.map(str::to_owned), category };
        self.reports(minutes, Step { failure: Some(failure), ..step(Kind::Failed) })
    }

    /// Reports it enrolled and held in the Setup Assistant.
    pub fn held(self, minutes: i64) -> Self {
        let mut held = step(Kind::Enrolled);
        held.said.awaiting_configuration = true;
        self.reports(minutes, held)
    }

    pub fn completes(self, minutes: i64) -> Self {
        self.reports(minutes, step(Kind::Enrolled)).reports(minutes, step(Kind::Compliant))
    }

    pub fn change(self) -> Change {
        let mut history = History::default();
        let number = self.device;
        for event in self.events {
            history.add(event);
        }
        Change { item: format!("item-{number}"), version: history.len() as u64, history, expires_at: None }
    }
}

pub struct File {
    pub working: Working,
    _folder: tempfile::TempDir,
}

pub fn file(devices: impl IntoIterator<Item = Reporter>) -> File {
    let changes: Vec<_> = devices.into_iter().map(Reporter::change).collect();
    let folder = tempfile::tempdir().unwrap();
    let context = context(&TENANT, &SETTINGS);
    let working = build(&folder.path().join("w"), &context, &changes, at(AS_OF));
    File { working, _folder: folder }
}

static TENANT: std::sync::LazyLock<vestibule_domain::TenantId> = std::sync::LazyLock::new(tenant);
pub static SETTINGS: std::sync::LazyLock<TenantSettings> = std::sync::LazyLock::new(TenantSettings::default);

impl File {
    pub fn of_device(&self, text: &str) -> Diagnosis {
        let subject = Subject::Device { text: text.to_owned(), name: text.to_owned() };
        self.working.reader().unwrap().diagnose(&subject, KNOWN).unwrap()
    }

    pub fn of_user(&self, user: &str, known: Known) -> Diagnosis {
        self.working.reader().unwrap().diagnose(&Subject::User(user.to_owned()), known).unwrap()
    }
}

pub fn ids(diagnosis: &Diagnosis) -> Vec<&str> {
    diagnosis.findings.iter().map(|finding| finding.id).collect()
}

pub fn finding<'d>(diagnosis: &'d Diagnosis, id: &str) -> &'d Finding {
    let found = diagnosis.findings.iter().find(|finding| finding.id == id);
    found.unwrap_or_else(|| panic!("no {id} among {:?}", ids(diagnosis)))
}
