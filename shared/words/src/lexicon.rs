//! The data file, and looking names up in it.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// The lexicon: an object of lists, each an object of names and their words, in the order in which they are offered.
pub const LEXICON: &str = include_str!("../lexicon.json");

macro_rules! lists {
    ($($(#[$doc:meta])* $list:ident = $key:literal,)+) => {
        /// A list of the lexicon.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum List { $($(#[$doc])* $list,)+ }

        impl List {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$list),+];

            /// Its key in the file.
            pub const fn key(self) -> &'static str {
                match self { $(Self::$list => $key,)+ }
            }
        }
    };
}

lists! {
    /// Sections of the report.
    Section = "section",
    /// The same for the end of a line in a chart.
    SectionShort = "sectionShort",
    /// The catalogue's actions.
    Action = "action",
    /// Actions besides the catalogue's that senders have in common.
    OtherAction = "otherAction",
    /// The catalogue's screens.
    Screen = "screen",
    /// Why an attempt was abandoned; the person's choices are among them.
    Cause = "cause",
    /// How an attempt stands.
    Outcome = "outcome",
    /// What an open attempt waits for.
    Wait = "wait",
    /// How a device stands.
    DeviceState = "deviceState",
    /// Platforms.
    Platform = "platform",
    /// Several platforms under one name.
    PlatformGroup = "platformGroup",
    /// Kinds of events.
    Kind = "kind",
    /// What a sender can report.
    Report = "report",
    /// Categories of failures.
    FailureCategory = "failureCategory",
    /// What failed.
    FailureSubject = "failureSubject",
    /// By what attempts are told apart.
    Slice = "slice",
    /// How a device's clock differed.
    ClockSkew = "clockSkew",
    /// Steps of web-based enrollment.
    WebStep = "webStep",
    /// States of sessions of the Enrollment Status Page.
    SessionState = "sessionState",
    /// Phases of the Enrollment Status Page.
    Phase = "phase",
    /// What a phase consists of.
    EspCategory = "espCategory",
    /// States of phases, subtasks and items.
    Progress = "progress",
    /// What an item means to its session.
    Tracking = "tracking",
    /// How a Windows device is deployed.
    DeploymentMode = "deploymentMode",
    /// What the user can do on the page.
    EspAction = "espAction",
    /// What chose a profile.
    Rule = "rule",
    /// Whether a profile takes part.
    ProfileStatus = "profileStatus",
    /// Properties of a device that a filter can name.
    DeviceProperty = "deviceProperty",
    /// How a device stands, as diagnostics say it.
    Verdict = "verdict",
    /// How much a finding matters.
    Severity = "severity",
    /// Who can do something about a problem.
    Who = "who",
    /// Lists that are read from Microsoft Graph.
    PulledList = "pulledList",
    /// Microsoft's clouds.
    Cloud = "cloud",
    /// What a new organisation does first, in order.
    FirstStep = "firstStep",
    /// Why a delivery, or an event in it, was refused.
    Refusal = "refusal",
    /// How a rate compares with the one before.
    Comparison = "comparison",
    /// What kinds of things may have got worse.
    ChangeKind = "changeKind",
    /// What the file defines; states of devices are defined by their own list.
    Term = "term",
}

type Words = BTreeMap<String, BTreeMap<String, String>>;

static LISTS: LazyLock<Words> = LazyLock::new(|| {
    // The file is part of the binary, and a test reads it.
    serde_json::from_str(LEXICON).unwrap_or_default()
});

/// The words of a name, where the list has it.
pub(crate) fn known(list: List, name: &str) -> Option<&'static str> {
    LISTS.get(list.key())?.get(name).map(String::as_str)
}

/// The words of a name; where the list does not have it, the name with its words apart: `setUpAccess` is "Set up access".
///
/// A step is looked for among the catalogue's actions, the others and the phases; a term among the states of devices too.
pub fn words(list: List, name: &str) -> Cow<'static, str> {
    let others: &[List] = match list {
        List::Action => &[List::OtherAction, List::Phase],
        List::Term => &[List::DeviceState],
        _ => &[],
    };
    let found = known(list, name).or_else(|| others.iter().find_map(|other| known(*other, name)));
    found.map_or_else(|| Cow::Owned(apart(name)), Cow::Borrowed)
}

/// A name as programs write it, with its words apart.
fn apart(name: &str) -> String {
    let mut out = String::with_capacity(name.len() + 8);
    let mut before: Option<char> = None;
    for c in name.chars() {
        match before {
            None => out.extend(c.to_uppercase()),
            Some(last) if c.is_ascii_uppercase() && (last.is_ascii_lowercase() || last.is_ascii_digit()) => {
                out.push(' ');
                out.push(c.to_ascii_lowercase());
            }
            Some(_) => out.push(c),
        }
        before = Some(c);
    }
    out
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_file_has_the_lists_and_no_others() {
        let lists: Words = serde_json::from_str(LEXICON).unwrap();
        let keys: BTreeSet<&str> = lists.keys().map(String::as_str).collect();
        assert_eq!(keys, List::ALL.iter().map(|list| list.key()).collect());
        for (list, names) in &lists {
            assert!(!names.is_empty(), "{list}");
            for (name, words) in names {
                assert!(!words.is_empty() && words.trim() == words, "{list} {name}");
            }
        }
    }

    #[test]
    fn what_is_not_listed_is_set_apart() {
        let names = ["setUpAccess", "incompleteRate", "ESPPage", "last7Days", "", "Ünter"];
        let words = names.map(|name| words(List::Outcome, name).into_owned());
        assert_eq!(words, ["Set up access", "Incomplete rate", "ESPPage", "Last7 days", "", "Ünter"]);
    }

    #[test]
    fn a_step_may_be_a_phase_or_of_senders() {
        assert_eq!(words(List::Action, "deviceSetup"), "Device setup");
        assert_eq!(words(List::Action, "OutOfBoxExperience"), "Windows setup (OOBE)");
    }
}
