//! The handshake of CloudEvents' HTTP webhooks: before it delivers, a delivery service asks by `OPTIONS` for
//! permission.
//!
//! The handshake prevents that somebody points a service such as Azure Event Grid at a host that does not want its
//! events. So permission goes only to a request with the proof that a post needs, and only to the origin that asked.

use http::header::ALLOW;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use vestibule_platform::{HttpResponse, Problem, problem};

/// The methods that may be used for sending.
pub(crate) const METHODS: &str = "POST";
const REQUEST_ORIGIN: HeaderName = HeaderName::from_static("webhook-request-origin");
const ALLOWED_ORIGIN: HeaderName = HeaderName::from_static("webhook-allowed-origin");
const ALLOWED_RATE: HeaderName = HeaderName::from_static("webhook-allowed-rate");
/// Longest name of a host.
const MAX_ORIGIN_BYTES: usize = 253;

/// The origin that asks.
///
/// # Errors
/// When the request is not a handshake, or the origin is not the name of a host.
pub(crate) fn asked_by(headers: &HeaderMap) -> Result<&HeaderValue, Problem> {
    let Some(origin) = headers.get(REQUEST_ORIGIN) else {
        return Err(Problem::method_not_allowed().allow(METHODS));
    };
    let fits = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b':');
    let name = origin.as_bytes();
    if (1..=MAX_ORIGIN_BYTES).contains(&name.len()) && name.iter().all(fits) {
        Ok(origin)
    } else {
        Err(Problem::bad_request().detail("WebHook-Request-Origin must be the name of a host"))
    }
}

/// Permission for `origin` to deliver `a_minute` requests a minute, 0 for any number. It is given at once: we never
/// call the address in `WebHook-Request-Callback`.
pub(crate) fn granted(origin: &HeaderValue, a_minute: u32) -> HttpResponse {
    let rate = if a_minute == 0 { HeaderValue::from_static("*") } else { HeaderValue::from(a_minute) };
    let mut response = problem::empty(StatusCode::OK);
    let headers = [(ALLOWED_ORIGIN, origin.clone()), (ALLOWED_RATE, rate), (ALLOW, HeaderValue::from_static(METHODS))];
    response.headers_mut().extend(headers);
    response
}
