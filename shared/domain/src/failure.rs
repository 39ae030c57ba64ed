//! Why an enrollment failed (docs/DOMAIN.md, H): codes compared by value, categories as Graph names them.

use crate::names::names;
use serde::{Deserialize, Serialize};

names! {
    /// Graph's `deviceEnrollmentFailureReason`.
    FailureCategory {
        /// Not known.
        Unknown = "unknown",
        /// Signing in failed.
        Authentication = "authentication",
        /// The person may not enroll.
        Authorization = "authorization",
        /// The account is not fit.
        AccountValidation = "accountValidation",
        /// The user is not fit.
        UserValidation = "userValidation",
        /// The device is not supported.
        DeviceNotSupported = "deviceNotSupported",
        /// The account is in maintenance.
        InMaintenance = "inMaintenance",
        /// The request was malformed.
        BadRequest = "badRequest",
        /// The enrollment asked for something that is not supported.
        FeatureNotSupported = "featureNotSupported",
        /// The organisation's restrictions forbid it.
        EnrollmentRestrictionsEnforced = "enrollmentRestrictionsEnforced",
        /// The device lost its connection.
        ClientDisconnected = "clientDisconnected",
        /// The person gave up; this is read as a cancelled enrollment, not as a failed one.
        UserAbandonment = "userAbandonment",
    }
}

/// What an event reported of a failure.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Failure {
    /// The error code in the sender's spelling; [`code_value`] gives its value for comparisons.
    pub code: Option<String>,
    /// A short reason.
    pub reason: Option<String>,
    /// A longer message, at most 2 000 characters.
    pub message: Option<String>,
    /// Graph's category, if reported.
    pub category: Option<FailureCategory>,
}

impl Failure {
    /// Takes from `other` the code, reason, message and category that this one lacks.
    pub fn fill_from(&mut self, other: &Self) {
        let fill = |mine: &mut Option<String>, theirs: &Option<String>| {
            if mine.is_none() {
                mine.clone_from(theirs);
            }
        };
        fill(&mut self.code, &other.code);
        fill(&mut self.reason, &other.reason);
        fill(&mut self.message, &other.message);
        if self.category.is_none_or(|category| category == FailureCategory::Unknown) {
            self.category = other.category.or(self.category);
        }
    }

    /// Whether nothing was reported.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// The 32-bit value of an error code: `0x` and hexadecimal digits of any case and width, or a decimal that may be
/// signed. Eight digits that begin with 8 or C are an HRESULT as Windows shows it, without a prefix: no failure has
/// such a decimal. `None` if the code is a name.
pub fn code_value(code: &str) -> Option<u32> {
    let code = code.trim();
    if code.len() == 8 && code.starts_with(['8', 'c', 'C']) && code.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return u32::from_str_radix(code, 16).ok();
    }
    if let Some(hex) = code.strip_prefix("0x").or_else(|| code.strip_prefix("0X")) {
        if hex.is_empty() || !hex.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return None;
        }
        let digits = hex.trim_start_matches('0');
        // Some senders widen a negative code to 64 bits.
        let digits = if digits.len() == 16 {
            digits.strip_prefix("ffffffff").or_else(|| digits.strip_prefix("FFFFFFFF")).unwrap_or(digits)
        } else {
            digits
        };
        if digits.is_empty() { Some(0) } else { u32::from_str_radix(digits, 16).ok() }
    } else {
        let value: i64 = code.parse().ok()?;
        u32::try_from(value).ok().or_else(|| i32::try_from(value).ok().map(i32::cast_unsigned))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_code_has_many_spellings() {
        let value = Some(0x801c_0003);
        for spelling in [
            "0x801c0003",
            "0X801C0003",
            "-2145648637",
            "2149318659",
            "0x0000801c0003",
            "0xFFFFFFFF801C0003",
            "801C0003",
        ] {
            assert_eq!(code_value(spelling), value, "{spelling}");
        }
        assert_eq!(code_value("0xAB2"), Some(0xab2));
        for name in ["", "DeviceCapReached", "0x", "0xzz", "99999999999", "0x123456789"] {
            assert_eq!(code_value(name), None, "{name}");
        }
    }
}
