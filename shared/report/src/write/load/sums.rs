//! The tables of sums of a new file. One thread adds up and makes records, the caller's writes pages.
//!
//! Must stay true: rows come in the order of their table's key, and only numbers are in them: so they can be written as they
//! come.

use super::pages::Pages;
use super::record::{Encoder, Layout};
use super::tree::Tree;
use super::{BLOCK_BYTES, BLOCKS, short};
use crate::error::{Error, Result};
use rusqlite::Connection;
use std::sync::mpsc::{SyncSender, sync_channel};

const INTERRUPTED: Error = Error::BuiltIn("the thread that adds up");

/// A table of numbers that has no rows yet.
#[derive(Debug)]
pub(crate) struct SumTable {
    layout: Layout,
    tree: Tree,
}

impl SumTable {
    /// A table that has no rows yet, and whose columns are these, the key's first.
    ///
    /// # Errors
    /// [`Error::Columns`] if it has other columns; [`Error::BuiltIn`] if it has them in another order, or rows.
    pub(crate) fn of(conn: &Connection, table: &'static str, columns: &[&str]) -> Result<Self> {
        let layout = Layout::of(conn, table, columns)?;
        let has_rows: bool = conn.query_row(&format!("SELECT EXISTS (SELECT 1 FROM {table})"), [], |row| row.get(0))?;
        let is_in_order = layout.key.iter().enumerate().all(|(place, at)| place == *at);
        if has_rows || !is_in_order || !layout.is_numbers_in_order() {
            return Err(Error::BuiltIn("a table of sums"));
        }
        let tree = Tree::new(layout.kind, layout.root);
        Ok(Self { layout, tree })
    }
}

/// What the thread that adds up passes on.
enum Part {
    /// The tree of the rows that follow.
    Table(Tree),
    Rows(Rows),
}

/// Records, each with its first number and where it ends.
#[derive(Default)]
struct Rows {
    bytes: Vec<u8>,
    ends: Vec<(i64, u32)>,
}

/// Takes the rows of tables of sums, one table after the other.
pub(crate) struct SumRows {
    send: SyncSender<Part>,
    encoder: Encoder,
    record: Vec<u8>,
    rows: Rows,
}

impl SumRows {
    /// Takes the rows of a table; each is its numbers in the order of the columns.
    pub(crate) fn table<V: Iterator<Item = i64> + Clone>(
        &mut self,
        SumTable { layout, tree }: SumTable,
        rows: impl Iterator<Item = Result<V>>,
    ) -> Result<()> {
        self.pass(Part::Table(tree))?;
        for row in rows {
            let values = row?;
            let first = values.clone().next().unwrap_or_default();
            layout.numbers(&mut self.encoder, &mut self.record, values);
            self.rows.bytes.extend_from_slice(&self.record);
            self.rows.ends.push((first, short(self.rows.bytes.len())?));
            if self.rows.bytes.len() >= BLOCK_BYTES {
                self.pass_rows()?;
            }
        }
        self.pass_rows()
    }

    fn pass_rows(&mut self) -> Result<()> {
        let rows = std::mem::take(&mut self.rows);
        self.pass(Part::Rows(rows))
    }

    fn pass(&self, part: Part) -> Result<()> {
        // The writer is gone if it gave up, for a reason of its own.
        self.send.send(part).map_err(|_| INTERRUPTED)
    }
}

/// Writes the tables whose rows `add_up` passes on.
///
/// # Errors
/// Those of `add_up`, or if a page cannot be written.
pub(crate) fn load_sums(pages: &mut Pages, add_up: impl FnOnce(&mut SumRows) -> Result<()> + Send) -> Result<()> {
    std::thread::scope(|scope| {
        let (send, parts) = sync_channel(BLOCKS);
        let rows = SumRows { send, encoder: Encoder::default(), record: Vec::new(), rows: Rows::default() };
        let added_up = scope.spawn(move || {
            let mut rows = rows;
            add_up(&mut rows)
        });
        let mut tree: Option<Tree> = None;
        for part in parts {
            match (part, &mut tree) {
                (Part::Table(next), tree) => tree.replace(next).map_or(Ok(()), |full| full.finish(pages))?,
                (Part::Rows(Rows { bytes, ends }), Some(tree)) => {
                    let mut begin = 0;
                    for (first, end) in ends {
                        tree.push(pages, first, &bytes[begin..end as usize])?;
                        begin = end as usize;
                    }
                }
                (Part::Rows(_), None) => return Err(INTERRUPTED),
            }
        }
        tree.map_or(Ok(()), |full| full.finish(pages))?;
        added_up.join().map_err(|_| INTERRUPTED)?
    })
}
