//! The sums of attempts by step, of all and of those of one value: one model, OS version, enrollment type, sender or tag
//! (docs/DOMAIN.md, K); of the latter also the sums of days and places.
//!
//! Must stay true: the sums of a value are those of the attempts of this value alone. So the report can be about one value,
//! and is exact. An attempt counts once for each kind of value, and once for each of its senders.
//!
//! An attempt changes some ten sums of each of its values. So those of one value and day are gathered in one entry, which is
//! looked up once for an attempt, and become cells when they are written or are too many.

use crate::error::Result;
use crate::lists::dictionary::{Coded, Slice};
use crate::write::load::{SumRows, SumTable};
use crate::write::sums::{Cells, Counts, Sums};
use crate::write::totals::Counted;
use foldhash::fast::RandomState;
use rusqlite::Connection;
use std::collections::HashMap;
use std::path::Path;
use vestibule_domain::catalogue::KnownAction;

/// The columns of the keys of `daily_slices`, `daily_slice_places`, `daily_slice_steps` and `daily_steps`.
const DAY: &[&str; 4] = &["slice_id", "day", "platform_id", "value_word"];
const PLACE: &[&str; 9] = &[
    "slice_id",
    "day",
    "platform_id",
    "value_word",
    "section_id",
    "action_id",
    "cause_id",
    "catalogue_row",
    "limit_minutes",
];
const VALUE_STEP: &[&str; 5] = &["slice_id", "value_word", "day", "platform_id", "action_id"];
const STEP: &[&str; 3] = &["day", "platform_id", "action_id"];

const STEPS: usize = <KnownAction as Coded>::LIST.len();
/// Cells that take as much memory as an entry.
const CELLS: usize = 4;
/// The place of the sums of all attempts; the ids of slices begin at 1.
const ALL: (i64, i64) = (0, 0);

/// By what an attempt is told apart, each with its value: the id of the slice, and of the text; 0 where none was reported.
fn values_of(attempt: &Counted) -> impl Iterator<Item = (i64, i64)> {
    let reported = [
        (Slice::Model, attempt.model),
        (Slice::OsVersion, attempt.os_version),
        (Slice::EnrollmentType, attempt.enrollment_type),
    ];
    let senders = attempt.sources.iter().map(|sender| (Slice::Source, sender.source));
    let of_all = reported.into_iter().chain(senders).map(|(slice, value)| (slice.id(), value));
    of_all.chain(attempt.tags.iter().copied())
}

/// What an attempt adds at each step.
#[derive(Default)]
pub(super) struct OfSteps {
    columns: Option<&'static [&'static str; 8]>,
    sums: [[i32; 8]; STEPS],
}

impl OfSteps {
    /// Sets what it adds at a step.
    pub(super) fn set(&mut self, step: KnownAction, (columns, sums): Counts<8>) {
        self.columns = Some(columns);
        self.sums[step as usize] = sums;
    }
}

/// The sums of one value, day and platform.
struct Entry {
    day: [i32; 13],
    steps: [[i32; 8]; STEPS],
}

impl Entry {
    const NOTHING: Self = Self { day: [0; 13], steps: [[0; 8]; STEPS] };

    fn add(&mut self, day: &[i32; 13], steps: &OfSteps, sign: i32) {
        for (sum, by) in self.day.iter_mut().zip(day) {
            *sum += sign * by;
        }
        for (sum, by) in self.steps.as_flattened_mut().iter_mut().zip(steps.sums.as_flattened()) {
            *sum += sign * by;
        }
    }
}

/// Changes of `daily_steps`, `daily_slices`, `daily_slice_places` and `daily_slice_steps`.
pub(super) struct SliceSums {
    /// What is not in the sums below yet, by slice, value, day and platform.
    entries: HashMap<[i64; 4], Entry, RandomState>,
    days: Sums<4, 13>,
    places: Sums<9, 3>,
    steps: Sums<5, 8>,
    all_steps: Sums<3, 8>,
}

/// The tables of a new file.
pub(super) type NewTables = [Option<SumTable>; 4];

