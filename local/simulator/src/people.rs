//! Who enrolls what: people, their devices, and how much a sender reports of each.

use std::sync::Arc;

use crate::event::{Device, EventId, Platform, Tags, User};
use crate::rng::{Purpose, Rng};

/// How a device is enrolled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// An iPhone or iPad, enrolled by its owner in the Company Portal.
    IosPortal,
    /// An iPhone or iPad through Automated Device Enrollment.
    IosAutomated,
    /// An iPhone whose enrollment keeps its owner's privacy: no serial number, no UDID.
    IosPrivate,
    /// A Samsung phone, which has Knox.
    AndroidSamsung,
    /// Another Android phone.
    AndroidOther,
    /// A PC, enrolled by its user.
    WindowsManual,
    /// A PC through Autopilot, by its user.
    AutopilotUser,
    /// A PC through Autopilot that has no single user.
    AutopilotSelf,
    /// A PC that a technician prepares before its user signs in.
    AutopilotPrepared,
    /// A Mac, enrolled by its user in the Company Portal.
    MacManual,
    /// A Mac through Automated Device Enrollment.
    MacAutomated,
}

impl Way {
    pub(crate) const fn platform(self) -> Platform {
        match self {
            Self::IosPortal | Self::IosAutomated | Self::IosPrivate => Platform::Ios,
            Self::AndroidSamsung | Self::AndroidOther => Platform::Android,
            Self::WindowsManual | Self::AutopilotUser | Self::AutopilotSelf | Self::AutopilotPrepared => {
                Platform::Windows
            }
            Self::MacManual | Self::MacAutomated => Platform::Macos,
        }
    }

    /// Whether the organisation knows the device before it begins.
    pub(crate) const fn is_registered(self) -> bool {
        self.is_autopilot() || matches!(self, Self::IosAutomated | Self::MacAutomated)
    }

    /// Whether the device shows an Enrollment Status Page.
    pub(crate) const fn is_autopilot(self) -> bool {
        matches!(self, Self::AutopilotUser | Self::AutopilotSelf | Self::AutopilotPrepared)
    }

    fn enrollment_type(self, rng: &mut Rng) -> &'static str {
        rng.weighted(match self {
            Self::IosPortal => &[("userEnrollment", 9), ("deviceEnrollmentManager", 1)],
            Self::IosAutomated => &[("appleBulkWithUser", 8), ("appleBulkWithoutUser", 2)],
            Self::IosPrivate => &[("appleUserEnrollment", 4), ("appleUserEnrollmentWithServiceAccount", 1)],
            Self::AndroidSamsung | Self::AndroidOther => &[
                ("androidEnterpriseWorkProfile", 7),
                ("androidEnterpriseFullyManaged", 2),
                ("androidEnterpriseCorporateWorkProfile", 1),
            ],
            Self::WindowsManual => &[
                ("windowsAutoEnrollment", 4),
                ("windowsAzureADJoin", 3),
                ("userEnrollment", 2),
                ("windowsCoManagement", 1),
            ],
            Self::AutopilotUser => &[("windowsAutopilot", 3), ("windowsAzureADJoin", 2)],
            Self::AutopilotSelf => &[("windowsAutopilot", 2), ("windowsAzureADJoinUsingDeviceAuth", 1)],
            Self::AutopilotPrepared => &[("windowsAutopilot", 1)],
            Self::MacManual => &[("userEnrollment", 1)],
            Self::MacAutomated => &[("appleBulkWithUser", 9), ("appleBulkWithoutUser", 1)],
        })
    }
}

/// Placeholders that manufacturers leave in place of a serial number.
const PLACEHOLDERS: [&str; 4] =
    ["System Serial Number", "To Be Filled By O.E.M.", "Default string", "System Serial Number"];

