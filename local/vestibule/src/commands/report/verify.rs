//! `report verify`: checks that a file is one of ours, complete, and has the content that it should have.
//!
//! Must stay true: only checks that were made are printed. If a finding makes later checks meaningless, they are left
//! out and do not count as passed.

use super::file::{Kind, Limits, described, kind, meta, open, quoted, relations};
use crate::output::{Lines, answer, one_line};
use rusqlite::Connection;
use serde_json::{Value, json};
use std::path::Path;
use vestibule_platform::BoxError;
use vestibule_report::{
    Error as ReportError, SCHEMA_VERSION, SUMMARY_VERSION, check, check_summary, compare_schema, compare_sums, hash,
};
use vestibule_words::form::{count, plural};

/// A check that was made.
struct Check {
    name: &'static str,
    /// The result in words: passed, or what is wrong.
    found: Result<String, String>,
}

/// Checks a file.
pub fn run(path: &Path, sha256: Option<&str>, manifest: Option<&Path>, json: bool) -> Result<(), BoxError> {
    let wanted = sha256.map(read_sha256).transpose()?;
    let manifest = manifest.map(read_manifest).transpose()?;
    // Only an ordinary file can be hashed; its content does not matter.
    let kind = kind(path);
    if kind.is_err() && !path.is_file() {
        return kind.map(|_| ());
    }
    let (actual, size) = hash(path).map_err(|error| format!("{}: {}", path.display(), one_line(&error.to_string())))?;
    let mut checks = Vec::new();
    if let Some(wanted) = wanted {
        checks.push(Check { name: "sha256", found: compare("the SHA-256", &json!(actual), &json!(wanted)) });
    }
    let known = known(kind);
    if let (Some(manifest), Ok(kind)) = (&manifest, &known) {
        checks.push(Check { name: "manifest", found: as_published(manifest, *kind, &actual, size) });
    }
    let mut about = json!({"file": path, "sha256": actual, "sizeBytes": size});
    match known {
        Err(finding) => checks.push(Check { name: "header", found: Err(one_line(&finding)) }),
        Ok(kind) => inside(path, kind, manifest.as_ref(), &mut checks, &mut about),
    }
    let finding = checks.iter().find_map(|check| Some((check.name, check.found.as_ref().err()?)));
    about["ok"] = json!(finding.is_none());
    about["checks"] = checks.iter().map(Check::value).collect();
    answer(json, &about, || words(path, &about, &checks));
    match finding {
        None => Ok(()),
        Some((name, finding)) if finding.starts_with(&path.display().to_string()) => {
            Err(format!("{name}: {finding}").into())
        }
        Some((name, finding)) => Err(format!("{}: {name}: {finding}", path.display()).into()),
    }
}

impl Check {
    fn value(&self) -> Value {
        let (Ok(result) | Err(result)) = &self.found;
        json!({"check": self.name, "ok": self.found.is_ok(), "found": result})
    }
}

fn words(path: &Path, about: &Value, checks: &[Check]) -> Lines {
    let text = |key: &str| about[key].as_str().unwrap_or("?");
    let mut out = Lines::default();
    writeln!(out, "{}", path.display());
    writeln!(out, "  SHA-256 {}", text("sha256"));
    let size = count(about["sizeBytes"].as_u64().unwrap_or(0));
    match about.get("kind") {
        Some(_) => writeln!(out, "  {} of {} as of {}, {size} bytes", text("kind"), text("tenant"), text("asOf")),
        None => writeln!(out, "  {size} bytes"),
    };
    let wide = checks.iter().map(|check| check.name.len()).max().unwrap_or(0);
    for Check { name, found } in checks {
        let (mark, result) = match found {
            Ok(result) => ("ok    ", result),
            Err(result) => ("FAILED", result),
        };
        writeln!(out, "{mark}  {name:wide$}  {result}");
    }
    out
}

/// Accepts only the kinds that this program can check.
fn known(kind: Result<Kind, BoxError>) -> Result<Kind, String> {
    match kind {
        Ok(Kind::Other(version)) => Err(format!(
            "user_version is {version}, which another version of Vestibule writes; this one writes {SCHEMA_VERSION}, \
             and {SUMMARY_VERSION} in a summary"
        )),
        Ok(kind) => Ok(kind),
        Err(error) => Err(error.to_string()),
    }
}

