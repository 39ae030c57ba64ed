//! What every column of a file means: the table `column_docs`.
//!
//! A column is documented in the SQL text that makes its table or view, on the lines before it that begin with `--:`:
//! its unit and a bar, if it has a unit, then its meaning. A column that refers to another needs no unit: the other
//! column is shown in its place. If a name means the same in several tables or views, `column_docs.tsv` describes it
//! once.
//!
//! Must stay true: a file contains the table `column_docs` but not these lines; if a text describes no column, creating
//! the file fails.

use crate::error::{Error, Result};
use crate::rows::{InsertInto, row};
use rusqlite::Connection;
use std::collections::HashMap;

/// Begins a line about the column that follows.
const MARK: &str = "--:";

/// The unit and meaning of each column, by table or view and column.
#[derive(Default)]
pub(crate) struct ColumnDocs(HashMap<(String, String), (String, String)>);

/// The text without its column documentation.
pub(crate) fn without(text: &str) -> String {
    text.split_inclusive('\n').filter(|line| !line.trim_start().starts_with(MARK)).collect()
}

impl ColumnDocs {
    /// Reads the column documentation in a text of `CREATE TABLE` and `CREATE VIEW` statements.
    ///
    /// # Errors
    /// [`Error::BuiltIn`] if no column follows the documentation, or a column is documented twice.
    pub(crate) fn read(&mut self, text: &str) -> Result<()> {
        let (mut relation, mut doc): (Option<(Kind, &str)>, _) = (None, String::new());
        let mut rest = text;
        while !rest.is_empty() {
            let (line, after) = rest.split_once('\n').unwrap_or((rest, ""));
            if let Some(more) = line.trim_start().strip_prefix(MARK) {
                doc.push_str(more);
            } else {
                if !doc.is_empty() {
                    let column = relation.and_then(|(kind, _)| column_at(kind, rest));
                    let (Some((_, relation)), Some(column)) = (relation, column) else {
                        return Err(Error::BuiltIn("column docs: no column"));
                    };
                    let (unit, meaning) = doc.split_once(" | ").unwrap_or(("", &doc));
                    let about = (unit.trim().to_owned(), meaning.trim().to_owned());
                    if self.0.insert((relation.to_owned(), column.to_owned()), about).is_some() {
                        return Err(Error::BuiltIn("column docs: a column twice"));
                    }
                    doc.clear();
                }
                relation = created(line).or(relation);
            }
            rest = after;
        }
        if doc.is_empty() { Ok(()) } else { Err(Error::BuiltIn("column docs: no column")) }
    }

