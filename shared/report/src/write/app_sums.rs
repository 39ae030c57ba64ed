//! The sums of apps: what became of each app in the sessions of a day, by the model of the device (docs/DOMAIN.md, N).
//!
//! Must stay true: a session counts once for each app, however many of its items are of it; a session of which no app was
//! reported counts under no app, and says nothing else.

use crate::error::Result;
use crate::lists::dictionary::Coded as _;
use crate::write::load::{SumRows, SumTable};
use crate::write::sums::Sums;
use rusqlite::Connection;
use std::collections::BTreeMap;
use std::path::Path;
use vestibule_domain::esp::ItemState;

/// The columns of `daily_apps`.
const APP: &[&str; 3] = &["day", "app_word", "model_word"];
const COUNTS: &[&str; 7] = &["sessions", "tried", "installed", "failed", "failing", "not_needed", "open"];
/// The columns of `daily_app_codes`.
const CODE: &[&str; 3] = &["day", "app_word", "code_word"];

/// What counts of one session of the Enrollment Status Page, in the ids of the file.
#[derive(Clone, Debug, Default)]
pub(crate) struct CountedSession {
    pub day: i32,
    /// The id of its profile, a text of the file.
    pub profile: Option<i64>,
    /// The model reported of its device; 0 where none was.
    pub model: i64,
    /// Whether it is in progress.
    pub is_open: bool,
    /// Its items that are apps, in order.
    pub apps: Vec<CountedApp>,
}

/// An item of a session that is an app.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CountedApp {
    /// Its name as reported; without one its id.
    pub app: i64,
    /// Its newest state; 0 where none was reported.
    pub state: i64,
    /// Whether it was reported under way or settled.
    pub tried: bool,
    /// Whether it ever failed.
    pub failed: bool,
    /// The error code of its newest state, one spelling a code; 0 for none.
    pub code: i64,
}

/// Changes of `daily_apps` and `daily_app_codes`.
pub(crate) struct AppSums {
    apps: Sums<3, 7>,
    codes: Sums<3, 1>,
}

/// How an app stands in one session, over all its items.
#[derive(Default)]
struct Standing {
    tried: bool,
    installed: bool,
    failed: bool,
    not_needed: bool,
    /// The code of the first item that is failed.
    failing: Option<i64>,
}

impl AppSums {
    pub(crate) fn new() -> Self {
        Self { apps: Sums::of("daily_apps"), codes: Sums::of("daily_app_codes") }
    }

    /// Counts a session in (`sign` 1) or out (-1).
    pub(crate) fn session(&mut self, session: &CountedSession, sign: i64) {
        let CountedSession { model, is_open, .. } = *session;
        let day = i64::from(session.day);
        let mut apps: BTreeMap<i64, Standing> = BTreeMap::new();
        for item in &session.apps {
            let standing = apps.entry(item.app).or_default();
            let is = |states: &[ItemState]| states.iter().any(|state| state.id() == item.state);
            standing.tried |= item.tried;
            standing.failed |= item.failed;
            standing.installed |= is(&[ItemState::Completed]);
            standing.not_needed |= is(&[ItemState::NotRequired, ItemState::Skipped, ItemState::NotApplicable]);
            if is(&[ItemState::Error]) {
                standing.failing.get_or_insert(item.code);
            }
        }
        if apps.is_empty() {
            self.apps.add((APP, [day, 0, model]), (COUNTS, [1, 0, 0, 0, 0, 0, 0]), sign);
        }
        for (app, Standing { tried, installed, failed, not_needed, failing }) in apps {
            // Worst first: each session stands one way.
            let installed = installed && failing.is_none();
            let not_needed = not_needed && !installed && failing.is_none();
            let open = is_open && failing.is_none() && !installed && !not_needed;
            let counts = [true, tried, installed, failed, failing.is_some(), not_needed, open];
            self.apps.add((APP, [day, app, model]), (COUNTS, counts.map(i64::from)), sign);
            if let Some(code) = failing {
                self.codes.add((CODE, [day, app, code]), (&["failing"], [1]), sign);
            }
        }
    }

    /// How many cells are in memory.
    pub(crate) fn len(&self) -> usize {
        self.apps.len() + self.codes.len()
    }

    /// As [`Sums::spill`].
    pub(crate) fn spill(&mut self, most: usize, folder: &Path) -> Result<()> {
        self.apps.spill(most, folder)?;
        self.codes.spill(most, folder)
    }

    /// As [`Sums::write`].
    pub(crate) fn write(&mut self, conn: &Connection) -> Result<()> {
        self.apps.write(conn)?;
        self.codes.write(conn)
    }

    /// As [`Sums::new_table`].
    pub(crate) fn new_tables(&self, conn: &Connection) -> Result<[Option<SumTable>; 2]> {
        Ok([self.apps.new_table(conn)?, self.codes.new_table(conn)?])
    }

    /// As [`Sums::load`].
    pub(crate) fn load(&mut self, [apps, codes]: [Option<SumTable>; 2], rows: &mut SumRows) -> Result<()> {
        self.apps.load(apps, rows)?;
        self.codes.load(codes, rows)
    }
}
