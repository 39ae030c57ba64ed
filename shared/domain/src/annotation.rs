//! Annotations: what an organisation did, by date ("15 Nov: terms changed"), shown beside the numbers of those days
//! (docs/DOMAIN.md, R14).
//!
//! Must stay true: an annotation names nobody by address, since it is in every file and on the mailed page; so an erasure
//! has nothing to look for in it. A tenant has at most [`MOST`], so that all of them fit into one item of the table.

use crate::addresses;
use crate::time::{Day, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// The most annotations of a tenant.
pub const MOST: usize = 200;
/// The longest text, in characters.
pub const MOST_CHARS: usize = 200;
/// The most days of one annotation: the longest range that a question takes.
pub const MOST_DAYS: i32 = 1_000;

/// What is written down about some days.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// The first day, in the tenant's time zone.
    pub from: Day,
    /// The day after the last.
    pub to: Day,
    /// What happened.
    pub text: String,
}

/// An annotation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Annotation {
    /// Its id.
    pub id: String,
    /// What it says of which days.
    #[serde(flatten)]
    pub note: Note,
    /// Who wrote it last: `operator`, the id of a token, or `account` for somebody who signed in with the organisation's
    /// account. Whose account it was is not kept.
    pub by: String,
    /// When it was written last.
    pub at: Timestamp,
}

/// Why a note is refused: the member that is wrong, and what is wrong with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct NoteError {
    /// The member.
    pub field: &'static str,
    /// What is wrong.
    pub problem: &'static str,
}

/// Why annotations are not changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AnnotationError {
    /// There are [`MOST`] already.
    #[error("there are {MOST} annotations already, which is the most; remove one first")]
    Full,
    /// There is none with that id.
    #[error("there is no such annotation")]
    Unknown,
}

/// The annotations of a tenant, in the order of their days.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Annotations(Vec<Annotation>);

impl Note {
    /// Reads a note as a person gives it: dates like 2026-01-31, and without `to` one day.
    ///
    /// # Errors
    /// The first member that is wrong.
    pub fn read(from: &str, to: Option<&str>, text: &str) -> Result<Self, NoteError> {
        const A_DATE: &str = "must be a date like 2026-01-31";
        let refuse = |field, problem| NoteError { field, problem };
        let date = |field, given: &str| {
            let day = Day::parse(given).ok().filter(|day| day.get() >= 0 && day.to_string() == given);
            day.ok_or_else(|| refuse(field, A_DATE))
        };
        let from = date("from", from)?;
        let to = to.map_or_else(|| Ok(from.plus(1)), |to| date("to", to))?;
        if to <= from {
            return Err(refuse("to", "must be later than from"));
        }
        if to.get() - from.get() > MOST_DAYS {
            return Err(refuse("from", "the range must have at most 1000 days"));
        }
        let text = text.trim();
        if text.is_empty() || text.chars().count() > MOST_CHARS {
            return Err(refuse("text", "must have 1 to 200 characters"));
        }
        if text.chars().any(char::is_control) {
            return Err(refuse("text", "must be one line, without control characters"));
        }
        let mut named = BTreeSet::new();
        addresses::in_text(text, &mut named);
        if !named.is_empty() {
            return Err(refuse("text", "must have no address: annotations are in every file, and name nobody"));
        }
        Ok(Self { from, to, text: text.to_owned() })
    }
}

impl Annotations {
    /// All, in the order of their days.
    pub fn iter(&self) -> impl Iterator<Item = &Annotation> {
        self.0.iter()
    }

    /// The one with an id.
    pub fn get(&self, id: &str) -> Option<&Annotation> {
        self.0.iter().find(|one| one.id == id)
    }

    /// Adds one; one that is there already under its id is replaced, since an answer may have been lost.
    ///
    /// # Errors
    /// [`AnnotationError::Full`].
    pub fn add(&mut self, annotation: Annotation) -> Result<(), AnnotationError> {
        self.0.retain(|one| one.id != annotation.id);
        if self.0.len() >= MOST {
            return Err(AnnotationError::Full);
        }
        self.0.push(annotation);
        self.0.sort_by(|a, b| (a.note.from, a.note.to, &a.id).cmp(&(b.note.from, b.note.to, &b.id)));
        Ok(())
    }

    /// Replaces the one with that id.
    ///
    /// # Errors
    /// [`AnnotationError::Unknown`].
    pub fn replace(&mut self, annotation: Annotation) -> Result<(), AnnotationError> {
        self.get(&annotation.id).ok_or(AnnotationError::Unknown)?;
        self.add(annotation)
    }

    /// Removes the one with that id.
    ///
    /// # Errors
    /// [`AnnotationError::Unknown`].
    pub fn remove(&mut self, id: &str) -> Result<(), AnnotationError> {
        let before = self.0.len();
        self.0.retain(|one| one.id != id);
        if self.0.len() == before { Err(AnnotationError::Unknown) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn note(day: i32, text: &str) -> Note {
        Note { from: Day::new(day), to: Day::new(day + 1), text: text.to_owned() }
    }

    fn annotation(id: &str, day: i32) -> Annotation {
        Annotation { id: id.to_owned(), note: note(day, "x"), by: "operator".to_owned(), at: Timestamp::MIN }
    }

    #[test]
    fn a_note_is_read_or_refused_with_its_member() {
        let read = Note::read("2026-11-15", None, " Terms of use changed ").unwrap();
        let day = Day::parse("2026-11-15").unwrap();
        assert_eq!(read, Note { from: day, to: day.plus(1), text: "Terms of use changed".to_owned() });
        assert!(Note::read("2026-11-15", Some("2026-11-20"), &"ü".repeat(200)).is_ok());
        let refused = [
            ("2026-11-5", None, "x", "from"),
            ("2026-02-30", None, "x", "from"),
            ("1969-12-31", None, "x", "from"),
            ("2026-11-15", Some("tomorrow"), "x", "to"),
            ("2026-11-15", Some("2026-11-15"), "x", "to"),
            ("2020-01-01", Some("2026-01-01"), "x", "from"),
            ("2026-11-15", None, " ", "text"),
            ("2026-11-15", None, &"x".repeat(201), "text"),
            ("2026-11-15", None, "one\ntwo", "text"),
            ("2026-11-15", None, "asked <adele@contoso.com> to try", "text"),
        ];
        for (from, to, text, field) in refused {
            assert_eq!(Note::read(from, to, text).unwrap_err().field, field, "{from} {to:?} {text}");
        }
        // What is no address stays.
        assert!(Note::read("2026-11-15", None, "Meeting @ 10, 20 % more").is_ok());
    }

    #[test]
    fn they_are_in_the_order_of_days_and_bounded() {
        let mut all = Annotations::default();
        for number in 0..MOST {
            all.add(annotation(&format!("{number:03}"), 500 - i32::try_from(number).unwrap())).unwrap();
        }
        assert!(all.iter().is_sorted_by_key(|one| one.note.from));
        assert_eq!(all.add(annotation("another", 1)), Err(AnnotationError::Full));
        // The same again is no other.
        all.add(annotation("000", 500)).unwrap();
        all.replace(annotation("007", 0)).unwrap();
        assert_eq!((all.iter().count(), all.iter().next().unwrap().id.as_str()), (MOST, "007"));
        assert_eq!(all.replace(annotation("none", 0)), Err(AnnotationError::Unknown));
        all.remove("007").unwrap();
        assert_eq!(all.remove("007"), Err(AnnotationError::Unknown));
        all.add(annotation("another", 1)).unwrap();
    }
}
