//! What all answers have in common: how many more requests the caller may make, whether the answer has changed, and
//! which other origins' pages may read it.

use crate::Api;
use crate::operation::Found;
use crate::web::is_known;
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, CONTENT_TYPE, ETAG, LAST_MODIFIED, ORIGIN, VARY,
};
use http::{HeaderName, HeaderValue, Method, StatusCode};
use sha2::{Digest as _, Sha256};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use vestibule_domain::{Millis, Timestamp};
use vestibule_platform::problem::empty;
use vestibule_platform::{HttpRequest, HttpResponse, Problem};

/// The time over which a caller's requests are counted.
const WINDOW: Millis = Millis::from_seconds(60);
/// Most callers counted at once. Beyond this, counting starts again, so that memory stays bounded.
const MOST_CALLERS: usize = 10_000;

/// Counts requests by caller. Each process counts its own requests, which only prevents one caller from using all of
/// it.
#[derive(Clone, Default)]
pub(crate) struct Limiter(Arc<Mutex<HashMap<String, (Timestamp, u32)>>>);

/// How many requests are left to a caller.
#[derive(Clone, Copy)]
pub(crate) struct Quota {
    limit: u32,
    left: u32,
    resets_in_seconds: u32,
}

impl Limiter {
    /// Counts a request of `caller`; `None` if requests are not limited.
    pub(crate) fn count(&self, caller: &str, limit: u32, now: Timestamp) -> Result<Option<Quota>, Problem> {
        if limit == 0 {
            return Ok(None);
        }
        // A panic in between leaves no half-made change.
        let mut callers = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if callers.len() >= MOST_CALLERS && !callers.contains_key(caller) {
            callers.clear();
        }
        let (began, count) = callers.entry(caller.to_owned()).or_insert((now, 0));
        if (now - *began).get() >= WINDOW.get() || now < *began {
            (*began, *count) = (now, 0);
        }
        let left_millis = WINDOW.get() - (now - *began).get();
        let resets_in_seconds = u32::try_from((left_millis + 999) / 1_000).unwrap_or(60);
        if *count >= limit {
            let problem = Problem::new(StatusCode::TOO_MANY_REQUESTS, "Too many requests; send the same again later");
            return Err(problem.retry_after(resets_in_seconds));
        }
        *count += 1;
        Ok(Some(Quota { limit, left: limit - *count, resets_in_seconds }))
    }
}

impl Quota {
    /// Writes it into the headers of an answer, as the IETF's draft on rate limits defines them.
    pub(crate) fn write(self, response: &mut HttpResponse) {
        let policy = format!("\"caller\";q={};w=60", self.limit);
        let left = format!("\"caller\";r={};t={}", self.left, self.resets_in_seconds);
        for (name, value) in [("ratelimit-policy", policy), ("ratelimit", left)] {
            if let Ok(value) = HeaderValue::try_from(value) {
                response.headers_mut().insert(HeaderName::from_static(name), value);
            }
        }
    }
}

/// Gives an answer its tag, and omits its body if the client already has it. The instant of an answer, and what is
/// counted from it, change even if nothing happened, so they do not change the tag.
pub(crate) fn tag(request: &HttpRequest, mut response: HttpResponse) -> HttpResponse {
    let is_json = response.headers().get(CONTENT_TYPE).is_some_and(|kind| kind == "application/json");
    let asks = [Method::GET, Method::HEAD].contains(request.method());
    if !asks || !is_json || response.status() != StatusCode::OK {
        return response;
    }
    let (still, as_of) = without_now(response.body());
    if let Some(modified) = as_of.and_then(|text| Timestamp::parse(&text).ok()).and_then(http_date) {
        response.headers_mut().insert(LAST_MODIFIED, modified);
    }
    if !response.headers().contains_key(ETAG) {
        let tag: String = Sha256::digest(&still)[..12].iter().map(|byte| format!("{byte:02x}")).collect();
        let Ok(tag) = HeaderValue::try_from(format!("W/\"{tag}\"")) else { return response };
        response.headers_mut().insert(ETAG, tag);
    }
    let known = response
        .headers()
        .get(ETAG)
        .and_then(|tag| tag.to_str().ok())
        .is_some_and(|tag| is_known(request.headers(), tag));
    if !known {
        return response;
    }
    let mut unchanged = empty(StatusCode::NOT_MODIFIED);
    for name in [ETAG, LAST_MODIFIED] {
        if let Some(value) = response.headers().get(&name) {
            unchanged.headers_mut().insert(name, value.clone());
        }
    }
    unchanged
}

