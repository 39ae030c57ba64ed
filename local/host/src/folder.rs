//! A data folder: made for its owner only, locked by one process, and with all its parts or none.
//!
//! Must stay true: a folder that others can read is named in a warning, since it holds secrets in clear; a table that
//! was lost is an error, since an empty one in its place would refuse every sender in silence.

use crate::durable::{private, private_folder};
use crate::{BUS, CHECKPOINTS, ENDPOINT, FILES, HostError, TABLE};
use std::fs::{File, TryLockError};
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// The file that the owner holds locked.
pub(crate) const LOCK: &str = "lock";
/// The same in the folder of a process that shares a table: to commands it is no data folder.
const LOCK_OF_SHARED: &str = "shared.lock";
/// What a mode gives to others than the owner.
const OTHERS: u32 = 0o077;

/// Creates the folder if there is none, and locks it.
///
/// # Errors
/// [`HostError::InUse`] if another process has it; otherwise that of the file system.
pub(crate) fn take(folder: &Path) -> Result<File, HostError> {
    take_by(folder, LOCK)
}

/// The same of the folder of a process that shares a table.
///
/// # Errors
/// As [`take`].
pub(crate) fn take_of_shared(folder: &Path) -> Result<File, HostError> {
    take_by(folder, LOCK_OF_SHARED)
}

fn take_by(folder: &Path, lock: &str) -> Result<File, HostError> {
    let named = |path: PathBuf| move |error| HostError::File { path, source: error };
    private_folder(folder).map_err(named(folder.to_owned()))?;
    let path = folder.join(lock);
    let lock = private().create(true).truncate(false).open(&path).map_err(named(path.clone()))?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(HostError::InUse(folder.to_owned())),
        Err(TryLockError::Error(error)) => return Err(HostError::File { path, source: error }),
    }
    let mode = std::fs::metadata(folder).map_err(named(folder.to_owned()))?.permissions().mode();
    if mode & OTHERS != 0 {
        tracing::warn!(
            folder = %folder.display(),
            mode = format_args!("{:o}", mode & 0o777),
            "others on this machine can read the data folder, which has secrets in clear; close it by chmod -R go="
        );
    }
    // Left by an owner that was killed.
    let endpoint = folder.join(ENDPOINT);
    match std::fs::remove_file(&endpoint) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(HostError::File { path: endpoint, source: error }),
        _ => Ok(lock),
    }
}

/// Whether the folder has anything that is only made once the table is there.
///
/// # Errors
/// That of the file system.
pub(crate) fn is_used(folder: &Path) -> Result<bool, HostError> {
    let log = folder.join(BUS).join(crate::bus::LOG);
    let buckets = folder.join(FILES).join(crate::s3::BUCKETS);
    let has_bucket = match std::fs::read_dir(&buckets) {
        Ok(mut buckets) => buckets.next().is_some(),
        Err(error) if error.kind() == ErrorKind::NotFound => false,
        Err(error) => return Err(HostError::File { path: buckets, source: error }),
    };
    Ok(has_bucket || folder.join(CHECKPOINTS).exists() || std::fs::metadata(log).is_ok_and(|log| log.len() > 0))
}

/// The table's file, which is made for its owner only; the engine's other files beside it take its mode.
///
/// # Errors
/// [`HostError::TableLost`] if the folder is used and the file is not there, or empty.
pub(crate) fn table(folder: &Path, is_used: bool) -> Result<PathBuf, HostError> {
    let path = folder.join(TABLE);
    let file = std::fs::metadata(&path);
    if is_used && file.as_ref().map_or(true, |file| file.len() == 0) {
        return Err(HostError::TableLost(path));
    }
    match private().create(true).truncate(false).open(&path) {
        Ok(_) => Ok(path),
        Err(error) => Err(HostError::File { path, source: error }),
    }
}
