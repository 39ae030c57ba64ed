//! `report query --question`: a question that the file carries, with its parameters.
//!
//! Must stay true: the statement is the one that the file carries. Unknown and invalid parameters are reported before
//! any row is printed.

use super::file::{Limits, described, meta, open};
use super::rows::{Form, show};
use crate::output::{Lines, one_line};
use rusqlite::Connection;
use serde_json::{Value, json};
use std::path::Path;
use vestibule_platform::BoxError;
use vestibule_report::Error as ReportError;
use vestibule_report::ask::{Parameters, bind, question, questions};

/// Runs a question and prints its rows.
pub fn run(path: &Path, name: &str, given: &[String], form: Form, limits: Limits) -> Result<(), BoxError> {
    let conn = open(path, limits)?;
    if !carries_questions(&conn) {
        return Err(too_old(path, &conn).into());
    }
    let parameters = given.iter().map(|one| parameter(one)).collect::<Result<Parameters, _>>()?;
    let failed = |error: ReportError| -> BoxError {
        match error {
            ReportError::Sqlite(error) => described(path, &error),
            ReportError::NoQuestion(name) => {
                format!("{}: there is no question {name:?}; `report query FILE` lists them", path.display()).into()
            }
            error => format!("{}: {}", path.display(), one_line(&error.to_string())).into(),
        }
    };
    let asked = question(&conn, name, &parameters).map_err(failed)?;
    let mut statement = conn.prepare(&asked.sql).map_err(|error| described(path, &error))?;
    bind(&mut statement, &parameters).map_err(failed)?;
    let names: Vec<String> = statement.column_names().into_iter().map(str::to_owned).collect();
    show(path, &names, statement.raw_query(), form, limits.rows)
}

fn parameter(text: &str) -> Result<(String, String), BoxError> {
    let (name, value) = text.split_once('=').ok_or_else(|| format!("--param takes NAME=VALUE, not {text:?}"))?;
    Ok((name.to_owned(), value.to_owned()))
}

fn carries_questions(conn: &Connection) -> bool {
    conn.prepare("SELECT name, answer, booleans, parameters, refusal, sql FROM questions").is_ok()
}

fn too_old(path: &Path, conn: &Connection) -> String {
    let as_of = meta(conn, "asOf").map(|at| format!(" as of {}", one_line(&at))).unwrap_or_default();
    format!(
        "{}: this file{as_of} is of a version that carries no questions. The next nightly file does, and `vestibule export` \
         makes one now; this one can be asked in SQL",
        path.display()
    )
}

/// The questions of a file, for JSON.
pub fn listed(conn: &Connection) -> Value {
    let known = if carries_questions(conn) { questions(conn).unwrap_or_default() } else { Vec::new() };
    known
        .into_iter()
        .map(|(question, parameters)| {
            json!({"name": question.name, "purpose": question.purpose, "parameters": parameters})
        })
        .collect()
}

/// The questions of a file, for people.
pub fn words(conn: &Connection, out: &mut Lines) {
    let known = if carries_questions(conn) { questions(conn).unwrap_or_default() } else { Vec::new() };
    if known.is_empty() {
        return;
    }
    out.blank();
    out.line("questions, as in --question incomplete-enrollments.actions --param os=ios");
    for (question, parameters) in known {
        writeln!(out, "  {}: {}", question.name, question.purpose);
        for (name, purpose) in parameters {
            writeln!(out, "      {name}: {purpose}");
        }
    }
}
