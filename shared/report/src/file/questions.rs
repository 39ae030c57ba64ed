//! The questions that a file answers: one SQL statement each, in the file's table `questions`. The page, the API and
//! the commands all run them from there.
//!
//! Each `.sql` file of `questions/` is one question, which the build finds there; its first lines say what it is for,
//! what it answers, which parameters it takes, whether it can be about one model, version, type, sender or tag alone
//! (`values: one`), and whether a summary answers it too. [`macros`] expands what several
//! questions have in common. A question `x` answers one row; its member `x.name` answers what the answer has under
//! `name`. Members take the parameters of `x`.
//!
//! Must stay true:
//! - No caller keeps its own list of questions, of parameters or of what is refused: it reads them here.
//! - A parameter is a text or missing. A statement, `refusal`, says which one is invalid and why, by the file's own
//!   lists.

mod apps;
mod changes;
mod macros;
mod slices;
mod statistics;

use crate::error::{Error, Result};
use crate::rows::{InsertInto, row};
use include_dir::{Dir, include_dir};
use macros::{Days, Parameter, Scope, written_out};
use rusqlite::Connection;
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// The texts of questions by name, in the order of the names.
type Texts = BTreeMap<&'static str, &'static str>;

static FILES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/src/file/questions");
static OF_REPORT: LazyLock<Texts> = LazyLock::new(|| texts(&FILES));
/// Questions that need another statement in a summary, because a summary stores their data in another form.
static OF_SUMMARY: LazyLock<Texts> = LazyLock::new(|| FILES.get_dir("summary").map(texts).unwrap_or_default());

/// The questions of a folder; its other files are code.
fn texts(folder: &'static Dir<'static>) -> Texts {
    let files = folder.files().filter(|file| file.path().extension().is_some_and(|kind| kind == "sql"));
    files.filter_map(|file| Some((file.path().file_stem()?.to_str()?, file.contents_utf8()?))).collect()
}

/// A question as a file stores it.
struct Question {
    purpose: String,
    /// `row`, `rows`, `page` (rows, each with the `next_cursor` at which the next page begins), or `merged`: a row
    /// whose columns are members of the answer itself. `slow` stands before it if the statement visits every step or
    /// item.
    answer: String,
    booleans: String,
    /// Name and purpose of each, as a JSON object.
    parameters: String,
    refusal: Option<String>,
    sql: String,
}

/// Writes the questions of a report file into it.
pub(crate) fn fill(conn: &Connection) -> Result<()> {
    OF_REPORT.iter().try_for_each(|(name, text)| insert(conn, name, &read(conn, name, text, false)?))
}

/// Writes the questions of a summary into it, once its tables and views exist: those of its own, and those of the
/// report file that say `also: summary`, with the members that its tables suffice for.
pub(crate) fn fill_summary(conn: &Connection) -> Result<()> {
    for (name, text) in OF_SUMMARY.iter() {
        insert(conn, name, &read(conn, name, text, true)?)?;
    }
    for (name, text) in OF_REPORT.iter() {
        let also = OF_REPORT.get(head_of(name)).map(|head| split(head)).transpose()?;
        if OF_SUMMARY.contains_key(name) || !also.is_some_and(|(head, _)| head.also_of_summary) {
            continue;
        }
        let question = read(conn, name, text, true)?;
        // A statement that needs single attempts, devices or sessions cannot be prepared: a summary has no such tables.
        if conn.prepare(&question.sql).is_ok() {
            insert(conn, name, &question)?;
        }
    }
    Ok(())
}

fn insert(conn: &Connection, name: &str, question: &Question) -> Result<()> {
    let Question { purpose, answer, booleans, parameters, refusal, sql } = question;
    InsertInto::new(conn, "questions").insert(row! {
        name: name,
        purpose: purpose,
        answer: answer,
        booleans: booleans,
        parameters: parameters,
        refusal: refusal,
        sql: sql,
    })?;
    Ok(())
}

/// The question that a name is a member of, or the name itself.
pub(crate) fn head_of(name: &str) -> &str {
    name.split('.').next().unwrap_or(name)
}

/// What the first lines of a question's text say.
#[derive(Default)]
struct Header {
    purpose: Vec<String>,
    answer: String,
    booleans: String,
    /// Whether a summary answers the question too.
    also_of_summary: bool,
    scope: Scope,
    parameters: Vec<Parameter>,
}

/// Reads a question's text, for a summary or for a report file.
fn read(conn: &Connection, name: &str, text: &str, of_summary: bool) -> Result<Question> {
    let (header, sql) = split(text)?;
    let head = head_of(name);
    let own = OF_SUMMARY.get(head).filter(|_| of_summary);
    let of_head = split(own.or_else(|| OF_REPORT.get(head)).ok_or(Error::BuiltIn("questions"))?)?.0;
    let is_head = head == name;
    // A summary tells no attempts apart.
    let scope = Scope { takes_value: of_head.scope.takes_value && !of_summary, ..of_head.scope };
    let (sql, of_views) = with_columns(conn, sql.trim_end())?;
    let sql = written_out(&sql, scope)?;
    let parameters = if is_head { all_parameters(scope, header.parameters) } else { Vec::new() };
    let refusal = match is_head {
        true => Some(written_out(&macros::refusal(&parameters, scope)?, Scope { takes_value: false, ..scope })?),
        false => None,
    };
    let named: serde_json::Map<String, serde_json::Value> =
        parameters.into_iter().map(|one| (one.name, one.purpose.into())).collect();
    let own = Some(header.booleans).filter(|names| !names.is_empty());
    Ok(Question {
        purpose: header.purpose.join(" "),
        answer: header.answer,
        booleans: own.into_iter().chain(of_views).collect::<Vec<_>>().join(", "),
        parameters: serde_json::Value::Object(named).to_string(),
        refusal,
        sql,
    })
}

