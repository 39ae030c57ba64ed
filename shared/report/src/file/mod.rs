//! What every report file contains before any fact is written to it, and how it describes itself.
//!
//! Must stay true: nothing here depends on attempts, or on how rows are made.

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

/// Whose file it is, and which settings it is made with.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The tenant.
    pub tenant: &'a TenantId,
    /// Its settings.
    pub settings: &'a TenantSettings,
    /// Its Enrollment Status Page profiles as they are now. When they change, the file need not be built anew: each
    /// session keeps the profile that was fixed for it.
    pub profiles: &'a Profiles,
    /// What failures mean and what to do about them. When the catalogue changes, the file must be built anew.
    pub advice: &'a Arc<Catalogue>,
    /// The key of its pseudonyms, used only if the tenant's settings ask for pseudonyms.
    pub pseudonym_key: &'a [u8],
}

/// Whether the file is a report file of this schema.
pub(crate) fn is_ours(conn: &Connection) -> Result<bool> {
    let pragma = |name: &str| conn.pragma_query_value(None, name, |row| row.get::<_, i32>(0));
    Ok(pragma("application_id")? == APPLICATION_ID && pragma("user_version")? == SCHEMA_VERSION)
}

/// The oldest version of the schema whose attempts can be compared with this one's: since then the same columns say how
/// an attempt ended.
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