/// Members whose values change with the clock only.
const MOVING: [&[u8]; 6] = [
    b"\"asOf\":\"",
    b"\"firstPageAsOf\":\"",
    b"\"ageSeconds\":",
    b"\"elapsedSeconds\":",
    b"\"remainingSeconds\":",
    // The entries show where a page ends, and a cursor contains the instant of the first page.
    b"\"next\":\"",
];

/// A body without the members that change with the clock, and the instant for which it is true.
fn without_now(body: &[u8]) -> (Vec<u8>, Option<String>) {
    let mut still = Vec::with_capacity(body.len());
    let (mut as_of, mut rest) = (None, body);
    while let Some(quote) = rest.iter().position(|byte| *byte == b'"') {
        let (before, from) = rest.split_at(quote);
        still.extend_from_slice(before);
        rest = from;
        let Some(member) = MOVING.iter().find(|member| rest.starts_with(member)) else {
            still.push(b'"');
            rest = &rest[1..];
            continue;
        };
        still.extend_from_slice(member);
        rest = &rest[member.len()..];
        let end = rest.iter().position(|byte| matches!(byte, b'"' | b',' | b'}')).unwrap_or(rest.len());
        if member.starts_with(b"\"asOf") && as_of.is_none() {
            as_of = std::str::from_utf8(&rest[..end]).ok().map(str::to_owned);
        }
        rest = &rest[end..];
    }
    still.extend_from_slice(rest);
    (still, as_of)
}

/// An instant as HTTP writes dates.
fn http_date(at: Timestamp) -> Option<HeaderValue> {
    let seconds = u64::try_from(at.seconds()).ok()?;
    let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(seconds);
    HeaderValue::try_from(httpdate::fmt_http_date(time)).ok()
}

impl Api {
    /// Lets a page of an allowed origin read the answer. If no origin is configured, no CORS header is ever sent.
    pub(crate) fn share(&self, request: &HttpRequest, response: &mut HttpResponse) {
        if self.access.allowed_origins.is_empty() {
            return;
        }
        let headers = response.headers_mut();
        headers.append(VARY, HeaderValue::from_static("origin"));
        let Some(origin) = request.headers().get(ORIGIN) else { return };
        if self.access.allowed_origins.iter().any(|allowed| origin == allowed.as_str()) {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
            let exposed =
                HeaderValue::from_static("etag, last-modified, location, ratelimit, ratelimit-policy, retry-after");
            headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
        }
    }

    /// Answers the request by which a browser finds out whether a page of another origin may call the API.
    pub(crate) fn preflight(&self, asked: &Found) -> Result<HttpResponse, Problem> {
        if self.access.allowed_origins.is_empty() {
            return Err(asked.problem());
        }
        let mut response = empty(StatusCode::NO_CONTENT);
        let headers = response.headers_mut();
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE"));
        let asked = HeaderValue::from_static("authorization, content-type, if-match, if-none-match");
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, asked);
        headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
        Ok(response)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_tag_does_not_change_with_the_clock() {
        let (one, as_of) =
            without_now(br#"{"asOf":"2026-01-01T00:00:00.000Z","failures":[{"ageSeconds":61,"code":"0x1"}]}"#);
        let (two, _) =
            without_now(br#"{"asOf":"2026-01-01T00:00:09.000Z","failures":[{"ageSeconds":70,"code":"0x1"}]}"#);
        let (other, _) =
            without_now(br#"{"asOf":"2026-01-01T00:00:09.000Z","failures":[{"ageSeconds":70,"code":"0x2"}]}"#);
        assert_eq!((one.clone(), as_of.as_deref()), (two, Some("2026-01-01T00:00:00.000Z")));
        assert_ne!(one, other);
        assert_eq!(without_now(b"{\"asOf\":\"").0, b"{\"asOf\":\"");
    }

    #[test]
    fn a_caller_has_so_many_requests_a_minute_and_callers_are_counted_separately() {
        let (limiter, at) = (Limiter::default(), |seconds: i64| Timestamp::from_millis(1_000 * seconds));
        for left in [1, 0] {
            assert_eq!(limiter.count("a", 2, at(0)).unwrap().unwrap().left, left);
        }
        assert_eq!(
            limiter.count("a", 2, at(59)).err().map(|problem| problem.status()),
            Some(StatusCode::TOO_MANY_REQUESTS)
        );
        assert!(limiter.count("b", 2, at(59)).is_ok() && limiter.count("a", 2, at(60)).is_ok());
        assert!(limiter.count("a", 0, at(60)).unwrap().is_none());
    }
}
