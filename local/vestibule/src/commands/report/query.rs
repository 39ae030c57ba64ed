//! `report query`: prints the rows of one statement as a table for people, JSON or CSV. Without a statement, it lists
//! the file's views, tables and questions.

use super::about;
use super::file::{Limits, Relation, described, meta, open, quoted, relations};
use super::question;
use super::rows::{Form, show};
use crate::output::{Lines, answer, one_line};
use rusqlite::Connection;
use serde_json::json;
use std::path::Path;
use unicode_width::UnicodeWidthStr as _;
use vestibule_platform::BoxError;
use vestibule_words::form::count;

/// Runs one statement and prints its rows.
pub fn run(path: &Path, sql: &str, form: Form, limits: Limits) -> Result<(), BoxError> {
    let conn = open(path, limits)?;
    let failed = |error: rusqlite::Error| described(path, &error);
    let mut statement = conn.prepare(sql).map_err(failed)?;
    if statement.column_count() == 0 {
        return Err(format!("{}: the statement has no rows to show", path.display()).into());
    }
    let names: Vec<String> = statement.column_names().into_iter().map(str::to_owned).collect();
    let rows = statement.query([]).map_err(failed)?;
    show(path, &names, rows, form, limits.rows)
}

/// Lists the file's views, tables and questions.
pub fn list(path: &Path, form: Form, limits: Limits) -> Result<(), BoxError> {
    if form == Form::Csv {
        return Err("--csv needs a statement".into());
    }
    let conn = open(path, limits)?;
    let rows_of = |relation: &Relation| -> rusqlite::Result<u64> {
        conn.query_row(&format!("SELECT count(*) FROM {}", quoted(&relation.name)), [], |row| row.get(0))
    };
    let mut listed = Vec::new();
    for relation in relations(&conn).map_err(|error| described(path, &error))? {
        listed.push((rows_of(&relation).map_err(|error| described(path, &error))?, relation));
    }
    listed.sort_by_key(|(_, relation)| about::place(&relation.name));
    let groups = about::GROUPS.iter().map(|group| group.name).chain([about::OTHERS]);
    let groups: Vec<(&str, Vec<&(u64, Relation)>)> = groups
        .map(|group| (group, listed.iter().filter(|(_, relation)| about::group_of(&relation.name) == group).collect()))
        .collect();
    let relations = groups.iter().flat_map(|(group, members)| members.iter().map(move |one| (group, one)));
    let relations: Vec<_> = relations
        .map(|(group, (rows, relation))| {
            json!({
                "name": relation.name,
                "kind": if relation.is_view { "view" } else { "table" },
                "group": group,
                "rows": rows,
                "about": about::about(&relation.name),
            })
        })
        .collect();
    let value = json!({
        "file": path,
        "tenant": meta(&conn, "tenant"),
        "asOf": meta(&conn, "asOf"),
        "relations": relations,
        "questions": question::listed(&conn),
    });
    answer(form == Form::Json, &value, || words(&conn, path, &groups));
    Ok(())
}

fn words(conn: &Connection, path: &Path, groups: &[(&str, Vec<&(u64, Relation)>)]) -> Lines {
    let named = |key| meta(conn, key).unwrap_or_else(|| "?".to_owned());
    let mut out = Lines::default();
    writeln!(out, "{}", path.display());
    writeln!(out, "  {} as of {}", named("tenant"), named("asOf"));
    let all = || groups.iter().flat_map(|(_, members)| members.iter());
    let wide = all().map(|(_, relation)| one_line(&relation.name).width()).max().unwrap_or(0);
    let digits = all().map(|(rows, _)| count(*rows).width()).max().unwrap_or(0);
    for (group, members) in groups.iter().filter(|(_, members)| !members.is_empty()) {
        out.blank();
        out.line(group);
        for (rows, relation) in members {
            let (name, about) = (one_line(&relation.name), about::about(&relation.name).unwrap_or_default());
            let gap = " ".repeat(wide.saturating_sub(name.width()));
            let line = format!("  {name}{gap}  {:>digits$}  {about}", count(*rows));
            out.line(line.trim_end());
        }
    }
    question::words(conn, &mut out);
    out.blank();
    out.line("Every column: SELECT * FROM column_docs. Definitions of the numbers: SELECT * FROM meta.");
    out
}
