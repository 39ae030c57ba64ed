//! Which sender reports an event, and with how much detail.

use std::sync::Arc;

use crate::event::{Data, Device, Esp, EspDetail, Event, EventId, Failure, Kind};
use crate::people::Identity;
use crate::plan::{Plan, Senders};
use crate::rhythm::SECOND;
use crate::rng::Rng;

use super::Happened;
use super::screens::Step;

/// The management service.
pub(crate) const MDM: &str = "https://mdm.contoso.example/";
/// The management service's address for Apple's protocol.
const APPLE: &str = "https://mdm.contoso.example/apple";
/// The agent on the device.
pub(crate) const AGENT: &str = "urn:vestibule:agent";

/// How much an event reports of the device and its user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Detail {
    /// Everything; used for beginnings.
    Full,
    /// Only what identifies the device.
    Brief,
}

/// A place, in a sender's words.
#[derive(Debug, Clone, Copy, Default)]
struct Named {
    section: Option<&'static str>,
    action: Option<&'static str>,
    screen: Option<&'static str>,
}

impl Named {
    fn put(self, data: &mut Data) {
        data.section = self.section;
        data.action = self.action;
        data.screen = self.screen;
    }
}

/// The growing record of one enrollment.
pub(super) struct Tape<'a> {
    pub rng: &'a mut Rng,
    pub identity: &'a Identity,
    pub senders: Senders,
    pub at_ms: i64,
    pub happened: Vec<Happened>,
    /// Whether the device was reported to be under management.
    pub enrolled: bool,
    /// The screen last shown.
    pub place: Option<&'static Step>,
    /// The probability that a screen's completion is also reported.
    pub completions: f64,
    /// Senders may leave out what can be inferred from the rest.
    pub terse: bool,
    /// States of items are reported by number.
    pub numbers: bool,
    skew_ms: i64,
    /// Every event names the person.
    names_user: bool,
    /// The sender uses the older name of the activation's action.
    old_name: bool,
    /// The sender writes actions in its own letter case.
    own_case: bool,
    by_udid: Option<Arc<Device>>,
    introduced: Option<Arc<Device>>,
}

impl<'a> Tape<'a> {
    pub fn new(plan: &Plan, identity: &'a Identity, at_ms: i64, rng: &'a mut Rng) -> Self {
        let apple = plan.senders == Senders::Apple;
        Self {
            completions: rng.weighted(&[(0.08, 50), (0.3, 35), (0.9, 15)]),
            names_user: rng.chance(0.25),
            old_name: rng.chance(0.3),
            own_case: rng.chance(0.15),
            numbers: rng.chance(0.1),
            rng,
            identity,
            senders: plan.senders,
            at_ms,
            happened: Vec::with_capacity(16),
            enrolled: false,
            place: None,
            terse: plan.terse,
            skew_ms: plan.skew_ms,
            by_udid: if apple { identity.by_udid() } else { None },
            introduced: apple.then(|| identity.introduced()),
        }
    }

    /// Lets time pass, in milliseconds.
    pub fn wait(&mut self, low: i64, high: i64) {
        self.at_ms += self.rng.range(low, high);
    }

