//! A table's b-tree, written from its rows in order: leaves are filled one after the other, and each is written once.
//!
//! Must stay true: pages are those that SQLite reads (sections 1.5 and 1.6 of its file format): cells in the order of their
//! keys, a page of the inside has a cell at least, and the leaves of the whole tree lie equally deep.

use super::pages::{Pages, length};
use crate::error::Result;

/// The two kinds of tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Rows by a number that is no part of them, all of them in the leaves.
    Rowid,
    /// Rows by columns of theirs; some lie inside, between the pages they divide.
    WithoutRowid,
}

/// The smallest cell: a cell that is removed leaves room for the list of free ones.
const SMALLEST: usize = 4;

/// A page that is being filled.
#[derive(Debug)]
struct Node {
    /// Its cells, one after the other.
    cells: Vec<u8>,
    /// Where each begins.
    begins: Vec<u16>,
    /// The page of keys larger than all here, inside.
    right: Option<u32>,
}

/// The pages of one depth.
#[derive(Debug)]
struct Level {
    /// A full page, with what divides it from the one after it. It is written once that one has a cell.
    held: Option<(Node, Vec<u8>)>,
    node: Node,
}

/// A b-tree that is being written.
#[derive(Debug)]
pub(super) struct Tree {
    kind: Kind,
    root: u32,
    /// From the leaves to the root.
    levels: Vec<Level>,
    /// The number of the row that came last.
    last: i64,
    cell: Vec<u8>,
}

impl Node {
    fn new() -> Self {
        Self { cells: Vec::new(), begins: Vec::new(), right: None }
    }

    /// Adds a cell, if there is room.
    fn add(&mut self, parts: [&[u8]; 2], is_leaf: bool, size: usize) -> bool {
        let length = parts.iter().map(|part| part.len()).sum::<usize>().max(SMALLEST);
        let header = if is_leaf { 8 } else { 12 };
        if header + 2 * (self.begins.len() + 1) + self.cells.len() + length > size {
            return false;
        }
        let begin = self.cells.len();
        self.begins.push(u16::try_from(begin).unwrap_or(u16::MAX));
        parts.iter().for_each(|part| self.cells.extend_from_slice(part));
        self.cells.resize(begin + length, 0);
        true
    }

    /// Takes the last cell off.
    fn pop(&mut self) -> Option<Vec<u8>> {
        self.begins.pop().map(|begin| self.cells.split_off(usize::from(begin)))
    }

    /// The page as it is written.
    fn page(&self, kind: Kind, size: usize) -> Vec<u8> {
        let first: u8 = match (kind, self.right) {
            (Kind::Rowid, None) => 0x0d,
            (Kind::Rowid, Some(_)) => 0x05,
            (Kind::WithoutRowid, None) => 0x0a,
            (Kind::WithoutRowid, Some(_)) => 0x02,
        };
        let short = |number: usize| u16::try_from(number).unwrap_or(0).to_be_bytes();
        // An offset of 65 536 is written as 0.
        let content = size - self.cells.len();
        let mut page = Vec::with_capacity(size);
        page.extend_from_slice(&[first, 0, 0]);
        page.extend_from_slice(&short(self.begins.len()));
        page.extend_from_slice(&short(content));
        page.push(0);
        page.extend(self.right.iter().flat_map(|right| right.to_be_bytes()));
        page.extend(self.begins.iter().flat_map(|begin| short(content + usize::from(*begin))));
        page.resize(content, 0);
        page.extend_from_slice(&self.cells);
        page
    }
}

impl Tree {
    /// The tree of a table that has no rows yet, with its root at page `root`.
    pub(super) fn new(kind: Kind, root: u32) -> Self {
        let leaves = Level { held: None, node: Node::new() };
        Self { kind, root, levels: vec![leaves], last: 0, cell: Vec::new() }
    }

