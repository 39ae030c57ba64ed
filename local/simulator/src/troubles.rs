//! Failures: codes, reasons and categories as senders report them.

use crate::event::{Failure, Platform};
use crate::rng::Rng;

/// One way to fail.
#[derive(Debug)]
pub(crate) struct Trouble {
    pub code: Option<u32>,
    pub reason: &'static str,
    pub category: Option<&'static str>,
    message: Option<&'static str>,
    on: On,
    weight: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum On {
    Any,
    Apple,
    Android,
    Windows,
}

impl On {
    fn includes(self, platform: Platform) -> bool {
        match self {
            Self::Any => true,
            Self::Apple => matches!(platform, Platform::Ios | Platform::Macos),
            Self::Android => platform == Platform::Android,
            Self::Windows => platform == Platform::Windows,
        }
    }
}

const fn trouble(
    code: Option<u32>,
    reason: &'static str,
    category: Option<&'static str>,
    on: On,
    weight: u32,
) -> Trouble {
    Trouble { code, reason, category, message: None, on, weight }
}

const fn saying(message: &'static str, trouble: Trouble) -> Trouble {
    Trouble { message: Some(message), ..trouble }
}

/// One device too many, as an MDM reports it on any platform.
pub(crate) static DEVICE_LIMIT: Trouble = saying(
    "DeviceCapReached",
    trouble(None, "Device limit exceeded", Some("enrollmentRestrictionsEnforced"), On::Any, 14),
);

/// The same, as a Windows device reports it when it joins the directory.
pub(crate) static JOIN_REFUSED: Trouble = saying(
    "Device registration was refused for this user.",
    trouble(Some(0x801C_0003), "Device limit exceeded", Some("authorization"), On::Windows, 10),
);

/// A code of the client, from the documented table.
pub(crate) static NO_SERVICE: Trouble =
    trouble(Some(0x80CF_0438), "Network timeout", Some("clientDisconnected"), On::Windows, 6);

/// A person who gave up, reported as a failure.
static GAVE_UP: Trouble = trouble(None, "User cancelled", Some("userAbandonment"), On::Any, 0);

static REST: [Trouble; 38] = [
    trouble(None, "OS version not supported", Some("deviceNotSupported"), On::Any, 11),
    trouble(None, "Network timeout", Some("clientDisconnected"), On::Any, 13),
    trouble(None, "Sign-in failed", Some("authentication"), On::Any, 8),
    trouble(None, "License not assigned", Some("accountValidation"), On::Any, 6),
    trouble(None, "User not allowed to enroll", Some("userValidation"), On::Any, 4),
    trouble(None, "Personal devices are blocked", Some("enrollmentRestrictionsEnforced"), On::Any, 5),
    trouble(None, "MDM authority not defined", Some("badRequest"), On::Any, 2),
    trouble(None, "Company Portal temporarily unavailable", Some("unknown"), On::Any, 3),
    trouble(None, "Feature not supported", Some("featureNotSupported"), On::Any, 1),
    trouble(None, "Unknown error", None, On::Any, 3),
    saying(
        "The profile could not be installed. A connection to the server could not be established.",
        trouble(None, "Profile installation failed", Some("unknown"), On::Apple, 9),
    ),
    saying(
        "The profile is not valid or its signing certificate has expired.",
        trouble(None, "Profile signature expired", Some("badRequest"), On::Apple, 2),
    ),
    trouble(None, "Work profile could not be created", Some("deviceNotSupported"), On::Android, 5),
    trouble(None, "Google Play services out of date", Some("deviceNotSupported"), On::Android, 3),
    trouble(Some(0x80CF_0437), "Device clock is wrong", Some("badRequest"), On::Windows, 3),
    trouble(Some(0x8024_0438), "Proxy not configured", Some("clientDisconnected"), On::Windows, 3),
    trouble(Some(0x80CF_402C), "Network timeout", Some("clientDisconnected"), On::Windows, 3),
    trouble(Some(0x8004_3001), "Enrollment package out of date", Some("badRequest"), On::Windows, 1),
    trouble(Some(0x80CF_3001), "Enrollment package out of date", Some("badRequest"), On::Windows, 1),
    trouble(Some(0x8004_3004), "Enrollment package out of date", Some("badRequest"), On::Windows, 1),
    trouble(Some(0x80CF_3004), "Enrollment package out of date", Some("badRequest"), On::Windows, 1),
    trouble(Some(0x8004_3002), "Account in maintenance", Some("inMaintenance"), On::Windows, 2),
    trouble(Some(0x80CF_3002), "Account in maintenance", Some("inMaintenance"), On::Windows, 1),
    trouble(Some(0x8004_3003), "Account deleted", Some("accountValidation"), On::Windows, 1),
    trouble(Some(0x80CF_3003), "Account deleted", Some("accountValidation"), On::Windows, 1),
    trouble(Some(0x8004_3005), "Device was retired", Some("badRequest"), On::Windows, 1),
    trouble(Some(0x8004_3006), "No seats left", Some("enrollmentRestrictionsEnforced"), On::Windows, 2),
    trouble(Some(0x80CF_3006), "No seats left", Some("enrollmentRestrictionsEnforced"), On::Windows, 1),
    trouble(Some(0x8004_3007), "Certificate file not found", Some("badRequest"), On::Windows, 1),
    trouble(Some(0x8024_D015), "Restart pending", Some("unknown"), On::Windows, 2),
    trouble(Some(0x8007_0BC2), "Restart pending", None, On::Windows, 1),
    trouble(Some(0x8007_0032), "Prerequisite missing", Some("deviceNotSupported"), On::Windows, 2),
    trouble(Some(0x8004_3008), "Update service did not start", Some("unknown"), On::Windows, 1),
    trouble(Some(0x8004_3009), "Already enrolled", Some("badRequest"), On::Windows, 3),
    trouble(Some(0x8004_300B), "OS version not supported", Some("deviceNotSupported"), On::Windows, 3),
    trouble(Some(0x80CF_300B), "OS version not supported", Some("deviceNotSupported"), On::Windows, 1),
    trouble(Some(0xAB2), "Script engine unavailable", Some("unknown"), On::Windows, 1),
    trouble(Some(0x80CF_0440), "Account suspended", Some("accountValidation"), On::Windows, 1),
];

/// Every way to fail.
fn all() -> impl Iterator<Item = &'static Trouble> {
    [&DEVICE_LIMIT, &JOIN_REFUSED, &NO_SERVICE].into_iter().chain(&REST)
}

