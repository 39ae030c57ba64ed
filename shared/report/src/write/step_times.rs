//! How long steps took: visits by whole seconds, and their sums on the two coarser scales.
//!
//! Must stay true: a cell of a coarser scale is the sum of the cells of seconds within its part. So only seconds are counted,
//! and the others are added up from them when they are written: most of what is counted is one visit in a cell of its own.

use crate::error::Result;
use crate::lists::times::Scale;
use crate::write::load::{SumRows, SumTable};
use crate::write::merged::{Change, Runs, read_bytes};
use crate::write::sums::{Cell, Sums};
use foldhash::fast::RandomState;
use rusqlite::Connection;
use std::collections::HashMap;
use std::fs::File;
use std::io::{BufReader, Write};
use std::path::Path;

/// A visit's cell: its columns are those of `daily_step_times`.
const KEY: &[&str; 5] = &["platform_id", "action_id", "scale", "from_seconds", "day"];

/// Visits that take as much memory as a cell of other sums.
const AS_A_CELL: usize = 4;

/// Visits of one step that took equally long, begun on one day. There are many, so they are small.
#[derive(Clone, Copy)]
struct Visits {
    /// Platform, action and seconds, in the order of their size.
    of: u64,
    day: i32,
    /// How many came; less than nothing if more went.
    many: i32,
}

impl Visits {
    /// Bits of the seconds: nine million years.
    const SECONDS: u32 = 48;
    const ACTION: u32 = 8;

    fn of(platform: i64, action: i64, seconds: i64) -> u64 {
        let [platform, action, seconds] = [platform, action, seconds].map(i64::cast_unsigned);
        platform << (Self::SECONDS + Self::ACTION) | action << Self::SECONDS | seconds
    }

    /// The row of a visit.
    fn cell(self) -> Cell<5, 1> {
        let seconds = self.of & ((1 << Self::SECONDS) - 1);
        let action = self.of >> Self::SECONDS & ((1 << Self::ACTION) - 1);
        let platform = self.of >> (Self::SECONDS + Self::ACTION);
        let [platform, action, seconds] = [platform, action, seconds].map(u64::cast_signed);
        ([platform, action, Scale::Seconds.number(), seconds, self.day.into()], [self.many.into()])
    }
}

impl Change for Visits {
    type Key = (u64, i32);

    fn key(&self) -> (u64, i32) {
        (self.of, self.day)
    }

    fn add(&mut self, other: &Self) {
        self.many += other.many;
    }

    fn is_nothing(&self) -> bool {
        self.many == 0
    }

    fn write(&self, out: &mut impl Write) -> std::io::Result<()> {
        out.write_all(&self.of.to_le_bytes())?;
        out.write_all(&self.day.to_le_bytes())?;
        out.write_all(&self.many.to_le_bytes())
    }

    fn read(file: &mut BufReader<File>) -> std::io::Result<Option<Self>> {
        let (Some(of), Some(day), Some(many)) = (read_bytes(file)?, read_bytes(file)?, read_bytes(file)?) else {
            return Ok(None);
        };
        Ok(Some(Self { of: u64::from_le_bytes(of), day: i32::from_le_bytes(day), many: i32::from_le_bytes(many) }))
    }
}

/// Changes of `daily_step_times`.
pub(crate) struct StepTimes {
    table: Sums<5, 1>,
    /// In the order in which they were counted.
    visits: Vec<Visits>,
    runs: Runs<Visits>,
}

impl StepTimes {
    pub(crate) fn new() -> Self {
        Self { table: Sums::of("daily_step_times"), visits: Vec::new(), runs: Runs::default() }
    }

    /// Counts a visit of so many whole seconds in (`sign` 1) or out (-1).
    pub(crate) fn add(&mut self, platform: i64, action: i64, seconds: i64, day: i32, sign: i32) {
        self.table.columns(KEY, &["visits"]);
        self.visits.push(Visits { of: Visits::of(platform, action, seconds), day, many: sign });
    }

    /// How many cells take as much memory.
    pub(crate) fn len(&self) -> usize {
        self.visits.len() / AS_A_CELL
    }

    /// As [`Sums::spill`].
    pub(crate) fn spill(&mut self, most: usize, folder: &Path) -> Result<()> {
        match self.len() > most {
            true => self.sort(Some(folder)),
            false => Ok(()),
        }
    }

    /// Makes a run of the visits; in a file, if there is a folder for it.
    fn sort(&mut self, folder: Option<&Path>) -> Result<()> {
        let mut visits = std::mem::take(&mut self.visits);
        visits.sort_unstable_by_key(Change::key);
        visits.dedup_by(|next, first| {
            let is_same = next.key() == first.key();
            if is_same {
                first.add(next);
            }
            is_same
        });
        self.runs.push(visits, folder)
    }

    /// Takes the cells of all scales, in the order in which the rows lie.
    fn cells(&mut self) -> Result<impl Iterator<Item = Result<Cell<5, 1>>> + use<>> {
        self.sort(None)?;
        let seconds = self.runs.take()?.map(|visits| visits.map(Visits::cell));
        Ok(Scales::of(seconds))
    }

