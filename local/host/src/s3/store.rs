//! The files of the object store, without the protocol.
//!
//! Layout of the folder:
//! - `lock`: held for as long as the store is open,
//! - `tmp/`: files being written, emptied when the store is opened,
//! - `buckets/<bucket>/<2 hex digits>/<64 hex digits>`: objects, named by the SHA-256 of the key,
//! - `uploads/<id>/`: multipart uploads, `upload` and one file per part,
//! - `damaged/`: files that are not whole any more, out of the way of what is written anew.
//!
//! Every file of an object, a part or an upload has the form of [`format`](super::format).
//!
//! Must stay true: everything is written in `tmp`, synced, and then renamed or linked into place, and the receiving
//! folder is synced before the write is reported as done. A file that is not whole is no object: reading it finds none,
//! and writing it anew succeeds, so damage heals as a loss does. All functions here block; only threads that may block
//! call them.

mod uploads;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::format::{Finished, Header, Named, Opened, Staged, hex, open_file, open_object};
use crate::durable::{private, private_folder};
use sha2::{Digest, Sha256};

/// The folder of the buckets.
pub(crate) const BUCKETS: &str = "buckets";
/// The folder of files that are not whole any more.
pub(crate) const DAMAGED: &str = "damaged";
/// The folder of uploads that are not finished.
const UPLOADS: &str = "uploads";
const LOCKS: usize = 64;
/// Number of removals remembered; a write overtaken by more of them is allowed.
const MOST_REMOVALS: usize = 1024;
/// How long an upload may stay unfinished.
const UPLOAD_LIFE: Duration = Duration::from_secs(24 * 60 * 60);

/// Why the store could not be opened or served.
#[derive(Debug, thiserror::Error)]
pub enum S3Error {
    /// Another process, or another store of this one, holds the folder.
    #[error("{} is in use", .0.display())]
    InUse(PathBuf),
    /// A file operation failed.
    #[error("{what} {}: {source}", path.display())]
    Io {
        /// The operation.
        what: &'static str,
        /// What it was about.
        path: PathBuf,
        /// The operating system's error.
        source: io::Error,
    },
}

/// Why one operation failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error("no such bucket")]
    NoSuchBucket,
    #[error("no such key")]
    NoSuchKey,
    #[error("no such upload")]
    NoSuchUpload,
    #[error("a part is missing or has another entity tag")]
    InvalidPart,
    #[error("a part other than the last is smaller than 5 MiB")]
    PartTooSmall,
    #[error("the bucket exists")]
    BucketExists,
    #[error("the name is not legal for a bucket")]
    BucketName,
    #[error("the condition does not hold")]
    Precondition,
    #[error("the object was removed while a conditional write of it was under way")]
    Conflict,
    #[error("{} is damaged: {problem}", file.display())]
    Damaged { file: PathBuf, problem: &'static str },
    #[error("{}: {source}", file.display())]
    File { file: PathBuf, source: io::Error },
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// The condition of a write or a removal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Condition {
    None,
    /// There is no object of this key.
    Absent,
    /// There is an object of this key.
    Present,
    /// The object of this key has this entity tag.
    Matches(String),
    /// The object of this key does not have this entity tag.
    Differs(String),
}

/// A folder of buckets of objects.
///
/// Dropping it, or [releasing](Self::release) it, frees the folder for the next owner.
#[derive(Debug, Clone)]
pub struct ObjectStore {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    root: PathBuf,
    /// Held open; the lock ends with it at the latest, also when the process is killed.
    lock: File,
    /// Changes of one key exclude each other, so a condition still holds when the change takes effect. Striped by the
    /// digest of the key.
    locks: Vec<Mutex<()>>,
    removals: Mutex<Removals>,
}

/// Recent removals: a conditional write that a removal overtakes is refused, as S3 does.
#[derive(Debug, Default)]
struct Removals {
    /// Number of removals so far.
    count: u64,
    /// The latest of them by number, oldest first.
    last: VecDeque<(u64, PathBuf)>,
    /// The uploads under way, with the number of removals when each began.
    uploads: HashMap<String, u64>,
}

/// When a write began, counted in removals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Began(u64);

/// The folders of a bucket.
pub(crate) fn fan_out() -> impl Iterator<Item = String> {
    (0..=u8::MAX).map(|byte| hex(&[byte]))
}

