//! From events to devices and their attempts.

use crate::catalogue::row_of;
use crate::read::{Event, IdentifierKind, Kind, Place, read};
use crate::{Delivered, Settings};
use std::collections::BTreeMap;

/// One try to enroll.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// `source` and `id` of the event that opened it: what its `attempt_id` is made from.
    pub opened_by: (String, String),
    /// The device's key.
    pub enrollment_key: String,
    /// The device's name, as last told.
    pub device_name: Option<String>,
    /// Who made the device, as last told.
    pub manufacturer: Option<String>,
    /// The device's model, as last told.
    pub model: Option<String>,
    /// The user's principal name, as last told.
    pub user_principal_name: Option<String>,
    /// The user's id, as last told.
    pub user_id: Option<String>,
    /// The platform, as last told, in canonical form.
    pub platform: Option<String>,
    /// The version of the operating system, as last told.
    pub os_version: Option<String>,
    /// The enrollment type, as last told.
    pub enrollment_type: Option<String>,
    /// When it was opened.
    pub started_at_ms: i64,
    /// When it was closed; `None` while it is in progress.
    pub ended_at_ms: Option<i64>,
    /// `inProgress`, `completed`, `abandoned` or `failed`.
    pub outcome: String,
    /// Why it was abandoned: a user action, `portalClosed`, `timedOut`, `restarted` or `unenrolled`.
    pub cause: Option<String>,
    /// The section in which it stopped; `None` when completed, or when an action outside the catalogue came without one.
    pub section: Option<String>,
    /// The action at which it stopped; `None` when completed.
    pub action: Option<String>,
    /// The screen on which it stopped, if one was told.
    pub screen: Option<String>,
    /// The row of the catalogue, of attempts abandoned on iOS/iPadOS and Android.
    pub catalogue_row: Option<u8>,
    /// The failure's code, spelled as reported.
    pub failure_code: Option<String>,
    /// The failure's reason, as reported.
    pub failure_reason: Option<String>,
    /// The failure's category, in canonical form.
    pub failure_category: Option<String>,
    /// `source` and `id` of its events in order, those that told of the same end once more at the last.
    pub events: Vec<(String, String)>,
}

/// One device: everything its events say, as of an instant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// Normalised serial number, else UDID, else the MDM's device id, else the enrollment id; of several the smallest.
    pub enrollment_key: String,
    /// Its normalised serial numbers, sorted.
    pub serial_numbers: Vec<String>,
    /// Its UDIDs, sorted.
    pub udids: Vec<String>,
    /// Its device ids in the MDM, sorted.
    pub mdm_device_ids: Vec<String>,
    /// Its enrollment ids, sorted.
    pub enrollment_ids: Vec<String>,
    /// Whether it was ever registered.
    pub registered: bool,
    /// Whether it is under management.
    pub enrolled: bool,
    /// Whether compliance and activation are complete.
    pub compliant: bool,
    /// Whether any of its events was an `esp.*`.
    pub has_esp_session: bool,
    /// Registered, without any attempt.
    pub pending: bool,
    /// Its attempts, in order.
    pub attempts: Vec<Attempt>,
}

/// An attempt while it is being put together.
struct Draft {
    /// The activity while it was open, and the `unenrolled` that closed it.
    events: Vec<Event>,
    /// What told of the same end once more.
    same_end: Vec<Event>,
    /// Instant, outcome, cause.
    end: Option<(i64, &'static str, Option<String>)>,
}

impl Draft {
    fn new() -> Self {
        Self { events: Vec::new(), same_end: Vec::new(), end: None }
    }

    fn close(&mut self, at_ms: i64, outcome: &'static str, cause: Option<String>) {
        self.end = Some((at_ms, outcome, cause));
    }

    /// The event that closed it, if it was a `stopped`, a `failed` or a `portalClosed`.
    fn closing_end(&self) -> Option<&Event> {
        self.end.as_ref()?;
        let last = self.events.last()?;
        match last.kind {
            Kind::Stopped | Kind::Failed | Kind::PortalClosed => Some(last),
            _ => None,
        }
    }

