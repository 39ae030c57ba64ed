//! Which organisation and which device something is about (docs/DOMAIN.md, I).
//!
//! Must stay true: an identifier of any kind is trimmed and in small letters, whoever sent it and however it was
//! spelled, and never a placeholder. So every event and every question leads to the same device.

mod placeholder;

pub use placeholder::{Unfit, UnfitValue};

use serde::{Deserialize, Serialize};
use std::fmt;

/// One organisation: 1 to 40 characters of `a`–`z`, `0`–`9` and `-`, not at the ends.
///
/// It comes from a credential or the webhook's path, never from a body. It is part of keys of the table and of files,
/// so few characters are allowed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TenantId(String);

/// A text that cannot name a tenant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a tenant's name has 1 to 40 characters of a-z, 0-9 and '-', and no '-' at its ends")]
pub struct InvalidTenantId;

impl TenantId {
    /// Reads a tenant's name.
    ///
    /// # Errors
    /// If it has a character or a length that is not allowed.
    pub fn parse(text: &str) -> Result<Self, InvalidTenantId> {
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let fits = (1..=40).contains(&text.len())
            && text.chars().all(allowed)
            && !text.starts_with('-')
            && !text.ends_with('-');
        if fits { Ok(Self(text.to_owned())) } else { Err(InvalidTenantId) }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for TenantId {
    type Error = InvalidTenantId;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<TenantId> for String {
    fn from(id: TenantId) -> Self {
        id.0
    }
}

impl fmt::Display for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The kind of a device's identifier, best first: the first kind known gives the enrollment key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum IdentifierKind {
    /// The hardware's serial number.
    SerialNumber,
    /// Apple's unique device identifier.
    Udid,
    /// The MDM server's own id of the device.
    MdmDeviceId,
    /// The sender's id of the enrollment.
    EnrollmentId,
}

/// One identifier of a device, fit for comparison. Only [`Identifier::read`] makes it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Identifier {
    /// The kind of identifier.
    pub kind: IdentifierKind,
    /// The name, trimmed and lower-cased.
    pub value: String,
}

impl Identifier {
    /// The identifier in a reported value, or `None` if the value cannot distinguish devices.
    pub fn new(kind: IdentifierKind, reported: &str) -> Option<Self> {
        Self::read(kind, reported).ok()
    }

    /// The identifier in a reported value.
    ///
    /// An id that is legitimately short (`"17"` of a server that counts its devices) is refused too: it would also name
    /// another server's device. Whoever sends it prefixes it with something that names the server.
    ///
    /// # Errors
    /// Why it cannot distinguish devices: it is blank, has under four letters and digits, or is a placeholder.
    pub fn read(kind: IdentifierKind, reported: &str) -> Result<Self, UnfitValue<'_>> {
        let value = reported.trim().to_lowercase();
        match placeholder::unfit(&value) {
            None => Ok(Self { kind, value }),
            Some(reason) => Err(UnfitValue { kind, value: reported.trim(), reason }),
        }
    }

    /// Every identifier that a person may mean by a text, best kind first.
    pub fn candidates(text: &str) -> impl Iterator<Item = Self> + '_ {
        use IdentifierKind::{EnrollmentId, MdmDeviceId, SerialNumber, Udid};
        [SerialNumber, Udid, MdmDeviceId, EnrollmentId].into_iter().filter_map(|kind| Self::new(kind, text))
    }
}

/// The key of a device within its tenant: its best identifier's value.
///
/// It is a function of the set of known identifiers, so it may improve (a serial number instead of a UDID) as events
/// arrive.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EnrollmentKey(String);

impl EnrollmentKey {
    /// The best of a device's identifiers, by kind, then by value. Empty only if there are no identifiers.
    pub fn of<'a>(identifiers: impl IntoIterator<Item = &'a Identifier>) -> Self {
        Self(identifiers.into_iter().min().map(|best| best.value.clone()).unwrap_or_default())
    }

    /// The key's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EnrollmentKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    use IdentifierKind::{EnrollmentId, MdmDeviceId, SerialNumber, Udid};

    #[test]
    fn a_placeholder_never_serves_whatever_its_kind() {
        for kind in [SerialNumber, Udid, MdmDeviceId, EnrollmentId] {
            for reported in [
                "",
                "  ",
                "abc",
                "0",
                "N/A",
                " SYSTEM Serial number ",
                "To Be Filled By O.E.M.",
                "Defaultstring",
                "DEFAULT-STRING",
                "NotApplicable",
                "Not Specified",
                "00000000-0000-0000-0000-000000000000",
                "123456789",
                "XXXXXXX",
            ] {
                assert_eq!(Identifier::new(kind, reported), None, "{reported}");
            }
        }
    }

    #[test]
    fn identifiers_of_every_kind_are_trimmed_and_lower_cased() {
        for kind in [SerialNumber, Udid, MdmDeviceId, EnrollmentId] {
            assert_eq!(Identifier::new(kind, " C02-XY1\t").unwrap().value, "c02-xy1");
        }
        let all: Vec<Identifier> = Identifier::candidates("  C02xy1").collect();
        assert_eq!(all, Identifier::candidates("c02XY1 ").collect::<Vec<_>>());
        assert_eq!(all.len(), 4);
    }

    #[test]
    fn tenants_have_narrow_names() {
        for bad in ["", "A", "a_b", "-a", "a-", "a/b", "a#b", &"a".repeat(41)] {
            assert!(TenantId::parse(bad).is_err(), "{bad}");
        }
        assert!(TenantId::parse("contoso-2").is_ok());
    }
}
