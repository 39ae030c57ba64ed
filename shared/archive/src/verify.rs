//! Compares what was published with what is in the bucket, and takes off the list what is lost.
//!
//! Must stay true: only an object that is gone or has another content counts as lost; a bucket or a disk that does not
//! answer is an error.

use crate::files::{Part, manifest_key};
use crate::publish::manifest;
use crate::upload::small;
use crate::{Archive, ArchiveError};
use vestibule_domain::{TenantId, Timestamp};
use vestibule_store::{FileRecord, Listing, Unreadable};

/// The largest number of files of a tenant that are looked at: with one a night, more than the longest retention.
pub(crate) const MOST_FILES: usize = 1_000;

/// An object of a published file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Object {
    /// The file itself, or what was made from it.
    Part(Part),
    /// The manifest beside it.
    Manifest,
}

/// An object that is lost.
#[derive(Debug)]
pub struct Lost {
    /// Its file.
    pub file: FileRecord,
    /// Which of the file's objects.
    pub object: Object,
    /// Why it counts as lost.
    pub why: ArchiveError,
}

/// What a tenant has in the table and in the bucket.
#[derive(Debug, Default)]
pub struct Inventory {
    /// Number of published files.
    pub files: usize,
    /// Objects of them that are lost, those of the newest file first.
    pub lost: Vec<Lost>,
    /// Number of enrollments in the table that can be read.
    pub enrollments: usize,
    /// Those that cannot.
    pub unreadable: Vec<Unreadable>,
}

impl Object {
    /// All objects that a file may have.
    const ALL: [Self; 4] =
        [Self::Part(Part::Database), Self::Part(Part::Summary), Self::Part(Part::Report), Self::Manifest];

    /// Its name for people.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Part(Part::Database) => "file",
            Self::Part(Part::Summary) => "summary",
            Self::Part(Part::Report) => "page",
            Self::Manifest => "manifest",
        }
    }
}

impl Archive {
    /// Reads everything that a tenant has, as of `now`, and changes nothing.
    ///
    /// # Errors
    /// When the table or the bucket cannot be read at all.
    pub async fn verify(&self, tenant: &TenantId, now: Timestamp) -> Result<Inventory, ArchiveError> {
        let mut found = Inventory::default();
        let files = match self.store.tenant(tenant).await? {
            Some(tenant) => self.files(&tenant, MOST_FILES, now).await?,
            None => Vec::new(),
        };
        found.files = files.len();
        for file in &files {
            found.lost.extend(self.verify_file(tenant, file).await?);
        }
        let mut listing = Listing::new(tenant);
        while let Some(keys) = self.store.next_page(&mut listing).await? {
            let mut heads = self.store.heads(&keys, now).await?;
            while let Some(part) = self.store.next_part(&mut heads).await? {
                found.enrollments += part.stored.len();
                found.unreadable.extend(part.unreadable);
            }
        }
        Ok(found)
    }

    /// The objects of a file that are lost.
    ///
    /// # Errors
    /// When the bucket cannot be read at all.
    pub async fn verify_file(&self, tenant: &TenantId, file: &FileRecord) -> Result<Vec<Lost>, ArchiveError> {
        let mut lost = Vec::new();
        for object in Object::ALL {
            let checked = match object {
                Object::Part(part) => match (part.key(tenant, file), part.sha256(file)) {
                    (Some(key), Some(sha256)) => self.check_key(&key, sha256).await,
                    _ => continue,
                },
                Object::Manifest => self.check_manifest(tenant, file).await,
            };
            match checked {
                Ok(()) => {}
                Err(why) if why.is_lost_file() => lost.push(Lost { file: file.clone(), object, why }),
                Err(error) => return Err(error),
            }
        }
        Ok(lost)
    }

    /// Takes off the list what is lost of a tenant's files, except of the newest: nobody can have it again, and the
    /// list says what can be had. Returns how many files that concerned.
    ///
    /// # Errors
    /// When the table or the bucket cannot be read or written.
    pub async fn forget_lost(&self, tenant: &TenantId) -> Result<usize, ArchiveError> {
        let newest = self.store.latest_file(tenant).await?.map(|file| file.sha256);
        let mut forgotten = 0;
        for mut file in self.store.files(tenant, MOST_FILES).await? {
            if Some(&file.sha256) == newest.as_ref() {
                continue;
            }
            let lost = self.verify_file(tenant, &file).await?;
            let is_lost = |part| lost.iter().any(|lost| lost.object == Object::Part(part));
            if is_lost(Part::Database) {
                self.store.forget_file(tenant, &file).await?;
            } else if is_lost(Part::Summary) || is_lost(Part::Report) {
                file.summary = file.summary.filter(|_| !is_lost(Part::Summary));
                file.report_html = file.report_html.filter(|_| !is_lost(Part::Report));
                self.store.put_file(tenant, &file).await?;
            } else if lost.is_empty() {
                continue;
            }
            if !is_lost(Part::Database) && lost.iter().any(|lost| lost.object == Object::Manifest) {
                self.put_manifest(tenant, &file).await?;
            }
            forgotten += 1;
        }
        Ok(forgotten)
    }

    /// Whether the manifest is there, and that of this file.
    async fn check_manifest(&self, tenant: &TenantId, file: &FileRecord) -> Result<(), ArchiveError> {
        let key = manifest_key(tenant, &file.sha256);
        let (_, text) = self.read_key(&key, || Ok(Vec::new())).await?;
        let manifest: Option<serde_json::Value> = serde_json::from_slice(&text).ok();
        let is_its_own = manifest.is_some_and(|manifest| manifest["sha256"] == file.sha256.as_str());
        if is_its_own { Ok(()) } else { Err(ArchiveError::Tampered(key)) }
    }

    /// Writes the manifest, whatever is in its place.
    async fn put_manifest(&self, tenant: &TenantId, file: &FileRecord) -> Result<(), ArchiveError> {
        let body = serde_json::to_vec_pretty(&manifest(file)).unwrap_or_default();
        let key = manifest_key(tenant, &file.sha256);
        let put = self.s3.put_object().bucket(&self.bucket).key(key).content_type("application/json");
        put.body(body.into()).customize().config_override(small()).send().await.map_err(ArchiveError::bucket)?;
        Ok(())
    }
}
