//! The S3 protocol in front of the object store.
//!
//! `s3s` handles signatures, presigned links and XML; here requests become calls of the store. Must stay true: no
//! thread of the runtime touches a file, and a body that breaks off, or does not have the announced length or checksum,
//! leaves no object.

mod announced;
mod conditions;
mod listing;

use std::io::{self, Read};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use futures::{StreamExt, stream};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use s3s::crypto::Checksum as _;
use s3s::dto::{
    AbortMultipartUploadInput, AbortMultipartUploadOutput, Checksum, ChecksumMode, ChecksumType, CommonPrefix,
    CompleteMultipartUploadInput, CompleteMultipartUploadOutput, CreateBucketInput, CreateBucketOutput,
    CreateMultipartUploadInput, CreateMultipartUploadOutput, DeleteObjectInput, DeleteObjectOutput, ETag, EncodingType,
    GetObjectInput, GetObjectOutput, HeadBucketInput, HeadBucketOutput, HeadObjectInput, HeadObjectOutput,
    ListObjectsV2Input, ListObjectsV2Output, Metadata, Object, PutObjectInput, PutObjectOutput, StreamingBlob,
    TimestampFormat, UploadPartInput, UploadPartOutput,
};
use s3s::{S3, S3ErrorCode, S3Request, S3Response, S3Result, s3_error};

use super::format::{Finished, Header, Named, Opened};
use super::store::{Failure, ObjectStore};
use announced::Announced;
use conditions::{ReadConditions, condition};
use listing::{Page, Position, percent_encode};

/// Number of bytes passed to or from a blocking thread at once.
const BLOCK: usize = 256 * 1024;
const MAX_KEY: usize = 1024;
const MAX_LIST: i32 = 1000;
/// S3's limit for names and values of user metadata together.
const MAX_METADATA: usize = 2048;

/// The S3 protocol over a store.
pub(super) struct Endpoint {
    pub(super) store: ObjectStore,
}

impl Endpoint {
    /// Runs work on files on a thread that may block.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&ObjectStore) -> Result<T, Failure> + Send + 'static,
    ) -> S3Result<T> {
        let store = self.store.clone();
        match tokio::task::spawn_blocking(move || work(&store)).await {
            Ok(done) => done.map_err(failed),
            Err(error) => Err(s3s::S3Error::internal_error(error)),
        }
    }

    /// Reads a body and checks it against everything announced; also returns the checksums.
    async fn receive(
        &self,
        header: Header,
        named: Named,
        body: Option<StreamingBlob>,
        announced: Announced,
    ) -> S3Result<(Finished, Checksum)> {
        let mut staged = self.blocking(move |store| store.stage(header, named)).await?;
        let mut sums = announced.hashers();
        let mut size: i64 = 0;
        if let Some(mut body) = body {
            let mut block = Vec::new();
            loop {
                let chunk = body
                    .next()
                    .await
                    .transpose()
                    .map_err(|source| s3s::S3Error::with_source(S3ErrorCode::IncompleteBody, source))?;
                if let Some(chunk) = &chunk {
                    size = size.saturating_add(i64::try_from(chunk.len()).unwrap_or(i64::MAX));
                    block.extend_from_slice(chunk);
                }
                if block.len() >= BLOCK || (chunk.is_none() && !block.is_empty()) {
                    let bytes = std::mem::take(&mut block);
                    (staged, sums) = self
                        .blocking(move |_| {
                            staged.write(&bytes)?;
                            sums.0.update(&bytes);
                            if let Some(md5) = &mut sums.1 {
                                md5.update(&bytes);
                            }
                            Ok((staged, sums))
                        })
                        .await?;
                }
                if chunk.is_none() {
                    break;
                }
            }
        }
        if announced.length.is_some_and(|length| length != size) {
            return Err(s3_error!(IncompleteBody));
        }
        let sums = announced.verify(sums)?;
        let done = self.blocking(move |_| staged.finish(None)).await?;
        Ok((done, sums))
    }
}

