//! What failures can mean and what to do about them, as the file has it.

use super::Reader;
use crate::error::Result;
use rusqlite::Row;
use serde::{Deserialize, Serialize};

/// One meaning of a failure and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Advice {
    /// The entry's name in the catalogue.
    pub id: String,
    /// The codes that can mean this.
    pub codes: Vec<String>,
    /// What is wrong.
    pub problem: String,
    /// Why it comes.
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

/// The columns of an entry `v`, with its codes.
const ENTRY: &str = "v.advice_id, v.problem, v.cause, v.steps, v.who, v.platforms, v.sources,
  (SELECT group_concat(o.code, ', ') FROM (
     SELECT c.code FROM advice_codes c WHERE c.advice_no = v.advice_no ORDER BY c.code_value) o)";

fn read(row: &Row) -> rusqlite::Result<Advice> {
    let list = |text: Option<String>, separator: &str| -> Vec<String> {
        text.map(|text| text.split(separator).map(str::to_owned).collect()).unwrap_or_default()
    };
    Ok(Advice {
        id: row.get(0)?,
        problem: row.get(1)?,
        cause: row.get(2)?,
        steps: list(row.get(3)?, "\n"),
        who: list(row.get(4)?, ", "),
        platforms: list(row.get(5)?, ", "),
        sources: list(row.get(6)?, ", "),
        codes: list(row.get(7)?, ", "),
    })
}

impl Reader<'_> {
    /// What an attempt's failure can mean, likeliest first.
    pub(crate) fn advice_for_failure(&self, attempt_no: i64) -> Result<Vec<Advice>> {
        let mut query = self.conn().prepare_cached(&format!(
            "SELECT {ENTRY} FROM failure_advice x CROSS JOIN advice v
             WHERE x.attempt_no = ?1 AND v.advice_no = x.advice_no ORDER BY x.rank"
        ))?;
        Ok(query.query_map([attempt_no], read)?.collect::<rusqlite::Result<_>>()?)
    }

    /// Every meaning of a code, in the catalogue's order.
    pub(crate) fn advice_by_code(&self, code_value: u32) -> Result<Vec<Advice>> {
        let mut query = self.conn().prepare_cached(&format!(
            "SELECT {ENTRY} FROM advice_codes x CROSS JOIN advice v
             WHERE x.code_value = ?1 AND v.advice_no = x.advice_no ORDER BY x.advice_no"
        ))?;
        Ok(query.query_map([code_value], read)?.collect::<rusqlite::Result<_>>()?)
    }

    /// The entry of that name, where the file's catalogue has it.
    pub(crate) fn advice(&self, id: &str) -> Result<Vec<Advice>> {
        let mut query = self.conn().prepare_cached(&format!("SELECT {ENTRY} FROM advice v WHERE v.advice_id = ?1"))?;
        Ok(query.query_map([id], read)?.collect::<rusqlite::Result<_>>()?)
    }
}