    /// The sender that sees the screens.
    fn screens_source(&self) -> &'static str {
        match self.senders {
            Senders::Mdm => MDM,
            Senders::Agent | Senders::Both => AGENT,
            Senders::Apple => APPLE,
        }
    }

    /// The sender that knows about management.
    fn management_source(&self) -> &'static str {
        match self.senders {
            Senders::Mdm | Senders::Both => MDM,
            Senders::Agent => AGENT,
            Senders::Apple => APPLE,
        }
    }

    fn report(&mut self, source: &'static str, kind: Kind, detail: Detail, fill: impl FnOnce(&mut Data)) {
        // Two events of a sender never share a millisecond.
        self.at_ms += self.rng.range(1, 60);
        let identity = self.identity;
        let full = detail == Detail::Full;
        let device = match source {
            APPLE if full => self.introduced.clone(),
            APPLE => self.by_udid.clone(),
            _ if full => Some(identity.full.clone()),
            AGENT => identity.local.clone(),
            _ => identity.managed.clone(),
        };
        let names_user = match (full, source) {
            // The protocol knows devices, not people.
            (_, APPLE) => false,
            (full, _) => full || self.names_user,
        };
        let mut data = Data {
            enrollment_id: identity.enrollment_id.clone().filter(|_| source == MDM || device.is_none() || full),
            device,
            user: identity.user.clone().filter(|_| names_user),
            platform: identity.way.platform(),
            os_version: (full || kind == Kind::Enrolled).then_some(identity.os_version),
            enrollment_type: (full && source != APPLE || kind == Kind::Enrolled).then_some(identity.enrollment_type),
            tags: identity.tags.filter(|_| full && source != APPLE && !kind.is_esp()),
            section: None,
            action: None,
            screen: None,
            user_action: None,
            failure: None,
            esp: None,
        };
        fill(&mut data);
        let skew = if source == AGENT { self.skew_ms } else { 0 };
        let subject = match (source, &identity.full.udid) {
            (APPLE, Some(udid)) => udid.clone(),
            _ => identity.subject.clone(),
        };
        self.happened.push(Happened {
            at_ms: self.at_ms,
            event: Event { id: EventId(self.rng.uuid()), source, kind, time_ms: self.at_ms + skew, subject, data },
        });
    }

    /// A screen in the sender's words.
    fn named(&self, step: &Step) -> Named {
        Named {
            section: (!self.terse).then_some(step.section),
            action: Some(match step.action {
                "Activation" if self.old_name => "Compliance",
                "TermsofUse" if self.own_case => "TermsOfUse",
                action => action,
            }),
            screen: Some(step.screen),
        }
    }

    pub fn registered(&mut self) {
        self.report(MDM, Kind::Registered, Detail::Full, |data| data.user = None);
    }

    pub fn started(&mut self) {
        self.enrolled = false;
        let source = self.screens_source();
        self.report(source, Kind::Started, Detail::Full, |_| {});
        if self.senders == Senders::Both {
            self.wait(500, 8 * SECOND);
            self.report(MDM, Kind::Started, Detail::Full, |_| {});
        }
    }

    pub fn entered(&mut self, step: &'static Step) {
        // Apple's introduction also reports the screen.
        let detail = match self.senders {
            Senders::Apple => Detail::Full,
            _ => Detail::Brief,
        };
        self.step(Kind::StepEntered, detail, step);
        self.place = Some(step);
    }

    pub fn completed(&mut self, step: &'static Step) {
        self.step(Kind::StepCompleted, Detail::Brief, step);
    }

    fn step(&mut self, kind: Kind, detail: Detail, step: &'static Step) {
        let named = self.named(step);
        self.report(self.screens_source(), kind, detail, |data| named.put(data));
    }

    pub fn stopped(&mut self, step: &'static Step, choice: &'static str) {
        // Only the screen distinguishes two cancellations of one action, so it is not left out there.
        let says_where = !self.terse || step.screen == "trustProfilePrompt" || self.rng.chance(0.6);
        let named = if says_where { self.named(step) } else { Named::default() };
        // A stop without a choice counts as a cancellation.
        let silent = self.terse && choice == "cancel" && self.rng.chance(0.3);
        self.report(self.screens_source(), Kind::Stopped, Detail::Brief, |data| {
            named.put(data);
            data.user_action = (!silent).then_some(choice);
        });
    }

    pub fn portal_closed(&mut self) {
        self.report(self.screens_source(), Kind::PortalClosed, Detail::Brief, |_| {});
    }

    pub fn failed(&mut self, failure: &Failure, step: Option<&'static Step>) {
        let named = step.filter(|_| !self.terse).map_or_else(Named::default, |step| self.named(step));
        let first = match self.senders {
            Senders::Both => AGENT,
            _ => self.management_source(),
        };
        self.report(first, Kind::Failed, Detail::Brief, |data| {
            named.put(data);
            data.failure = Some(Box::new(failure.clone()));
        });
        if self.senders == Senders::Both {
            // The service knows why, but not where.
            self.wait(SECOND, 25 * SECOND);
            self.report(MDM, Kind::Failed, Detail::Brief, |data| {
                data.failure = Some(Box::new(failure.clone()));
            });
        }
    }

    /// An event about the device as a whole, from the sender that manages it.
    pub fn outcome(&mut self, kind: Kind) {
        let source = match kind {
            Kind::Unenrolled if self.senders != Senders::Apple => MDM,
            _ => self.management_source(),
        };
        self.report(source, kind, Detail::Brief, |_| {});
        if kind == Kind::Enrolled {
            self.enrolled = true;
        }
    }

    /// An event of the Enrollment Status Page.
    pub fn esp(&mut self, kind: Kind, session_id: Option<EventId>, choice: Option<&'static str>, detail: EspDetail) {
        let depth = match kind {
            Kind::EspStarted => Detail::Full,
            _ => Detail::Brief,
        };
        // The page is on the device, so its agent sees it.
        self.report(AGENT, kind, depth, |data| {
            data.action = choice;
            data.enrollment_type = None;
            data.esp = Some(Box::new(Esp { session_id, detail }));
        });
    }

    /// Removes the person from the latest event, because a technician is at work.
    pub fn without_user(&mut self) {
        if let Some(happened) = self.happened.last_mut() {
            happened.event.data.user = None;
        }
    }
}