    /// As [`Sums::new_table`].
    pub(crate) fn new_table(&self, conn: &Connection) -> Result<Option<SumTable>> {
        self.table.new_table(conn)
    }

    /// As [`Sums::load`].
    pub(crate) fn load(&mut self, table: Option<SumTable>, rows: &mut SumRows) -> Result<()> {
        let cells = self.cells()?;
        Sums::load_cells(table, rows, cells)
    }

    /// As [`Sums::write`].
    pub(crate) fn write(&mut self, conn: &Connection) -> Result<()> {
        let cells = self.cells()?;
        self.table.write_cells(conn, cells)
    }
}

/// The part of a coarser scale that the seconds have reached.
struct Part {
    scale: Scale,
    first: i64,
    /// Its visits by day.
    days: HashMap<i64, i64, RandomState>,
    /// The cells of the parts before it, of one platform and action.
    cells: Vec<Cell<5, 1>>,
}

/// Cells of seconds in order, and after those of a platform and action the ones of the coarser scales.
struct Scales<I> {
    seconds: I,
    next: Option<Cell<5, 1>>,
    /// Platform and action that the parts are of.
    of: Option<[i64; 2]>,
    parts: [Part; 2],
    /// What is passed on before the next second.
    ready: std::vec::IntoIter<Cell<5, 1>>,
}

impl<I: Iterator<Item = Result<Cell<5, 1>>>> Scales<I> {
    fn of(seconds: I) -> Self {
        let part = |scale| Part { scale, first: 0, days: HashMap::default(), cells: Vec::new() };
        let parts = [part(Scale::Sixteenths), part(Scale::Halves)];
        Self { seconds, next: None, of: None, parts, ready: Vec::new().into_iter() }
    }

    /// Takes the cells of the coarser scales of a platform and action that are complete.
    fn complete(&mut self) {
        if let Some(of) = self.of.take() {
            let cells = self.parts.iter_mut().flat_map(|part| {
                part.close(of);
                std::mem::take(&mut part.cells)
            });
            self.ready = cells.collect::<Vec<_>>().into_iter();
        }
    }

    fn next_cell(&mut self) -> Result<Option<Cell<5, 1>>> {
        loop {
            if let Some(cell) = self.ready.next() {
                return Ok(Some(cell));
            }
            let cell = match self.next.take() {
                Some(cell) => cell,
                None => match self.seconds.next().transpose()? {
                    Some(cell) => cell,
                    None if self.of.is_none() => return Ok(None),
                    None => {
                        self.complete();
                        continue;
                    }
                },
            };
            let ([platform, action, _, seconds, day], [visits]) = cell;
            let of = [platform, action];
            if self.of.is_some_and(|before| before != of) {
                self.next = Some(cell);
                self.complete();
                continue;
            }
            for part in &mut self.parts {
                part.add(of, seconds, day, visits);
            }
            self.of = Some(of);
            return Ok(Some(cell));
        }
    }
}

impl Part {
    fn add(&mut self, of: [i64; 2], seconds: i64, day: i64, visits: i64) {
        let (first, _) = self.scale.part(seconds);
        if first != self.first {
            self.close(of);
            self.first = first;
        }
        *self.days.entry(day).or_default() += visits;
    }

    /// Turns the visits into cells.
    fn close(&mut self, [platform, action]: [i64; 2]) {
        let begin = self.cells.len();
        let key = |day| [platform, action, self.scale.number(), self.first, day];
        let cells = self.days.drain().filter(|(_, visits)| *visits != 0).map(|(day, visits)| (key(day), [visits]));
        self.cells.extend(cells);
        self.cells[begin..].sort_unstable();
    }
}

impl<I: Iterator<Item = Result<Cell<5, 1>>>> Iterator for Scales<I> {
    type Item = Result<Cell<5, 1>>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_cell().transpose()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn every_scale_has_the_sums_of_its_parts_in_the_order_of_the_table() {
        let mut seconds: BTreeMap<[i64; 5], [i64; 1]> = BTreeMap::new();
        let mut all = BTreeMap::new();
        for at in 0..3_000_i64 {
            let (platform, action, took, day) = (at % 2 + 1, at % 3 + 1, at * at % 9_001, 20_000 + at % 17);
            // Some are taken away again, so that sums come to nothing.
            let visits = if at % 5 == 0 { -1 } else { 1 };
            for scale in [Scale::Seconds, Scale::Sixteenths, Scale::Halves] {
                let key = [platform, action, scale.number(), scale.part(took).0, day];
                *all.entry(key).or_insert([0])[..].first_mut().unwrap() += visits;
                if scale == Scale::Seconds {
                    seconds.entry(key).or_insert([0])[0] += visits;
                }
            }
        }
        let seconds = seconds.into_iter().filter(|(_, visits)| *visits != [0]).map(Ok);
        let cells = Scales::of(seconds).collect::<Result<Vec<_>>>().unwrap();
        let expected: Vec<_> = all.into_iter().filter(|(_, visits)| *visits != [0]).collect();
        assert_eq!(cells, expected);
    }
}
