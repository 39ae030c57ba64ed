//! The contents of a backup, each a file under its digest.
//!
//! Must stay true: a file has its name only once it is complete and synced; one that is there and has rotted is replaced.
//! Files are copied, not linked: a link would share the damage of the original.

use super::Manifest;
use crate::HostError;
use crate::durable::{private, private_folder, sync_folder_of};
use crate::s3::hex;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, ErrorKind, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};

/// The folder of the contents in a backup.
pub(super) const FOLDER: &str = "content";
/// A content that is being written.
const ASIDE: &str = "unfinished";
/// Bytes read at once.
const AT_ONCE: usize = 256 << 10;

/// The contents of one backup.
pub(super) struct Content {
    folder: PathBuf,
    new_bytes: u64,
}

/// A size in bytes, and a digest in hexadecimal.
pub(super) type Digested = (u64, String);

impl Content {
    pub(super) fn open(backup: &Path) -> Result<Self, HostError> {
        let folder = backup.join(FOLDER);
        private_folder(&folder).map_err(|error| HostError::file(&folder, error))?;
        let content = Self { folder, new_bytes: 0 };
        content.clear()?;
        Ok(content)
    }

    /// Where a content is written before its name is known.
    pub(super) fn aside(&self) -> PathBuf {
        self.folder.join(ASIDE)
    }

    fn path(&self, sha256: &str) -> PathBuf {
        path_of(&self.folder, sha256)
    }

    /// Copies a file, unless its content is there; `None` if the file is gone.
    pub(super) fn add(&mut self, source: &Path) -> Result<Option<Digested>, HostError> {
        let named = |error| HostError::file(source, error);
        let mut file = match File::open(source) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            file => file.map_err(named)?,
        };
        let found = copy(&mut file, None).map_err(named)?;
        if self.has(&found) {
            return Ok(Some(found));
        }
        file.rewind().map_err(named)?;
        let aside = self.aside();
        let written = private().create(true).truncate(true).open(&aside);
        let mut written = written.map_err(|error| HostError::file(&aside, error))?;
        // Its name is of what was copied: a log may have grown since.
        let copied = copy(&mut file, Some(&mut written)).map_err(|error| HostError::file(&aside, error))?;
        drop(written);
        self.name(&aside, &copied)?;
        Ok(Some(copied))
    }

    /// Takes over a file that was written aside.
    pub(super) fn adopt(&mut self, aside: &Path) -> Result<Digested, HostError> {
        let named = |error| HostError::file(aside, error);
        let found = copy(&mut File::open(aside).map_err(named)?, None).map_err(named)?;
        match self.has(&found) {
            true => self.clear()?,
            false => self.name(aside, &found)?,
        }
        Ok(found)
    }

    /// Whether a content is there, and still what its name says.
    fn has(&self, (bytes, sha256): &Digested) -> bool {
        let there = File::open(self.path(sha256)).and_then(|mut file| copy(&mut file, None));
        there.is_ok_and(|there| there == (*bytes, sha256.clone()))
    }

    /// Gives a complete file its name.
    fn name(&mut self, aside: &Path, (bytes, sha256): &Digested) -> Result<(), HostError> {
        let path = self.path(sha256);
        let named = |error| HostError::file(&path, error);
        File::open(aside).and_then(|file| file.sync_all()).map_err(named)?;
        if let Some(folder) = path.parent() {
            private_folder(folder).map_err(named)?;
        }
        std::fs::rename(aside, &path).map_err(named)?;
        sync_folder_of(&path).map_err(named)?;
        self.new_bytes += bytes;
        Ok(())
    }

    /// Makes all names durable, and says how many bytes were written.
    pub(super) fn finish(&self) -> Result<u64, HostError> {
        let named = |error| HostError::file(&self.folder, error);
        File::open(&self.folder).and_then(|folder| folder.sync_all()).map_err(named)?;
        sync_folder_of(&self.folder).map_err(named)?;
        Ok(self.new_bytes)
    }

    /// Removes the contents that no file of the manifest has.
    pub(super) fn forget_others(&self, manifest: &Manifest) -> Result<(), HostError> {
        let named = |error| HostError::file(&self.folder, error);
        let kept: BTreeSet<PathBuf> = manifest.files.iter().map(|file| self.path(&file.sha256)).collect();
        for folder in std::fs::read_dir(&self.folder).map_err(named)? {
            let folder = folder.map_err(named)?.path();
            if !folder.is_dir() {
                continue;
            }
            for content in std::fs::read_dir(&folder).map_err(named)? {
                let content = content.map_err(named)?.path();
                if !kept.contains(&content) {
                    std::fs::remove_file(content).map_err(named)?;
                }
            }
        }
        Ok(())
    }

    /// Removes what an interrupted backup left aside, with what SQLite keeps beside it.
    fn clear(&self) -> Result<(), HostError> {
        for ending in ["", "-journal", "-wal", "-shm"] {
            let path = self.folder.join(format!("{ASIDE}{ending}"));
            match std::fs::remove_file(&path) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(HostError::file(&path, error)),
                _ => {}
            }
        }
        Ok(())
    }
}

/// Where a content lies in the folder of all.
pub(super) fn path_of(folder: &Path, sha256: &str) -> PathBuf {
    folder.join(sha256.get(..2).unwrap_or_default()).join(sha256)
}

/// Reads a file to its end, and writes what was read.
pub(super) fn copy(from: &mut File, mut to: Option<&mut File>) -> io::Result<Digested> {
    let (mut digest, mut bytes, mut buffer) = (Sha256::new(), 0, vec![0; AT_ONCE]);
    loop {
        let read = from.read(&mut buffer)?;
        let Some(part) = buffer.get(..read).filter(|part| !part.is_empty()) else { break };
        digest.update(part);
        bytes += part.len() as u64;
        if let Some(to) = &mut to {
            to.write_all(part)?;
        }
    }
    Ok((bytes, hex(&digest.finalize())))
}
