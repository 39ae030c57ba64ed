//! The one operation on a file: fold what changed as of an instant, and replace its old rows with the new.
//!
//! Invariant: a file refreshed step by step, in any order and in any portions, has the rows of a file built from
//! nothing from the same data at the same instant. So the code here may depend on the past only through the rows
//! themselves.

use crate::error::{Error, Result};
use crate::file::set_meta;
use crate::file::sql::INDEXES;
use crate::rows::{InsertInto, row};
use crate::write::annotations;
use crate::write::app_names;
use crate::write::counting::Counting;
use crate::write::delete::Delete;
use crate::write::folded::{Change, Folded, Folding};
use crate::write::insert::Insert;
use crate::write::load::{Load, beside};
use crate::write::profiles;
use crate::write::web;
use crate::write::working::Working;
use rusqlite::Connection;
use std::borrow::Borrow;
use std::rc::Rc;
use std::sync::Arc;
use vestibule_domain::annotation::Annotations;
use vestibule_domain::esp::AppNames;
use vestibule_domain::esp::profiles::Profiles;
use vestibule_domain::web_enrollment::WebDays;
use vestibule_domain::{Day, Timestamp};

/// The name in `meta` of the number of enrollments that could not be read.
pub(crate) const UNREADABLE: &str = "unreadableEnrollments";

/// A refresh under way. If it is dropped unfinished, the file cannot be used any more.
pub struct Refresh<'w> {
    conn: &'w Connection,
    ids: crate::lists::ids::Ids,
    torn: &'w mut bool,
    removed: &'w mut bool,
    folding: Folding,
    profiles: &'w Profiles,
    web_days: &'w WebDays,
    app_names: &'w AppNames,
    annotations: &'w Annotations,
    cutoff: Day,
    /// Whether this is the file's first refresh, so that nothing in it is too old.
    fresh: bool,
    indexed: bool,
    /// Whether the file may list an item as unreadable: a new one does only after the first.
    unreadable: bool,
    /// Keeps the rows of a new file until its end.
    load: Rc<Load>,
    insert: Insert<'w>,
    delete: Delete<'w>,
    counting: Counting,
}

impl Working {
    /// Begins bringing the file to `as_of`: give it every item that changed, is [overdue](Self::overdue)
    /// or is gone, then finish. Until then the file must not be read.
    ///
    /// # Errors
    /// If the file is already as of a later instant, or an earlier refresh did not finish.
    pub fn refresh(&mut self, as_of: Timestamp) -> Result<Refresh<'_>> {
        if self.torn {
            return Err(Error::Unfinished);
        }
        if let Some(file) = self.as_of()?.filter(|file| *file > as_of) {
            return Err(Error::Backwards { file, asked: as_of });
        }
        Refresh::begin(self, as_of)
    }

    /// What folds items for a refresh to `as_of`, on this thread or another.
    pub fn folding(&self, as_of: Timestamp) -> Folding {
        Folding { tenant: self.tenant.clone(), settings: self.settings.clone(), as_of }
    }
}

impl<'w> Refresh<'w> {
    fn begin(working: &'w mut Working, as_of: Timestamp) -> Result<Self> {
        let cutoff = working.cutoff(as_of);
        let fresh = working.as_of()?.is_none();
        // A load writes beside SQLite, which must not have the file's pages in a log.
        let load = Rc::new(Load::new(working.folder(), fresh && !working.is_shared()?));
        let folding = working.folding(as_of);
        let Working { conn, profiles, web_days, app_names, annotations, advice, people, ids, torn, removed, .. } =
            working;
        conn.execute_batch("BEGIN")?;
        *torn = true;
        let mut indexed = is_indexed(conn)?;
        // A load writes indexes as it writes tables: it begins with those that have no entries.
        if load.is_open() && !indexed {
            conn.execute_batch(INDEXES)?;
            indexed = true;
        }
        Ok(Self {
            conn,
            ids: *ids,
            torn,
            removed,
            folding,
            profiles,
            web_days,
            app_names,
            annotations,
            cutoff,
            fresh,
            indexed,
            unreadable: !fresh,
            insert: Insert::new(conn, *ids, people.clone(), Arc::clone(advice), &load)?,
            counting: Counting::new(&load)?,
            load,
            delete: Delete::new(conn, *ids)?,
        })
    }

    /// Replaces the rows of an item with those of its current history.
    ///
    /// # Errors
    /// [`Error::Collision`], or if the file cannot be written.
    pub fn apply(&mut self, change: &Change) -> Result<()> {
        let folded = self.folding.fold(change);
        self.write(&folded)
    }

    /// Replaces the rows of a [folded](Working::folding) item.
    ///
    /// # Errors
    /// [`Error::Collision`], or if the file cannot be written.
    pub fn write<C: Borrow<Change>>(&mut self, folded: &Folded<C>) -> Result<()> {
        let item = &folded.change().item;
        let number = self.ids.enrollment(item);
        self.remove_numbered(item, number)?;
        if self.load.is_open() {
            self.load.came(number);
        }
        self.insert.enrollment(&mut self.counting, &self.folding.settings, self.cutoff, number, folded)?;
        self.counting.bound(self.conn)
    }