    /// Writes a row of `column_docs` for every column of the schema.
    ///
    /// # Errors
    /// [`Error::BuiltIn`] if a documented column does not exist; [`Error::Sqlite`] if SQLite refuses.
    pub(crate) fn fill(mut self, conn: &Connection) -> Result<()> {
        let mut everywhere: HashMap<&str, (&str, &str)> = HashMap::new();
        for line in include_str!("data/column_docs.tsv").lines() {
            let mut parts = line.splitn(3, '\t');
            let (Some(name), Some(unit), Some(meaning)) = (parts.next(), parts.next(), parts.next()) else {
                return Err(Error::BuiltIn("column_docs"));
            };
            everywhere.insert(name, (unit, meaning));
        }
        let mut columns = conn.prepare(
            "SELECT s.name, c.name, c.type,
               (SELECT f.\"table\" || '.' || f.\"to\" FROM pragma_foreign_key_list(s.name) f WHERE f.\"from\" = c.name)
             FROM sqlite_schema s CROSS JOIN pragma_table_info(s.name) c
             WHERE s.type IN ('table', 'view') AND s.name NOT LIKE 'sqlite_%' ORDER BY 1, c.cid",
        )?;
        let mut insert = InsertInto::new(conn, "column_docs");
        let mut rows = columns.query([])?;
        while let Some(row) = rows.next()? {
            let (table, column, declared): (String, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
            let refers_to: Option<String> = row.get(3)?;
            let own = self.0.remove(&(table.clone(), column.clone()));
            let (unit, meaning) = match (&own, everywhere.get(column.as_str())) {
                (Some((unit, meaning)), _) => (unit.as_str(), meaning.as_str()),
                (None, Some((unit, meaning))) => (*unit, *meaning),
                (None, None) => ("", ""),
            };
            let unit = Some(unit).filter(|unit| !unit.is_empty()).or(refers_to.as_deref());
            // Older versions of SQLite call an integer expression of a view INT.
            let declared = if declared == "INT" { "INTEGER" } else { &declared };
            insert.insert(
                row! { table_name: table, column_name: column, type: declared, unit: unit, meaning: meaning },
            )?;
        }
        if self.0.is_empty() { Ok(()) } else { Err(Error::BuiltIn("column docs: of no column")) }
    }
}

#[derive(Clone, Copy)]
enum Kind {
    Table,
    View,
}

/// The table or view whose statement a line begins.
fn created(line: &str) -> Option<(Kind, &str)> {
    let (kind, name) = match (line.strip_prefix("CREATE TABLE "), line.strip_prefix("CREATE VIEW ")) {
        (Some(name), _) => (Kind::Table, name),
        (None, Some(name)) => (Kind::View, name),
        (None, None) => return None,
    };
    name.split([' ', '(']).next().map(|name| (kind, name))
}

/// The name of the column that a text begins with: in a table its first word, in a view the last word of the
/// expression.
fn column_at(kind: Kind, text: &str) -> Option<&str> {
    let is_name = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let text = text.trim_start();
    let name = match kind {
        Kind::Table => text.split(|letter| !is_name(letter)).next()?,
        Kind::View => {
            let (mut depth, mut quoted) = (0_i32, false);
            let ends = |(at, letter): (usize, char)| {
                match letter {
                    '\'' => quoted = !quoted,
                    _ if quoted => {}
                    '(' => depth += 1,
                    ')' => depth -= 1,
                    _ => {}
                }
                (!quoted && depth == 0 && (letter == ',' || text[at..].starts_with("\nFROM "))).then_some(at)
            };
            let item = &text[..text.char_indices().find_map(ends)?];
            item.rsplit(|letter| !is_name(letter)).next()?
        }
    };
    Some(name).filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn read(text: &str) -> Result<Vec<(String, String, String)>> {
        let mut docs = ColumnDocs::default();
        docs.read(text)?;
        let mut all: Vec<_> = docs
            .0
            .into_iter()
            .map(|((relation, column), (unit, meaning))| (format!("{relation}.{column}"), unit, meaning))
            .collect();
        all.sort();
        Ok(all)
    }

    #[test]
    fn documentation_describes_the_column_that_follows() {
        let text = "\
-- A remark.
CREATE TABLE walls (id INTEGER PRIMARY KEY,
  --: cm | How high it is,
  --: measured inside.
  height INTEGER NOT NULL, width INTEGER,
  --: Its colour (or its paper's).
  colour_id INTEGER REFERENCES colours (id));
CREATE VIEW wall_list AS
WITH named AS (SELECT id, name FROM colours)
SELECT
  --: What it is, in a word.
  CAST(CASE w.height WHEN 1 THEN 'a, (low' ELSE 'high' END AS TEXT) AS kind, w.width AS width,
  --: m2 | Its face.
  w.height
    * w.width AS area
FROM walls w;
";
        let expected = [
            ("wall_list.area", "m2", "Its face."),
            ("wall_list.kind", "", "What it is, in a word."),
            ("walls.colour_id", "", "Its colour (or its paper's)."),
            ("walls.height", "cm", "How high it is, measured inside."),
        ];
        assert_eq!(read(text).unwrap(), expected.map(|(a, b, c)| (a.to_owned(), b.to_owned(), c.to_owned())));
        assert!(!without(text).contains(MARK));
        assert_eq!(without(text).lines().count(), text.lines().count() - 5);
    }

    #[test]
    fn documentation_of_no_column_or_of_one_twice_is_an_error() {
        for text in [
            "--: Of nothing.\n",
            "--: Of a remark.\n-- A remark.\n",
            "CREATE TABLE walls (\n  id INTEGER\n  --: Of the end.\n);\n",
            "CREATE TABLE walls (\n  --: One.\n  id INTEGER);\nCREATE TABLE walls (\n  --: Two.\n  id INTEGER);\n",
        ] {
            assert!(matches!(read(text), Err(Error::BuiltIn(_))), "{text}");
        }
    }

    #[test]
    fn documentation_of_a_column_that_does_not_exist_is_an_error() {
        let conn = Connection::open_in_memory().unwrap();
        let text = "CREATE TABLE column_docs (table_name, column_name, type, unit,\n--: What it means.\nmeaning);";
        conn.execute_batch(&without(text)).unwrap();
        let mut docs = ColumnDocs::default();
        docs.read(text).unwrap();
        docs.read("CREATE TABLE walls (\n  --: How high it is.\n  height INTEGER);").unwrap();
        assert!(matches!(docs.fill(&conn), Err(Error::BuiltIn(_))));
    }
}
