//! The sums of attempts by what was reported of them: by model, OS version, enrollment type, sender and tag (docs/DOMAIN.md, K).
//!
//! Must stay true: they are the sums of days, places and steps, of the attempts of one value alone. So the report can be about
//! one value, and is exact. An attempt counts once for each kind of value, and once for each of its senders.

use crate::error::Result;
use crate::lists::dictionary::{Coded as _, Slice};
use crate::write::load::{Pages, SumTable};
use crate::write::sums::{Cells, Sums};
use crate::write::totals::Counted;
use rusqlite::Connection;
use std::path::Path;

/// The columns of the keys of `daily_slices`, `daily_slice_places` and `daily_slice_steps`.
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
const STEP: &[&str; 5] = &["slice_id", "value_word", "day", "platform_id", "action_id"];

/// By what an attempt is told apart, each with its value: the id of the slice, and of the text; 0 where none was reported.
pub(super) fn values_of(attempt: &Counted) -> Vec<(i64, i64)> {
    let reported = [
        (Slice::Model, attempt.model),
        (Slice::OsVersion, attempt.os_version),
        (Slice::EnrollmentType, attempt.enrollment_type),
    ];
    let senders = attempt.sources.iter().map(|sender| (Slice::Source, sender.source));
    let of_all = reported.into_iter().chain(senders).map(|(slice, value)| (slice.id(), value));
    of_all.chain(attempt.tags.iter().copied()).collect()
}

/// Changes of `daily_slices`, `daily_slice_places` and `daily_slice_steps`.
pub(super) struct SliceSums {
    days: Sums<4, 13>,
    places: Sums<9, 3>,
    steps: Sums<5, 8>,
}

impl SliceSums {
    pub(super) fn new() -> Self {
        Self {
            days: Sums::of("daily_slices"),
            places: Sums::of("daily_slice_places"),
            steps: Sums::of("daily_slice_steps"),
        }
    }

    /// Counts an attempt in or out under each of its values.
    pub(super) fn attempt(&mut self, attempt: &Counted, values: &[(i64, i64)], sums: Cells<13>, sign: i64) {
        for &(slice, value) in values {
            self.days.add((DAY, [slice, i64::from(attempt.day), attempt.platform, value]), sums, sign);
        }
    }

    /// Counts where an incomplete attempt stopped.
    pub(super) fn place(&mut self, attempt: &Counted, values: &[(i64, i64)], sums: Cells<3>, sign: i64) {
        let Counted { platform, section, action, cause, row, limit, .. } = *attempt;
        let (day, row, limit) = (i64::from(attempt.day), row.unwrap_or(0), limit.unwrap_or(0));
        for &(slice, value) in values {
            self.places.add((PLACE, [slice, day, platform, value, section, action, cause, row, limit]), sums, sign);
        }
    }

    /// Counts what became of an attempt at a step.
    pub(super) fn step(&mut self, attempt: &Counted, values: &[(i64, i64)], step: i64, sums: Cells<8>, sign: i64) {
        for &(slice, value) in values {
            self.steps.add((STEP, [slice, value, i64::from(attempt.day), attempt.platform, step]), sums, sign);
        }
    }

    /// How many cells are in memory.
    pub(super) fn len(&self) -> usize {
        self.days.len() + self.places.len() + self.steps.len()
    }

    /// As [`Sums::spill`].
    pub(super) fn spill(&mut self, most: usize, folder: &Path) -> Result<()> {
        self.days.spill(most, folder)?;
        self.places.spill(most, folder)?;
        self.steps.spill(most, folder)
    }

    /// As [`Sums::write`].
    pub(super) fn write(&mut self, conn: &Connection) -> Result<()> {
        self.days.write(conn)?;
        self.places.write(conn)?;
        self.steps.write(conn)
    }

    /// As [`Sums::new_table`].
    pub(super) fn new_tables(&self, conn: &Connection) -> Result<[Option<SumTable>; 3]> {
        Ok([self.days.new_table(conn)?, self.places.new_table(conn)?, self.steps.new_table(conn)?])
    }

    /// As [`Sums::load`].
    pub(super) fn load(&mut self, tables: [Option<SumTable>; 3], pages: &mut Pages) -> Result<()> {
        let [days, places, steps] = tables;
        self.days.load(days, pages)?;
        self.places.load(places, pages)?;
        self.steps.load(steps, pages)
    }
}