/// Given names: as written, and as in an address.
const GIVEN: [(&str, &str); 48] = [
    ("Ada", "ada"),
    ("Aleksander", "aleksander"),
    ("Amélie", "amelie"),
    ("Anneke", "anneke"),
    ("Antoine", "antoine"),
    ("Beatrix", "beatrix"),
    ("Benedikt", "benedikt"),
    ("Carlos", "carlos"),
    ("Chiara", "chiara"),
    ("Claudia", "claudia"),
    ("Dagmar", "dagmar"),
    ("David", "david"),
    ("Dilara", "dilara"),
    ("Elif", "elif"),
    ("Emil", "emil"),
    ("Eszter", "eszter"),
    ("Fatima", "fatima"),
    ("Felix", "felix"),
    ("Florian", "florian"),
    ("Grace", "grace"),
    ("Greta", "greta"),
    ("Hannah", "hannah"),
    ("Henrik", "henrik"),
    ("Ines", "ines"),
    ("Ivan", "ivan"),
    ("Jana", "jana"),
    ("João", "joao"),
    ("Jürgen", "juergen"),
    ("Katarzyna", "katarzyna"),
    ("Lars", "lars"),
    ("Linus", "linus"),
    ("Lucía", "lucia"),
    ("Maren", "maren"),
    ("Mateusz", "mateusz"),
    ("Mehmet", "mehmet"),
    ("Nadia", "nadia"),
    ("Niamh", "niamh"),
    ("Oskar", "oskar"),
    ("Paola", "paola"),
    ("Pieter", "pieter"),
    ("Ruth", "ruth"),
    ("Sanne", "sanne"),
    ("Søren", "soren"),
    ("Theresa", "theresa"),
    ("Tomáš", "tomas"),
    ("Vera", "vera"),
    ("Yusuf", "yusuf"),
    ("Zoë", "zoe"),
];

/// Family names, as in an address.
const FAMILY: [&str; 47] = [
    "albrecht",
    "andersen",
    "bakker",
    "bauer",
    "becker",
    "bianchi",
    "brandt",
    "castro",
    "dekker",
    "demir",
    "dubois",
    "eriksson",
    "fernandez",
    "fischer",
    "fontaine",
    "gallo",
    "garcia",
    "haas",
    "hansen",
    "horvath",
    "jansen",
    "kaya",
    "keller",
    "kowalski",
    "kraus",
    "lang",
    "laurent",
    "lehmann",
    "lovelace",
    "lindqvist",
    "marino",
    "mueller",
    "murphy",
    "nagy",
    "nielsen",
    "nowak",
    "okafor",
    "peeters",
    "petrov",
    "rossi",
    "santos",
    "schmidt",
    "svoboda",
    "vanderberg",
    "virtanen",
    "weber",
    "yilmaz",
];

struct Person {
    given: &'static str,
    user: Arc<User>,
}

/// The person with this number: always the same one in a scenario, and no two share an address.
fn person(seed: u64, number: u64) -> Person {
    let givens = GIVEN.len() as u64;
    let families = FAMILY.len() as u64;
    let mut rng = Rng::new(seed, number, Purpose::Person);
    // Walks over all pairs of names, from another start for every seed.
    let pair = number.wrapping_add(seed % givens) % givens;
    let round = number / givens;
    let (given, local) = GIVEN[usize::try_from(pair).unwrap_or(0)];
    let family = (round + pair * 5 + seed % families) % families;
    let family = FAMILY[usize::try_from(family).unwrap_or(0)];
    let address = match round / families {
        0 => format!("{local}.{family}@contoso.example"),
        again => format!("{local}.{family}{}@contoso.example", again + 1),
    };
    Person { given, user: Arc::new(User { principal_name: address.into(), id: EventId(rng.uuid()) }) }
}

/// Where a person works; of some the organisation does not say. It follows from the name, so that nothing else of the sample
/// depends on it.
fn workplace(user: &User) -> Option<Tags> {
    const DEPARTMENTS: [&str; 6] = ["Sales", "Finance", "Engineering", "Field service", "Human resources", "Legal"];
    const BUILDINGS: [&str; 4] = ["North", "South", "Old mill", "Remote"];
    let sum: usize = user.principal_name.bytes().map(usize::from).sum();
    let tags = || Some(Tags { department: DEPARTMENTS.get(sum % 7)?, building: BUILDINGS.get(sum / 7 % 4)? });
    tags()
}

/// The number of people in an organisation with this many enrollments: some have several devices.
fn people(enrollments: usize) -> u64 {
    (enrollments as u64 / 4).max(240)
}

