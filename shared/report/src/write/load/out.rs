//! What was kept, on its way into a tree: rows of a table, or entries of an index.
//!
//! Must stay true: what comes in the order of its keys lies in the order of SQLite; the memory in use does not grow with what
//! comes.

use super::index::Entry;
use super::pages::Pages;
use super::record::{Encoder, Layout};
use super::tree::Tree;
use super::{Again, Block, Held, Key, Of};
use crate::error::{Error, Result};
use crate::lists::ids::Ids;
use crate::rows::Field;

/// Writes the rows of one table, or the entries of an index.
pub(super) struct Out {
    of: Of,
    ids: Ids,
    layout: Layout,
    tree: Tree,
    /// The key of what came before.
    before: Option<Key>,
    /// The record of the row before, if it may come again, or the entries that have that key.
    same: Vec<u8>,
    /// Where each of these entries ends.
    ends: Vec<usize>,
    encoder: Encoder,
    record: Vec<u8>,
}

impl Out {
    pub(super) fn new(held: &Held, ids: Ids) -> Self {
        let (of, layout) = (held.of.clone(), held.layout.clone());
        Self {
            of,
            ids,
            tree: Tree::new(layout.kind, layout.root),
            layout,
            before: None,
            same: Vec::new(),
            ends: Vec::new(),
            encoder: Encoder::default(),
            record: Vec::new(),
        }
    }

    /// Writes what comes after what came before.
    ///
    /// # Errors
    /// [`Error::Collision`] if a key is taken by another row.
    pub(super) fn block(&mut self, pages: &mut Pages, block: &Block) -> Result<()> {
        for (key, begin, end) in &block.rows {
            let bytes = &block.bytes[*begin as usize..*end as usize];
            match self.of {
                Of::Table { name, again, .. } => self.row(pages, *key, bytes, name, again)?,
                Of::Index => self.entry(pages, *key, bytes)?,
            }
        }
        Ok(())
    }

    /// Writes what is left.
    pub(super) fn finish(mut self, pages: &mut Pages) -> Result<()> {
        self.entries(pages)?;
        self.tree.finish(pages)
    }

    fn row(&mut self, pages: &mut Pages, key: Key, record: &[u8], name: &'static str, again: Again) -> Result<()> {
        if self.before == Some(key) {
            if again == Again::IsOnce && self.same == record {
                return Ok(());
            }
            return Err(Error::Collision { what: name, salt: self.ids.salt });
        }
        self.before = Some(key);
        if again == Again::IsOnce {
            self.same.clear();
            self.same.extend_from_slice(record);
        }
        self.tree.push(pages, key[0], record)
    }

    /// Adds an entry to those of its key.
    fn entry(&mut self, pages: &mut Pages, key: Key, rest: &[u8]) -> Result<()> {
        if self.before != Some(key) {
            self.entries(pages)?;
            self.before = Some(key);
        }
        self.same.extend_from_slice(rest);
        self.ends.push(self.same.len());
        Ok(())
    }

    /// Writes the entries of one key. An entry that is there twice is that of a row that came twice.
    fn entries(&mut self, pages: &mut Pages) -> Result<()> {
        let Some(key) = self.before.filter(|_| !self.ends.is_empty()) else { return Ok(()) };
        let begins = std::iter::once(0).chain(self.ends.iter().copied());
        let entries = begins.zip(&self.ends).map(|(begin, end)| Entry::read(key, &self.same[begin..*end]));
        let mut write = |(entry, number)| {
            let entry = match entry {
                Entry::Number(value) => Field::Integer(value),
                Entry::Blob(value) => Field::Blob(value),
            };
            self.record.clear();
            self.layout.encode(&mut self.encoder, &mut self.record, &[entry, Field::Integer(number)])?;
            self.tree.push(pages, 0, &self.record)
        };
        match self.ends.len() {
            1 => entries.into_iter().try_for_each(&mut write)?,
            _ => entries.collect::<std::collections::BTreeSet<_>>().into_iter().try_for_each(&mut write)?,
        }
        self.same.clear();
        self.ends.clear();
        Ok(())
    }
}
