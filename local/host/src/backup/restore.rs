//! Makes a data folder of a backup.
//!
//! Must stay true: everything is compared with the manifest before anything is written, and once more while it is; the
//! table comes last, so that an interrupted one is a folder whose table is lost, which nobody starts.

use super::content::{self, copy, path_of};
use super::{BackupError, MANIFEST, Manifest, beside, is_inside, lock};
use crate::durable::{private, private_folder, sync_folder_of};
use crate::{FILES, HostError, TABLE, folder, s3};
use std::collections::BTreeSet;
use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// The most problems that are named.
const MOST_NAMED: usize = 10;

/// Makes a data folder of the backup in `from`. Blocks.
///
/// # Errors
/// See [`BackupError`]. Unless the disk fails while it is written, the folder is then as it was.
pub fn restore(from: &Path, to: &Path) -> Result<Manifest, BackupError> {
    if !from.join(MANIFEST).exists() {
        return Err(BackupError::NoBackup(from.to_owned()));
    }
    let _lock = match lock(from) {
        // Nobody writes to a medium that we cannot write to.
        Err(BackupError::Host(_)) => None,
        locked => Some(locked?),
    };
    let manifest = Manifest::read(from)?.ok_or_else(|| BackupError::NoBackup(from.to_owned()))?;
    beside(to, from)?;
    let is_empty = match std::fs::read_dir(to) {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) if error.kind() == ErrorKind::NotFound => true,
        Err(error) => return Err(HostError::file(to, error).into()),
    };
    if !is_empty {
        return Err(BackupError::NotEmpty(to.to_owned()));
    }
    let contents = from.join(content::FOLDER);
    let problems = problems(&contents, &manifest);
    if !problems.is_empty() {
        return Err(BackupError::Damaged { folder: from.to_owned(), problems });
    }

    let _folder = folder::take(to)?;
    let (objects, others): (Vec<_>, Vec<_>) =
        manifest.files.iter().filter(|file| file.path != TABLE).partition(|file| file.path.starts_with(FILES));
    let table = manifest.files.iter().filter(|file| file.path == TABLE);
    let mut folders = BTreeSet::new();
    for file in objects.into_iter().chain(others).chain(table) {
        let path = to.join(&file.path);
        let named = |error| HostError::file(&path, error);
        if let Some(parent) = path.parent() {
            private_folder(parent).map_err(named)?;
            folders.insert(parent.to_owned());
        }
        let mut source = File::open(path_of(&contents, &file.sha256)).map_err(named)?;
        let mut written = private().create_new(true).open(&path).map_err(named)?;
        let copied = copy(&mut source, Some(&mut written)).map_err(named)?;
        written.sync_all().map_err(named)?;
        if copied != (file.bytes, file.sha256.clone()) {
            let problems = vec![format!("{} changed while it was read", file.path)];
            return Err(BackupError::Damaged { folder: from.to_owned(), problems });
        }
    }
    folders.extend(fan_out(&to.join(FILES).join(s3::BUCKETS))?);
    for inside in folders {
        sync_folder_of(&inside.join("any")).map_err(|error| HostError::file(&inside, error))?;
    }
    sync_folder_of(&to.join("any")).map_err(|error| HostError::file(to, error))?;
    Ok(manifest)
}

/// What is wrong with a backup's contents, at most some lines.
fn problems(contents: &Path, manifest: &Manifest) -> Vec<String> {
    let mut problems = Vec::new();
    if !manifest.files.iter().any(|file| file.path == TABLE) {
        problems.push("it has no table".to_owned());
    }
    let mut paths = BTreeSet::new();
    for file in &manifest.files {
        let is_digest = file.sha256.len() == 64 && file.sha256.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !is_inside(&file.path) || !is_digest || !paths.insert(&file.path) {
            problems.push(format!("{} is not a file that a backup has", file.path));
            continue;
        }
        let found = File::open(path_of(contents, &file.sha256)).and_then(|mut content| copy(&mut content, None));
        match found {
            Ok(found) if found == (file.bytes, file.sha256.clone()) => {}
            Ok(_) => problems.push(format!("{} is not what was copied", file.path)),
            Err(error) if error.kind() == ErrorKind::NotFound => problems.push(format!("{} is missing", file.path)),
            Err(error) => problems.push(format!("{}: {error}", file.path)),
        }
    }
    let more = problems.len().saturating_sub(MOST_NAMED);
    if more > 0 {
        problems.truncate(MOST_NAMED);
        problems.push(format!("and {more} more"));
    }
    problems
}

/// Makes the folders of each bucket that had no object, since a write makes only its file.
fn fan_out(buckets: &Path) -> Result<Vec<PathBuf>, HostError> {
    let named = |error| HostError::file(buckets, error);
    let mut all = vec![buckets.to_owned()];
    let entries = match std::fs::read_dir(buckets) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(named)?,
    };
    for bucket in entries {
        let bucket = bucket.map_err(named)?.path();
        for name in s3::fan_out() {
            let folder = bucket.join(name);
            private_folder(&folder).map_err(named)?;
        }
        all.push(bucket);
    }
    Ok(all)
}