impl ObjectStore {
    /// Opens the store in `root`, creates it if there is none, and removes what unfinished writes left behind.
    ///
    /// # Errors
    /// When the folder is in use by another process or cannot be written.
    pub fn open(root: impl Into<PathBuf>) -> Result<Self, S3Error> {
        let root = root.into();
        let io = |what, path: &Path| {
            let path = path.to_owned();
            move |source| S3Error::Io { what, path, source }
        };
        private_folder(&root).map_err(io("creating", &root))?;
        let path = root.join("lock");
        let lock = private().create(true).truncate(false).open(&path).map_err(io("opening", &path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => return Err(S3Error::InUse(root)),
            Err(fs::TryLockError::Error(source)) => return Err(S3Error::Io { what: "locking", path, source }),
        }
        // Only after locking: the files of a living owner are not leftovers.
        let tmp = root.join("tmp");
        match fs::remove_dir_all(&tmp) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(io("clearing unfinished writes in", &tmp)(e)),
            _ => {}
        }
        for name in ["tmp", BUCKETS, UPLOADS] {
            let path = root.join(name);
            private_folder(&path).map_err(io("creating", &path))?;
        }
        sync_dir(&root).map_err(io("syncing", &root))?;
        let locks = (0..LOCKS).map(|_| Mutex::new(())).collect();
        let store = Self { inner: Arc::new(Inner { root, lock, locks, removals: Mutex::default() }) };
        let uploads = store.inner.root.join(UPLOADS);
        store.forget_old_uploads(&uploads).map_err(io("clearing uploads that never ended in", &uploads))?;
        Ok(store)
    }