/// A device and its owner, and what senders report of them.
#[derive(Debug, Clone)]
pub(crate) struct Identity {
    pub way: Way,
    pub enrollment_type: &'static str,
    pub os_version: &'static str,
    /// Where its person works, if the organisation knows that.
    pub tags: Option<Tags>,
    /// The identifier a sender puts in the envelope.
    pub subject: Arc<str>,
    /// The sender's own id of the enrollment, if it has one.
    pub enrollment_id: Option<Arc<str>>,
    pub user: Option<Arc<User>>,
    /// Everything, as reported at the beginning.
    pub full: Arc<Device>,
    /// The ids by which the management service knows the device.
    pub managed: Option<Arc<Device>>,
    /// The ids by which the agent on the device knows it.
    pub local: Option<Arc<Device>>,
}

const LETTERS: &[u8] = b"ABCDEFGHJKLMNPQRSTUVWXYZ0123456789";
const HEX: &[u8] = b"0123456789ABCDEF";

struct Hardware {
    manufacturer: &'static str,
    model: &'static str,
    os_version: &'static str,
    serial: String,
    udid: Option<String>,
    name: String,
}

fn hardware(way: Way, given: &str, rng: &mut Rng) -> Hardware {
    match way.platform() {
        Platform::Ios => {
            let model = rng.pick(&[
                "iPhone 13",
                "iPhone 14",
                "iPhone 15",
                "iPhone 15 Pro",
                "iPhone 16",
                "iPhone SE (3rd generation)",
                "iPad (10th generation)",
                "iPad Pro 11-inch (M4)",
            ]);
            let family = if model.starts_with("iPad") { "iPad" } else { "iPhone" };
            Hardware {
                manufacturer: "Apple",
                model,
                os_version: rng.pick(&["17.7.2", "18.1", "18.3.2", "18.5", "26.0.1"]),
                serial: rng.word(LETTERS, 10),
                udid: Some(format!("{}-{}", rng.word(b"0123456789", 8), rng.word(HEX, 16))),
                name: format!("{given}'s {family}"),
            }
        }
        Platform::Macos => {
            let model = rng.pick(&["MacBook Air", "MacBook Pro", "Mac mini", "iMac"]);
            let length = rng.pick(&[10, 12]);
            Hardware {
                manufacturer: "Apple",
                model,
                os_version: rng.pick(&["13.7.4", "14.7.1", "15.3", "15.5"]),
                serial: rng.word(LETTERS, length),
                udid: Some(EventId(rng.uuid()).to_string().to_uppercase()),
                name: format!("{given}'s {model}"),
            }
        }
        Platform::Android => {
            let (manufacturer, model) = if way == Way::AndroidSamsung {
                ("Samsung", rng.pick(&["Galaxy S23", "Galaxy S24", "Galaxy A55", "Galaxy XCover7"]))
            } else {
                rng.pick(&[
                    ("Google", "Pixel 8"),
                    ("Google", "Pixel 9"),
                    ("Fairphone", "Fairphone 5"),
                    ("Motorola", "Edge 50"),
                    ("Nokia", "XR21"),
                ])
            };
            Hardware {
                manufacturer,
                model,
                os_version: rng.pick(&["12", "13", "14", "14", "15"]),
                serial: format!("R{}", rng.word(LETTERS, 10)),
                udid: None,
                name: format!("{given}'s {model}"),
            }
        }
        Platform::Windows => {
            let (manufacturer, model) = rng.pick(&[
                ("Lenovo", "ThinkPad T14 Gen 5"),
                ("Lenovo", "ThinkPad X1 Carbon Gen 12"),
                ("HP", "EliteBook 840 G11"),
                ("Dell Inc.", "Latitude 7450"),
                ("Dell Inc.", "OptiPlex 7020"),
                ("Microsoft Corporation", "Surface Laptop 6"),
            ]);
            let placeholder = rng.chance(0.05);
            Hardware {
                manufacturer,
                model,
                os_version: rng.pick(&["10.0.19045.5247", "10.0.22631.4602", "10.0.26100.2605", "10.0.26100.4349"]),
                serial: if placeholder {
                    rng.pick(&PLACEHOLDERS).to_owned()
                } else {
                    let length = usize::try_from(rng.range(10, 13)).unwrap_or(10);
                    rng.word(LETTERS, length)
                },
                udid: rng.chance(0.3).then(|| EventId(rng.uuid()).to_string().to_uppercase()),
                name: format!("DESKTOP-{}", rng.word(LETTERS, 7)),
            }
        }
    }
}

