//! Every kind of item that the table has, whom it may name, and what an erasure does about it. docs/ERASURE.md has the same
//! table.
//!
//! Must stay true: each item is of one of these kinds. The suite over the engines fails for one that is of none, so that a
//! new kind does not come without a decision.

/// Whom an item may name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holds {
    /// A person or a device, in clear.
    Names,
    /// A hash of a device's identifier, or a keyed hash of a person.
    Hashes,
    /// What administrators wrote: names of tokens, profiles, groups and apps.
    Administrators,
    /// Nobody.
    Nobody,
}

impl Holds {
    /// In words, as docs/ERASURE.md has it.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Names => "names and identifiers",
            Self::Hashes => "hashes",
            Self::Administrators => "what administrators wrote",
            Self::Nobody => "nobody",
        }
    }
}

/// A kind of item.
#[derive(Clone, Copy, Debug)]
pub struct HeldKind {
    /// Its partition key; one that ends with `*` is the beginning of it.
    pub pk: &'static str,
    /// Its sort key, in the same way.
    pub sk: &'static str,
    /// What it is.
    pub what: &'static str,
    /// Whom it may name.
    pub holds: Holds,
    /// What an erasure does about it.
    pub erasure: &'static str,
}

const fn kind(pk: &'static str, sk: &'static str, what: &'static str, holds: Holds, erasure: &'static str) -> HeldKind {
    HeldKind { pk, sk, what, holds, erasure }
}

/// All kinds of items.
pub const HELD_KINDS: [HeldKind; 38] = [
    kind(
        "e#*",
        "h",
        "an enrollment, or a link to one",
        Holds::Names,
        "emptied, or written without them; links are deleted, the empty item after three days",
    ),
    kind("e#*", "s*", "older events of an enrollment", Holds::Names, "deleted with the erasure's job"),
    kind("t#*", "t", "the tenant: settings, secrets, tokens", Holds::Administrators, "stays"),
    kind("t#*", "p", "the profiles", Holds::Administrators, "stays"),
    kind("t#*", "p#*", "a profile's version", Holds::Administrators, "stays"),
    kind("t#*", "apps", "names of apps", Holds::Administrators, "stays"),
    kind("t#*", "notes", "annotations, which name nobody by address", Holds::Administrators, "stays"),
    kind("t#*", "f#*", "a published file's record", Holds::Nobody, "goes with its file"),
    kind("t#*", "latest", "the newest file's record", Holds::Nobody, "replaced by the next file's"),
    kind("t#*", "export", "who exports, and what was requested", Holds::Nobody, "stays"),
    kind("t#*", "prune", "how far pruning has come", Holds::Hashes, "deleted if it names the enrollment"),
    kind("t#*", "refused#*", "a refused merge", Holds::Hashes, "deleted if it names the enrollment"),
    kind("t#*", "pull#*", "how far a list of Graph was read", Holds::Nobody, "stays"),
    kind(
        "t#*",
        "pulled#*",
        "digests of records of that list, eight bytes each",
        Holds::Hashes,
        "forgotten by the next whole reading that does not meet the record",
    ),
    kind("t#*", "gone#*", "tombstones", Holds::Hashes, "written by an erasure; ends after 435 days"),
    kind(
        "t#*",
        "erasure#*",
        "the record of an erasure, with the id of who asked",
        Holds::Administrators,
        "written by an erasure; stays",
    ),
    kind("in#*", "*", "the delivery log", Holds::Nobody, "stays"),
    kind(
        "s#*",
        "*",
        "a session of a browser, with the directory's id of who signed in",
        Holds::Administrators,
        "ends after twelve hours",
    ),
    kind("ws#*", "*", "sums of web-based enrollment", Holds::Nobody, "reduced by the person"),
    kind("w#*", "w", "a person's steps of web-based enrollment on a day", Holds::Hashes, "deleted"),
    kind("c#*", "*", "a page of the change feed", Holds::Hashes, "ends after two days"),
    kind("b#*", "b", "a barrier of the change feed", Holds::Nobody, "ends after a day"),
    kind("g#*", "app", "the secret of an app registration", Holds::Administrators, "stays"),
    kind("pulls", "*", "an app registration, and its lease", Holds::Administrators, "stays"),
    kind("notices", "*", "rules and channels of messages to people", Holds::Administrators, "stays"),
    kind("n#*", "channel#*", "what is secret of a channel", Holds::Administrators, "stays"),
    kind("t#*", "notice-mute", "the key of the links that mute a rule", Holds::Nobody, "stays"),
    kind(
        "t#*",
        "notices",
        "how the rules of messages stand, and what waits to be sent",
        Holds::Hashes,
        "corrected by what is published of it",
    ),
    kind("t#*", "notice-in#*", "news from the bus for messages", Holds::Hashes, "ends after two days"),
    kind("t#*", "notice-sent#*", "a message that was sent, without names", Holds::Nobody, "ends after 90 days"),
    kind("t#*", "notice-dead#*", "a message that was given up, without names", Holds::Nobody, "ends after 35 days"),
    kind("jobs", "*", "a change of settings under way", Holds::Hashes, "ends with the job"),
    kind("erasing", "*", "an erasure under way, or the search before it", Holds::Hashes, "ends with the job"),
    kind("tenants", "*", "a tenant's name", Holds::Nobody, "stays"),
    kind("stream", "*", "who of several processes reads a shard of the stream", Holds::Nobody, "stays"),
    kind("ticks", "*", "when one of several processes last ran a schedule", Holds::Nobody, "stays"),
    kind("format", "in-force", "the format in which items are written", Holds::Nobody, "stays"),
    kind(
        "dead#stream",
        "*",
        "a change that could not be published",
        Holds::Hashes,
        "deleted if it names the enrollment",
    ),
];

fn fits(pattern: &str, key: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(beginning) => key.starts_with(beginning),
        None => pattern == key,
    }
}

/// The kind of the item with this key.
pub fn held_kind(pk: &str, sk: &str) -> Option<&'static HeldKind> {
    HELD_KINDS.iter().find(|kind| fits(kind.pk, pk) && fits(kind.sk, sk))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documentation_has_every_kind() {
        let document = include_str!("../../../../docs/ERASURE.md");
        for HeldKind { pk, sk, what, holds, erasure } in HELD_KINDS {
            let row = format!("| `{pk}` | `{sk}` | {what} | {} | {erasure} |", holds.words());
            assert!(document.lines().any(|line| line == row), "docs/ERASURE.md lacks the row\n{row}");
        }
        let rows = document.lines().filter(|line| line.starts_with("| `")).count();
        assert!(rows >= HELD_KINDS.len(), "{rows} rows");
    }

    #[test]
    fn a_key_is_of_its_kind() {
        let what = |pk, sk| held_kind(pk, sk).map(|kind| kind.what);
        assert_eq!(what("e#contoso#1a", "s77"), Some("older events of an enrollment"));
        assert_eq!(what("t#contoso", "p"), Some("the profiles"));
        assert_eq!(what("t#contoso", "pull#x"), Some("how far a list of Graph was read"));
        assert_eq!(what("t#contoso", "pulled#x#0000"), Some("digests of records of that list, eight bytes each"));
        assert_eq!(what("e#contoso#1a", "x"), None);
        assert_eq!(what("x", "t"), None);
    }
}
