//! Whom an event is about: the device and its user as reported, and what identifies the event itself.

use crate::identity::{Identifier, IdentifierKind, UnfitValue};
use crate::names::names;
use serde::{Deserialize, Serialize};

names! {
    /// The operating system families that the product distinguishes.
    Platform {
        /// Windows.
        Windows = "windows",
        /// macOS.
        MacOs = "macos",
        /// iOS and iPadOS.
        Ios = "ios",
        /// Android.
        Android = "android",
    }
}

/// What identifies an event. Two events with the same pair are the same event.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct EventKey {
    /// The CloudEvents `source`.
    pub source: String,
    /// The CloudEvents `id`.
    pub id: String,
}

/// What an event reports about the device and its user. Every member is optional; values are as reported.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct About {
    /// The sender's id of the enrollment.
    pub enrollment_id: Option<String>,
    /// The device's serial number.
    pub serial_number: Option<String>,
    /// Apple's unique device identifier.
    pub udid: Option<String>,
    /// The MDM server's id of the device.
    pub mdm_device_id: Option<String>,
    /// The device's name.
    pub device_name: Option<String>,
    /// Who made the device.
    pub manufacturer: Option<String>,
    /// The device's model.
    pub model: Option<String>,
    /// The user's principal name, usually an address.
    pub user_principal_name: Option<String>,
    /// The directory's id of the user.
    pub user_id: Option<String>,
    /// The platform.
    pub platform: Option<Platform>,
    /// The operating system's version.
    pub os_version: Option<String>,
    /// How the device is enrolled: one of Graph's names, which are an open list.
    pub enrollment_type: Option<String>,
}

impl About {
    /// The reported identifiers, best kind first, without those that cannot distinguish devices.
    pub fn identifiers(&self) -> impl Iterator<Item = Identifier> {
        self.read_identifiers().filter_map(Result::ok)
    }

    /// The reported identifiers that cannot distinguish devices, best kind first.
    pub fn unfit_identifiers(&self) -> impl Iterator<Item = UnfitValue<'_>> {
        self.read_identifiers().filter_map(Result::err)
    }

    /// A copy without the identifiers that cannot distinguish devices.
    #[must_use]
    pub fn without_unfit_identifiers(mut self) -> Self {
        for value in [&mut self.serial_number, &mut self.udid, &mut self.mdm_device_id, &mut self.enrollment_id] {
            // The same rule applies to every kind.
            value.take_if(|value| Identifier::new(IdentifierKind::EnrollmentId, value).is_none());
        }
        self
    }

    /// The values that may identify the device, best kind first, as reported.
    pub(crate) fn reported_identifiers(&self) -> [(IdentifierKind, Option<&str>); 4] {
        [
            (IdentifierKind::SerialNumber, self.serial_number.as_deref()),
            (IdentifierKind::Udid, self.udid.as_deref()),
            (IdentifierKind::MdmDeviceId, self.mdm_device_id.as_deref()),
            (IdentifierKind::EnrollmentId, self.enrollment_id.as_deref()),
        ]
    }

    fn read_identifiers(&self) -> impl Iterator<Item = Result<Identifier, UnfitValue<'_>>> {
        self.reported_identifiers().into_iter().filter_map(|(kind, value)| Some(Identifier::read(kind, value?)))
    }

    /// Replaces each field that `later` reports.
    pub fn update(&mut self, later: &Self) {
        let Self {
            enrollment_id,
            serial_number,
            udid,
            mdm_device_id,
            device_name,
            manufacturer,
            model,
            user_principal_name,
            user_id,
            platform,
            os_version,
            enrollment_type,
        } = later;
        let take = |mine: &mut Option<String>, theirs: &Option<String>| {
            if theirs.is_some() {
                mine.clone_from(theirs);
            }
        };
        take(&mut self.enrollment_id, enrollment_id);
        take(&mut self.serial_number, serial_number);
        take(&mut self.udid, udid);
        take(&mut self.mdm_device_id, mdm_device_id);
        take(&mut self.device_name, device_name);
        take(&mut self.manufacturer, manufacturer);
        take(&mut self.model, model);
        take(&mut self.user_principal_name, user_principal_name);
        take(&mut self.user_id, user_id);
        take(&mut self.os_version, os_version);
        take(&mut self.enrollment_type, enrollment_type);
        self.platform = platform.or(self.platform);
    }
}
