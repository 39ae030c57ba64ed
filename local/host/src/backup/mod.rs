//! A copy of a data folder in another folder, and a data folder made of such a copy.
//!
//! The copy may be taken while the owner works. It has the table as of one instant, and everything that goes with that:
//! how far stream and bus were delivered is read before the table, so that what happened since is delivered once more,
//! never skipped; objects are read after the table, so that each object that it names is there.
//!
//! A backup's contents lie under their digests, so a second backup into the same folder writes only what is new. Its
//! manifest replaces the one before at the very end; until then, the earlier backup is what the folder has.
//!
//! Must stay true: whoever can read a backup could have read the data folder, so nobody else can read it; the manifest
//! names no person; nothing is restored that differs from the manifest.

mod content;
mod manifest;
mod restore;

pub use manifest::{BACKUP, Entry, Manifest};
pub use restore::restore;

use self::content::Content;
use crate::durable::{private, private_folder, write_whole};
use crate::{HostError, TABLE, dynamodb, folder, release};
use std::collections::BTreeMap;
use std::fs::TryLockError;
use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};

/// The file of the manifest in a backup.
const MANIFEST: &str = "manifest.json";
/// The file that is locked while a backup is written or read.
const LOCK: &str = "lock";
/// What says how far something was delivered. It is read before everything else.
const FIRST: [&str; 2] = [crate::CHECKPOINTS, "bus/delivered"];
/// Parts that are left out: they belong to the running owner, can be made again, or were never finished.
const LEFT_OUT: [&str; 11] = [
    folder::LOCK,
    crate::ENDPOINT,
    "table.sqlite",
    "table.sqlite-wal",
    "table.sqlite-shm",
    "scratch",
    // Copies of what is in the bucket.
    "reports",
    "files/lock",
    "files/tmp",
    "files/uploads",
    "files/damaged",
];
/// The ending of a file that is about to replace another.
const ASIDE: &str = ".new";

/// Why there is no backup, or nothing was restored.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The services' own errors: a file, a newer folder.
    #[error(transparent)]
    Host(#[from] HostError),
    /// There is no data folder to copy.
    #[error("{} is not a data folder", .0.display())]
    NoFolder(PathBuf),
    /// One folder is inside the other.
    #[error("{} and {} must lie beside each other: neither can be inside the other", .0.display(), .1.display())]
    Inside(PathBuf, PathBuf),
    /// The folder for the backup has something else in it.
    #[error("{} has files and is not a backup: name an empty folder, or one that does not exist", .0.display())]
    NotABackup(PathBuf),
    /// There is no backup, or none that was finished.
    #[error("{} has no finished backup: there is no manifest.json in it", .0.display())]
    NoBackup(PathBuf),
    /// Another process writes or reads the backup.
    #[error("another process is using {}", .0.display())]
    InUse(PathBuf),
    /// The folder to restore into is not empty.
    #[error("{} is not empty: a backup is restored only into an empty folder, or one that does not exist", .0.display())]
    NotEmpty(PathBuf),
    /// The table cannot be copied.
    #[error("{} is damaged, and the backup before stays as it is: {problem}", path.display())]
    Table {
        /// The table's file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// The backup is not what its manifest says.
    #[error("{} is damaged, and nothing was restored: {}", folder.display(), problems.join("; "))]
    Damaged {
        /// The backup.
        folder: PathBuf,
        /// What is wrong, at most some lines.
        problems: Vec<String>,
    },
}

/// A backup that was taken.
#[derive(Clone, Debug)]
pub struct Taken {
    /// What it has.
    pub manifest: Manifest,
    /// Bytes that were not there from a backup before.
    pub new_bytes: u64,
}

/// Takes a backup of a data folder, whose owner may be working, into the folder `to`. `now` is the time of the manifest,
/// and `report_schema` the version of the report files' schema. Blocks.
///
/// # Errors
/// See [`BackupError`]. The backup that was there before is still whole.
pub fn take(folder: &Path, to: &Path, now: String, report_schema: i32) -> Result<Taken, BackupError> {
    if !crate::Host::is_there(folder) {
        return Err(BackupError::NoFolder(folder.to_owned()));
    }
    let format = release::format(folder)?;
    beside(folder, to)?;
    let _lock = open(to)?;
    // One of a later release is not replaced.
    Manifest::read(to)?;
    let mut content = Content::open(to)?;
    let mut files = BTreeMap::new();
    for path in FIRST {
        keep(&mut content, &mut files, folder, path)?;
    }
    // Before the table as well: what the log has more than the table's instant was published by then.
    for path in walk(folder, crate::BUS)? {
        keep(&mut content, &mut files, folder, &path)?;
    }
    let aside = content.aside();
    let copied = dynamodb::copy_file(&folder.join(TABLE), &aside);
    copied.map_err(|problem| BackupError::Table { path: folder.join(TABLE), problem })?;
    files.insert(TABLE.to_owned(), content.adopt(&aside)?);
    for path in walk(folder, "")? {
        keep(&mut content, &mut files, folder, &path)?;
    }
    let new_bytes = content.finish()?;
    let files = files.into_iter().map(|(path, (bytes, sha256))| Entry { path, bytes, sha256 }).collect();
    let manifest = Manifest::new(format, now, report_schema, files);
    let path = to.join(MANIFEST);
    write_whole(&path, &manifest.text()).map_err(|error| HostError::file(&path, error))?;
    content.forget_others(&manifest)?;
    Ok(Taken { manifest, new_bytes })
}

/// Adds a file of the data folder, unless it was added before or has gone.
fn keep(
    content: &mut Content,
    files: &mut BTreeMap<String, (u64, String)>,
    folder: &Path,
    path: &str,
) -> Result<(), HostError> {
    if !files.contains_key(path)
        && let Some(found) = content.add(&folder.join(path))?
    {
        files.insert(path.to_owned(), found);
    }
    Ok(())
}

/// Whether a part of a data folder is in no backup.
fn is_left_out(path: &str) -> bool {
    LEFT_OUT.contains(&path) || path.ends_with(ASIDE)
}

/// The files under a path of the data folder, by their paths in it, without what is left out.
fn walk(folder: &Path, path: &str) -> Result<Vec<String>, HostError> {
    let at = folder.join(path);
    let named = |error| HostError::file(&at, error);
    let entries = match std::fs::read_dir(&at) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(named)?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry.map_err(named)?;
        let name = entry.file_name();
        let Some(name) = name.to_str() else { continue };
        let inside = if path.is_empty() { name.to_owned() } else { format!("{path}/{name}") };
        if is_left_out(&inside) {
            continue;
        }
        match std::fs::metadata(entry.path()) {
            Ok(kind) if kind.is_dir() => found.extend(walk(folder, &inside)?),
            Ok(_) => found.push(inside),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(HostError::file(&entry.path(), error)),
        }
    }
    Ok(found)
}

