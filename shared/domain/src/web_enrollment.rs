//! Web-based enrollment as the organisation's sign-ins show it: which steps one person reached on one operating system
//! on one day (docs/DOMAIN.md, W).
//!
//! Must stay true: steps are a set. They show no order, devices or attempts, so records may come in any order and
//! repeatedly. What counts of a set follows from the set alone.

use crate::about::Platform;
use crate::names::names;
use crate::time::{Day, Timestamp};
use std::collections::BTreeMap;

names! {
    /// A step of web-based enrollment, in the order in which people come to them.
    WebStep {
        /// Access was refused until the device is enrolled.
        AccessBlocked = "accessBlocked",
        /// A sign-in to Intune's web Company Portal, or to the Company Portal.
        PortalSignIn = "portalSignIn",
        /// A sign-in to Microsoft Intune Enrollment.
        EnrollmentSignIn = "enrollmentSignIn",
        /// Another factor, or another password, has to be set up.
        MfaSetup = "mfaSetup",
        /// The broker app has to be installed.
        BrokerInstall = "brokerInstall",
        /// The device is registered in the directory, or has to be.
        DeviceRegistration = "deviceRegistration",
        /// The device is enrolled and not compliant yet.
        ComplianceWait = "complianceWait",
        /// A policy refuses, for a reason that enrolling does not remove.
        PolicyBlocked = "policyBlocked",
    }
}

/// Steps that show an enrollment only beside a step that opens one.
const OPENING: [WebStep; 3] = [WebStep::AccessBlocked, WebStep::PortalSignIn, WebStep::EnrollmentSignIn];
/// How many bits the steps take; the bits after them say which of the opening steps were in the person's own sign-ins.
const STEPS: u16 = WebStep::ALL.len() as u16;

impl WebStep {
    /// Whether it may open an enrollment; the others count only beside such a step.
    pub fn may_open(self) -> bool {
        OPENING.contains(&self)
    }

    const fn bit(self) -> u16 {
        1 << self as u16
    }
}

/// A set of steps, with which of them opened an enrollment: those that may open one and come from a sign-in that the
/// person made, not an app in the background.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WebSteps(u16);

impl WebSteps {
    /// No step.
    pub const NONE: Self = Self(0);

    /// One step of a sign-in, which is `interactive` or not.
    pub fn of(step: WebStep, interactive: bool) -> Self {
        let opens = interactive && step.may_open();
        Self(step.bit() | if opens { step.bit() << STEPS } else { 0 })
    }

    /// The steps of both.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether it contains all steps of `other`.
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether it is empty.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The steps, in order.
    pub fn steps(self) -> impl Iterator<Item = WebStep> {
        WebStep::ALL.iter().copied().filter(move |step| self.0 & step.bit() != 0)
    }

    /// Whether the person made a sign-in that opens an enrollment.
    pub const fn opens(self) -> bool {
        self.0 >> STEPS != 0
    }

    /// The set as a number, for storing. The meaning of a bit never changes.
    pub const fn bits(self) -> u16 {
        self.0
    }

    /// Reads [`bits`](Self::bits); unknown bits are ignored.
    pub fn from_bits(bits: u16) -> Self {
        let known = WebStep::ALL.iter().fold(0, |all, step| all | step.bit());
        let opening = OPENING.iter().fold(0, |all, step| all | step.bit() << STEPS);
        Self(bits & (known | opening))
    }

    /// The steps that count: all of them if one opened an enrollment, otherwise none.
    pub const fn counted(self) -> CountedSteps {
        CountedSteps(if self.opens() { self.0 & ((1 << STEPS) - 1) } else { 0 })
    }
}

/// The steps that count of one person on one operating system on one day; one bit each, in the order of
/// [`WebStep::ALL`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CountedSteps(u16);

impl CountedSteps {
    /// Whether no step counts.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether the step is among them.
    pub const fn contains(self, step: WebStep) -> bool {
        self.0 & step.bit() != 0
    }

    /// The same as a number.
    pub const fn bits(self) -> u16 {
        self.0
    }

    /// Reads [`bits`](Self::bits); `None` for a number with unknown bits.
    pub const fn from_bits(bits: u16) -> Option<Self> {
        if bits >> STEPS == 0 { Some(Self(bits)) } else { None }
    }
}

/// An organisation's sums: for each day with sign-ins, how many people have which steps.
pub type WebDays = BTreeMap<Day, BTreeMap<(Platform, CountedSteps), u64>>;

/// What one sign-in shows of an enrollment. Of the person it holds only the directory's id, which is hashed before
/// anything is kept.
#[derive(Clone, PartialEq, Eq)]
pub struct SignIn {
    /// The directory's id of the user.
    pub user_id: String,
    /// iOS (including iPadOS) or Android.
    pub platform: Platform,
    /// When.
    pub at: Timestamp,
    /// Its steps.
    pub steps: WebSteps,
}

/// A log must not show who signed in.
impl std::fmt::Debug for SignIn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { user_id: _, platform, at, steps } = self;
        f.debug_struct("SignIn")
            .field("platform", platform)
            .field("at", at)
            .field("steps", steps)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_count_only_beside_one_that_opens() {
        let opens = |step, interactive| !WebSteps::of(step, interactive).counted().is_empty();
        for step in WebStep::ALL {
            assert_eq!(opens(*step, true), OPENING.contains(step), "{step}");
            assert!(!opens(*step, false), "{step}");
        }
        let within = WebSteps::of(WebStep::MfaSetup, true);
        let background = WebSteps::of(WebStep::AccessBlocked, false);
        assert!(within.and(background).counted().is_empty());
        let all = within.and(background).and(WebSteps::of(WebStep::PortalSignIn, true));
        let counted = [WebStep::AccessBlocked, WebStep::PortalSignIn, WebStep::MfaSetup];
        for step in WebStep::ALL {
            assert_eq!(all.counted().contains(*step), counted.contains(step), "{step}");
        }
    }

    #[test]
    fn a_set_grows_and_is_stored_as_a_number() {
        let every = WebStep::ALL.iter().flat_map(|step| [WebSteps::of(*step, true), WebSteps::of(*step, false)]);
        let mut all = WebSteps::NONE;
        for one in every {
            assert!(all.and(one).has(all) && all.and(one).has(one) && one.has(WebSteps::NONE));
            all = all.and(one);
            assert_eq!(WebSteps::from_bits(all.bits()), all);
        }
        assert_eq!(WebSteps::from_bits(u16::MAX), all);
        assert_eq!(CountedSteps::from_bits(all.counted().bits()), Some(all.counted()));
        assert_eq!(CountedSteps::from_bits(1 << STEPS), None);
    }

    #[test]
    fn who_signed_in_is_in_no_log() {
        let at = Timestamp::from_millis(0);
        let steps = WebSteps::of(WebStep::PortalSignIn, true);
        let sign_in = SignIn { user_id: "nobody-knows".to_owned(), platform: Platform::Ios, at, steps };
        assert!(!format!("{sign_in:?}").contains("nobody-knows"));
    }
}