fn failed(failure: Failure) -> s3s::S3Error {
    let code = match &failure {
        Failure::NoSuchBucket => S3ErrorCode::NoSuchBucket,
        Failure::NoSuchKey => S3ErrorCode::NoSuchKey,
        Failure::NoSuchUpload => S3ErrorCode::NoSuchUpload,
        Failure::InvalidPart => S3ErrorCode::InvalidPart,
        Failure::PartTooSmall => S3ErrorCode::EntityTooSmall,
        Failure::BucketExists => S3ErrorCode::BucketAlreadyOwnedByYou,
        Failure::BucketName => S3ErrorCode::InvalidBucketName,
        Failure::Precondition => S3ErrorCode::PreconditionFailed,
        Failure::Conflict => S3ErrorCode::ConditionalRequestConflict,
        Failure::Damaged { .. } | Failure::File { .. } | Failure::Io(_) => {
            // The operating system's message names files of the machine, so it goes only into the log.
            tracing::error!(error = %failure, "an object store operation failed");
            return s3s::S3Error::internal_error(failure);
        }
    };
    s3s::S3Error::with_message(code, failure.to_string())
}

fn check_key(key: &str) -> S3Result<()> {
    if key.is_empty() {
        return Err(s3_error!(InvalidArgument, "the key is empty"));
    }
    if key.len() > MAX_KEY { Err(s3_error!(KeyTooLongError)) } else { Ok(()) }
}

fn metadata(metadata: Option<Metadata>) -> S3Result<std::collections::BTreeMap<String, String>> {
    let metadata: std::collections::BTreeMap<_, _> = metadata.unwrap_or_default().into_iter().collect();
    if metadata.iter().map(|(k, v)| k.len() + v.len()).sum::<usize>() > MAX_METADATA {
        return Err(s3_error!(MetadataTooLarge));
    }
    Ok(metadata)
}

/// `aws-chunked` describes the request, not the object's encoding.
fn encoding(value: Option<String>) -> Option<String> {
    let kept: Vec<_> = value?.split(',').map(str::trim).filter(|e| *e != "aws-chunked").map(str::to_owned).collect();
    let kept = kept.join(", ");
    (!kept.is_empty()).then_some(kept)
}

fn etag(header: &Header) -> ETag {
    ETag::Strong(header.etag.clone())
}

fn modified(header: &Header) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(header.last_modified_ms)
}

fn length(bytes: u64) -> S3Result<i64> {
    i64::try_from(bytes).map_err(s3s::S3Error::internal_error)
}

fn not_satisfiable(size: u64) -> s3s::S3Error {
    let mut error = s3_error!(InvalidRange);
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/xml"));
    if let Ok(value) = HeaderValue::from_str(&format!("bytes */{size}")) {
        headers.insert(header::CONTENT_RANGE, value);
    }
    error.set_headers(headers);
    error
}

/// Reads the next block of the rest, on a thread that may block.
async fn next_block(mut opened: Opened, left: u64) -> io::Result<(Bytes, Opened, u64)> {
    tokio::task::spawn_blocking(move || {
        let bytes = read_block(&mut opened, left)?;
        let left = left - bytes.len() as u64;
        Ok((bytes, opened, left))
    })
    .await?
}

fn read_block(opened: &mut Opened, left: u64) -> io::Result<Bytes> {
    let mut block = vec![0; usize::try_from(left).unwrap_or(BLOCK).min(BLOCK)];
    opened.file.read_exact(&mut block)?;
    Ok(block.into())
}

#[async_trait::async_trait]
impl S3 for Endpoint {
    async fn create_bucket(&self, req: S3Request<CreateBucketInput>) -> S3Result<S3Response<CreateBucketOutput>> {
        let bucket = req.input.bucket;
        let location = Some(format!("/{bucket}"));
        self.blocking(move |store| store.create_bucket(&bucket)).await?;
        Ok(S3Response::new(CreateBucketOutput { location }))
    }

    async fn head_bucket(&self, req: S3Request<HeadBucketInput>) -> S3Result<S3Response<HeadBucketOutput>> {
        let bucket = req.input.bucket;
        self.blocking(move |store| store.head_bucket(&bucket)).await?;
        Ok(S3Response::new(HeadBucketOutput::default()))
    }