/// Checks that neither folder is inside the other.
fn beside(one: &Path, other: &Path) -> Result<(), BackupError> {
    let whole = |path: &Path| -> Result<PathBuf, HostError> {
        let path = std::path::absolute(path).map_err(|error| HostError::file(path, error))?;
        // As far as it exists, without links.
        let there = path.ancestors().find_map(|part| Some((part, part.canonicalize().ok()?)));
        Ok(match there {
            Some((part, real)) => real.join(path.strip_prefix(part).unwrap_or(Path::new(""))),
            None => path,
        })
    };
    let (first, second) = (whole(one)?, whole(other)?);
    let is_inside = first.starts_with(&second) || second.starts_with(&first);
    if is_inside { Err(BackupError::Inside(one.to_owned(), other.to_owned())) } else { Ok(()) }
}

/// Makes the folder of a backup, or opens one, and locks it.
fn open(to: &Path) -> Result<std::fs::File, BackupError> {
    let named = |error| HostError::file(to, error);
    private_folder(to).map_err(named)?;
    for entry in std::fs::read_dir(to).map_err(named)? {
        let name = entry.map_err(named)?.file_name();
        let is_ours = [MANIFEST, LOCK, content::FOLDER].iter().any(|ours| name == *ours);
        if !is_ours && name != "manifest.new" {
            return Err(BackupError::NotABackup(to.to_owned()));
        }
    }
    lock(to)
}

/// Locks a backup for this process.
fn lock(of: &Path) -> Result<std::fs::File, BackupError> {
    let path = of.join(LOCK);
    let lock = private().create(true).truncate(false).open(&path).map_err(|error| HostError::file(&path, error))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(BackupError::InUse(of.to_owned())),
        Err(TryLockError::Error(error)) => Err(HostError::file(&path, error).into()),
    }
}

/// Whether a path leads into the folder that it is joined to, and to something that a backup has.
fn is_inside(path: &str) -> bool {
    let mut parts = Path::new(path).components().peekable();
    parts.peek().is_some()
        && parts.all(|part| matches!(part, Component::Normal(_)))
        && (path == TABLE || !LEFT_OUT.iter().any(|left| path == *left || path.starts_with(&format!("{left}/"))))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests;
