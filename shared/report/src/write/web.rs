//! The sums of web-based enrollment, in the file.
//!
//! Must stay true: the tables depend only on the sums and the window, never on their former rows, so that a refreshed
//! file has the rows of one built from nothing. The sums contain no people and no hashes of people.

use crate::error::Result;
use crate::lists::dictionary::Coded as _;
use crate::rows::{InsertInto, row};
use rusqlite::Connection;
use vestibule_domain::Day;
use vestibule_domain::web_enrollment::WebDays;

/// Replaces the sums in the file with those of the days from `cutoff` to `today`.
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
