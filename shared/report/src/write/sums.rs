//! Changes of one table of sums, gathered by key until they are written.
//!
//! Must stay true: the memory in use is bounded by who asks to [write](Sums::write) or [spill](Sums::spill) them; a cell's
//! changes add up, wherever they are meanwhile.

use crate::error::Result;
use crate::rows;
use crate::write::load::{SumRows, SumTable};
use crate::write::merged::{Change, Merged, Runs, read_bytes};
use foldhash::fast::RandomState;
use rusqlite::{Connection, Statement, ToSql, params_from_iter};
use std::collections::HashMap;
use std::fs::File;
use std::io::{BufReader, Write};
use std::path::Path;

/// Columns with their values.
pub(crate) type Cells<const N: usize> = (&'static [&'static str; N], [i64; N]);

/// Columns with what one attempt adds to them.
pub(crate) type Counts<const N: usize> = (&'static [&'static str; N], [i32; N]);

/// A key, and what is to be added under it.
pub(crate) type Cell<const K: usize, const V: usize> = ([i64; K], [i64; V]);

/// Changes of one table of sums: by its key what is to be added.
pub(crate) struct Sums<const K: usize, const V: usize> {
    table: &'static str,
    /// The columns of key and sums; none before the first change.
    columns: Option<(&'static [&'static str; K], &'static [&'static str; V])>,
    changes: HashMap<[i64; K], [i64; V], RandomState>,
    /// Earlier changes.
    runs: Runs<Cell<K, V>>,
}

impl<const K: usize, const V: usize> Sums<K, V> {
    pub(crate) fn of(table: &'static str) -> Self {
        Self { table, columns: None, changes: HashMap::default(), runs: Runs::default() }
    }

    pub(crate) fn add(&mut self, (keys, key): Cells<K>, (sums, by): Cells<V>, sign: i64) {
        self.columns = Some((keys, sums));
        for (sum, by) in self.changes.entry(key).or_insert([0; V]).iter_mut().zip(by) {
            *sum += sign * by;
        }
    }

    /// How many cells are in memory.
    pub(crate) fn len(&self) -> usize {
        self.changes.len()
    }

    /// Moves the changes to a file in `folder` if there are more than `most`.
    pub(crate) fn spill(&mut self, most: usize, folder: &Path) -> Result<()> {
        if self.changes.len() <= most {
            return Ok(());
        }
        let sorted = self.sorted();
        self.runs.push(sorted, Some(folder))
    }

    /// Names the columns of changes that are [gathered](Self::gathered) elsewhere.
    pub(crate) fn columns(&mut self, keys: &'static [&'static str; K], sums: &'static [&'static str; V]) {
        self.columns = Some((keys, sums));
    }

    /// Takes changes that were gathered elsewhere, one for each key, and moves them to a file in `folder` if there is one.
    pub(crate) fn gathered(&mut self, mut cells: Vec<Cell<K, V>>, folder: Option<&Path>) -> Result<()> {
        cells.sort_unstable_by_key(Change::key);
        self.runs.push(cells, folder)
    }

    /// Takes the changes out of memory, in the order in which the rows lie: cells of one page are written together.
    fn sorted(&mut self) -> Vec<Cell<K, V>> {
        let mut changes: Vec<_> = self.changes.drain().filter(|(_, by)| *by != [0; V]).collect();
        changes.sort_unstable_by_key(Change::key);
        changes
    }

    /// The table in a new file, whose rows these changes are; `None` before the first change.
    pub(crate) fn new_table(&self, conn: &Connection) -> Result<Option<SumTable>> {
        self.columns.map(|(keys, sums)| SumTable::of(conn, self.table, &[&keys[..], &sums[..]].concat())).transpose()
    }

    /// Writes the changes as the rows of a new table.
    pub(crate) fn load(&mut self, table: Option<SumTable>, rows: &mut SumRows) -> Result<()> {
        let cells = self.merged()?;
        Self::load_cells(table, rows, cells)
    }

    /// Writes cells, which are in order, as the rows of a new table.
    pub(crate) fn load_cells(
        table: Option<SumTable>,
        rows: &mut SumRows,
        cells: impl Iterator<Item = Result<Cell<K, V>>>,
    ) -> Result<()> {
        let Some(table) = table else { return Ok(()) };
        rows.table(table, cells.map(|cell| cell.map(|(key, by)| key.into_iter().chain(by))))
    }

    /// Takes all changes, in the order in which the rows lie.
    pub(crate) fn merged(&mut self) -> Result<Merged<Cell<K, V>>> {
        let sorted = self.sorted();
        self.runs.push(sorted, None)?;
        self.runs.take()
    }

    /// Adds the changes to the table's sums; sums that reach zero leave no row.
    pub(crate) fn write(&mut self, conn: &Connection) -> Result<()> {
        let cells = self.merged()?;
        self.write_cells(conn, cells)
    }

    /// Adds cells to the table's sums; sums that reach zero leave no row.
    pub(crate) fn write_cells(&self, conn: &Connection, cells: impl Iterator<Item = Result<Cell<K, V>>>) -> Result<()> {
        let Some((keys, sums)) = self.columns else { return Ok(()) };
        let table = self.table;
        rows::check(conn, table, &[&keys[..], &sums[..]].concat())?;
        let marks = vec!["?"; K + V].join(", ");
        let add: Vec<String> = sums.iter().map(|sum| format!("{sum} = {sum} + excluded.{sum}")).collect();
        let mut upsert: Statement = conn.prepare(&format!(
            "INSERT INTO {table} ({keys}, {sums}) VALUES ({marks}) ON CONFLICT ({keys}) DO UPDATE SET {add}",
            keys = keys.join(", "),
            sums = sums.join(", "),
            add = add.join(", "),
        ))?;
        let all_are = |columns: &[&str], value: &str| {
            columns.iter().map(|column| format!("{column} = {value}")).collect::<Vec<_>>().join(" AND ")
        };
        let (found, is_zero) = (all_are(keys, "?"), all_are(sums, "0"));
        let mut delete: Statement = conn.prepare(&format!("DELETE FROM {table} WHERE {found} AND {is_zero}"))?;
        for cell in cells {
            let (key, by) = cell?;
            upsert.execute(params_from_iter(key.iter().chain(&by).map(|value| value as &dyn ToSql)))?;
            // Only what was taken from can have reached zero.
            if by.iter().any(|by| *by < 0) {
                delete.execute(params_from_iter(&key))?;
            }
        }
        Ok(())
    }
}

