//! Files in the bucket: immutable, named by their content.

use crate::upload::small;
use crate::{Archive, ArchiveError};
use aws_sdk_s3::error::SdkError;
use aws_sdk_s3::operation::get_object::GetObjectError;
use aws_sdk_s3::presigning::PresigningConfig;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;
use std::time::Duration;
use vestibule_domain::{Millis, TenantId, Timestamp};
use vestibule_platform::Linked;
use vestibule_store::FileRecord;

/// How many minutes a download link works. It ends earlier if the credentials that signed it expire.
pub const DOWNLOAD_LINK_MINUTES: u64 = 10;

/// A file that an export publishes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The report file itself.
    Database,
    /// Its daily sums only.
    Summary,
    /// Its page for people.
    Report,
}

impl Part {
    /// Reads a name.
    pub fn read(name: &str) -> Option<Self> {
        match name {
            "database" => Some(Self::Database),
            "summary" => Some(Self::Summary),
            "report" => Some(Self::Report),
            _ => None,
        }
    }

    /// The file name of a download.
    pub fn file_name(self, tenant: &TenantId, file: &FileRecord) -> String {
        let day = file.as_of.to_string();
        let day = day.get(..10).unwrap_or(&day);
        match self {
            Self::Database => format!("vestibule-{tenant}-{day}.sqlite"),
            Self::Summary => format!("vestibule-{tenant}-{day}-summary.sqlite"),
            Self::Report => format!("vestibule-{tenant}-{day}.html"),
        }
    }

    pub(crate) fn sha256(self, file: &FileRecord) -> Option<&str> {
        match self {
            Self::Database => Some(&file.sha256),
            Self::Summary => file.summary.as_ref().map(|part| part.sha256.as_str()),
            Self::Report => file.report_html.as_ref().map(|part| part.sha256.as_str()),
        }
    }

    pub(crate) fn key(self, tenant: &TenantId, file: &FileRecord) -> Option<String> {
        match self {
            Self::Database => Some(file.key.clone()),
            Self::Summary => file.summary.as_ref().map(|part| self.key_of(tenant, &part.sha256)),
            Self::Report => file.report_html.as_ref().map(|part| self.key_of(tenant, &part.sha256)),
        }
    }

    /// The key of a tenant's part with this content.
    pub(crate) fn key_of(self, tenant: &TenantId, sha256: &str) -> String {
        match self {
            Self::Database => key(tenant, sha256, "sqlite"),
            Self::Summary => key(tenant, sha256, "summary.sqlite"),
            Self::Report => key(tenant, sha256, "html"),
        }
    }
}

/// The key of the manifest of a tenant's file with this content.
pub(crate) fn manifest_key(tenant: &TenantId, sha256: &str) -> String {
    key(tenant, sha256, "json")
}

/// The keys of all objects of a file.
pub(crate) fn keys_of(tenant: &TenantId, file: &FileRecord) -> BTreeSet<String> {
    let parts = [Part::Database, Part::Summary, Part::Report].into_iter().filter_map(|part| part.key(tenant, file));
    parts.chain([manifest_key(tenant, &file.sha256)]).collect()
}

fn key(tenant: &TenantId, sha256: &str, ending: &str) -> String {
    format!("reports/{tenant}/{sha256}.{ending}")
}

impl Archive {
    /// A short-lived link to a part of a file, under a descriptive name; `None` if the file has no such part. It is a
    /// path on the API's own origin, or an address of the bucket's.
    ///
    /// # Errors
    /// When no link can be signed.
    pub async fn part_link(
        &self,
        tenant: &TenantId,
        file: &FileRecord,
        part: Part,
        method: &http::Method,
        now: Timestamp,
    ) -> Result<Option<String>, ArchiveError> {
        let Some(key) = part.key(tenant, file) else { return Ok(None) };
        let file_name = part.file_name(tenant, file);
        if let Some(links) = &self.links {
            // To the next full minute, so that the same is answered, and has the same tag, for a minute.
            let minute = Millis::from_minutes(1).get();
            let until = (now + Millis::from_minutes(DOWNLOAD_LINK_MINUTES.cast_signed())).millis() + minute - 1;
            let linked = Linked { key, file_name };
            let link = links.link(&linked, until - until.rem_euclid(minute));
            return link.ok_or_else(|| ArchiveError::bucket(UnlinkableKey(linked.key))).map(Some);
        }
        let disposition = format!("attachment; filename=\"{file_name}\"");
        self.presigned(&key, Some(disposition), method).await.map(Some)
    }

