//! A table of sums of a file's first load.
//!
//! Must stay true: its cells are written in the order of their keys.

use super::pages::Pages;
use super::record::{Encoder, Layout};
use super::tree::Tree;
use crate::error::{Error, Result};
use rusqlite::Connection;

/// A table of numbers, written from its rows in order.
#[derive(Debug)]
pub(crate) struct SumTable {
    layout: Layout,
    tree: Tree,
    encoder: Encoder,
    record: Vec<u8>,
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
        Ok(Self { layout, tree, encoder: Encoder::default(), record: Vec::new() })
    }

    /// Adds a row after those before.
    pub(crate) fn push(&mut self, pages: &mut Pages, values: impl Iterator<Item = i64> + Clone) -> Result<()> {
        let Self { layout, tree, encoder, record } = self;
        let first = values.clone().next().unwrap_or_default();
        layout.numbers(encoder, record, values);
        tree.push(pages, first, record)
    }

    /// Writes what is left.
    pub(crate) fn finish(self, pages: &mut Pages) -> Result<()> {
        self.tree.finish(pages)
    }
}
