//! The format of a data folder: a number that rises when earlier releases cannot work on the folder any more.
//!
//! It is the format in which items are written (`vestibule_domain::format`), which a new release leaves as it is: so one
//! can go back to the release before. An operator raises it (`vestibule format set`).
//!
//! Must stay true: a release never works on a folder whose number is higher than its own; it leaves the folder as it is
//! and names the release that made it. A folder without the number is of the first format. The file is written only by
//! who may change the folder, and only when all of it could be opened.

use crate::HostError;
use crate::durable::write_whole;
use serde::{Deserialize, Serialize};
use std::io::ErrorKind;
use std::path::Path;
use vestibule_domain::StoredFormat;

/// The newest format that this release works on, and that of a new folder. With the next one, the folder of this one must
/// still start: a test keeps one of each (`tests/program/folders`).
pub const FORMAT: u32 = StoredFormat::NEWEST.number();
/// This release.
pub const RELEASE: &str = env!("CARGO_PKG_VERSION");
/// The file in a data folder that has the number.
const FILE: &str = "format.json";

/// What a data folder says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Release {
    /// Its format.
    pub format: u32,
    /// The release that last changed it.
    pub release: String,
}

/// What a data folder says of itself; `None` if it has no number.
///
/// # Errors
/// When the file cannot be read, or is not one of ours.
pub fn read(folder: &Path) -> Result<Option<Release>, HostError> {
    let path = folder.join(FILE);
    match std::fs::read(&path) {
        Ok(text) => match serde_json::from_slice(&text) {
            Ok(release) => Ok(Some(release)),
            Err(error) => Err(HostError::file(&path, error.into())),
        },
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(HostError::file(&path, error)),
    }
}

/// Refuses a folder of a later format.
///
/// # Errors
/// [`HostError::Newer`]; otherwise as [`read`].
pub(crate) fn check(folder: &Path) -> Result<(), HostError> {
    match read(folder)? {
        Some(Release { format, release }) if format > FORMAT => {
            Err(HostError::Newer { what: folder.to_owned(), format, release })
        }
        _ => Ok(()),
    }
}

/// The number of a folder: the first if it has none.
///
/// # Errors
/// [`HostError::Newer`]; otherwise as [`read`].
pub fn format(folder: &Path) -> Result<StoredFormat, HostError> {
    check(folder)?;
    let number = read(folder)?.map(|release| release.format);
    Ok(number.and_then(StoredFormat::of).unwrap_or(StoredFormat::OLDEST))
}

/// Writes this release beside the folder's number, for whoever is about to change the folder. A new folder gets the newest.
///
/// # Errors
/// [`HostError::Newer`]; otherwise when the file cannot be written.
pub(crate) fn mark(folder: &Path, is_new: bool) -> Result<(), HostError> {
    // Never in the place of a later release's.
    let format = format(folder)?;
    write(folder, if is_new { StoredFormat::NEWEST } else { format })
}

/// Raises a folder's number. From then on earlier releases refuse the folder; so this comes before anything is written
/// that they could not read.
///
/// # Errors
/// [`HostError::Newer`]; otherwise when the file cannot be written.
pub fn raise(folder: &Path, to: StoredFormat) -> Result<(), HostError> {
    write(folder, format(folder)?.max(to))
}

fn write(folder: &Path, format: StoredFormat) -> Result<(), HostError> {
    let ours = Release { format: format.number(), release: RELEASE.to_owned() };
    if read(folder)?.as_ref() == Some(&ours) {
        return Ok(());
    }
    let path = folder.join(FILE);
    let text = serde_json::to_vec(&ours).map_err(|error| HostError::file(&path, error.into()))?;
    write_whole(&path, &text).map_err(|error| HostError::file(&path, error))
}