/// Every failure that a sample can have, on each platform where it can occur and with its code in each spelling.
pub fn failures() -> impl Iterator<Item = (Platform, Failure)> {
    let platforms = [Platform::Windows, Platform::Macos, Platform::Ios, Platform::Android];
    platforms.into_iter().flat_map(|platform| {
        let troubles = all().chain([&GAVE_UP]).filter(move |trouble| trouble.on.includes(platform));
        troubles.flat_map(move |trouble| SPELLINGS.map(|spelling| (platform, trouble.written(spelling))))
    })
}

/// A failure that occurs on this platform.
pub(crate) fn any(platform: Platform, rng: &mut Rng) -> &'static Trouble {
    let fitting: Vec<(&'static Trouble, u32)> =
        all().filter(|trouble| trouble.on.includes(platform)).map(|trouble| (trouble, trouble.weight)).collect();
    rng.weighted(&fitting)
}

/// One number for each way to write a code: signed, in lower case, in upper case.
const SPELLINGS: [i64; 3] = [0, 1, 9];

impl Trouble {
    /// The failure as a sender writes it.
    pub(crate) fn as_reported(&self, rng: &mut Rng) -> Failure {
        self.written(rng.range(0, 10))
    }

    fn written(&self, spelling: i64) -> Failure {
        Failure {
            code: self.code.map(|code| match spelling {
                0 => code.cast_signed().to_string(),
                1 | 2 => format!("0x{code:08x}"),
                _ if code < 0x1000 => format!("0x{code:X}"),
                _ => format!("0x{code:08X}"),
            }),
            reason: self.reason,
            category: self.category,
            message: self.message,
        }
    }
}

/// A person who gave up, as reported by a sender that knows only failures.
pub(crate) fn gave_up(rng: &mut Rng) -> Failure {
    GAVE_UP.as_reported(rng)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Purpose;

    #[test]
    fn codes_are_written_in_three_ways() {
        let mut rng = Rng::new(1, 1, Purpose::Journey);
        let mut written: Vec<String> = (0..200).filter_map(|_| JOIN_REFUSED.as_reported(&mut rng).code).collect();
        written.sort();
        written.dedup();
        assert_eq!(written, ["-2145648637", "0x801C0003", "0x801c0003"]);
    }

    #[test]
    fn a_trouble_fits_its_platform() {
        let mut rng = Rng::new(1, 1, Purpose::Journey);
        for _ in 0..500 {
            assert!(any(Platform::Android, &mut rng).code.is_none());
        }
        assert!((0..500).any(|_| any(Platform::Windows, &mut rng).code.is_some()));
    }
}
