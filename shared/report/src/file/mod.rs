//! What every file of ours is made of before any fact is in it, and what it says of itself.
//!
//! Must stay true: nothing here knows an attempt, or how rows come to be.

pub(crate) mod built_in;
mod column_docs;
pub(crate) mod pseudonym;
pub(crate) mod questions;
pub(crate) mod schema;
pub(crate) mod sql;

use crate::error::Result;
use crate::{APPLICATION_ID, SCHEMA_VERSION};
use rusqlite::{Connection, OptionalExtension as _};
use std::sync::Arc;
use vestibule_advice::Catalogue;
use vestibule_domain::esp::profiles::Profiles;
use vestibule_domain::{TenantId, TenantSettings};

/// Whose file it is and by which choices.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The tenant.
    pub tenant: &'a TenantId,
    /// Its settings.
    pub settings: &'a TenantSettings,
    /// Its Enrollment Status Page profiles as they are now. A change of them builds no file anew: a session
    /// carries what was fixed for it.
    pub profiles: &'a Profiles,
    /// What failures mean and what to do about them; another catalogue builds the file anew.
    pub advice: &'a Arc<Catalogue>,
    /// The key of its pseudonyms, used only when it asks for them.
    pub pseudonym_key: &'a [u8],
}

/// Whether the file is a report file of this schema.
pub(crate) fn is_ours(conn: &Connection) -> Result<bool> {
    let pragma = |name: &str| conn.pragma_query_value(None, name, |row| row.get::<_, i32>(0));
    Ok(pragma("application_id")? == APPLICATION_ID && pragma("user_version")? == SCHEMA_VERSION)
}

/// The first version of the schema whose attempts can be compared with today's: how an attempt ended lies in the same
/// columns since then.
const COMPARABLE_FROM: i32 = 4;

/// Whether the file is a report file whose attempts can be compared with those of this schema.
pub(crate) fn is_comparable(conn: &Connection) -> Result<bool> {
    let pragma = |name: &str| conn.pragma_query_value(None, name, |row| row.get::<_, i32>(0));
    let versions = COMPARABLE_FROM..=SCHEMA_VERSION;
    Ok(pragma("application_id")? == APPLICATION_ID && versions.contains(&pragma("user_version")?))
}

pub(crate) fn meta(conn: &Connection, key: &str) -> Result<Option<String>> {
    Ok(conn.query_row("SELECT value FROM meta WHERE key = ?1", [key], |row| row.get(0)).optional()?)
}

pub(crate) fn set_meta(conn: &Connection, key: &str, value: &str) -> Result<()> {
    conn.execute(
        "INSERT INTO meta (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        [key, value],
    )?;
    Ok(())
}
