//! The organisation's annotations, in the file.
//!
//! Must stay true: the table depends only on the annotations, never on its former rows, so that a refreshed file has the
//! rows of one built from nothing.

use crate::error::Result;
use crate::rows::{InsertInto, row};
use rusqlite::Connection;
use vestibule_domain::annotation::{Annotation, Annotations, Note};

/// Replaces the annotations in the file.
pub(crate) fn rewrite(conn: &Connection, annotations: &Annotations) -> Result<()> {
    conn.execute("DELETE FROM annotations", [])?;
    let mut insert = InsertInto::new(conn, "annotations");
    for Annotation { id, note: Note { from, to, text }, by, at } in annotations.iter() {
        insert.insert(row! {
            annotation_id: id,
            from_day: from.get(),
            to_day: to.get(),
            text: text,
            written_by: by,
            written_at: at.millis(),
        })?;
    }
    Ok(())
}
