//! Files in the bucket: immutable, named by their content.

use crate::{Archive, ArchiveError};
use aws_sdk_s3::operation::put_object::PutObjectError;
use aws_sdk_s3::presigning::PresigningConfig;
use aws_sdk_s3::primitives::ByteStream;
use std::path::Path;
use std::time::Duration;
use vestibule_domain::TenantId;
use vestibule_store::FileRecord;

/// How long a download link works. It dies earlier with the credentials that signed it.
pub const DOWNLOAD_LINK_MINUTES: u64 = 10;

/// The key of a tenant's file with this content.
pub(crate) fn key(tenant: &TenantId, sha256: &str, ending: &str) -> String {
    format!("reports/{tenant}/{sha256}.{ending}")
}

impl Archive {
    /// A short-lived link to a file, under a name that says what it is.
    ///
    /// # Errors
    /// When no link can be signed.
    pub async fn download_link(
        &self,
        tenant: &TenantId,
        file: &FileRecord,
        method: &http::Method,
    ) -> Result<String, ArchiveError> {
        let day = file.as_of.to_string();
        let day = day.get(..10).unwrap_or(&day);
        let disposition = format!("attachment; filename=\"vestibule-{tenant}-{day}.sqlite\"");
        let expires = PresigningConfig::expires_in(Duration::from_secs(60 * DOWNLOAD_LINK_MINUTES))
            .map_err(ArchiveError::bucket)?;
        let request = if method == http::Method::HEAD {
            self.s3
                .head_object()
                .bucket(&self.bucket)
                .key(&file.key)
                .presigned(expires)
                .await
                .map_err(ArchiveError::bucket)
        } else {
            self.s3
                .get_object()
                .bucket(&self.bucket)
                .key(&file.key)
                .response_content_disposition(disposition)
                .presigned(expires)
                .await
                .map_err(ArchiveError::bucket)
        };
        request.map(|request| request.uri().to_owned())
    }

    /// Downloads a file to a path, where it appears whole or not at all.
    ///
    /// # Errors
    /// When it can't be downloaded, written, or is not the one that was published.
    pub async fn download(&self, file: &FileRecord, to: &Path) -> Result<(), ArchiveError> {
        let aside = to.with_extension("partial");
        self.fetch(file, &aside).await?;
        Ok(tokio::fs::rename(&aside, to).await?)
    }

    /// Downloads a file and makes sure that it is the one that was published.
    pub(crate) async fn fetch(&self, file: &FileRecord, to: &Path) -> Result<(), ArchiveError> {
        let answer = self.s3.get_object().bucket(&self.bucket).key(&file.key).send().await;
        let mut body = answer.map_err(ArchiveError::bucket)?.body;
        let mut out = tokio::fs::File::create(to).await?;
        while let Some(bytes) = body.try_next().await.map_err(ArchiveError::bucket)? {
            tokio::io::AsyncWriteExt::write_all(&mut out, &bytes).await?;
        }
        tokio::io::AsyncWriteExt::flush(&mut out).await?;
        drop(out);
        let path = to.to_owned();
        let sha256 = tokio::task::spawn_blocking(move || vestibule_report::hash(&path)).await??.0;
        if sha256 == file.sha256 { Ok(()) } else { Err(ArchiveError::Tampered(file.key.clone())) }
    }

    /// Uploads content under a key made of it. Being there already is as good.
    pub(crate) async fn keep(
        &self,
        key: &str,
        content_type: &'static str,
        body: ByteStream,
    ) -> Result<(), ArchiveError> {
        let put = self.s3.put_object().bucket(&self.bucket).key(key).content_type(content_type);
        match put.if_none_match("*").body(body).send().await {
            Ok(_) => Ok(()),
            Err(error) if is_there(error.as_service_error()) => Ok(()),
            Err(error) => Err(ArchiveError::bucket(error)),
        }
    }
}

fn is_there(error: Option<&PutObjectError>) -> bool {
    error.and_then(|error| error.meta().code()) == Some("PreconditionFailed")
}