    async fn put_object(&self, req: S3Request<PutObjectInput>) -> S3Result<S3Response<PutObjectOutput>> {
        let S3Request { input, headers, trailing_headers, .. } = req;
        check_key(&input.key)?;
        let condition = condition(input.if_match, input.if_none_match)?;
        let bucket = input.bucket;
        let began = {
            let bucket = bucket.clone();
            self.blocking(move |store| store.head_bucket(&bucket).map(|()| store.begin())).await?
        };
        let header = Header {
            key: input.key,
            content_type: input.content_type,
            content_disposition: input.content_disposition,
            content_encoding: encoding(input.content_encoding),
            content_language: input.content_language,
            cache_control: input.cache_control,
            user_metadata: metadata(input.metadata)?,
            ..Header::default()
        };
        let announced = Announced::new(&headers, trailing_headers, input.content_length, input.content_md5);
        let (done, _) = self.receive(header, Named::ByDigest, input.body, announced).await?;
        let header = self.blocking(move |store| store.commit(&bucket, done, &condition, began)).await?;
        Ok(S3Response::new(PutObjectOutput { e_tag: Some(etag(&header)), ..Default::default() }))
    }

    async fn get_object(&self, req: S3Request<GetObjectInput>) -> S3Result<S3Response<GetObjectOutput>> {
        let input = req.input;
        let (bucket, key) = (input.bucket, input.key);
        let conditions = ReadConditions {
            if_match: input.if_match,
            if_none_match: input.if_none_match,
            if_modified_since: input.if_modified_since,
            if_unmodified_since: input.if_unmodified_since,
        };
        let range = input.range;
        // The first block is read together with opening: most objects need only one visit.
        let (header, span, first, opened) = self
            .blocking(move |store| {
                let (header, mut opened) = store.open_object(&bucket, &key)?;
                if let Err(refusal) = conditions.check(&header) {
                    return Ok(Err(refusal));
                }
                let span = match range {
                    None => 0..header.size,
                    Some(range) => match range.check(header.size) {
                        // An empty suffix is not a range.
                        Ok(span) if !span.is_empty() => span,
                        _ => return Ok(Err(not_satisfiable(header.size))),
                    },
                };
                opened.seek(span.start)?;
                let first = read_block(&mut opened, span.end - span.start)?;
                Ok(Ok((header, span, first, opened)))
            })
            .await??;
        let total = span.end - span.start;
        let left = total - first.len() as u64;
        let rest = stream::try_unfold((opened, left), |(opened, left)| async move {
            if left == 0 {
                return Ok::<_, io::Error>(None);
            }
            let (bytes, opened, left) = next_block(opened, left).await?;
            Ok(Some((bytes, (opened, left))))
        });
        let body = stream::iter((!first.is_empty()).then_some(Ok(first))).chain(rest);
        let whole = range.is_none();
        let sum = whole && input.checksum_mode.is_some_and(|m| m.as_str() == ChecksumMode::ENABLED);
        Ok(S3Response::new(GetObjectOutput {
            accept_ranges: Some("bytes".to_owned()),
            body: Some(StreamingBlob::wrap(body)),
            content_length: Some(length(total)?),
            content_range: (!whole)
                .then(|| format!("bytes {}-{}/{}", span.start, span.end.saturating_sub(1), header.size)),
            checksum_sha256: sum.then(|| header.sha256.clone()),
            checksum_type: sum.then(|| ChecksumType::from_static(ChecksumType::FULL_OBJECT)),
            e_tag: Some(etag(&header)),
            last_modified: Some(modified(&header).into()),
            content_type: header.content_type,
            content_disposition: header.content_disposition,
            content_encoding: header.content_encoding,
            content_language: header.content_language,
            cache_control: header.cache_control,
            metadata: Some(header.user_metadata.into_iter().collect()),
            ..Default::default()
        }))
    }

