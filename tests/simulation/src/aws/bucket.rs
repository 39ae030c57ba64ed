//! The bucket: as much of S3's protocol as the archive uses, over a map.

use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;

/// An answer of the bucket.
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// Headers.
    pub headers: Vec<(&'static str, String)>,
    /// Body.
    pub body: Bytes,
}

impl Reply {
    fn new(status: u16, body: impl Into<Bytes>) -> Self {
        Self { status, headers: Vec::new(), body: body.into() }
    }

    /// An error as S3 writes it.
    pub fn error(status: u16, code: &str) -> Self {
        let body = format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>{code}</Message></Error>");
        Self::new(status, body)
    }
}

/// A request's parts.
pub struct Request<'r> {
    /// `GET` and so on.
    pub method: &'r str,
    /// The part of the path after the bucket's name.
    pub key: &'r str,
    /// The part after the question mark.
    pub query: &'r str,
    /// `if-none-match`
    pub if_none_match: bool,
    /// `range`
    pub range: Option<&'r str>,
    /// Body.
    pub body: Bytes,
}

/// The bucket.
#[derive(Default)]
pub struct Bucket {
    /// Its objects.
    pub objects: BTreeMap<String, Bytes>,
    uploads: BTreeMap<String, BTreeMap<u32, Bytes>>,
    begun: u64,
}

impl Bucket {
    /// Answers a request.
    pub fn perform(&mut self, request: Request<'_>) -> Reply {
        let Request { method, key, query, if_none_match, range, body } = request;
        let parameter = |name: &str| query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
        match (method, parameter("uploadId")) {
            ("POST", None) if query.split('&').any(|pair| pair.starts_with("uploads")) => {
                self.begun += 1;
                let id = format!("upload-{}", self.begun);
                self.uploads.insert(id.clone(), BTreeMap::new());
                let body = format!(
                    "<InitiateMultipartUploadResult><Key>{key}</Key><UploadId>{id}</UploadId></InitiateMultipartUploadResult>"
                );
                Reply::new(200, body)
            }
            ("PUT", Some(id)) => {
                let number = parameter("partNumber").and_then(|number| number.parse().ok()).unwrap_or(0);
                let Some(parts) = self.uploads.get_mut(id) else { return Reply::error(404, "NoSuchUpload") };
                let etag = etag(&body);
                parts.insert(number, body);
                Reply { headers: vec![("etag", etag)], ..Reply::new(200, "") }
            }
            ("POST", Some(id)) => {
                if if_none_match && self.objects.contains_key(key) {
                    return Reply::error(412, "PreconditionFailed");
                }
                let Some(parts) = self.uploads.remove(id) else { return Reply::error(404, "NoSuchUpload") };
                let whole: Vec<u8> = parts.values().flatten().copied().collect();
                let tag = etag(&whole);
                self.objects.insert(key.to_owned(), whole.into());
                Reply::new(
                    200,
                    format!("<CompleteMultipartUploadResult><ETag>{tag}</ETag></CompleteMultipartUploadResult>"),
                )
            }
            ("DELETE", Some(id)) => {
                self.uploads.remove(id);
                Reply::new(204, "")
            }
            ("PUT", None) => {
                if if_none_match && self.objects.contains_key(key) {
                    return Reply::error(412, "PreconditionFailed");
                }
                let etag = etag(&body);
                self.objects.insert(key.to_owned(), body);
                Reply { headers: vec![("etag", etag)], ..Reply::new(200, "") }
            }
            ("GET" | "HEAD", _) => match self.objects.get(key) {
                None => Reply::error(404, "NoSuchKey"),
                Some(object) => {
                    let headers = vec![("etag", etag(object))];
                    match range.and_then(|range| part(range, object.len())) {
                        Some((from, to)) => Reply { headers, ..Reply::new(206, object.slice(from..to)) },
                        None => Reply { headers, ..Reply::new(200, object.clone()) },
                    }
                }
            },
            ("DELETE", None) => {
                self.objects.remove(key);
                Reply::new(204, "")
            }
            _ => Reply::error(501, "NotImplemented"),
        }
    }
}

fn part(range: &str, length: usize) -> Option<(usize, usize)> {
    let (from, to) = range.strip_prefix("bytes=")?.split_once('-')?;
    let from = from.parse().ok()?;
    let to = to.parse().map_or(length, |to: usize| length.min(to + 1));
    (from < to).then_some((from, to))
}

fn etag(body: &[u8]) -> String {
    let hash: String = Sha256::digest(body)[..16].iter().map(|byte| format!("{byte:02x}")).collect();
    format!("\"{hash}\"")
}
