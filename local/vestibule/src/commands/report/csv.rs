//! `report csv`: views as CSV, for spreadsheets.
//!
//! Must stay true: a file is written completely or not at all, and its name is a plain word.

use super::about;
use super::cell::{Few, Stopped, too_many};
use super::file::{Limits, Relation, described, open, quoted, relations};
use super::sheet::Sheet;
use crate::output::{Lines, answer, one_line};
use rusqlite::Connection;
use serde_json::json;
use std::fs::File;
use std::io::{IsTerminal as _, Write};
use std::path::{Path, PathBuf};
use vestibule_platform::BoxError;
use vestibule_words::form::plural;

/// Writes views as CSV.
pub fn run(
    path: &Path,
    views: &[String],
    out: Option<&Path>,
    bom: bool,
    json: bool,
    limits: Limits,
) -> Result<(), BoxError> {
    let conn = open(path, limits)?;
    let there = relations(&conn).map_err(|error| described(path, &error))?;
    let chosen = choose(path, there, views)?;
    if let ([only], None, false) = (chosen.as_slice(), out, views.is_empty()) {
        if json {
            return Err("--json lists the files that were written: name their folder with --out".into());
        }
        let mut out = std::io::stdout().lock();
        let is_terminal = out.is_terminal();
        return match write(&conn, only, &mut out, (bom, is_terminal), limits.rows) {
            Ok(_) => Ok(()),
            // A reader that stopped reading is not our error.
            Err(Stopped::Output(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
            Err(stopped) => Err(why(path, path, stopped)),
        };
    }
    let folder = out.map_or_else(|| beside(path), Path::to_owned);
    std::fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut written = Vec::new();
    for relation in &chosen {
        let place = folder.join(format!("{}.csv", relation.name));
        let rows =
            write_file(&conn, relation, &place, bom, limits.rows).map_err(|stopped| why(path, &place, stopped))?;
        written.push((rows, place));
    }
    let files: Vec<_> = written.iter().map(|(rows, place)| json!({"path": place, "rows": rows})).collect();
    answer(json, &json!({"folder": folder, "files": files}), || {
        let lines =
            written.iter().map(|(rows, place)| format!("{}  {}", place.display(), plural(*rows, "row", "rows")));
        lines.collect::<Lines>()
    });
    Ok(())
}

/// A folder in the current one, named like the file.
fn beside(path: &Path) -> PathBuf {
    let mut name = path.file_stem().unwrap_or_default().to_owned();
    name.push("-csv");
    name.into()
}

fn why(file: &Path, place: &Path, stopped: Stopped) -> BoxError {
    match stopped {
        Stopped::File(error) => described(file, &error),
        Stopped::Rows(most) => format!("{}: {}", file.display(), too_many(most)).into(),
        Stopped::Output(error) => format!("{}: {error}", place.display()).into(),
    }
}

/// The named views, or all. In a summary, these include the tables that are views in a report file.
fn choose(path: &Path, there: Vec<Relation>, views: &[String]) -> Result<Vec<Relation>, BoxError> {
    let chosen: Vec<Relation> = if views.is_empty() {
        there.into_iter().filter(|one| one.is_view || about::is_for_people(&one.name)).collect()
    } else {
        let find = |name: &String| {
            let found = there.iter().find(|one| one.name.eq_ignore_ascii_case(name));
            found.cloned().ok_or_else(|| {
                let (shown, name) = (path.display(), one_line(name));
                format!("{shown} has no view or table {name}; `vestibule report query` with the file lists them")
            })
        };
        views.iter().map(find).collect::<Result<_, _>>()?
    };
    // They become names of files.
    let plain = |name: &str| name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') && name.len() <= 100;
    match chosen.iter().find(|one| !plain(&one.name)) {
        Some(odd) => Err(format!("{} has a view with an unsafe name, {}", path.display(), one_line(&odd.name)).into()),
        None => Ok(chosen),
    }
}

fn write_file(
    conn: &Connection,
    relation: &Relation,
    place: &Path,
    bom: bool,
    most: Option<u64>,
) -> Result<u64, Stopped> {
    let aside = place.with_extension("csv.partial");
    let whole = File::create(&aside)
        .map_err(Stopped::Output)
        .and_then(|mut file| write(conn, relation, &mut file, (bom, false), most));
    match whole {
        Ok(rows) => {
            std::fs::rename(&aside, place)?;
            Ok(rows)
        }
        Err(stopped) => {
            // The first error says more than a failure to clean up.
            let _ = std::fs::remove_file(&aside);
            Err(stopped)
        }
    }
}

fn write(
    conn: &Connection,
    relation: &Relation,
    out: &mut impl Write,
    (bom, is_terminal): (bool, bool),
    most: Option<u64>,
) -> Result<u64, Stopped> {
    let mut statement = conn.prepare(&format!("SELECT * FROM {}", quoted(&relation.name)))?;
    let names: Vec<String> = statement.column_names().into_iter().map(str::to_owned).collect();
    let mut sheet = Sheet::begin(out, &names, bom, is_terminal)?;
    let mut rows = Few::new(statement.query([])?, most);
    let mut count = 0;
    while let Some(row) = rows.read()? {
        sheet.row(row, names.len())?;
        count += 1;
    }
    sheet.end()?;
    Ok(count)
}
