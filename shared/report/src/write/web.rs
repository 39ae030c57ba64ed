//! The sums of web-based enrollment, in the file.
//!
//! Must stay true: the tables follow from the sums and the window alone, never from what was in them, so that a refreshed
//! file has the rows of a built one. The sums hold nobody, and no hash.

use crate::error::Result;
use crate::lists::dictionary::Coded as _;
use crate::rows::{InsertInto, row};
use rusqlite::Connection;
use vestibule_domain::Day;
use vestibule_domain::web_enrollment::WebDays;

/// Writes the sums of the days from `cutoff` to `today` in place of those of before.
pub(crate) fn rewrite(conn: &Connection, days: &WebDays, cutoff: Day, today: Day) -> Result<()> {
    conn.execute_batch("DELETE FROM web_enrollment_sets; DELETE FROM web_enrollment_days")?;
    let mut day_row = InsertInto::new(conn, "web_enrollment_days");
    let mut set_row = InsertInto::new(conn, "web_enrollment_sets");
    for (day, sets) in days.range(cutoff..=today) {
        day_row.insert(row! { day: day.get() })?;
        for ((platform, steps), people) in sets {
            let people = i64::try_from(*people).unwrap_or(i64::MAX);
            set_row.insert(row! { day: day.get(), platform_id: platform.id(), steps: steps.bits(), people: people })?;
        }
    }
    Ok(())
}
