//! What the organisation did, by date (docs/DOMAIN.md, R14).

use super::{Reader, range};
use crate::error::Result;
use serde::{Deserialize, Serialize};
use vestibule_domain::Day;

/// An annotation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Annotation {
    /// Its id.
    pub id: String,
    /// Its first day.
    pub from: String,
    /// The day after its last.
    pub to: String,
    /// What happened.
    pub text: String,
    /// Who wrote it last: `operator`, the id of a token, or `account`.
    pub written_by: String,
    /// When it was written last.
    pub written_at: String,
}

/// The part of the answer that is read.
#[derive(Deserialize)]
struct Answer {
    annotations: Vec<Annotation>,
}

impl Reader<'_> {
    /// The annotations that say something of the days `from` to `to` (exclusive), in their order.
    ///
    /// # Errors
    /// [`Error::InvalidFilter`](crate::Error::InvalidFilter) for an empty range.
    pub fn annotations(&self, from: Day, to: Day) -> Result<Vec<Annotation>> {
        Ok(self.read_one::<Answer>("annotations", &range(from, to))?.annotations)
    }
}
