//! Runs: rows in the order of their keys, in files without a name, and several of them read as one.

use super::Key;
use crate::error::{Error, Result};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::fs::File;
use std::io::{BufReader, BufWriter, Read as _, Seek as _, Write as _};
use std::path::Path;

/// Bytes that are read or written at once.
const BUFFER: usize = 64 << 10;

pub(super) fn run(folder: &Path, rows: impl FnOnce(&mut BufWriter<File>) -> Result<()>) -> Result<File> {
    let mut out = BufWriter::with_capacity(BUFFER, tempfile::tempfile_in(folder)?);
    rows(&mut out)?;
    let mut file = out.into_inner().map_err(std::io::IntoInnerError::into_error)?;
    file.rewind()?;
    Ok(file)
}

pub(super) fn write_row(out: &mut BufWriter<File>, key: Key, row: &[u8]) -> Result<()> {
    for part in key {
        out.write_all(&part.to_le_bytes())?;
    }
    out.write_all(&u32::try_from(row.len()).map_err(|_| Error::BuiltIn("the size of a row"))?.to_le_bytes())?;
    Ok(out.write_all(row)?)
}

/// A run being read: its next row.
struct Next {
    file: BufReader<File>,
    key: Key,
    row: Vec<u8>,
}

impl Next {
    /// Reads the next row; returns whether there was one.
    fn advance(&mut self) -> Result<bool> {
        let mut head = [0; 20];
        match self.file.read_exact(&mut head) {
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(false),
            read => read?,
        }
        let ([first, second], [length]) = (head[..16].as_chunks::<8>().0, head[16..].as_chunks::<4>().0) else {
            return Ok(false);
        };
        self.key = [i64::from_le_bytes(*first), i64::from_le_bytes(*second)];
        self.row.resize(u32::from_le_bytes(*length) as usize, 0);
        self.file.read_exact(&mut self.row)?;
        Ok(true)
    }
}

/// Several runs as one, by key; of equal keys the earlier run's comes first.
pub(super) struct Merge {
    runs: Vec<Next>,
    heads: BinaryHeap<Reverse<(Key, usize)>>,
    /// Whether the first row was handed out.
    began: bool,
}

impl Merge {
    pub(super) fn of(runs: Vec<File>) -> Result<Self> {
        let mut merge = Self { runs: Vec::with_capacity(runs.len()), heads: BinaryHeap::new(), began: false };
        for (at, file) in runs.into_iter().enumerate() {
            let mut run = Next { file: BufReader::with_capacity(BUFFER, file), key: Key::default(), row: Vec::new() };
            if run.advance()? {
                merge.heads.push(Reverse((run.key, at)));
            }
            merge.runs.push(run);
        }
        Ok(merge)
    }

    pub(super) fn next(&mut self) -> Result<Option<(Key, &[u8])>> {
        if std::mem::replace(&mut self.began, true)
            && let Some(mut last) = self.heads.peek_mut()
        {
            let Reverse((key, at)) = &mut *last;
            let run = &mut self.runs[*at];
            match run.advance()? {
                true => *key = run.key,
                false => drop(PeekMut::pop(last)),
            }
        }
        Ok(self.heads.peek().map(|Reverse((key, at))| (*key, self.runs[*at].row.as_slice())))
    }
}