    /// Whether the file has the item, in any version. While a new file is loaded, an item that collides with another is
    /// taken for it until it is [applied](Self::apply).
    ///
    /// # Errors
    /// [`Error::Collision`], or if the file cannot be read.
    pub fn has(&mut self, item: &str) -> Result<bool> {
        self.has_numbered(item, self.ids.enrollment(item))
    }

    fn has_numbered(&mut self, item: &str, number: i64) -> Result<bool> {
        if self.load.is_open() {
            return Ok(self.load.has(number));
        }
        self.delete.has(item)
    }

    /// Whether the file already has this version of an item, or a newer one: a read may lag. An item that is
    /// [overdue](crate::Working::overdue) must be applied even so. While a new file is loaded its versions cannot be
    /// looked up, and nothing counts as known.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn knows(&self, item: &str, version: u64) -> Result<bool> {
        if self.load.is_open() {
            return Ok(false);
        }
        crate::write::working::knows(self.conn, self.ids, item, version)
    }

    /// Removes an item that the store has but that cannot be read, and remembers it: it is
    /// [overdue](crate::Working::overdue) until it can be read or is gone. Returns whether it could be read before.
    ///
    /// # Errors
    /// [`Error::Collision`], or if the file cannot be written.
    pub fn unreadable(&mut self, item: &str) -> Result<bool> {
        self.remove_rows(item, self.ids.enrollment(item))?;
        self.unreadable = true;
        let mut insert = InsertInto::unless_taken(self.conn, "unreadable_enrollments");
        Ok(insert.insert(row! { item: item, since: self.folding.as_of.millis() })? > 0)
    }

    /// Removes an item that is gone: merged into another, or expired.
    ///
    /// # Errors
    /// [`Error::Collision`], or if the file cannot be written.
    pub fn remove(&mut self, item: &str) -> Result<()> {
        self.remove_numbered(item, self.ids.enrollment(item))
    }

    fn remove_numbered(&mut self, item: &str, number: i64) -> Result<()> {
        if self.unreadable {
            self.conn.prepare_cached("DELETE FROM unreadable_enrollments WHERE item = ?1")?.execute([item])?;
        }
        self.remove_rows(item, number)
    }

    fn remove_rows(&mut self, item: &str, number: i64) -> Result<()> {
        if self.has_numbered(item, number)? {
            self.settle()?;
            if self.delete.has(item)? {
                *self.removed = true;
                self.delete.item(self.counting.totals()?, item)?;
            }
        }
        Ok(())
    }

    /// Removes what left the window, and writes what depends on the instant of the refresh.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn finish(mut self) -> Result<()> {
        if !self.fresh {
            *self.removed = true;
            self.delete.before(self.counting.totals()?, &self.folding.settings, self.cutoff)?;
        }
        self.settle()?;
        self.counting.totals()?.flush(self.conn)?;
        profiles::rewrite(self.conn, self.profiles)?;
        app_names::rewrite(self.conn, self.ids, self.app_names)?;
        annotations::rewrite(self.conn, self.annotations)?;
        self.conn.execute("DELETE FROM days", [])?;
        let mut insert = InsertInto::new(self.conn, "days");
        let today = self.folding.as_of.day(self.folding.settings.time_zone);
        web::rewrite(self.conn, self.web_days, self.cutoff, today)?;
        for day in self.cutoff.get()..=today.get() {
            insert.insert(row! { day: day, date: Day::new(day).to_string() })?;
        }
        drop(insert);
        for (key, value) in [
            ("asOf", self.folding.as_of.to_string()),
            ("asOfMillis", self.folding.as_of.millis().to_string()),
            ("asOfDay", today.get().to_string()),
            ("windowFrom", self.cutoff.to_string()),
            ("windowTo", today.plus(1).to_string()),
            ("windowFromDay", self.cutoff.get().to_string()),
            ("windowToDay", today.plus(1).get().to_string()),
            (UNREADABLE, count_unreadable(self.conn)?.to_string()),
        ] {
            set_meta(self.conn, key, &value)?;
        }
        self.conn.execute_batch("COMMIT")?;
        *self.torn = false;
        Ok(())
    }

    /// Writes the rows that a first load kept, and creates the indexes if the file has none: creating them after rows were
    /// written at once is quicker than updating them with every row. If an item comes twice this happens earlier, to find
    /// its rows.
    fn settle(&mut self) -> Result<()> {
        if self.load.is_open() {
            self.load.take_built_in(self.conn)?;
            let totals = self.counting.totals()?;
            let sums = totals.new_tables(self.conn)?;
            beside(self.conn, |pages| {
                self.load.write(pages, self.ids)?;
                totals.load(sums, pages)
            })?;
            self.load.index_others(self.conn)?;
        }
        if !self.indexed {
            self.conn.execute_batch(INDEXES)?;
            self.indexed = true;
        }
        Ok(())
    }
}

fn is_indexed(conn: &Connection) -> Result<bool> {
    let mut any = conn.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'attempts_by_enrollment'")?;
    Ok(any.exists([])?)
}

fn count_unreadable(conn: &Connection) -> Result<i64> {
    Ok(conn.query_row("SELECT count(*) FROM unreadable_enrollments", [], |row| row.get(0))?)
}

impl std::fmt::Debug for Refresh<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Refresh").field("as_of", &self.folding.as_of).finish_non_exhaustive()
    }
}
