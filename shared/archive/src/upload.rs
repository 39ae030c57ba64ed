//! Uploads: content under a key made from it.
//!
//! Large content is sent in parts, a few side by side, each read from the disk while it is sent. So an upload holds
//! about [`PARTS_AT_ONCE`] × 1 MiB in memory, however large the file.
//!
//! Must stay true: an object appears under its key complete or not at all. If it is already there, that is as good as
//! having written it. An upload that ends without its object is aborted, and the bucket's own rule removes what a
//! killed process left.

use crate::{Archive, ArchiveError};
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::primitives::{ByteStream, Length};
use aws_sdk_s3::types::{ChecksumAlgorithm, CompletedMultipartUpload, CompletedPart};
use futures::{StreamExt as _, TryStreamExt as _};
use std::path::Path;
use std::time::Duration;

/// A file of this size or larger is sent in parts.
const IN_PARTS_FROM: u64 = 16 << 20;
/// The size of a part; larger only if the file would otherwise have more parts than S3 accepts.
const PART_BYTES: u64 = 8 << 20;
/// Largest number of parts of an upload.
const MOST_PARTS: u64 = 10_000;
/// Number of parts sent side by side.
const PARTS_AT_ONCE: usize = 3;
/// Bytes read from the disk at once.
const READ_BYTES: usize = 64 << 10;
/// How often content is sent while another writer of the same key is in the way.
const TRIES: u32 = 5;
/// How long to wait after the first time; doubled after each.
const CONFLICT_PAUSE: Duration = Duration::from_millis(200);
/// For one try of a request that sends nothing large: the client has no limit, because a file may take as long as it
/// moves.
const SMALL_TRY: Duration = Duration::from_secs(20);
/// For one try of joining parts, which may take S3 minutes.
const JOIN_TRY: Duration = Duration::from_secs(300);
/// Beyond its first minute, a try that sends may be as slow as this: a fifteenth of the slowest connection that is
/// supported (60 KB a second), so only tries whose answer never comes are ended.
const BYTES_A_SECOND: u64 = 4 << 10;

