//! Open texts as numbers: each text is stored once in `words` under a hash of it. Actions and screens that senders
//! named themselves are stored likewise in `actions` and `screens`.

use crate::error::{Error, Result};
use crate::lists::dictionary::{known_action, known_screen};
use crate::lists::ids::Ids;
use crate::rows::Field;
use crate::write::load::{Again, Load};
use foldhash::fast::RandomState;
use rusqlite::{Connection, Statement, params};
use std::collections::HashMap;
use std::rc::Rc;
use vestibule_domain::catalogue::{Action, Screen};
use vestibule_words::{List, words};

/// How many texts are remembered as written; beyond this they are looked up again, so memory stays bounded.
const REMEMBERED: usize = 32_768;

/// A dictionary being written.
struct Table<'c> {
    what: &'static str,
    /// The list of words for the names, if the dictionary stores them too.
    titles: Option<List>,
    insert: Statement<'c>,
    find: Statement<'c>,
    known: HashMap<String, i64, RandomState>,
    /// Where texts are kept during a first load, and the table's number there.
    load: Option<(Rc<Load>, usize)>,
}

impl<'c> Table<'c> {
    fn new(conn: &'c Connection, what: &'static str, titles: Option<List>, insert: &str, find: &str) -> Result<Self> {
        let (insert, find) = (conn.prepare(insert)?, conn.prepare(find)?);
        Ok(Self { what, titles, insert, find, known: HashMap::default(), load: None })
    }

    fn id(&mut self, ids: Ids, text: &str) -> Result<i64> {
        if let Some(id) = self.known.get(text) {
            return Ok(*id);
        }
        let id = ids.word(text);
        if let Some((load, table)) = self.load.as_ref().filter(|(load, _)| load.is_open()) {
            load.keep(*table, &[Field::Integer(id), Field::Text(text)])?;
        } else {
            self.write(ids, id, text)?;
        }
        if self.known.len() >= REMEMBERED {
            self.known.clear();
        }
        self.known.insert(text.to_owned(), id);
        Ok(id)
    }

    fn write(&mut self, ids: Ids, id: i64, text: &str) -> Result<()> {
        let added = match self.titles {
            Some(list) => self.insert.execute(params![id, text, words(list, text)])?,
            None => self.insert.execute(params![id, text])?,
        };
        if added == 0 {
            let same = self.find.query_row([id], |row| Ok(row.get_ref(0)?.as_str()? == text))?;
            if !same {
                return Err(Error::Collision { what: self.what, salt: ids.salt });
            }
        }
        Ok(())
    }
}

/// The dictionaries of open texts.
pub(crate) struct Words<'c> {
    ids: Ids,
    words: Table<'c>,
    actions: Table<'c>,
    screens: Table<'c>,
}

impl<'c> Words<'c> {
    pub(crate) fn new(conn: &'c Connection, ids: Ids) -> Result<Self> {
        Ok(Self {
            ids,
            words: Table::new(
                conn,
                "words",
                None,
                "INSERT INTO words (id, text) VALUES (?1, ?2) ON CONFLICT (id) DO NOTHING",
                "SELECT text FROM words WHERE id = ?1",
            )?,
            actions: Table::new(
                conn,
                "actions",
                Some(List::Action),
                "INSERT INTO actions (id, name, title, section_id, step, on_ios, on_android, optional)
                 VALUES (?1, ?2, ?3, 0, NULL, 0, 0, 1) ON CONFLICT (id) DO NOTHING",
                "SELECT name FROM actions WHERE id = ?1",
            )?,
            screens: Table::new(
                conn,
                "screens",
                Some(List::Screen),
                "INSERT INTO screens (id, name, title) VALUES (?1, ?2, ?3) ON CONFLICT (id) DO NOTHING",
                "SELECT name FROM screens WHERE id = ?1",
            )?,
        })
    }

    /// The same while a first load keeps the texts; those of actions and screens are few.
    pub(crate) fn loading(conn: &'c Connection, ids: Ids, load: &Rc<Load>) -> Result<Self> {
        let mut all = Self::new(conn, ids)?;
        if load.is_open() {
            let table = load.table(conn, all.words.what, &["id", "text"], Again::IsOnce)?;
            all.words.load = Some((Rc::clone(load), table));
        }
        Ok(all)
    }

    /// The number of a text; `None` if it is missing or empty.
    pub(crate) fn id(&mut self, text: Option<&str>) -> Result<Option<i64>> {
        match text {
            None | Some("") => Ok(None),
            Some(text) => self.words.id(self.ids, text).map(Some),
        }
    }

    pub(crate) fn action(&mut self, action: Option<&Action>) -> Result<i64> {
        let Some(action) = action else { return Ok(0) };
        match known_action(action) {
            Some(id) => Ok(id),
            None => self.actions.id(self.ids, action.name()),
        }
    }

    pub(crate) fn screen(&mut self, screen: Option<&Screen>) -> Result<i64> {
        let Some(screen) = screen else { return Ok(0) };
        match known_screen(screen) {
            Some(id) => Ok(id),
            None => self.screens.id(self.ids, screen.name()),
        }
    }
}

/// Removes the texts that no row refers to any more, and the advice on reasons that no failure has any more.
pub(crate) fn sweep(conn: &Connection) -> Result<()> {
    conn.execute(
        "DELETE FROM failure_reason_advice WHERE NOT EXISTS (
           SELECT 1 FROM daily_failures d WHERE d.code_word = failure_reason_advice.code_word
             AND d.reason_word = failure_reason_advice.reason_word
             AND d.category_id = failure_reason_advice.category_id)",
        [],
    )?;
    // The schema says which columns refer to a dictionary, so no new column can be forgotten.
    for (table, open) in [("words", "id <> 0"), ("actions", "id > 65535"), ("screens", "id > 65535")] {
        let mut columns = conn.prepare(
            "SELECT s.name, f.\"from\" FROM sqlite_schema s CROSS JOIN pragma_foreign_key_list(s.name) f
             WHERE s.type = 'table' AND f.\"table\" = ?1 ORDER BY 1, 2",
        )?;
        let used = columns
            .query_map([table], |row| {
                let (table, column): (String, String) = (row.get(0)?, row.get(1)?);
                Ok(format!("SELECT {column} FROM {table} WHERE {column} IS NOT NULL"))
            })?
            .collect::<rusqlite::Result<Vec<_>>>()?
            .join(" UNION ");
        conn.execute(&format!("DELETE FROM {table} WHERE {open} AND id NOT IN ({used})"), [])?;
    }
    Ok(())
}
