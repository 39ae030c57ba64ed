//! Report files under the front's own origin, by signed links that end after minutes.
//!
//! Must stay true: the link is the only credential, and names one object; a file never runs as a page of this origin.

use crate::front::body::AnswerBody;
use aws_sdk_s3::error::SdkError;
use aws_sdk_s3::operation::get_object::GetObjectError;
use aws_sdk_s3::operation::get_object::builders::GetObjectFluentBuilder;
use http::header::{
    ACCEPT_RANGES, ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE,
    CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, HeaderName, IF_NONE_MATCH, IF_RANGE, LAST_MODIFIED, ORIGIN, RANGE,
    REFERRER_POLICY, VARY, X_CONTENT_TYPE_OPTIONS,
};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use http_body_util::{BodyExt as _, Empty};
use vestibule_platform::{Clock, Links, Problem, Proven};

/// Serves what [`Links`] link to.
#[derive(Debug)]
pub(crate) struct Files {
    pub(crate) links: Links,
    pub(crate) s3: aws_sdk_s3::Client,
    pub(crate) bucket: String,
    /// Origins whose pages may read files, besides the front's own.
    pub(crate) allowed_origins: Vec<String>,
    pub(crate) clock: Clock,
}

impl Files {
    /// Whether a path can be that of a link.
    pub(crate) fn has(path: &str) -> bool {
        path.starts_with(Links::ROOT)
    }

    /// Answers a request by a link.
    ///
    /// # Errors
    /// When the link is not valid now, the method is not served, or the file cannot be read.
    pub(crate) async fn answer(&self, parts: &Parts) -> Result<Response<AnswerBody>, Problem> {
        let is_head = parts.method == Method::HEAD;
        if parts.method != Method::GET && !is_head {
            return Err(Problem::method_not_allowed().allow("GET, HEAD"));
        }
        let (path, query) = (parts.uri.path(), parts.uri.query().unwrap_or_default());
        let linked = self.links.open(path, query, self.clock.now_millis()).ok_or_else(|| {
            Problem::new(StatusCode::FORBIDDEN, "The link is invalid or has expired; request a new one")
        })?;
        if let Some(proven) = parts.extensions.get::<Proven>() {
            proven.set();
        }
        let mut response = self.read(&linked.key, &parts.headers, is_head).await?;
        let headers = response.headers_mut();
        let disposition = format!("attachment; filename=\"{}\"", linked.file_name);
        headers.insert(CONTENT_DISPOSITION, HeaderValue::try_from(disposition).map_err(|_| Problem::internal())?);
        for (name, value) in [
            (ACCEPT_RANGES, "bytes"),
            (CACHE_CONTROL, "private, no-store"),
            (CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox"),
            (REFERRER_POLICY, "no-referrer"),
            (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        self.share(&parts.headers, headers);
        Ok(response)
    }

    /// Reads the object, or the part of it that the request asks for.
    async fn read(&self, key: &str, asked: &HeaderMap, is_head: bool) -> Result<Response<AnswerBody>, Problem> {
        let text = |name| asked.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let get = || self.s3.get_object().bucket(&self.bucket).key(key).set_if_none_match(text(IF_NONE_MATCH));
        let range = text(RANGE).filter(|range| !is_head && is_one_range(range));
        let found = match (range, text(IF_RANGE)) {
            (None, _) => get().send().await,
            (Some(range), None) => get().range(range).send().await,
            // A part is of no use to somebody who has the beginning of another file.
            (Some(range), Some(of)) => match get().range(range).if_match(of).send().await {
                Err(error) if status_of(&error) == Some(StatusCode::PRECONDITION_FAILED) => get().send().await,
                found => found,
            },
        };
        let found = match found {
            Ok(found) => found,
            Err(error) => return self.refused(get(), &error).await,
        };
        let mut response =
            Response::new(if is_head { nothing() } else { found.body.into_inner().map_err(Into::into).boxed_unsync() });
        let modified = found.last_modified.and_then(|at| at.fmt(aws_sdk_s3::primitives::DateTimeFormat::HttpDate).ok());
        if found.content_range.is_some() {
            *response.status_mut() = StatusCode::PARTIAL_CONTENT;
        }
        let length = found.content_length.map(|length| length.to_string());
        let headers: [(HeaderName, Option<String>); 5] = [
            (CONTENT_LENGTH, length),
            (CONTENT_RANGE, found.content_range),
            (CONTENT_TYPE, found.content_type),
            (ETAG, found.e_tag),
            (LAST_MODIFIED, modified),
        ];
        for (name, value) in headers {
            if let Some(value) = value.and_then(|value| HeaderValue::try_from(value).ok()) {
                response.headers_mut().insert(name, value);
            }
        }
        Ok(response)
    }

    /// The answer to a refusal of the object store that the client caused.
    async fn refused(
        &self,
        whole: GetObjectFluentBuilder,
        error: &SdkError<GetObjectError>,
    ) -> Result<Response<AnswerBody>, Problem> {
        let mut response = Response::new(nothing());
        match status_of(error) {
            Some(status @ StatusCode::NOT_MODIFIED) => *response.status_mut() = status,
            Some(status @ StatusCode::RANGE_NOT_SATISFIABLE) => {
                *response.status_mut() = status;
                let size = whole.send().await.ok().and_then(|whole| whole.content_length);
                let size = size.and_then(|size| HeaderValue::try_from(format!("bytes */{size}")).ok());
                if let Some(size) = size {
                    response.headers_mut().insert(CONTENT_RANGE, size);
                }
            }
            Some(StatusCode::NOT_FOUND) => return Err(Problem::not_found()),
            _ => {
                tracing::error!(error = vestibule_causes::causes(error), "a file could not be read");
                return Err(Problem::unavailable());
            }
        }
        Ok(response)
    }

    /// Lets a page of an allowed origin read the file, as it may read the API's answers.
    fn share(&self, asked: &HeaderMap, headers: &mut HeaderMap) {
        if self.allowed_origins.is_empty() {
            return;
        }
        headers.append(VARY, HeaderValue::from_static("origin"));
        if let Some(origin) = asked.get(ORIGIN)
            && self.allowed_origins.iter().any(|allowed| origin == allowed.as_str())
        {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        }
    }
}

fn nothing() -> AnswerBody {
    Empty::new().map_err(|never| match never {}).boxed_unsync()
}

fn status_of(error: &SdkError<GetObjectError>) -> Option<StatusCode> {
    error.raw_response().and_then(|raw| StatusCode::from_u16(raw.status().as_u16()).ok())
}

/// Whether a header asks for one range of bytes. Anything else is answered with the whole file, as HTTP allows.
fn is_one_range(range: &str) -> bool {
    let is_number = |text: &str| text.len() <= 18 && text.bytes().all(|byte| byte.is_ascii_digit());
    let Some((first, last)) = range.trim().strip_prefix("bytes=").and_then(|range| range.split_once('-')) else {
        return false;
    };
    is_number(first)
        && is_number(last)
        && match (first.parse::<u64>(), last.parse::<u64>()) {
            (Ok(first), Ok(last)) => first <= last,
            (first, last) => first.is_ok() || last.is_ok(),
        }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_range_is_served_and_everything_else_is_the_whole_file() {
        for one in ["bytes=0-15", "bytes=5-", "bytes=-16", " bytes=0-0 "] {
            assert!(is_one_range(one), "{one}");
        }
        for other in ["bytes=-", "bytes=0-1,3-4", "bytes=5-4", "lines=0-1", "bytes=a-b", "bytes=+1-2", "0-1", ""] {
            assert!(!is_one_range(other), "{other}");
        }
    }
}