/// The content to upload.
#[derive(Clone, Copy)]
enum Content<'c> {
    Bytes(&'c [u8]),
    File { path: &'c Path, length: u64 },
}

/// The result of sending.
enum Sent {
    /// The object is there.
    Kept,
    /// Another writer of the same key is in the way, or the answer was lost.
    Unsettled(ArchiveError),
}

/// Limits the tries of a request that carries no file.
pub(crate) fn small() -> aws_sdk_s3::config::Builder {
    limited(SMALL_TRY)
}

/// The same for a try that sends `bytes` bytes.
fn sending(bytes: u64) -> aws_sdk_s3::config::Builder {
    limited(Duration::from_secs(60 + bytes / BYTES_A_SECOND))
}

fn limited(limit: Duration) -> aws_sdk_s3::config::Builder {
    let limits = TimeoutConfig::builder().operation_attempt_timeout(limit).build();
    aws_sdk_s3::config::Builder::new().timeout_config(limits)
}

impl Archive {
    /// Uploads bytes under a key made from them. If they are already there, that is as good.
    ///
    /// # Errors
    /// When the bucket does not accept them.
    pub(crate) async fn keep(&self, key: &str, content_type: &'static str, bytes: &[u8]) -> Result<(), ArchiveError> {
        self.keep_content(key, content_type, Content::Bytes(bytes)).await
    }

    /// Uploads a file of any size under a key made from its content. If it is already there, that is as good.
    ///
    /// # Errors
    /// When the file cannot be read or the bucket does not accept it.
    pub(crate) async fn keep_file(
        &self,
        key: &str,
        content_type: &'static str,
        path: &Path,
    ) -> Result<(), ArchiveError> {
        if self.inline {
            // Reading it piece by piece would use threads.
            return self.keep(key, content_type, &std::fs::read(path)?).await;
        }
        let length = tokio::fs::metadata(path).await?.len();
        self.keep_content(key, content_type, Content::File { path, length }).await
    }

    async fn keep_content(
        &self,
        key: &str,
        content_type: &'static str,
        content: Content<'_>,
    ) -> Result<(), ArchiveError> {
        let mut pause = CONFLICT_PAUSE;
        let mut tries = 1;
        loop {
            let sent = match content {
                Content::File { path, length } if length >= IN_PARTS_FROM => {
                    self.send_in_parts(key, content_type, path, length).await?
                }
                content => self.send_whole(key, content_type, content).await?,
            };
            let Sent::Unsettled(error) = sent else { return Ok(()) };
            // The key is made from the content, so an object of this length under it is this content, whoever wrote it.
            if self.length_of(key).await == Some(content.length()) {
                return Ok(());
            }
            if tries == TRIES {
                return Err(error);
            }
            tracing::debug!(key, %error, "another writer is in the way of an upload; it is tried again");
            tokio::time::sleep(pause).await;
            (tries, pause) = (tries + 1, pause * 2);
        }
    }

    async fn send_whole(
        &self,
        key: &str,
        content_type: &'static str,
        content: Content<'_>,
    ) -> Result<Sent, ArchiveError> {
        let body = match content {
            Content::Bytes(bytes) => ByteStream::from(bytes.to_vec()),
            Content::File { path, length } => part(path, 0, length).await?,
        };
        let put = self.s3.put_object().bucket(&self.bucket).key(key).content_type(content_type);
        let put = put.if_none_match("*").body(body).customize().config_override(sending(content.length()));
        settle(put.send().await)
    }

    async fn send_in_parts(
        &self,
        key: &str,
        content_type: &'static str,
        path: &Path,
        length: u64,
    ) -> Result<Sent, ArchiveError> {
        let create = self.s3.create_multipart_upload().bucket(&self.bucket).key(key).content_type(content_type);
        let create = create.checksum_algorithm(ChecksumAlgorithm::Crc32).customize().config_override(small());
        let created = create.send().await.map_err(ArchiveError::bucket)?;
        let id = created.upload_id.ok_or_else(|| ArchiveError::Bucket("an upload without an id".to_owned()))?;
        let sent = match self.send_parts(key, &id, path, length).await {
            Ok(parts) => {
                let parts = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
                let complete = self.s3.complete_multipart_upload().bucket(&self.bucket).key(key).upload_id(&id);
                let complete = complete.if_none_match("*").multipart_upload(parts);
                let completed = complete.customize().config_override(limited(JOIN_TRY)).send().await;
                if completed.is_ok() {
                    return Ok(Sent::Kept);
                }
                settle(completed)
            }
            Err(error) => Err(error),
        };
        let abort = self.s3.abort_multipart_upload().bucket(&self.bucket).key(key).upload_id(&id);
        if let Err(error) = abort.customize().config_override(small()).send().await {
            // It is already gone, or the bucket's own rule will remove it.
            tracing::debug!(key, error = %ArchiveError::bucket(error), "an upload was not aborted");
        }
        sent
    }

    /// Sends the parts of a file, and returns their ids in order.
    async fn send_parts(
        &self,
        key: &str,
        id: &str,
        path: &Path,
        length: u64,
    ) -> Result<Vec<CompletedPart>, ArchiveError> {
        let size = PART_BYTES.max(length.div_ceil(MOST_PARTS));
        let parts = (1_i32..).zip(0..length.div_ceil(size)).map(|(number, index)| async move {
            let from = index * size;
            let size = size.min(length - from);
            let body = part(path, from, size).await?;
            let upload = self.s3.upload_part().bucket(&self.bucket).key(key).upload_id(id).part_number(number);
            let upload = upload.checksum_algorithm(ChecksumAlgorithm::Crc32).body(body);
            let sent = upload.customize().config_override(sending(size)).send().await.map_err(ArchiveError::bucket)?;
            let part = CompletedPart::builder().part_number(number).set_e_tag(sent.e_tag);
            Ok::<_, ArchiveError>(part.set_checksum_crc32(sent.checksum_crc32).build())
        });
        futures::stream::iter(parts).buffered(PARTS_AT_ONCE).try_collect().await
    }

    /// The length of the object under a key; `None` if it is not there, or if the bucket does not report it.
    async fn length_of(&self, key: &str) -> Option<u64> {
        let head = self.s3.head_object().bucket(&self.bucket).key(key).customize().config_override(small());
        let length = head.send().await.ok()?.content_length?;
        u64::try_from(length).ok()
    }
}

impl Content<'_> {
    fn length(self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::File { length, .. } => length,
        }
    }
}

/// A part of a file, read while it is sent, and read again if it is sent again.
async fn part(path: &Path, from: u64, length: u64) -> Result<ByteStream, ArchiveError> {
    let part = ByteStream::read_from().path(path).offset(from).length(Length::Exact(length)).buffer_size(READ_BYTES);
    part.build().await.map_err(ArchiveError::bucket)
}

/// What the answer to a conditional write means for content under a key made from it.
fn settle<T, E>(answer: Result<T, SdkError<E>>) -> Result<Sent, ArchiveError>
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    let Err(error) = answer else { return Ok(Sent::Kept) };
    let code = error.as_service_error().and_then(ProvideErrorMetadata::code).unwrap_or_default();
    match code {
        "PreconditionFailed" => Ok(Sent::Kept),
        // `NoSuchUpload`: the parts were already joined, and the first answer was lost.
        "ConditionalRequestConflict" | "OperationAborted" | "NoSuchUpload" => {
            Ok(Sent::Unsettled(ArchiveError::bucket(error)))
        }
        _ => Err(ArchiveError::bucket(error)),
    }
}

#[cfg(test)]
mod tests;
