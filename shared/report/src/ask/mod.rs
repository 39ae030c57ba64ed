//! Running a file's questions: a file answers by its own statements.
//!
//! Must stay true: an answer contains only what the statements return; the code only writes names in camel case, turns
//! columns that the question declares as booleans into truth values, and parses JSON. If a parameter is unknown or
//! invalid, there is no answer, because ignoring a filter would give a wrong number.

pub mod reader;
mod snapshot;

pub use snapshot::Snapshot;

use crate::ask::reader::Reader;
use crate::error::{Error, Result};
use crate::file::questions::{camel_case, head_of};
use crate::write::working::Working;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension as _, Row, Statement};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// The parameters of a question, by name; parameters that the caller does not use are left out.
pub type Parameters = BTreeMap<String, String>;

/// A question, or a member of one, as a file stores it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// Its name; the name of a member begins with its question's name and a dot.
    pub name: String,
    /// What it answers.
    pub purpose: String,
    /// `row`, `rows`, `page` or `merged`; `slow` stands before it if the statement visits every step or item.
    pub answer: String,
    /// Columns that are true or false, by their names in an answer.
    pub booleans: Vec<String>,
    /// Its statement.
    pub sql: String,
}

impl Question {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        let booleans: String = row.get("booleans")?;
        Ok(Self {
            name: row.get("name")?,
            purpose: row.get("purpose")?,
            answer: row.get("answer")?,
            booleans: booleans.split(", ").filter(|name| !name.is_empty()).map(str::to_owned).collect(),
            sql: row.get("sql")?,
        })
    }

    fn answers(&self, kind: &str) -> bool {
        self.answer.split(' ').next_back() == Some(kind)
    }
}

/// The questions of a file, each with the purposes of its parameters by name.
///
/// # Errors
/// If the file cannot be read.
pub fn questions(conn: &Connection) -> Result<Vec<(Question, BTreeMap<String, String>)>> {
    let mut all = conn.prepare("SELECT * FROM questions ORDER BY name")?;
    let all = all.query_map([], |row| Ok((Question::read(row)?, row.get::<_, String>("parameters")?)))?;
    let read =
        |(question, parameters): (Question, String)| (question, serde_json::from_str(&parameters).unwrap_or_default());
    Ok(all.map(|found| found.map(read)).collect::<rusqlite::Result<_>>()?)
}

/// The question of that name, after checking the parameters given.
///
/// # Errors
/// [`Error::NoQuestion`] if the file has no such question, [`Error::UnknownParameter`] and [`Error::InvalidFilter`] for
/// unknown and invalid parameters.
pub fn question(conn: &Connection, name: &str, given: &Parameters) -> Result<Question> {
    let found = conn
        .prepare_cached(
            "SELECT q.*, h.parameters AS known, h.refusal AS refuses FROM questions q CROSS JOIN questions h
             WHERE q.name = ?1 AND h.name = ?2",
        )?
        .query_row([name, head_of(name)], |row| {
            Ok((Question::read(row)?, row.get::<_, String>("known")?, row.get::<_, Option<String>>("refuses")?))
        })
        .optional()?;
    let (question, known, refusal) = found.ok_or_else(|| Error::NoQuestion(name.to_owned()))?;
    let known: Map<String, Value> = serde_json::from_str(&known).map_err(|_| Error::BuiltIn("question parameters"))?;
    if given.keys().any(|name| !known.contains_key(name)) {
        return Err(Error::UnknownParameter { known: known.into_iter().map(|(name, _)| name).collect() });
    }
    if let Some(refusal) = refusal {
        let mut refusal = conn.prepare_cached(&refusal)?;
        bind(&mut refusal, given)?;
        if let Some(row) = refusal.raw_query().next()? {
            return Err(Error::InvalidFilter { field: row.get("field")?, problem: row.get("problem")? });
        }
    }
    Ok(question)
}

/// Binds the parameters that the statement names; those not given are null.
///
/// # Errors
/// If SQLite refuses.
pub fn bind(statement: &mut Statement<'_>, given: &Parameters) -> Result<()> {
    for (name, value) in given {
        if let Some(place) = statement.parameter_index(&format!(":{name}"))? {
            statement.raw_bind_parameter(place, value)?;
        }
    }
    Ok(())
}

impl Working {
    /// A reader of the file as it is now.
    ///
    /// # Errors
    /// If the file was never refreshed, or an earlier refresh did not finish.
    pub fn reader(&self) -> Result<Reader<'_>> {
        if self.torn {
            return Err(Error::Unfinished);
        }
        Reader::over(&self.conn)
    }
}

