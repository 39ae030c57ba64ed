//! The list of what a backup has: its files with their digests, when it was taken, and in which formats the files are.
//!
//! Must stay true: it names no person, no device and no secret; paths are made of tenants' names and of digests.

use super::MANIFEST;
use crate::HostError;
use crate::release::{FORMAT, RELEASE};
use serde::{Deserialize, Serialize};
use std::io::ErrorKind;
use std::path::Path;
use vestibule_domain::StoredFormat;

/// The format of a backup's folder, which rises when earlier releases cannot read it any more. Manifests of all formats have
/// the members `backup`, `format` and `release`, so that every release can name a later one.
pub const BACKUP: u32 = 1;

/// The contents of a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// The format of the backup's folder.
    pub backup: u32,
    /// The format of the data folder that it was taken of.
    pub format: u32,
    /// The release that took it.
    pub release: String,
    /// The version of the SQLite that wrote the table.
    pub sqlite: String,
    /// The version of the schema of report files.
    pub report_schema: i32,
    /// When it was begun.
    pub taken_at: String,
    /// Its files, by path.
    pub files: Vec<Entry>,
}

/// A file of a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its path in the data folder.
    pub path: String,
    /// Its size.
    pub bytes: u64,
    /// The SHA-256 of its content, in hexadecimal; its name in the backup.
    pub sha256: String,
}

impl Manifest {
    pub(super) fn new(format: StoredFormat, taken_at: String, report_schema: i32, files: Vec<Entry>) -> Self {
        Self {
            backup: BACKUP,
            format: format.number(),
            release: RELEASE.to_owned(),
            sqlite: rusqlite::version().to_owned(),
            report_schema,
            taken_at,
            files,
        }
    }

    /// The size of all files together.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }

    pub(super) fn text(&self) -> Vec<u8> {
        serde_json::to_vec_pretty(self).unwrap_or_default()
    }

    /// Reads the manifest of a backup's folder; `None` if there is none.
    ///
    /// # Errors
    /// [`HostError::Newer`] if a later release took the backup, whatever else its manifest has; otherwise that of the file.
    pub(super) fn read(folder: &Path) -> Result<Option<Self>, HostError> {
        let path = folder.join(MANIFEST);
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(HostError::file(&path, error)),
        };
        let malformed = |error: serde_json::Error| HostError::file(&path, error.into());
        // Before the rest: a later release may have written the rest in another shape.
        let Head { backup, format, release } = serde_json::from_slice(&text).map_err(malformed)?;
        if backup > BACKUP || format > FORMAT {
            let format = if backup > BACKUP { backup } else { format };
            return Err(HostError::Newer { what: folder.to_owned(), format, release });
        }
        serde_json::from_slice(&text).map(Some).map_err(malformed)
    }
}

/// What manifests of all formats have.
#[derive(Deserialize)]
struct Head {
    backup: u32,
    format: u32,
    release: String,
}