    /// Frees the folder for the next owner although clients of this one still exist. Nobody may use them any more.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn release(&self) -> io::Result<()> {
        self.inner.lock.unlock()
    }

    /// Removes uploads that nobody will finish, as the rule of the deployment's bucket does.
    fn forget_old_uploads(&self, uploads: &Path) -> io::Result<()> {
        for upload in fs::read_dir(uploads)? {
            let upload = upload?;
            let age = upload.metadata()?.modified()?.elapsed().unwrap_or_default();
            if age > UPLOAD_LIFE {
                fs::remove_dir_all(upload.path())?;
            }
        }
        Ok(())
    }

    fn removals(&self) -> MutexGuard<'_, Removals> {
        // Each change completes before anything can panic.
        self.inner.removals.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Marks the beginning of a write, to pass to [`ObjectStore::commit`].
    pub(super) fn begin(&self) -> Began {
        Began(self.removals().count)
    }

    fn temp_path(&self) -> PathBuf {
        self.inner.root.join("tmp").join(uuid::Uuid::new_v4().simple().to_string())
    }

    fn bucket_path(&self, bucket: &str) -> Result<PathBuf, Failure> {
        // The only name from outside that becomes part of a path.
        if !s3s::path::check_bucket_name(bucket) || bucket.contains("..") {
            return Err(Failure::BucketName);
        }
        Ok(self.inner.root.join(BUCKETS).join(bucket))
    }

    fn upload_path(&self, id: &str) -> Result<PathBuf, Failure> {
        // Our ids have 32 hexadecimal digits; anything else never was an upload.
        if id.len() != 32 || !id.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(Failure::NoSuchUpload);
        }
        Ok(self.inner.root.join(UPLOADS).join(id.to_ascii_lowercase()))
    }

    fn object_path(&self, bucket: &str, key: &str) -> Result<PathBuf, Failure> {
        let name = hex(&Sha256::digest(key.as_bytes()));
        let fan_out = name.get(..2).unwrap_or_default();
        Ok(self.bucket_path(bucket)?.join(fan_out).join(&name))
    }

    fn lock(&self, bucket: &str, key: &str) -> Option<MutexGuard<'_, ()>> {
        let digest = Sha256::new().chain_update(bucket).chain_update([0]).chain_update(key).finalize();
        let at = usize::from(digest[0]) % LOCKS;
        // The lock guards no data of its own, so a holder that panicked left nothing broken.
        self.inner.locks.get(at).map(|l| l.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn create_bucket(&self, bucket: &str) -> Result<(), Failure> {
        let path = self.bucket_path(bucket)?;
        let _guard = self.lock(bucket, "");
        if path.try_exists()? {
            return Err(Failure::BucketExists);
        }
        // All fan-out folders at once, so that a write has to make only its own entry durable.
        let staged = self.temp_path();
        fs::create_dir(&staged)?;
        for name in fan_out() {
            fs::create_dir(staged.join(name))?;
        }
        sync_dir(&staged)?;
        fs::rename(&staged, &path)?;
        sync_dir(&self.inner.root.join(BUCKETS))?;
        Ok(())
    }

    pub(super) fn head_bucket(&self, bucket: &str) -> Result<(), Failure> {
        let path = self.bucket_path(bucket).map_err(|_| Failure::NoSuchBucket)?;
        if path.try_exists()? { Ok(()) } else { Err(Failure::NoSuchBucket) }
    }

    /// Begins a file for [`ObjectStore::commit`] or an upload.
    pub(super) fn stage(&self, header: Header, named: Named) -> Result<Staged, Failure> {
        Staged::new(self.temp_path(), header, named)
    }

    /// Puts a finished file into the object's place, if the condition holds and the object was not removed since the
    /// write began.
    pub(super) fn commit(
        &self,
        bucket: &str,
        done: Finished,
        condition: &Condition,
        began: Began,
    ) -> Result<Header, Failure> {
        let Finished { temp, header } = done;
        let path = self.object_path(bucket, &header.key)?;
        let dir = parent(&path)?;
        let _guard = self.lock(bucket, &header.key);
        self.head_bucket(bucket)?;
        self.check(&path, &header.key, condition)?;
        if *condition != Condition::None && self.removals().happened_since(began, &path) {
            return Err(Failure::Conflict);
        }
        if *condition == Condition::Absent {
            // Linking never replaces a file, so the file system lets only one writer win.
            match fs::hard_link(&temp.path, &path) {
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => return Err(Failure::Precondition),
                other => other?,
            }
        } else {
            fs::rename(&temp.path, &path)?;
        }
        sync_dir(dir)?;
        Ok(header)
    }

    pub(super) fn delete(&self, bucket: &str, key: &str, condition: &Condition) -> Result<(), Failure> {
        self.head_bucket(bucket)?;
        let path = self.object_path(bucket, key)?;
        let dir = parent(&path)?;
        let _guard = self.lock(bucket, key);
        self.check(&path, key, condition)?;
        match fs::remove_file(&path) {
            Ok(()) => {
                sync_dir(dir)?;
                self.removals().add(path.clone());
            }
            // Removing what does not exist is not an error in S3.
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            Err(e) => return Err(e.into()),
        }
        Ok(())
    }

    /// Opens an object. The file is positioned at the object's first byte, and stays readable if the object is replaced
    /// or removed meanwhile.
    pub(super) fn open_object(&self, bucket: &str, key: &str) -> Result<(Header, Opened), Failure> {
        self.head_bucket(bucket)?;
        match open_object(&self.object_path(bucket, key)?, key) {
            Err(failure @ Failure::Damaged { .. }) => {
                tracing::error!(key, error = %failure, "an object is not there any more");
                Err(Failure::NoSuchKey)
            }
            opened => opened?.ok_or(Failure::NoSuchKey),
        }
    }

    /// Checks a condition against the object at a path, which its lock keeps as it is. A file there that is not whole
    /// is put out of the way.
    fn check(&self, path: &Path, key: &str, condition: &Condition) -> Result<(), Failure> {
        let tag = match condition {
            // What is there is replaced, whatever it is.
            Condition::None => return Ok(()),
            _ => match open_object(path, key) {
                Ok(opened) => opened.map(|(header, _)| header.etag),
                Err(failure @ Failure::Damaged { .. }) => {
                    let folder = self.inner.root.join(DAMAGED);
                    let aside = folder.join(uuid::Uuid::new_v4().simple().to_string());
                    tracing::error!(error = %failure, aside = %aside.display(), "a damaged object is put aside");
                    private_folder(&folder)?;
                    fs::rename(path, &aside)?;
                    sync_dir(parent(path)?)?;
                    None
                }
                Err(failure) => return Err(failure),
            },
        };
        match (condition, tag) {
            (Condition::Absent, Some(_)) => Err(Failure::Precondition),
            (Condition::Present | Condition::Matches(_), None) => Err(Failure::NoSuchKey),
            (Condition::Matches(want), Some(tag)) if *want != tag => Err(Failure::Precondition),
            (Condition::Differs(other), Some(tag)) if *other == tag => Err(Failure::Precondition),
            _ => Ok(()),
        }
    }

    /// The headers of all objects whose key starts with `prefix`, in the order of the keys.
    pub(super) fn list(&self, bucket: &str, prefix: &str) -> Result<BTreeMap<String, Header>, Failure> {
        self.head_bucket(bucket)?;
        let mut found = BTreeMap::new();
        for dir in fs::read_dir(self.bucket_path(bucket)?)? {
            let dir = dir?;
            if !dir.file_type()?.is_dir() {
                continue;
            }
            for entry in fs::read_dir(dir.path())? {
                let entry = entry?;
                let name = entry.file_name();
                if name.len() != 64 || !entry.file_type()?.is_file() {
                    continue;
                }
                match open_file(&entry.path()) {
                    Ok(Some((header, _))) if header.key.starts_with(prefix) => {
                        found.insert(header.key.clone(), header);
                    }
                    // Missing if it was removed after the folder was read.
                    Ok(_) => {}
                    Err(failure @ Failure::Damaged { .. }) => {
                        tracing::error!(error = %failure, "an object is not there any more");
                    }
                    Err(failure) => return Err(failure),
                }
            }
        }
        Ok(found)
    }
}

impl Removals {
    fn add(&mut self, path: PathBuf) {
        self.count += 1;
        if self.last.len() == MOST_REMOVALS {
            self.last.pop_front();
        }
        self.last.push_back((self.count, path));
    }

    fn happened_since(&self, began: Began, path: &Path) -> bool {
        self.last.iter().rev().take_while(|(number, _)| *number > began.0).any(|(_, removed)| removed == path)
    }
}

fn parent(path: &Path) -> Result<&Path, Failure> {
    path.parent().ok_or_else(|| Failure::Damaged { file: path.to_owned(), problem: "it has no folder" })
}

/// Makes the entries of a folder durable.
fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}