impl<const K: usize, const V: usize> Change for Cell<K, V> {
    type Key = [i64; K];

    fn key(&self) -> [i64; K] {
        self.0
    }

    fn add(&mut self, other: &Self) {
        for (sum, by) in self.1.iter_mut().zip(other.1) {
            *sum += by;
        }
    }

    fn is_nothing(&self) -> bool {
        self.1 == [0; V]
    }

    fn write(&self, out: &mut impl Write) -> std::io::Result<()> {
        self.0.iter().chain(&self.1).try_for_each(|number| out.write_all(&number.to_le_bytes()))
    }

    fn read(file: &mut BufReader<File>) -> std::io::Result<Option<Self>> {
        let (mut key, mut by) = ([0; K], [0; V]);
        for number in key.iter_mut().chain(&mut by) {
            let Some(bytes) = read_bytes(file)? else { return Ok(None) };
            *number = i64::from_le_bytes(bytes);
        }
        Ok(Some((key, by)))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    const KEYS: &[&str; 2] = &["day", "place"];
    const VALUES: &[&str; 2] = &["came", "went"];

    fn all(conn: &Connection) -> Vec<[i64; 4]> {
        let mut all = conn.prepare("SELECT day, place, came, went FROM sums ORDER BY day, place").unwrap();
        let all = all.query_map([], |row| Ok([row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?])).unwrap();
        all.map(rusqlite::Result::unwrap).collect()
    }

    #[test]
    fn changes_add_up_whether_they_were_spilled_or_not() {
        let folder = tempfile::tempdir().unwrap();
        let changes: Vec<([i64; 2], [i64; 2])> =
            (0..4_000_i64).map(|at| ([-(at % 7), at * 31 % 11], [1, at % 3])).collect();
        // Never; all the time, so that runs are merged; now and then.
        let written = [usize::MAX, 0, 20].map(|most| {
            let conn = Connection::open_in_memory().unwrap();
            let create = "CREATE TABLE sums (day INTEGER, place INTEGER, came INTEGER, went INTEGER,
                PRIMARY KEY (day, place)) WITHOUT ROWID";
            conn.execute_batch(create).unwrap();
            let mut sums = Sums::<2, 2>::of("sums");
            for (key, by) in &changes {
                sums.add((KEYS, *key), (VALUES, *by), 1);
                sums.spill(most, folder.path()).unwrap();
            }
            sums.write(&conn).unwrap();
            // What is taken away leaves no row.
            for (key, by) in changes.iter().filter(|(key, _)| key[0] == 0) {
                sums.add((KEYS, *key), (VALUES, *by), -1);
                sums.spill(most, folder.path()).unwrap();
            }
            sums.write(&conn).unwrap();
            all(&conn)
        });
        let expected: i64 = changes.iter().filter(|(key, _)| key[0] != 0).map(|(_, by)| by[1]).sum();
        assert_eq!(written[0].iter().map(|row| row[3]).sum::<i64>(), expected);
        assert_eq!(written[0].len(), 6 * 11);
        assert_eq!(written[1], written[0]);
        assert_eq!(written[2], written[0]);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