    /// An address at the origin of download links, if that is not the API's own: a page that opens files must be
    /// allowed to connect to it.
    ///
    /// # Errors
    /// When no link can be signed.
    pub async fn files_origin(&self) -> Result<Option<String>, ArchiveError> {
        match self.links {
            Some(_) => Ok(None),
            None => self.presigned("any", None, &http::Method::GET).await.map(Some),
        }
    }

    async fn presigned(
        &self,
        key: &str,
        disposition: Option<String>,
        method: &http::Method,
    ) -> Result<String, ArchiveError> {
        let expires = PresigningConfig::expires_in(Duration::from_secs(60 * DOWNLOAD_LINK_MINUTES))
            .map_err(ArchiveError::bucket)?;
        let request = if method == http::Method::HEAD {
            let head = self.s3.head_object().bucket(&self.bucket).key(key);
            head.presigned(expires).await.map_err(ArchiveError::bucket)
        } else {
            let get = self.s3.get_object().bucket(&self.bucket).key(key);
            get.set_response_content_disposition(disposition).presigned(expires).await.map_err(ArchiveError::bucket)
        };
        request.map(|request| request.uri().to_owned())
    }

    /// Downloads a part published beside a file to a path; `false` if there is no such part.
    ///
    /// # Errors
    /// When it cannot be downloaded or written, or differs from the published one.
    pub async fn download_part(
        &self,
        tenant: &TenantId,
        file: &FileRecord,
        part: Part,
        to: &Path,
    ) -> Result<bool, ArchiveError> {
        let (Some(key), Some(sha256)) = (part.key(tenant, file), part.sha256(file)) else { return Ok(false) };
        let aside = to.with_extension("partial");
        self.fetch_key(&key, sha256, &aside).await?;
        std::fs::rename(&aside, to)?;
        Ok(true)
    }

    /// Downloads a file to a path, where it appears complete or not at all.
    ///
    /// # Errors
    /// When it cannot be downloaded or written, or differs from the published one.
    pub async fn download(&self, file: &FileRecord, to: &Path) -> Result<(), ArchiveError> {
        let aside = to.with_extension("partial");
        self.fetch(file, &aside).await?;
        Ok(std::fs::rename(&aside, to)?)
    }

    /// Downloads a file and checks that it is the published one.
    pub(crate) async fn fetch(&self, file: &FileRecord, to: &Path) -> Result<(), ArchiveError> {
        self.fetch_key(&file.key, &file.sha256, to).await
    }

    async fn fetch_key(&self, key: &str, wanted: &str, to: &Path) -> Result<(), ArchiveError> {
        let (sha256, _file) = self.read_key(key, || std::fs::File::create(to)).await?;
        if sha256 == wanted { Ok(()) } else { Err(ArchiveError::Tampered(key.to_owned())) }
    }

    /// Reads an object and checks that it is the published one.
    pub(crate) async fn check_key(&self, key: &str, wanted: &str) -> Result<(), ArchiveError> {
        let (sha256, _nowhere) = self.read_key(key, || Ok(std::io::sink())).await?;
        if sha256 == wanted { Ok(()) } else { Err(ArchiveError::Tampered(key.to_owned())) }
    }

    /// Writes an object to what `out` opens once the object is there; returns its SHA-256 in hexadecimal, too.
    pub(crate) async fn read_key<W: Write>(
        &self,
        key: &str,
        out: impl FnOnce() -> std::io::Result<W>,
    ) -> Result<(String, W), ArchiveError> {
        // The limit applies to the beginning of the answer; its body may take as long as it moves.
        let get = self.s3.get_object().bucket(&self.bucket).key(key).customize().config_override(small());
        let mut body = get.send().await.map_err(|error| not_there(key, error))?.body;
        let mut out = out()?;
        let mut hash = Sha256::new();
        while let Some(bytes) = body.try_next().await.map_err(ArchiveError::bucket)? {
            hash.update(&bytes);
            // A few kilobytes into the page cache; handing them to another thread would cost more.
            out.write_all(&bytes)?;
        }
        Ok((hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect(), out))
    }
}

/// A key that no link can name.
#[derive(Debug, thiserror::Error)]
#[error("no link can name the key {0}")]
struct UnlinkableKey(String);

/// An object that is not there is lost; any other error may pass.
fn not_there(key: &str, error: SdkError<GetObjectError>) -> ArchiveError {
    match error.as_service_error() {
        Some(GetObjectError::NoSuchKey(_)) => ArchiveError::Gone(key.to_owned()),
        _ => ArchiveError::bucket(error),
    }
}