    /// Adds a row after those before: its number, unless the table has none, and its record.
    pub(super) fn push(&mut self, pages: &mut Pages, rowid: i64, record: &[u8]) -> Result<()> {
        let size = pages.size();
        let mut cell = std::mem::take(&mut self.cell);
        cell.clear();
        length(&mut cell, record);
        let most = match self.kind {
            Kind::Rowid => {
                varint(&mut cell, rowid.cast_unsigned());
                size - 35
            }
            Kind::WithoutRowid => (size - 12) * 64 / 255 - 23,
        };
        pages.payload(&mut cell, record, most)?;
        let leaf = &mut self.levels[0].node;
        if !leaf.add([&cell, &[]], true, size) {
            let full = std::mem::replace(leaf, Node::new());
            let divider = match self.kind {
                Kind::Rowid => {
                    leaf.add([&cell, &[]], true, size);
                    let mut divider = Vec::with_capacity(9);
                    varint(&mut divider, self.last.cast_unsigned());
                    divider
                }
                Kind::WithoutRowid => cell.clone(),
            };
            self.hold(pages, 0, full, divider)?;
        }
        (self.cell, self.last) = (cell, rowid);
        Ok(())
    }

    /// Holds a page that is full, and writes the one that was held.
    fn hold(&mut self, pages: &mut Pages, depth: usize, full: Node, divider: Vec<u8>) -> Result<()> {
        match self.levels[depth].held.replace((full, divider)) {
            Some((before, divider)) => self.write(pages, depth, &before, &divider),
            None => Ok(()),
        }
    }

    /// Writes a page and puts it into the page above.
    fn write(&mut self, pages: &mut Pages, depth: usize, node: &Node, divider: &[u8]) -> Result<()> {
        let child = pages.add(&node.page(self.kind, pages.size()))?;
        if self.levels.len() == depth + 1 {
            self.levels.push(Level { held: None, node: Node::new() });
        }
        let above = &mut self.levels[depth + 1].node;
        if above.add([&child.to_be_bytes(), divider], false, pages.size()) {
            return Ok(());
        }
        // It is the last of the page above, and its divider divides that one from the next.
        let mut full = std::mem::replace(above, Node::new());
        full.right = Some(child);
        self.hold(pages, depth + 1, full, divider.to_vec())
    }

    /// Writes what is left, the root at last.
    pub(super) fn finish(mut self, pages: &mut Pages) -> Result<()> {
        let mut right = None;
        for depth in 0.. {
            let Some(Level { held, node }) = self.levels.get_mut(depth) else { break };
            let (held, mut node) = (held.take(), std::mem::replace(node, Node::new()));
            node.right = right;
            let Some((mut before, mut divider)) = held else {
                pages.put(self.root, node.page(self.kind, pages.size()));
                break;
            };
            if node.begins.is_empty()
                && let Some(last) = before.pop()
            {
                // No page may be empty, so the divider comes down, and the last cell of the page before takes its place.
                let inside = before.right.map(u32::to_be_bytes);
                let child = inside.as_ref().map_or(&[][..], |child| &child[..]);
                node.add([child, &divider], inside.is_none(), pages.size());
                let (child, entry) = last.split_at(child.len());
                before.right = child.try_into().ok().map(u32::from_be_bytes);
                divider = entry.to_vec();
            }
            self.write(pages, depth, &before, &divider)?;
            right = Some(pages.add(&node.page(self.kind, pages.size()))?);
        }
        Ok(())
    }
}

/// A number in one to nine bytes, the most significant first (section 1.6).
pub(super) fn varint(bytes: &mut Vec<u8>, number: u64) {
    if number < 0x80 {
        bytes.push(number.to_le_bytes()[0]);
        return;
    }
    if number >> 56 != 0 {
        let parts = (0..8).rev().map(|part| ((number >> (8 + 7 * part)) & 0x7f | 0x80) as u8);
        bytes.extend(parts);
        bytes.push((number & 0xff) as u8);
        return;
    }
    let parts = (64 - number.leading_zeros()).div_ceil(7);
    bytes.extend((0..parts).rev().map(|part| {
        let more = if part > 0 { 0x80 } else { 0 };
        ((number >> (7 * part)) & 0x7f | more) as u8
    }));
}
