//! The format of what is stored: one number for a whole table and what lies beside it.
//!
//! While functions are replaced one after the other, older ones read what newer ones write. So a release reads the formats
//! before its own and its own, and writes the older one until an operator says that no older function is left
//! (docs/OPERATIONS.md, Formats). This module has the number, and the list of what differs.
//!
//! Must stay true: an older program ignores what it does not know, or refuses it by name. It never takes it for something
//! else. What a format adds is in [`DIFFERENCES`], and nowhere else does a number decide.

/// A format that this release reads and writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StoredFormat {
    /// That of releases up to 0.1.0: nothing is stored of what a sender can report, and there are no erasures.
    First = 1,
    /// What senders can report, settings of later releases, erasures and sealed secrets.
    Second = 2,
    /// This release's: tags.
    Third = 3,
}

impl StoredFormat {
    /// The oldest that this release writes; that of a table that says nothing.
    pub const OLDEST: Self = Self::First;
    /// The newest that it reads and writes.
    pub const NEWEST: Self = Self::Third;
    /// All of them, in order.
    pub const ALL: [Self; 3] = [Self::First, Self::Second, Self::Third];

    /// Its number.
    pub const fn number(self) -> u32 {
        self as u32
    }

    /// The format of a number; `None` if this release does not know it.
    pub fn of(number: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.number() == number)
    }
}

/// Something that a format stores in another way than the one before.
#[derive(Clone, Copy, Debug)]
pub struct Difference {
    /// The first format that has it.
    pub since: StoredFormat,
    /// What is stored.
    pub what: &'static str,
    /// How the format before stores it.
    pub before: &'static str,
    /// How it is stored since.
    pub now: &'static str,
    /// What a program that knows only the format before does about an item that has it.
    pub older_program: &'static str,
}

/// What differs between the formats.
pub const DIFFERENCES: [Difference; 6] = [
    Difference {
        since: StoredFormat::Second,
        what: "the events of an enrollment",
        before: "in `d` without what their senders can report, which lies beside it in `m`",
        now: "all of it in `d`",
        older_program: "ignores `m`; refuses `d` of format 2 as an unknown format, and names the item",
    },
    Difference {
        since: StoredFormat::Second,
        what: "a tenant's settings",
        before: "those that format 1 has; all of them lie beside these in `newer`",
        now: "all of them in `settings`",
        older_program: "ignores `newer`, and folds without them; refuses a setting that it does not know, and names the tenant",
    },
    Difference {
        since: StoredFormat::Second,
        what: "the secrets of a tenant, where the deployment has a key for them",
        before: "in clear",
        now: "sealed: those of its senders in `sealed`, the key of its pseudonyms in `sealed_pseudonym_key`, the others in `sl`; \
              those that lie in clear are sealed by `secret seal`, or when they change",
        older_program: "refuses a tenant without `webhook_secrets`, and names it; finds no channel and no app registration",
    },
    Difference {
        since: StoredFormat::Second,
        what: "erasures",
        before: "there are none: `erase` and `tenant remove` are refused",
        now: "tombstones, jobs, and an empty item in the place of an erased one",
        older_program: "would take again what was erased; so no erasure is made while it may run",
    },
    Difference {
        since: StoredFormat::Third,
        what: "tags of enrollments, and events that carry nothing else",
        before: "there are none: `tags` are left out at intake, and `enrollment.tagged` is of an unknown type",
        now: "in `d`, before the rest, where an enrollment has some; without any it is as in format 2",
        older_program: "would leave them out when it writes; so none are stored while it may run",
    },
    Difference {
        since: StoredFormat::Third,
        what: "the setting `tagKeys`",
        before: "it is not written, and can't be changed",
        now: "in `settings`",
        older_program: "refuses a setting that it does not know, and names the tenant",
    },
];

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn every_format_has_its_number_and_differs_from_the_one_before() {
        for (format, number) in StoredFormat::ALL.into_iter().zip(1..) {
            assert_eq!((format.number(), StoredFormat::of(number)), (number, Some(format)));
            let is_first = format == StoredFormat::OLDEST;
            assert!(is_first || DIFFERENCES.iter().any(|difference| difference.since == format), "{format:?}");
        }
        assert_eq!(StoredFormat::ALL.last(), Some(&StoredFormat::NEWEST));
        assert_eq!(StoredFormat::of(0), None);
        assert_eq!(StoredFormat::of(StoredFormat::NEWEST.number() + 1), None);
    }

    #[test]
    fn the_documentation_has_every_difference() {
        let page = include_str!("../../../docs/OPERATIONS.md");
        for Difference { since, what, before, now, older_program } in DIFFERENCES {
            let row = format!("| {} | {what} | {before} | {now} | {older_program} |", since.number());
            assert!(page.lines().any(|line| line == row), "docs/OPERATIONS.md lacks the row\n{row}");
        }
    }
}