/// The checks of the file's content, up to the first finding.
fn inside(path: &Path, kind: Kind, manifest: Option<&Value>, checks: &mut Vec<Check>, about: &mut Value) {
    about["kind"] = json!(kind.name());
    let header = match kind {
        Kind::Summary => "application_id and user_version are a summary's, and no byte is missing",
        _ => "application_id and user_version are a report file's, and no byte is missing",
    };
    checks.push(Check { name: "header", found: Ok(header.to_owned()) });
    // This check comes first: the file can only be queried once it has passed.
    let found = by_sqlite(path, kind);
    let whole = found.is_ok();
    checks.push(Check { name: "sqlite", found });
    if !whole {
        return;
    }
    let conn = match open(path, Limits::OF_CHECKS) {
        Ok(conn) => conn,
        Err(error) => return checks.push(Check { name: "open", found: Err(error.to_string()) }),
    };
    about["tenant"] = json!(meta(&conn, "tenant"));
    about["asOf"] = json!(meta(&conn, "asOf"));
    let in_words = |found: Result<Result<String, String>, rusqlite::Error>| match found {
        Ok(found) => found,
        Err(error) => Err(described(path, &error).to_string()),
    };
    let manifest = manifest.filter(|_| kind == Kind::Report);
    checks.push(Check { name: "rows", found: in_words(rows(&conn, manifest)) });
    checks.push(Check { name: "types", found: in_words(types(&conn)) });
    if checks.iter().any(|check| check.found.is_err()) {
        return;
    }
    let compared = |found: Result<Option<String>, ReportError>, same: &str| match found {
        Ok(None) => Ok(same.to_owned()),
        Ok(Some(finding)) => Err(finding),
        Err(ReportError::Sqlite(error)) => Err(described(path, &error).to_string()),
        Err(error) => Err(error.to_string()),
    };
    let schema = compare_schema(&conn, kind == Kind::Summary);
    let found =
        compared(schema, "its tables, views, indexes, triggers and questions are those that this program makes");
    let found = found.map_err(|finding| format!("{finding} (a file of another release is verified with that one)"));
    let is_ours = found.is_ok();
    checks.push(Check { name: "schema", found });
    // A summary has no facts, and sums under other names would not be the sums.
    if is_ours && kind == Kind::Report {
        let found = compared(compare_sums(&conn), "every sum is what the facts add up to");
        checks.push(Check { name: "sums", found });
    }
}

/// SQLite's own checks, which the file passed before it was published.
fn by_sqlite(path: &Path, kind: Kind) -> Result<String, String> {
    let found = if kind == Kind::Summary { check_summary(path) } else { check(path) };
    match found {
        Ok(()) => Ok("integrity_check, foreign_key_check, and no free pages".to_owned()),
        Err(ReportError::Check { check, finding }) => Err(format!("{check}: {}", one_line(&finding))),
        Err(ReportError::Sqlite(error)) => Err(described(path, &error).to_string()),
        Err(error) => Err(one_line(&error.to_string())),
    }
}

/// Checks that each table has as many rows as `meta` and the manifest say.
fn rows(conn: &Connection, manifest: Option<&Value>) -> rusqlite::Result<Result<String, String>> {
    let mut tables = relations(conn)?;
    tables.retain(|one| !one.is_view && one.name != "meta");
    let mut all = 0;
    for table in &tables {
        let sql = format!("SELECT count(*) FROM {}", quoted(&table.name));
        let rows: u64 = conn.query_row(&sql, [], |row| row.get(0))?;
        let named = one_line(&table.name);
        let said = meta(conn, &format!("rows.{}", table.name));
        if said.as_deref() != Some(&rows.to_string()) {
            let said = said.map_or_else(|| "nothing about it".to_owned(), |said| one_line(&said));
            return Ok(Err(format!("{named} has {rows} rows, and meta says {said}")));
        }
        if let Some(said) = manifest.and_then(|manifest| manifest["rows"].get(&table.name))
            && said.as_u64() != Some(rows)
        {
            return Ok(Err(format!("{named} has {rows} rows, and the manifest says {said}")));
        }
        all += rows;
    }
    let mut listed = conn.prepare("SELECT substr(key, 6) FROM meta WHERE key LIKE 'rows.%'")?;
    let listed = listed.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<Vec<String>>>()?;
    if let Some(gone) = listed.iter().find(|name| tables.iter().all(|table| table.name != **name)) {
        return Ok(Err(format!("meta names a table {}, which is missing", one_line(gone))));
    }
    let (rows, tables) = (plural(all, "row", "rows"), plural(tables.len() as u64, "table", "tables"));
    Ok(Ok(format!("{rows} in {tables}, as meta says")))
}