impl Reader<'_> {
    /// The file's questions, each with the purposes of its parameters by name.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn questions(&self) -> Result<Vec<(Question, BTreeMap<String, String>)>> {
        questions(self.conn())
    }

    /// The file's answer to a question, with the API's names; `None` if the question asks for one thing that the file
    /// does not have.
    ///
    /// # Errors
    /// [`Error::NotInSummary`] if the file is a summary and has no such question; otherwise those of [`question`], or
    /// if the file cannot be read.
    pub fn answer(&self, name: &str, given: &Parameters) -> Result<Option<Map<String, Value>>> {
        let conn = self.conn();
        let head = question(conn, name, given).map_err(|error| match error {
            Error::NoQuestion(_) if self.is_summary() => Error::NotInSummary,
            error => error,
        })?;
        let Some(mut answer) = rows(conn, &head, given)?.rows.into_iter().next() else { return Ok(None) };
        let mut members = conn.prepare_cached("SELECT * FROM questions WHERE name > ?1 || '.' AND name < ?1 || '/'")?;
        let members = members.query_map([name], Question::read)?.collect::<rusqlite::Result<Vec<_>>>()?;
        for member in members {
            let Rows { rows, next } = rows(conn, &member, given)?;
            let name = member.name[name.len() + 1..].to_owned();
            if member.answers("page") {
                answer.insert("next".to_owned(), next);
            }
            if member.answers("rows") || member.answers("page") {
                answer.insert(name, rows.into_iter().map(Value::Object).collect());
            } else {
                let row = rows.into_iter().next().unwrap_or_default();
                match member.answers("merged") {
                    true => answer.extend(row),
                    false => drop(answer.insert(name, Value::Object(row))),
                }
            }
        }
        Ok(Some(answer))
    }

    /// The same answer as a type.
    pub(crate) fn read<T: DeserializeOwned>(&self, name: &str, given: &Parameters) -> Result<Option<T>> {
        let answer = self.answer(name, given)?.map(Value::Object);
        answer.map(|answer| serde_json::from_value(answer).map_err(Error::Answer)).transpose()
    }

    /// The same for a question that always has an answer.
    pub(crate) fn read_one<T: DeserializeOwned>(&self, name: &str, given: &Parameters) -> Result<T> {
        self.read(name, given)?.ok_or(Error::Empty)
    }
}

/// The rows of a statement, and where the next page begins.
struct Rows {
    rows: Vec<Map<String, Value>>,
    /// For a page, the cursor at which the next one begins, or null.
    next: Value,
}

fn rows(conn: &Connection, question: &Question, given: &Parameters) -> Result<Rows> {
    let mut statement = conn.prepare_cached(&question.sql)?;
    bind(&mut statement, given)?;
    let columns: Vec<Column> = statement.column_names().into_iter().map(|name| Column::of(name, question)).collect();
    let mut next = Value::Null;
    let mut all = Vec::new();
    let mut rows = statement.raw_query();
    while let Some(row) = rows.next()? {
        let mut members = Map::new();
        for (at, column) in columns.iter().enumerate() {
            let value = row.get_ref(at)?;
            match column.kind {
                Kind::Cursor => next = plain(value),
                Kind::Boolean => drop(members.insert(column.name.clone(), boolean(value))),
                Kind::Json => drop(members.insert(column.name.clone(), json(value)?)),
                Kind::Plain => drop(members.insert(column.name.clone(), plain(value))),
            }
        }
        all.push(members);
    }
    Ok(Rows { rows: all, next })
}

/// A column of an answer.
struct Column {
    name: String,
    kind: Kind,
}

enum Kind {
    Plain,
    Boolean,
    /// `…_json`: the value is parsed, and its name loses this ending.
    Json,
    /// `next_cursor`: each row of a page says where the next page would begin after it.
    Cursor,
}

impl Column {
    fn of(column: &str, question: &Question) -> Self {
        if column == "next_cursor" {
            return Self { name: String::new(), kind: Kind::Cursor };
        }
        if let Some(name) = column.strip_suffix("_json") {
            return Self { name: camel_case(name), kind: Kind::Json };
        }
        let name = camel_case(column);
        let kind = if question.booleans.contains(&name) { Kind::Boolean } else { Kind::Plain };
        Self { name, kind }
    }
}

fn plain(value: ValueRef<'_>) -> Value {
    match value {
        ValueRef::Null | ValueRef::Blob(_) => Value::Null,
        ValueRef::Integer(number) => number.into(),
        ValueRef::Real(number) => number.into(),
        ValueRef::Text(text) => String::from_utf8_lossy(text).into(),
    }
}

fn boolean(value: ValueRef<'_>) -> Value {
    match value {
        ValueRef::Integer(number) => (number != 0).into(),
        _ => Value::Null,
    }
}

fn json(value: ValueRef<'_>) -> Result<Value> {
    match value {
        ValueRef::Text(text) => serde_json::from_slice(text).map_err(Error::Answer),
        _ => Ok(Value::Null),
    }
}
