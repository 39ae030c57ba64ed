//! What the cases share: a tenant, instants, devices, and events that are short to write and do not compress where size
//! matters.

use vestibule_domain::catalogue::{Action, Place, Screen, UserAction};
use vestibule_domain::esp::{EspDetail, EspEvent};
use vestibule_domain::event::{About, Body, Event, EventKey, Kind, Platform, Step};
use vestibule_domain::failure::Failure;
use vestibule_domain::identity::IdentifierKind;
use vestibule_domain::{History, Identifier, Millis, Reports, TenantId, TenantSettings, Timestamp};
use vestibule_store::{CHANGE_BUCKET_WIDTH, ItemKey, Stored};

/// The instant at which the cases begin.
pub const T0: Timestamp = Timestamp::from_millis(1_760_000_400_000);

/// The tenant of most cases.
pub fn tenant() -> TenantId {
    TenantId::parse("contoso").unwrap()
}

/// `enrolled` alone completes an attempt.
pub fn settings() -> TenantSettings {
    TenantSettings { require_compliance: false, ..TenantSettings::default() }
}

/// This many minutes after the beginning.
pub fn minute(minutes: i64) -> Timestamp {
    T0 + Millis::from_minutes(minutes)
}

/// This many seconds after the beginning.
pub fn second(seconds: i64) -> Timestamp {
    T0 + Millis::from_seconds(seconds)
}

/// The serial number of a device whose entry in the change index moves between a write after `from` and one by `until`.
pub fn serial_that_moves(from: Timestamp, until: Timestamp) -> String {
    let width = CHANGE_BUCKET_WIDTH.get();
    let moves = |serial: &String| {
        let offset = ItemKey::of(&tenant(), &by_serial(serial)).change_offset(CHANGE_BUCKET_WIDTH);
        let of = |at: Timestamp| (at + offset).millis() / width;
        of(from) < of(until)
    };
    (0..).map(|number| format!("serial-{number}")).find(moves).unwrap()
}

/// A device, by the identifiers that an event reports.
#[derive(Clone, Debug, Default)]
pub struct Device(About);

impl Device {
    /// A device by its serial number.
    pub fn serial(serial: impl Into<String>) -> Self {
        Self(About { serial_number: Some(serial.into()), platform: Some(Platform::Ios), ..About::default() })
    }

    /// A device by its unique device identifier.
    pub fn udid(udid: impl Into<String>) -> Self {
        Self(About { udid: Some(udid.into()), platform: Some(Platform::Ios), ..About::default() })
    }

    /// The same device, also with its unique device identifier.
    #[must_use]
    pub fn and_udid(mut self, udid: impl Into<String>) -> Self {
        self.0.udid = Some(udid.into());
        self
    }

    /// The same device, also with its user.
    #[must_use]
    pub fn and_user(mut self, principal_name: impl Into<String>) -> Self {
        self.0.user_principal_name = Some(principal_name.into());
        self
    }

    /// The same device, also with its server's id.
    #[must_use]
    pub fn and_mdm(mut self, id: impl Into<String>) -> Self {
        self.0.mdm_device_id = Some(id.into());
        self
    }

    /// An event of this device, reported at once.
    pub fn reports(&self, id: impl Into<String>, kind: Kind, at: Timestamp) -> Event {
        let is_step = matches!(kind, Kind::StepEntered | Kind::StepCompleted);
        let step = Step {
            place: is_step
                .then(|| Place::new(None, Action::read("iOSProfileLaunch"), Some(Screen::read("installingProfile")))),
            user_action: (kind == Kind::Stopped).then_some(UserAction::Cancel),
            ..Step::of(kind)
        };
        Event {
            key: EventKey { source: "https://mdm.example".to_owned(), id: id.into() },
            time: at,
            received_at: at,
            clock_skew: None,
            reports: Reports::ALL,
            about: self.0.clone(),
            body: Body::Enrollment(step),
        }
    }

    /// The start of an Enrollment Status Page session.
    pub fn reports_session(&self, id: impl Into<String>, at: Timestamp) -> Event {
        let esp = EspEvent { session_id: None, detail: EspDetail::Started(Box::default()) };
        let key = esp.stored_key("https://agent.example".to_owned(), id.into(), at);
        Event { key, body: Body::Esp(esp), ..self.reports("", Kind::Started, at) }
    }

    /// A failure with a message of `chars` characters that don't compress.
    pub fn reports_at_length(&self, seed: u64, chars: usize, at: Timestamp) -> Event {
        let mut event = self.reports(uuid(seed), Kind::Failed, at);
        if let Body::Enrollment(step) = &mut event.body {
            let message = (0..).flat_map(|part| uuid(seed ^ (part << 40)).replace('-', "").into_bytes());
            let message = message.take(chars).map(char::from).collect();
            step.failure = Some(Failure { message: Some(message), ..Failure::default() });
        }
        event
    }
}

/// The identifier of `serial`.
pub fn by_serial(serial: &str) -> Identifier {
    Identifier::new(IdentifierKind::SerialNumber, serial).unwrap()
}

/// The identifier of `udid`.
pub fn by_udid(udid: &str) -> Identifier {
    Identifier::new(IdentifierKind::Udid, udid).unwrap()
}

/// The identifier of the id that an MDM server gave a device.
pub fn by_mdm(id: &str) -> Identifier {
    Identifier::new(IdentifierKind::MdmDeviceId, id).unwrap()
}

/// How many times an enrollment was written. Its version counts from `first`, the instant at which it was first folded.
pub fn writes(stored: &Stored, first: Timestamp) -> usize {
    usize::try_from(stored.version + 1 - first.millis().unsigned_abs()).unwrap()
}

/// A history in memory, for comparison.
pub fn history<'e>(events: impl IntoIterator<Item = &'e Event>) -> History {
    let mut history = History::default();
    for event in events {
        history.add(event.clone());
    }
    history
}

/// A UUID that looks random and is the same each time.
pub fn uuid(seed: u64) -> String {
    let half = |seed: u64| u128::from(scramble(seed));
    uuid::Uuid::from_u128(half(seed) << 64 | half(!seed)).to_string()
}

/// A number that looks random and is the same each time (splitmix64).
pub fn scramble(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