/// Checks that each value of each table has the declared type of its column.
fn types(conn: &Connection) -> rusqlite::Result<Result<String, String>> {
    let mut tables = relations(conn)?;
    tables.retain(|one| !one.is_view);
    let mut declared = conn.prepare("SELECT name, type FROM pragma_table_info(?1) ORDER BY cid")?;
    let mut all = 0;
    for table in &tables {
        let columns =
            declared.query_map([&table.name], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))?;
        let mut odd = Vec::new();
        let mut names = Vec::new();
        for column in columns {
            let (name, declared) = column?;
            let shown = format!("{}.{}", one_line(&table.name), one_line(&name));
            let Some(kind) = stored(&declared) else {
                return Ok(Err(format!(
                    "{shown} is declared as {:?}, which is not a type that we use",
                    one_line(&declared)
                )));
            };
            odd.push(format!("count(CASE WHEN typeof({}) NOT IN ('{kind}', 'null') THEN 1 END)", quoted(&name)));
            names.push((shown, kind));
        }
        let sql = format!("SELECT {} FROM {}", odd.join(", "), quoted(&table.name));
        let mut counts = conn.prepare(&sql)?;
        let mut counts = counts.query([])?;
        if let Some(row) = counts.next()? {
            for (at, (shown, kind)) in names.iter().enumerate() {
                let odd: u64 = row.get(at)?;
                if odd > 0 {
                    return Ok(Err(format!("{odd} values of {shown} are not of its type, {kind}")));
                }
            }
        }
        all += names.len();
    }
    Ok(Ok(format!("every value of {all} columns is of its declared type")))
}

/// How SQLite stores a declared type.
fn stored(declared: &str) -> Option<&'static str> {
    match declared {
        "INTEGER" | "BIGINT" | "INT" => Some("integer"),
        "REAL" | "DOUBLE" => Some("real"),
        "TEXT" => Some("text"),
        "BLOB" => Some("blob"),
        _ => None,
    }
}

fn read_sha256(text: &str) -> Result<String, BoxError> {
    let hex = text.trim().to_ascii_lowercase();
    if hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        Ok(hex)
    } else {
        Err("--sha256 takes 64 hexadecimal digits".into())
    }
}

/// The manifest that was published beside the file, or what `export --json` printed.
fn read_manifest(path: &Path) -> Result<Value, BoxError> {
    let shown = path.display();
    let bytes = std::fs::read(path).map_err(|error| format!("{shown}: {error}"))?;
    let manifest: Value = serde_json::from_slice(&bytes).map_err(|error| format!("{shown} is not JSON: {error}"))?;
    match manifest["sha256"].as_str() {
        Some(_) => Ok(manifest),
        None => Err(format!("{shown} is not a manifest: it has no sha256").into()),
    }
}

/// Compares the file's bytes with what a manifest says of them.
fn as_published(manifest: &Value, kind: Kind, actual: &str, size: u64) -> Result<String, String> {
    let part = if kind == Kind::Summary { &manifest["summary"] } else { manifest };
    if part["sha256"].is_null() {
        return Err("the manifest does not mention a summary".to_owned());
    }
    compare("the SHA-256", &json!(actual), &part["sha256"])?;
    if !part["sizeBytes"].is_null() {
        compare("the size", &json!(size), &part["sizeBytes"])?;
    }
    Ok("SHA-256 and size are those of the manifest".to_owned())
}

fn compare(what: &str, actual: &Value, wanted: &Value) -> Result<String, String> {
    if actual == wanted { Ok(format!("{what} is {actual}")) } else { Err(format!("{what} is {actual}, not {wanted}")) }
}