impl Identity {
    /// The identity of one enrollment; `placeholder` forces a PC whose manufacturer left no serial number.
    pub(crate) fn new(seed: u64, index: usize, enrollments: usize, way: Way, placeholder: bool) -> Self {
        let mut rng = Rng::new(seed, index as u64, Purpose::Identity);
        let count = i64::try_from(people(enrollments)).unwrap_or(i64::MAX);
        let person = person(seed, rng.range(0, count).unsigned_abs());
        let mut hardware = hardware(way, person.given, &mut rng);
        if placeholder {
            hardware.serial = PLACEHOLDERS[0].to_owned();
        }
        let enrollment_type = way.enrollment_type(&mut rng);
        let owned = way != Way::AutopilotSelf && enrollment_type != "appleBulkWithoutUser";
        let mdm: Arc<str> = EventId(rng.uuid()).to_string().into();
        let has_serial = !PLACEHOLDERS.contains(&hardware.serial.as_str());
        let serial: Option<Arc<str>> = Some(hardware.serial.into());
        let udid: Option<Arc<str>> = hardware.udid.map(Into::into);
        let described = Device {
            name: Some(hardware.name.into()),
            manufacturer: Some(hardware.manufacturer),
            model: Some(hardware.model),
            ..Device::default()
        };
        let tags = owned.then(|| workplace(&person.user)).flatten();
        let user = owned.then_some(person.user);
        if way == Way::IosPrivate {
            let id: Arc<str> = EventId(rng.uuid()).to_string().into();
            return Self {
                way,
                enrollment_type,
                os_version: hardware.os_version,
                tags,
                subject: id.clone(),
                enrollment_id: Some(id),
                user,
                full: Arc::new(described),
                managed: None,
                local: None,
            };
        }
        let by = |serial: &Option<Arc<str>>, udid: &Option<Arc<str>>, mdm: Option<&Arc<str>>| {
            Some(Arc::new(Device {
                serial_number: serial.clone(),
                udid: udid.clone(),
                mdm_device_id: mdm.cloned(),
                ..Device::default()
            }))
        };
        let managed = match (has_serial, udid.is_some()) {
            // Every event has the placeholder, because the agent reads it from the firmware.
            (false, _) => by(&serial, &None, Some(&mdm)),
            (true, true) if rng.chance(0.5) => by(&None, &udid, Some(&mdm)),
            (true, _) if rng.chance(0.2) => by(&None, &None, Some(&mdm)),
            (true, _) => by(&serial, &None, None),
        };
        let local = if has_serial { by(&serial, &None, None) } else { by(&serial, &udid, Some(&mdm)) };
        Self {
            way,
            enrollment_type,
            os_version: hardware.os_version,
            tags,
            subject: match (&serial, has_serial) {
                (Some(serial), true) => serial.clone(),
                _ => mdm.clone(),
            },
            enrollment_id: rng.chance(0.1).then(|| format!("enr-{:010}", rng.range(0, 10_000_000_000)).into()),
            user,
            full: Arc::new(Device { serial_number: serial, udid, mdm_device_id: Some(mdm), ..described }),
            managed,
            local,
        }
    }

    /// The device as Apple's protocol reports it after its introduction: only by its UDID.
    pub(crate) fn by_udid(&self) -> Option<Arc<Device>> {
        self.full.udid.clone().map(|udid| Arc::new(Device { udid: Some(udid), ..Device::default() }))
    }

    /// The device as Apple's protocol introduces it: serial number and UDID, but no id of the MDM's.
    pub(crate) fn introduced(&self) -> Arc<Device> {
        Arc::new(Device { mdm_device_id: None, ..Device::clone(&self.full) })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_two_people_share_an_address() {
        let addresses: HashSet<_> = (0..10_000).map(|number| person(5, number).user.principal_name.clone()).collect();
        assert_eq!(addresses.len(), 10_000);
        assert!(addresses.iter().all(|address| address.is_ascii()));
    }

    #[test]
    fn serials_have_their_length() {
        for index in 0..500 {
            let identity = Identity::new(1, index, 500, Way::AndroidOther, false);
            let serial = identity.full.serial_number.clone().unwrap_or_default();
            assert!((10..=12).contains(&serial.len()), "{serial}");
        }
    }

    #[test]
    fn private_enrollments_report_no_hardware() {
        let identity = Identity::new(1, 1, 500, Way::IosPrivate, false);
        assert!(identity.full.serial_number.is_none() && identity.full.udid.is_none());
        assert!(identity.enrollment_id.is_some() && identity.managed.is_none());
    }
}