    fn holds_source(&self, source: &str) -> bool {
        self.events.iter().any(|event| event.source == source)
    }

    /// How long it may be quiet, by the platform its events told so far.
    fn idle_limit_ms(&self, settings: &Settings) -> i64 {
        let platform = last_told(self.events.iter(), |event| &event.platform);
        if platform.as_deref() == Some("windows") {
            settings.windows_idle_limit_minutes.saturating_mul(60).saturating_mul(1000)
        } else {
            30 * 60 * 1000
        }
    }

    /// Rule 5: closes it if it was quiet too long before `now_ms`.
    fn time_out(&mut self, now_ms: i64, settings: &Settings) {
        let Some(last) = self.events.last() else {
            return;
        };
        let last_ms = last.placed_at_ms;
        let limit_ms = self.idle_limit_ms(settings);
        if now_ms.saturating_sub(last_ms) > limit_ms {
            self.close(last_ms.saturating_add(limit_ms), "abandoned", Some("timedOut".to_owned()));
        }
    }
}

/// The devices of one tenant and their attempts, by enrollment key.
///
/// `delivered` is everything that was delivered, in any order, repetitions and invalid events included.
#[must_use]
pub fn devices(delivered: &[Delivered], settings: &Settings, as_of_ms: i64) -> Vec<Device> {
    // Of the copies of one event the one received first counts.
    let mut first_copies: BTreeMap<(String, String), Event> = BTreeMap::new();
    for copy in delivered {
        let Some(event) = read(copy) else {
            continue;
        };
        let key = (event.source.clone(), event.id.clone());
        let counts = match first_copies.get(&key) {
            None => true,
            Some(known) => (event.received_at_ms, &event.text) < (known.received_at_ms, &known.text),
        };
        if counts {
            first_copies.insert(key, event);
        }
    }

    let mut events = Vec::new();
    for event in first_copies.into_values() {
        if event.placed_at_ms <= as_of_ms {
            events.push(event);
        }
    }

    // Events that share an identifier, directly or through others, are of one device.
    let mut groups: Vec<Vec<Event>> = Vec::new();
    let mut group_of: BTreeMap<(IdentifierKind, String), usize> = BTreeMap::new();
    for event in events {
        let own = groups.len();
        groups.push(vec![event.clone()]);
        for identifier in event.identifiers {
            let Some(other) = group_of.insert(identifier, own) else {
                continue;
            };
            if other == own {
                continue;
            }
            // What was another group so far is this one.
            let joining = std::mem::take(&mut groups[other]);
            for joined in &joining {
                for identifier in &joined.identifiers {
                    group_of.insert(identifier.clone(), own);
                }
            }
            groups[own].extend(joining);
        }
    }

    let mut devices = Vec::new();
    for mut group in groups {
        if group.is_empty() {
            continue;
        }
        group.sort_by(|a, b| {
            (a.placed_at_ms, a.kind, &a.source, &a.id).cmp(&(b.placed_at_ms, b.kind, &b.source, &b.id))
        });
        devices.push(device(group, settings, as_of_ms));
    }
    devices.sort_by(|a: &Device, b: &Device| {
        // One text may be the key of two devices, as two kinds of identifier.
        let order = |device: &Device| {
            (
                device.enrollment_key.clone(),
                device.serial_numbers.clone(),
                device.udids.clone(),
                device.mdm_device_ids.clone(),
            )
        };
        order(a).cmp(&order(b))
    });
    devices
}

/// One device from its events in order.
fn device(events: Vec<Event>, settings: &Settings, as_of_ms: i64) -> Device {
    let serial_numbers = identifiers(&events, IdentifierKind::Serial);
    let udids = identifiers(&events, IdentifierKind::Udid);
    let mdm_device_ids = identifiers(&events, IdentifierKind::MdmDeviceId);
    let enrollment_ids = identifiers(&events, IdentifierKind::EnrollmentId);
    let mut enrollment_key = String::new();
    for candidates in [&serial_numbers, &udids, &mdm_device_ids, &enrollment_ids] {
        if let Some(smallest) = candidates.first() {
            enrollment_key.clone_from(smallest);
            break;
        }
    }

    let mut registered = false;
    let mut has_esp_session = false;
    let mut enrolled = false;
    let mut compliant = false;
    let mut drafts: Vec<Draft> = Vec::new();

    for event in events {
        let now_ms = event.placed_at_ms;
        if let Some(open) = open_one(&mut drafts) {
            open.time_out(now_ms, settings);
        }
        let complete = enrolled && (compliant || !settings.require_compliance);

        match event.kind {
            Kind::Registered => registered = true,
            Kind::Esp => has_esp_session = true,

            Kind::Started => {
                if let Some(open) = open_one(&mut drafts) {
                    if !open.holds_source(&event.source) {
                        open.events.push(event);
                        continue;
                    }
                    open.close(now_ms, "abandoned", Some("restarted".to_owned()));
                }
                if let Some(last) = drafts.last()
                    && let Some((_, "completed", _)) = last.end
                {
                    enrolled = false;
                    compliant = false;
                }
                let mut draft = Draft::new();
                draft.events.push(event);
                drafts.push(draft);
            }

            Kind::StepEntered => {
                if open_one(&mut drafts).is_none() && !complete {
                    drafts.push(Draft::new());
                }
                if let Some(open) = open_one(&mut drafts) {
                    open.events.push(event);
                }
            }

            Kind::StepCompleted => {
                if let Some(open) = open_one(&mut drafts) {
                    open.events.push(event);
                }
            }

            Kind::PortalClosed => {
                if let Some(open) = open_one(&mut drafts) {
                    open.events.push(event);
                    open.close(now_ms, "abandoned", Some("portalClosed".to_owned()));
                }
            }

            Kind::Stopped | Kind::Failed => {
                if open_one(&mut drafts).is_none() {
                    if complete {
                        continue;
                    }
                    if let Some(last) = drafts.last_mut()
                        && let Some(end) = last.closing_end()
                        && now_ms.saturating_sub(end.placed_at_ms) <= 2 * 60 * 1000
                    {
                        last.same_end.push(event);
                        continue;
                    }
                    drafts.push(Draft::new());
                }
                if let Some(open) = open_one(&mut drafts) {
                    let outcome = if event.kind == Kind::Failed { "failed" } else { "abandoned" };
                    let cause = event.user_action.clone();
                    open.events.push(event);
                    open.close(now_ms, outcome, cause);
                }
            }

            Kind::Enrolled | Kind::Compliant => {
                let known = if event.kind == Kind::Enrolled { enrolled } else { compliant };
                if open_one(&mut drafts).is_none() && !known && !complete {
                    drafts.push(Draft::new());
                }
                if event.kind == Kind::Enrolled {
                    enrolled = true;
                } else {
                    compliant = true;
                }
                let complete_now = enrolled && (compliant || !settings.require_compliance);
                if let Some(open) = open_one(&mut drafts) {
                    open.events.push(event);
                    if complete_now {
                        open.close(now_ms, "completed", None);
                    }
                }
            }

            Kind::Unenrolled => {
                if let Some(open) = open_one(&mut drafts) {
                    open.events.push(event);
                    open.close(now_ms, "abandoned", Some("unenrolled".to_owned()));
                }
                enrolled = false;
                compliant = false;
            }
        }
    }
    if let Some(open) = open_one(&mut drafts) {
        open.time_out(as_of_ms, settings);
    }

    let mut attempts = Vec::new();
    for draft in drafts {
        attempts.extend(finished(&draft, &enrollment_key));
    }
    Device {
        enrollment_key,
        serial_numbers,
        udids,
        mdm_device_ids,
        enrollment_ids,
        registered,
        enrolled,
        compliant,
        has_esp_session,
        pending: registered && attempts.is_empty(),
        attempts,
    }
}

fn identifiers(events: &[Event], wanted: IdentifierKind) -> Vec<String> {
    let mut found = Vec::new();
    for event in events {
        for (kind, value) in &event.identifiers {
            if *kind == wanted {
                found.push(value.clone());
            }
        }
    }
    found.sort();
    found.dedup();
    found
}

/// The open attempt is the last one, while it has no end.
fn open_one(drafts: &mut [Draft]) -> Option<&mut Draft> {
    drafts.last_mut().filter(|draft| draft.end.is_none())
}

/// The last value that events in order tell.
fn last_told<'a>(
    events: impl Iterator<Item = &'a Event>,
    field: impl Fn(&'a Event) -> &'a Option<String>,
) -> Option<String> {
    let mut told = None;
    for event in events {
        if let Some(value) = field(event) {
            told = Some(value.clone());
        }
    }
    told
}

/// The first value that events in order tell.
fn first_told<'a>(
    events: impl Iterator<Item = &'a Event>,
    field: impl Fn(&'a Event) -> &'a Option<String>,
) -> Option<String> {
    for event in events {
        if let Some(value) = field(event) {
            return Some(value.clone());
        }
    }
    None
}

/// Says of a draft everything there is to say of an attempt.
fn finished(draft: &Draft, enrollment_key: &str) -> Option<Attempt> {
    let opening = draft.events.first()?;
    let all = || draft.events.iter().chain(draft.same_end.iter());

    let (ended_at_ms, outcome, cause) = match &draft.end {
        None => (None, "inProgress", None),
        Some((at_ms, outcome, cause)) => (Some(*at_ms), *outcome, cause.clone()),
    };

    let mut place = None;
    if outcome != "completed" {
        let mut found = Place {
            section: Some("setupChecklist".to_owned()),
            action: "PreEnrollmentWizard".to_owned(),
            screen: None,
        };
        for event in &draft.events {
            if matches!(event.kind, Kind::StepEntered | Kind::StepCompleted)
                && let Some(step) = &event.place
            {
                found = step.clone();
            }
        }
        if let Some(closing) = draft.closing_end()
            && closing.kind != Kind::PortalClosed
            && let Some(named) = &closing.place
        {
            found = named.clone();
        }
        place = Some(found);
    }
    let section = place.as_ref().and_then(|place| place.section.clone());
    let action = place.as_ref().map(|place| place.action.clone());
    let screen = place.as_ref().and_then(|place| place.screen.clone());

    let platform = last_told(all(), |event| &event.platform);
    let mut catalogue_row = None;
    if outcome == "abandoned" {
        let how = match cause.as_deref() {
            Some("timedOut") => Some("> 30 min"),
            Some("portalClosed" | "restarted" | "unenrolled") | None => None,
            Some(user_action) => Some(user_action),
        };
        if let Some(how) = how {
            catalogue_row = row_of(platform.as_deref(), action.as_deref(), screen.as_deref(), how);
        }
    }

    // What the end told, then what told of the same end once more.
    let ends = || draft.closing_end().into_iter().chain(draft.same_end.iter());

    Some(Attempt {
        opened_by: (opening.source.clone(), opening.id.clone()),
        enrollment_key: enrollment_key.to_owned(),
        device_name: last_told(all(), |event| &event.device_name),
        manufacturer: last_told(all(), |event| &event.manufacturer),
        model: last_told(all(), |event| &event.model),
        user_principal_name: last_told(all(), |event| &event.user_principal_name),
        user_id: last_told(all(), |event| &event.user_id),
        platform,
        os_version: last_told(all(), |event| &event.os_version),
        enrollment_type: last_told(all(), |event| &event.enrollment_type),
        started_at_ms: opening.placed_at_ms,
        ended_at_ms,
        outcome: outcome.to_owned(),
        cause,
        section,
        action,
        screen,
        catalogue_row,
        failure_code: first_told(ends(), |event| &event.failure_code),
        failure_reason: first_told(ends(), |event| &event.failure_reason),
        failure_category: first_told(ends(), |event| &event.failure_category),
        events: all().map(|event| (event.source.clone(), event.id.clone())).collect(),
    })
}
