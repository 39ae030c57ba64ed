//! Changes of sums in the order of their keys: gathered in memory, or kept in files without a name, and several of them read
//! as one.
//!
//! Must stay true: changes of one key add up, wherever they are meanwhile, and those that come to nothing are left out.

use crate::error::Result;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::fs::File;
use std::io::{BufReader, BufWriter, Read as _, Seek as _, Write};
use std::path::Path;

/// Runs that are merged into one before there are more: each that is read has a buffer.
const MOST_RUNS: usize = 64;
/// Bytes that are read or written at once.
const BUFFER: usize = 64 << 10;

/// A change of sums.
pub(crate) trait Change: Copy {
    /// What it changes, in the order in which the rows lie.
    type Key: Copy + Ord;

    fn key(&self) -> Self::Key;
    /// Adds what another changes of the same.
    fn add(&mut self, other: &Self);
    fn is_nothing(&self) -> bool;
    fn write(&self, out: &mut impl Write) -> std::io::Result<()>;
    /// Reads what was written; `None` at the end.
    fn read(file: &mut BufReader<File>) -> std::io::Result<Option<Self>>;
}

/// Reads so many bytes; `None` at the end.
pub(crate) fn read_bytes<const N: usize>(file: &mut BufReader<File>) -> std::io::Result<Option<[u8; N]>> {
    let mut bytes = [0; N];
    match file.read_exact(&mut bytes) {
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Ok(None),
        read => read.map(|()| Some(bytes)),
    }
}

/// Runs of changes.
pub(crate) struct Runs<C>(Vec<Run<C>>);

impl<C> Default for Runs<C> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<C: Change> Runs<C> {
    /// Adds changes, each key once and in order; moves them to a file in `folder` if there is one.
    pub(crate) fn push(&mut self, sorted: Vec<C>, folder: Option<&Path>) -> Result<()> {
        let Some(folder) = folder else {
            self.0.push(Run::Held(sorted.into_iter()));
            return Ok(());
        };
        if self.0.len() >= MOST_RUNS {
            let merged = Merged::of(std::mem::take(&mut self.0))?;
            self.0.push(Run::kept(merged, folder)?);
        }
        self.0.push(Run::kept(sorted.into_iter().map(Ok), folder)?);
        Ok(())
    }

    /// Takes all changes, in order.
    pub(crate) fn take(&mut self) -> Result<Merged<C>> {
        Merged::of(std::mem::take(&mut self.0))
    }
}

/// Changes in order, each key once.
enum Run<C> {
    Held(std::vec::IntoIter<C>),
    Kept(BufReader<File>),
}

impl<C: Change> Run<C> {
    fn kept(changes: impl Iterator<Item = Result<C>>, folder: &Path) -> Result<Self> {
        let mut out = BufWriter::with_capacity(BUFFER, tempfile::tempfile_in(folder)?);
        for change in changes {
            change?.write(&mut out)?;
        }
        let mut file = out.into_inner().map_err(std::io::IntoInnerError::into_error)?;
        file.rewind()?;
        Ok(Self::Kept(BufReader::with_capacity(BUFFER, file)))
    }

    fn next(&mut self) -> Result<Option<C>> {
        match self {
            Self::Held(changes) => Ok(changes.next()),
            Self::Kept(file) => Ok(C::read(file)?),
        }
    }
}

/// Several runs as one.
pub(crate) struct Merged<C: Change> {
    runs: Vec<Run<C>>,
    heads: BinaryHeap<Reverse<(C::Key, usize)>>,
    /// The head of each run.
    next: Vec<Option<C>>,
}

impl<C: Change> Merged<C> {
    fn of(mut runs: Vec<Run<C>>) -> Result<Self> {
        let next = runs.iter_mut().map(Run::next).collect::<Result<Vec<_>>>()?;
        let heads = next.iter().enumerate().filter_map(|(run, next)| Some(Reverse((next.as_ref()?.key(), run))));
        Ok(Self { heads: heads.collect(), runs, next })
    }

    /// Takes the head of the run whose key is the least.
    fn pop(&mut self) -> Result<Option<C>> {
        let Some(mut least) = self.heads.peek_mut() else { return Ok(None) };
        let Reverse((key, run)) = &mut *least;
        let next = self.runs[*run].next()?;
        let taken = std::mem::replace(&mut self.next[*run], next);
        match next {
            Some(next) => *key = next.key(),
            None => drop(PeekMut::pop(least)),
        }
        Ok(taken)
    }

    fn next_change(&mut self) -> Result<Option<C>> {
        while let Some(mut change) = self.pop()? {
            while self.heads.peek().is_some_and(|Reverse((key, _))| *key == change.key()) {
                let Some(same) = self.pop()? else { break };
                change.add(&same);
            }
            if !change.is_nothing() {
                return Ok(Some(change));
            }
        }
        Ok(None)
    }
}

impl<C: Change> Iterator for Merged<C> {
    type Item = Result<C>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_change().transpose()
    }
}