    async fn head_object(&self, req: S3Request<HeadObjectInput>) -> S3Result<S3Response<HeadObjectOutput>> {
        let input = req.input;
        let (bucket, key) = (input.bucket, input.key);
        let conditions = ReadConditions {
            if_match: input.if_match,
            if_none_match: input.if_none_match,
            if_modified_since: input.if_modified_since,
            if_unmodified_since: input.if_unmodified_since,
        };
        let (header, _) = self.blocking(move |store| store.open_object(&bucket, &key)).await?;
        conditions.check(&header)?;
        let sum = input.checksum_mode.is_some_and(|m| m.as_str() == ChecksumMode::ENABLED);
        let mut response = S3Response::new(HeadObjectOutput {
            accept_ranges: Some("bytes".to_owned()),
            content_length: Some(length(header.size)?),
            checksum_sha256: sum.then(|| header.sha256.clone()),
            checksum_type: sum.then(|| ChecksumType::from_static(ChecksumType::FULL_OBJECT)),
            e_tag: Some(etag(&header)),
            last_modified: Some(modified(&header).into()),
            content_type: header.content_type,
            content_disposition: header.content_disposition,
            content_encoding: header.content_encoding,
            content_language: header.content_language,
            cache_control: header.cache_control,
            metadata: Some(header.user_metadata.into_iter().collect()),
            ..Default::default()
        });
        let expires = input.response_expires.and_then(|at| {
            let mut text = Vec::new();
            at.format(TimestampFormat::HttpDate, &mut text).ok()?;
            String::from_utf8(text).ok()
        });
        let overrides: [(HeaderName, Option<String>); 6] = [
            (header::CACHE_CONTROL, input.response_cache_control),
            (header::CONTENT_DISPOSITION, input.response_content_disposition),
            (header::CONTENT_ENCODING, input.response_content_encoding),
            (header::CONTENT_LANGUAGE, input.response_content_language),
            (header::CONTENT_TYPE, input.response_content_type),
            (header::EXPIRES, expires),
        ];
        for (name, value) in overrides {
            if let Some(value) = value {
                let value = HeaderValue::try_from(value)
                    .map_err(|_| s3_error!(InvalidArgument, "{name} is not a header value"))?;
                response.headers.insert(name, value);
            }
        }
        Ok(response)
    }

    async fn delete_object(&self, req: S3Request<DeleteObjectInput>) -> S3Result<S3Response<DeleteObjectOutput>> {
        let input = req.input;
        let condition = condition(input.if_match, None)?;
        self.blocking(move |store| store.delete(&input.bucket, &input.key, &condition)).await?;
        Ok(S3Response::new(DeleteObjectOutput::default()))
    }

    async fn list_objects_v2(&self, req: S3Request<ListObjectsV2Input>) -> S3Result<S3Response<ListObjectsV2Output>> {
        let input = req.input;
        let max_keys = input.max_keys.unwrap_or(MAX_LIST);
        if max_keys < 0 {
            return Err(s3_error!(InvalidArgument, "max-keys is negative"));
        }
        let max_keys = max_keys.min(MAX_LIST);
        let from = match &input.continuation_token {
            Some(token) => Some(Position::parse(token)?),
            None => input.start_after.clone().map(Position::Key),
        };
        let prefix = input.prefix.clone().unwrap_or_default();
        let found = {
            let (bucket, prefix) = (input.bucket.clone(), prefix.clone());
            self.blocking(move |store| store.list(&bucket, &prefix)).await?
        };
        let delimiter = input.delimiter.clone().filter(|d| !d.is_empty());
        let page = Page::of(found.into_values(), &prefix, delimiter.as_deref(), from.as_ref(), max_keys);

        let url = input.encoding_type.as_ref().is_some_and(|e| e.as_str() == EncodingType::URL);
        let encode = |text: String| if url { percent_encode(&text) } else { text };
        let contents = page
            .objects
            .into_iter()
            .map(|header| {
                Ok(Object {
                    e_tag: Some(etag(&header)),
                    last_modified: Some(modified(&header).into()),
                    size: Some(length(header.size)?),
                    key: Some(encode(header.key)),
                    ..Default::default()
                })
            })
            .collect::<S3Result<Vec<_>>>()?;
        let prefixes: Vec<_> = page.prefixes.into_iter().map(|p| CommonPrefix { prefix: Some(encode(p)) }).collect();
        Ok(S3Response::new(ListObjectsV2Output {
            name: Some(input.bucket),
            key_count: i32::try_from(contents.len() + prefixes.len()).ok(),
            max_keys: Some(max_keys),
            is_truncated: Some(page.next.is_some()),
            next_continuation_token: page.next.map(|p| p.to_token()),
            continuation_token: input.continuation_token,
            prefix: Some(encode(prefix)),
            delimiter: input.delimiter.map(encode),
            start_after: input.start_after.map(encode),
            encoding_type: input.encoding_type,
            contents: Some(contents),
            common_prefixes: Some(prefixes),
            ..Default::default()
        }))
    }