/// The name that a column has in an answer.
pub(crate) fn camel_case(column: &str) -> String {
    let mut name = String::with_capacity(column.len());
    let mut after_line = false;
    for letter in column.chars() {
        match letter {
            '_' => after_line = true,
            _ if after_line => {
                name.push(letter.to_ascii_uppercase());
                after_line = false;
            }
            _ => name.push(letter),
        }
    }
    name
}

/// Replaces `$columns(view)` with the view's columns, so that a column the view gains is in the answer. The numbers
/// that a file gives its rows are left out. Also returns the names in the answer of those whose unit is `0 or 1`.
fn with_columns(conn: &Connection, text: &str) -> Result<(String, Vec<String>)> {
    const NAME: &str = "$columns(";
    let (mut out, mut booleans) = (text.to_owned(), Vec::new());
    while let Some(at) = out.find(NAME) {
        let end = at + out[at..].find(')').ok_or(Error::BuiltIn("question"))?;
        let mut columns = conn.prepare_cached(
            "SELECT c.name, coalesce(d.unit = '0 or 1', 0) FROM pragma_table_info(?1) c
             LEFT JOIN column_docs d ON d.table_name = ?1 AND d.column_name = c.name
             WHERE c.name NOT LIKE '%\\_no' ESCAPE '\\' ORDER BY c.cid",
        )?;
        let mut names = Vec::new();
        let mut rows = columns.query([&out[at + NAME.len()..end]])?;
        while let Some(row) = rows.next()? {
            let name: String = row.get(0)?;
            if row.get::<_, bool>(1)? {
                booleans.push(camel_case(&name));
            }
            names.push(name);
        }
        out.replace_range(at..=end, &names.join(", "));
    }
    Ok((out, booleans))
}

fn split(text: &str) -> Result<(Header, &str)> {
    let mut header = Header::default();
    let mut rest = text;
    while let Some(line) = rest.strip_prefix("-- ") {
        let (line, after) = line.split_once('\n').ok_or(Error::BuiltIn("questions"))?;
        rest = after;
        match line.split_once(' ') {
            Some(("answer:", answer)) => answer.clone_into(&mut header.answer),
            Some(("booleans:", names)) => names.clone_into(&mut header.booleans),
            Some(("also:", "summary")) => header.also_of_summary = true,
            Some(("days:", days)) => header.scope.days = Some(Days::read(days)?),
            Some(("values:", "one")) => header.scope.takes_value = true,
            Some((name, about)) if name.starts_with(':') => {
                let (kind, purpose) = about.split_once(" | ").ok_or(Error::BuiltIn("question parameters"))?;
                let name = name.trim_start_matches(':').to_owned();
                header.parameters.push(Parameter { name, kind: kind.to_owned(), purpose: purpose.to_owned() });
            }
            _ => header.purpose.push(line.to_owned()),
        }
    }
    Ok((header, rest))
}

/// A question's parameters; the days come first, since most questions have them.
fn all_parameters(scope: Scope, own: Vec<Parameter>) -> Vec<Parameter> {
    let day = |name: &str, purpose: &str| Parameter {
        name: name.to_owned(),
        kind: "day".to_owned(),
        purpose: purpose.to_owned(),
    };
    let of_days = scope.days.map(|days| [day("from", days.about_from()), day("to", days.about_to())]);
    let of_value = scope.takes_value.then(slices::parameters);
    of_days.into_iter().flatten().chain(own).chain(of_value.into_iter().flatten()).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// The build looks into the folder again when a file is added; see `build.rs`.
    #[test]
    fn every_file_of_the_folder_is_a_question() {
        let here = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/file/questions");
        for (folder, built_in) in [(here.clone(), &OF_REPORT), (here.join("summary"), &OF_SUMMARY)] {
            let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
            let mut files: Vec<String> = files
                .filter(|path| path.extension().is_some_and(|extension| extension == "sql"))
                .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
                .collect();
            files.sort();
            assert_eq!(files, built_in.keys().copied().collect::<Vec<_>>());
        }
    }

    #[test]
    fn every_question_says_what_it_answers_and_every_member_has_its_question() {
        for (name, text) in OF_REPORT.iter().chain(OF_SUMMARY.iter()) {
            let (header, sql) = split(text).unwrap();
            assert!(OF_REPORT.contains_key(head_of(name)), "{name} is a member of no question");
            assert!(!header.purpose.is_empty() && !header.answer.is_empty() && !sql.is_empty(), "{name}");
            assert!(!header.also_of_summary || !name.contains('.'), "{name}: its question says that, for all members");
        }
    }
}
