//! Which list of the lexicon has the words of which type's names.

use crate::lexicon::{List, known};
use vestibule_domain::attempt::{Cause, DeviceState, Outcome, Wait};
use vestibule_domain::catalogue::{KnownAction, KnownScreen, Section, UserAction};
use vestibule_domain::esp::page::StepState;
use vestibule_domain::esp::{
    Category, DeploymentMode, EspAction, ItemState, Phase, PhaseState, SessionState, Tracking,
};
use vestibule_domain::event::{Kind, Platform};
use vestibule_domain::failure::FailureCategory;
use vestibule_domain::web_enrollment::WebStep;

/// A name of a closed list, with its words.
pub trait Named: Copy + 'static {
    /// The list of the lexicon that has its words.
    const WORDS: List;

    /// Its name in events and answers.
    fn code(self) -> &'static str;

    /// Its words.
    fn words(self) -> &'static str {
        known(Self::WORDS, self.code()).unwrap_or_else(|| self.code())
    }
}

macro_rules! named {
    ($($type:ty: $list:ident,)+) => {
        $(
            impl Named for $type {
                const WORDS: List = List::$list;
                fn code(self) -> &'static str {
                    self.name()
                }
            }
        )+

        /// Every list with the names that have their words in it.
        #[cfg(test)]
        fn all() -> Vec<(List, Vec<&'static str>)> {
            vec![$((List::$list, <$type>::ALL.iter().map(|one| one.name()).collect()),)+]
        }
    };
}

named! {
    Section: Section,
    KnownAction: Action,
    KnownScreen: Screen,
    UserAction: Cause,
    Cause: Cause,
    Outcome: Outcome,
    Wait: Wait,
    DeviceState: DeviceState,
    Platform: Platform,
    Kind: Kind,
    FailureCategory: FailureCategory,
    WebStep: WebStep,
    SessionState: SessionState,
    Phase: Phase,
    Category: EspCategory,
    ItemState: Progress,
    PhaseState: Progress,
    StepState: Progress,
    Tracking: Tracking,
    DeploymentMode: DeploymentMode,
    EspAction: EspAction,
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::lexicon::LEXICON;
    use std::collections::{BTreeMap, BTreeSet};
    use vestibule_domain::Reports;
    use vestibule_domain::event::Clock;

    /// Every name that has its words in a list.
    fn expected() -> BTreeMap<&'static str, BTreeSet<&'static str>> {
        let mut lists: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (list, names) in all() {
            lists.entry(list.key()).or_default().extend(names);
        }
        lists.insert(List::SectionShort.key(), lists[List::Section.key()].clone());
        let everything = Reports::from_bits(u8::MAX);
        assert_eq!(everything.clock, Clock::Device);
        lists.insert(List::Report.key(), everything.words().collect());
        lists
    }

    #[test]
    fn every_name_has_its_words_and_no_words_are_of_no_name() {
        let file: BTreeMap<String, BTreeMap<String, String>> = serde_json::from_str(LEXICON).unwrap();
        for (list, names) in expected() {
            let there: BTreeSet<&str> = file[list].keys().map(String::as_str).collect();
            assert_eq!(there, names, "{list}");
        }
    }
}