impl SliceSums {
    pub(super) fn new() -> Self {
        Self {
            entries: HashMap::default(),
            days: Sums::of("daily_slices"),
            places: Sums::of("daily_slice_places"),
            steps: Sums::of("daily_slice_steps"),
            all_steps: Sums::of("daily_steps"),
        }
    }

    /// Counts an attempt in or out, under each of its values: its day, and what became of it at each step.
    pub(super) fn attempt(&mut self, attempt: &Counted, (columns, sums): Counts<13>, steps: &OfSteps, sign: i32) {
        self.days.columns(DAY, columns);
        if let Some(columns) = steps.columns {
            self.steps.columns(VALUE_STEP, columns);
            self.all_steps.columns(STEP, columns);
        }
        let day = i64::from(attempt.day);
        for (slice, value) in std::iter::once(ALL).chain(values_of(attempt)) {
            let key = [slice, value, day, attempt.platform];
            self.entries.entry(key).or_insert(Entry::NOTHING).add(&sums, steps, sign);
        }
    }

    /// Counts where an incomplete attempt stopped.
    pub(super) fn place(&mut self, attempt: &Counted, sums: Cells<3>, sign: i64) {
        let Counted { platform, section, action, cause, row, limit, .. } = *attempt;
        let (day, row, limit) = (i64::from(attempt.day), row.unwrap_or(0), limit.unwrap_or(0));
        for (slice, value) in values_of(attempt) {
            self.places.add((PLACE, [slice, day, platform, value, section, action, cause, row, limit]), sums, sign);
        }
    }

    /// How many cells are in memory.
    pub(super) fn len(&self) -> usize {
        self.entries.len() * CELLS + self.places.len()
    }

    /// As [`Sums::spill`].
    pub(super) fn spill(&mut self, most: usize, folder: &Path) -> Result<()> {
        self.places.spill(most, folder)?;
        match self.entries.len() * CELLS > most {
            true => self.gather(Some(folder)),
            false => Ok(()),
        }
    }

    /// Makes cells of the entries, and moves them to files in `folder` if there is one.
    fn gather(&mut self, folder: Option<&Path>) -> Result<()> {
        let entries = std::mem::take(&mut self.entries);
        let (mut days, mut steps, mut all_steps) = (Vec::new(), Vec::new(), Vec::new());
        for ([slice, value, day, platform], entry) in entries {
            let of_steps = KnownAction::LIST.iter().zip(entry.steps).filter(|(_, sums)| *sums != [0; 8]);
            let of_steps = of_steps.map(|(step, sums)| (step.id(), sums.map(i64::from)));
            if (slice, value) == ALL {
                all_steps.extend(of_steps.map(|(step, sums)| ([day, platform, step], sums)));
                continue;
            }
            steps.extend(of_steps.map(|(step, sums)| ([slice, value, day, platform, step], sums)));
            if entry.day != [0; 13] {
                days.push(([slice, day, platform, value], entry.day.map(i64::from)));
            }
        }
        self.days.gathered(days, folder)?;
        self.steps.gathered(steps, folder)?;
        self.all_steps.gathered(all_steps, folder)
    }

    /// As [`Sums::write`].
    pub(super) fn write(&mut self, conn: &Connection) -> Result<()> {
        self.gather(None)?;
        self.days.write(conn)?;
        self.places.write(conn)?;
        self.steps.write(conn)?;
        self.all_steps.write(conn)
    }

    /// As [`Sums::new_table`].
    pub(super) fn new_tables(&self, conn: &Connection) -> Result<NewTables> {
        let Self { entries: _, days, places, steps, all_steps } = self;
        Ok([days.new_table(conn)?, places.new_table(conn)?, steps.new_table(conn)?, all_steps.new_table(conn)?])
    }

    /// As [`Sums::load`].
    pub(super) fn load(&mut self, [days, places, steps, all_steps]: NewTables, rows: &mut SumRows) -> Result<()> {
        self.gather(None)?;
        self.days.load(days, rows)?;
        self.places.load(places, rows)?;
        self.steps.load(steps, rows)?;
        self.all_steps.load(all_steps, rows)
    }
}