    async fn create_multipart_upload(
        &self,
        req: S3Request<CreateMultipartUploadInput>,
    ) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
        let input = req.input;
        check_key(&input.key)?;
        let (bucket, key) = (input.bucket.clone(), input.key.clone());
        let header = Header {
            key: input.key,
            content_type: input.content_type,
            content_disposition: input.content_disposition,
            content_encoding: encoding(input.content_encoding),
            content_language: input.content_language,
            cache_control: input.cache_control,
            user_metadata: metadata(input.metadata)?,
            ..Header::default()
        };
        let id = self.blocking(move |store| store.create_upload(&input.bucket, header)).await?;
        Ok(S3Response::new(CreateMultipartUploadOutput {
            bucket: Some(bucket),
            key: Some(key),
            upload_id: Some(id),
            ..Default::default()
        }))
    }

    async fn upload_part(&self, req: S3Request<UploadPartInput>) -> S3Result<S3Response<UploadPartOutput>> {
        let S3Request { input, headers, trailing_headers, .. } = req;
        let (id, number) = (input.upload_id, input.part_number);
        check_part_number(number)?;
        {
            let (bucket, key, id) = (input.bucket, input.key.clone(), id.clone());
            self.blocking(move |store| store.upload(&bucket, &key, &id)).await?;
        }
        let header = Header { key: input.key, ..Header::default() };
        let announced = Announced::new(&headers, trailing_headers, input.content_length, input.content_md5);
        let (done, sums) = self.receive(header, Named::AtRandom, input.body, announced).await?;
        let header = self.blocking(move |store| store.commit_part(&id, number, done)).await?;
        // Checksums that were announced and verified are repeated, for the list of parts.
        Ok(S3Response::new(UploadPartOutput {
            e_tag: Some(etag(&header)),
            checksum_crc32: sums.checksum_crc32,
            checksum_crc32c: sums.checksum_crc32c,
            checksum_crc64nvme: sums.checksum_crc64nvme,
            checksum_sha1: sums.checksum_sha1,
            checksum_sha256: sums.checksum_sha256,
            ..Default::default()
        }))
    }

    async fn complete_multipart_upload(
        &self,
        req: S3Request<CompleteMultipartUploadInput>,
    ) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
        let input = req.input;
        let condition = condition(input.if_match, input.if_none_match)?;
        let mut parts: Vec<(i32, Option<String>)> = Vec::new();
        for part in input.multipart_upload.and_then(|u| u.parts).unwrap_or_default() {
            let number = part.part_number.ok_or_else(|| s3_error!(MalformedXML))?;
            check_part_number(number)?;
            if parts.last().is_some_and(|(last, _)| *last >= number) {
                return Err(s3_error!(InvalidPartOrder));
            }
            parts.push((number, part.e_tag.map(ETag::into_value)));
        }
        if parts.is_empty() {
            return Err(s3_error!(MalformedXML));
        }
        let (bucket, key) = (input.bucket.clone(), input.key.clone());
        let header = self
            .blocking(move |store| {
                store.complete_upload(&input.bucket, &input.key, &input.upload_id, &parts, &condition)
            })
            .await?;
        Ok(S3Response::new(CompleteMultipartUploadOutput {
            location: Some(format!("/{bucket}/{}", percent_encode(&key))),
            bucket: Some(bucket),
            key: Some(key),
            e_tag: Some(etag(&header)),
            ..Default::default()
        }))
    }

    async fn abort_multipart_upload(
        &self,
        req: S3Request<AbortMultipartUploadInput>,
    ) -> S3Result<S3Response<AbortMultipartUploadOutput>> {
        let input = req.input;
        self.blocking(move |store| store.abort_upload(&input.bucket, &input.key, &input.upload_id)).await?;
        Ok(S3Response::new(AbortMultipartUploadOutput::default()))
    }
}

fn check_part_number(number: i32) -> S3Result<()> {
    if (1..=10_000).contains(&number) { Ok(()) } else { Err(s3_error!(InvalidArgument, "part numbers are 1 to 10000")) }
}
