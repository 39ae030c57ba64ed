//! Rows in order, on their way from the thread that sorts them to the tables.
//!
//! Must stay true: a row whose key is taken is a collision, or stands there already where it may come more than once.

use super::values::{NULL, SMALL, decode, encode};
use super::{Again, Held};
use crate::error::{Error, Result};
use crate::lists::ids::Ids;
use rusqlite::types::ToSqlOutput;
use rusqlite::{Connection, Statement, params_from_iter};
use std::sync::mpsc::SyncSender;

/// Rows that one statement writes: it opens the table once, and each row goes beside the one before it.
const AT_ONCE: usize = 32;
/// The most rows in a block.
const BLOCK_ROWS: usize = 16 * AT_ONCE;
/// A block of so many bytes has no more rows.
const BLOCK_BYTES: usize = 128 << 10;

/// Rows of one table, in order.
#[derive(Debug, Default)]
pub(super) struct Block {
    /// The table's place in the load.
    pub table: usize,
    bytes: Vec<u8>,
    /// Where each row begins and ends in `bytes`.
    rows: Vec<(usize, usize)>,
}

/// Passes a table's sorted rows on, block by block.
pub(super) struct Sorted<'s> {
    block: Block,
    send: &'s SyncSender<Result<Block>>,
}

impl<'s> Sorted<'s> {
    pub(super) fn new(table: usize, send: &'s SyncSender<Result<Block>>) -> Self {
        Self { block: Block { table, ..Block::default() }, send }
    }

    /// Adds a row; `false` if nobody writes it any more.
    pub(super) fn row(&mut self, row: &[u8]) -> bool {
        let begin = self.block.bytes.len();
        self.block.bytes.extend_from_slice(row);
        self.block.rows.push((begin, self.block.bytes.len()));
        let is_full = self.block.rows.len() == BLOCK_ROWS || self.block.bytes.len() >= BLOCK_BYTES;
        !is_full || self.pass_on()
    }

    /// Passes on what waits for more; `false` if nobody writes it any more.
    pub(super) fn pass_on(&mut self) -> bool {
        let next = Block { table: self.block.table, ..Block::default() };
        let block = std::mem::replace(&mut self.block, next);
        block.rows.is_empty() || self.send.send(Ok(block)).is_ok()
    }
}

/// A statement, and what is bound to its parameters: rows that follow one another have most values in common.
struct Bound<'c> {
    statement: Statement<'c>,
    /// The tag of each parameter's value. Those that are not bound yet are null.
    tags: Vec<u8>,
}

impl<'c> Bound<'c> {
    fn new(conn: &'c Connection, sql: &str) -> Result<Self> {
        let statement = conn.prepare(sql)?;
        let tags = vec![NULL; statement.parameter_count()];
        Ok(Self { statement, tags })
    }

    /// Binds the values of a row to the parameters from `first` on, counted from 0.
    fn bind(&mut self, first: usize, columns: usize, mut row: &[u8]) -> Result<()> {
        for (at, bound) in (first + 1..).zip(self.tags.iter_mut().skip(first).take(columns)) {
            let tag = row.first().copied().unwrap_or(NULL);
            let value = decode(&mut row)?;
            // Such a tag is all there is of the value.
            if tag == *bound && (tag == NULL || tag >= SMALL) {
                continue;
            }
            self.statement.raw_bind_parameter(at, ToSqlOutput::Borrowed(value))?;
            *bound = tag;
        }
        Ok(())
    }

    fn execute(&mut self) -> Result<usize> {
        Ok(self.statement.raw_execute()?)
    }
}

/// Writes the rows of one table.
pub(super) struct Out<'c> {
    table: &'static str,
    columns: usize,
    ids: Ids,
    one: Bound<'c>,
    more: More<'c>,
}

enum More<'c> {
    /// Several rows by one statement.
    Many(Bound<'c>),
    Once(Once<'c>),
}

/// Where a row may come more than once.
struct Once<'c> {
    /// The row before.
    before: Vec<u8>,
    /// The row that stands under a key.
    stands: Statement<'c>,
    /// The places of the key's columns.
    key: Vec<usize>,
}

impl<'c> Out<'c> {
    pub(super) fn new(conn: &'c Connection, held: &Held, ids: Ids) -> Result<Self> {
        let Held { table, columns, key, again, .. } = held;
        let marks = format!("({})", vec!["?"; columns.len()].join(", "));
        let names = columns.join(", ");
        let (one, more) = match again {
            Again::Collides => {
                // What a statement wrote before it failed need not be taken back: the file is then thrown away.
                let insert = format!("INSERT OR FAIL INTO {table} ({names}) VALUES ");
                let many = vec![marks.as_str(); AT_ONCE].join(", ");
                (Bound::new(conn, &(insert.clone() + &marks))?, More::Many(Bound::new(conn, &(insert + &many))?))
            }
            Again::IsOnce => {
                let is_key = key.iter().map(|at| format!("{} = ?", columns[*at])).collect::<Vec<_>>().join(" AND ");
                let stands = conn.prepare(&format!("SELECT {names} FROM {table} WHERE {is_key}"))?;
                let insert = format!("INSERT INTO {table} ({names}) VALUES {marks} ON CONFLICT DO NOTHING");
                (Bound::new(conn, &insert)?, More::Once(Once { before: Vec::new(), stands, key: key.clone() }))
            }
        };
        Ok(Self { table, columns: columns.len(), ids, one, more })
    }

    /// Writes rows.
    ///
    /// # Errors
    /// [`Error::Collision`] if a key is taken by another row.
    pub(super) fn block(&mut self, block: &Block) -> Result<()> {
        let Self { table, columns, ids, one, more } = self;
        let (table, columns) = (*table, *columns);
        let row = |(begin, end): &(usize, usize)| &block.bytes[*begin..*end];
        match more {
            More::Many(many) => {
                let (groups, rest) = block.rows.as_chunks::<AT_ONCE>();
                for group in groups {
                    for (number, at) in group.iter().enumerate() {
                        many.bind(number * columns, columns, row(at))?;
                    }
                    ids.unique(table, many.execute())?;
                }
                for at in rest {
                    one.bind(0, columns, row(at))?;
                    ids.unique(table, one.execute())?;
                }
            }
            More::Once(once) => {
                for at in &block.rows {
                    if !once.write(one, columns, row(at))? {
                        return Err(Error::Collision { what: table, salt: ids.salt });
                    }
                }
            }
        }
        Ok(())
    }
}

impl Once<'_> {
    /// Writes a row unless it stands there; `false` if another one has its key.
    fn write(&mut self, one: &mut Bound, columns: usize, row: &[u8]) -> Result<bool> {
        if self.before == row {
            return Ok(true);
        }
        self.before.clear();
        self.before.extend_from_slice(row);
        one.bind(0, columns, row)?;
        if one.execute()? > 0 {
            return Ok(true);
        }
        let mut values = row;
        let values = (0..columns).map(|_| decode(&mut values)).collect::<Result<Vec<_>>>()?;
        let key = self.key.iter().map(|at| ToSqlOutput::Borrowed(values[*at]));
        let mut found = self.stands.query(params_from_iter(key))?;
        let Some(found) = found.next()? else { return Ok(false) };
        let mut same = Vec::with_capacity(row.len());
        for at in 0..columns {
            encode(&mut same, found.get_ref(at)?);
        }
        Ok(same == row)
    }
}
