//! What failures can mean and what to do about them, according to the file.

use super::{Reader, parameters};
use crate::error::Result;
use serde::{Deserialize, Serialize};
use vestibule_advice::canonical_code;

/// One meaning of a failure and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Advice {
    /// The entry's name in the catalogue.
    pub id: String,
    /// The codes that can mean this.
    pub codes: Vec<String>,
    /// What is wrong.
    pub problem: String,
    /// Why it occurs.
    pub cause: String,
    /// What to do, in order.
    pub steps: Vec<String>,
    /// Who can do it: `user`, `admin`, `microsoft`.
    pub who: Vec<String>,
    /// Where it occurs.
    pub platforms: Vec<String>,
    /// The documents that the facts are from.
    pub sources: Vec<String>,
}

/// What the file's advice says about a text.
#[derive(Deserialize)]
struct Meanings {
    meanings: Vec<Advice>,
}

impl Reader<'_> {
    /// Every meaning of a code, in the catalogue's order.
    pub(crate) fn advice_by_code(&self, code_value: u32) -> Result<Vec<Advice>> {
        let code = canonical_code(code_value);
        let found: Option<Meanings> = self.read("advice", &parameters([("text", Some(code.clone()))]))?;
        let meanings = found.map(|found| found.meanings).unwrap_or_default();
        // The question treats a text that is not a code of the catalogue as the words of a failure.
        Ok(meanings.into_iter().filter(|entry| entry.codes.contains(&code)).collect())
    }

    /// The entry of that name, if the file's catalogue has it.
    pub(crate) fn advice(&self, id: &str) -> Result<Vec<Advice>> {
        let found: Meanings = self.read_one("advice-entry", &parameters([("id", Some(id.to_owned()))]))?;
        Ok(found.meanings)
    }
}
