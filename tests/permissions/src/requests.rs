//! The HTTP requests of one connection, read as they pass.

use percent_encoding::percent_decode_str;
use std::collections::BTreeMap;

/// A request as far as it says what is asked.
#[derive(Clone, Debug, Default)]
pub struct Request {
    pub method: String,
    /// The path, decoded, without the first slash.
    pub path: String,
    pub query: BTreeMap<String, String>,
    /// By lower-case name.
    pub headers: BTreeMap<String, String>,
    /// Empty for a file's content.
    pub body: Vec<u8>,
}

impl Request {
    /// The access key and the service that the signature names, in a header or, for a presigned link, in the query.
    pub fn signed_by(&self) -> Option<(&str, &str)> {
        let credential = match self.headers.get("authorization") {
            Some(header) => header.split_once("Credential=")?.1,
            None => self.query.get("X-Amz-Credential")?.as_str(),
        };
        let mut parts = credential.split([',', ' ']).next()?.split('/');
        let key = parts.next()?;
        Some((key, parts.nth(2)?))
    }
}

/// Bytes that arrived, up to the next whole request.
#[derive(Debug, Default)]
pub(crate) struct Reading {
    bytes: Vec<u8>,
    /// How many bytes of a file's content are still to come.
    skip: usize,
}

impl Reading {
    /// Takes what arrived next, and returns the requests that this completes.
    pub(crate) fn take(&mut self, mut bytes: &[u8]) -> Vec<Request> {
        let mut whole = Vec::new();
        loop {
            let skipped = self.skip.min(bytes.len());
            self.skip -= skipped;
            self.bytes.extend_from_slice(&bytes[skipped..]);
            bytes = &[];
            let Some(end) = self.bytes.windows(4).position(|four| four == b"\r\n\r\n") else { return whole };
            let mut request = head(&String::from_utf8_lossy(&self.bytes[..end]));
            let length = request.headers.get("content-length").map_or(0, |length| length.parse().unwrap());
            assert!(
                !request.headers.contains_key("transfer-encoding"),
                "a body of unknown length is not understood here"
            );
            let body = end + 4;
            let is_file = !request.headers.contains_key("x-amz-target")
                && !request.headers.get("content-type").is_some_and(|kind| kind.starts_with("application/x-www-form"));
            if is_file {
                let here = length.min(self.bytes.len() - body);
                self.skip = length - here;
                self.bytes.drain(..body + here);
            } else {
                if self.bytes.len() < body + length {
                    return whole;
                }
                request.body = self.bytes[body..body + length].to_vec();
                self.bytes.drain(..body + length);
            }
            whole.push(request);
        }
    }
}

fn head(text: &str) -> Request {
    let mut lines = text.split("\r\n");
    let mut first = lines.next().unwrap_or_default().split(' ');
    let method = first.next().unwrap_or_default().to_owned();
    let target = first.next().unwrap_or_default();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    let query = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    let headers = lines.filter_map(|line| line.split_once(':'));
    Request {
        method,
        path: decoded(path.trim_start_matches('/')),
        query: query.map(|(name, value)| (decoded(name), decoded(value))).collect(),
        headers: headers.map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned())).collect(),
        body: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALL: &str = "POST / HTTP/1.1\r\nHost: a\r\nX-Amz-Target: DynamoDB_20120810.GetItem\r\nContent-Length: 2\r\n\
                        Authorization: AWS4-HMAC-SHA256 Credential=key/20260101/us-east-1/dynamodb/aws4_request, a=b\r\n\r\n{}";
    const FILE: &str = "PUT /bucket/a%20b?x-id=PutObject HTTP/1.1\r\ncontent-length: 8\r\n\r\nab\r\n\r\ncd";
    const LINK: &str = "GET /bucket/a?X-Amz-Credential=key%2F20260101%2Fus-east-1%2Fs3%2Faws4_request HTTP/1.1\r\n\r\n";

    #[test]
    fn requests_are_read_however_they_are_cut() {
        let all = [CALL, FILE, LINK, CALL].concat();
        for size in 1..=all.len() {
            let mut reading = Reading::default();
            let requests: Vec<Request> = all.as_bytes().chunks(size).flat_map(|chunk| reading.take(chunk)).collect();
            let seen: Vec<&str> = requests.iter().map(|request| request.method.as_str()).collect();
            assert_eq!(seen, ["POST", "PUT", "GET", "POST"], "{size}");
            assert_eq!((requests[0].body.as_slice(), requests[0].signed_by()), (&b"{}"[..], Some(("key", "dynamodb"))));
            assert_eq!((requests[1].path.as_str(), requests[1].signed_by()), ("bucket/a b", None));
            assert_eq!(requests[2].signed_by(), Some(("key", "s3")));
        }
    }
}
