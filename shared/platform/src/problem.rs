//! Answers: JSON, and `application/problem+json` (RFC 9457) for errors.
//!
//! A [`Problem`] consists of our own texts and names of members. Nothing internal and nothing that was sent gets into
//! one unless code puts it there explicitly.

use bytes::Bytes;
use http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, REFERRER_POLICY, RETRY_AFTER,
    WWW_AUTHENTICATE,
};
use http::{HeaderValue, Response, StatusCode};
use serde::Serialize;

/// A complete answer.
pub type HttpResponse = Response<Bytes>;

/// What a client sees when a request cannot be served.
#[derive(Debug, Serialize)]
pub struct Problem {
    #[serde(rename = "type")]
    kind: &'static str,
    title: &'static str,
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    more: Option<Box<serde_json::Value>>,
    #[serde(skip)]
    retry_after_seconds: Option<u32>,
    #[serde(skip)]
    scheme: &'static str,
    #[serde(skip)]
    allowed: Option<&'static str>,
}

impl Problem {
    /// A problem with its own status and title.
    pub const fn new(status: StatusCode, title: &'static str) -> Self {
        Self {
            kind: "about:blank",
            title,
            status: status.as_u16(),
            detail: None,
            more: None,
            retry_after_seconds: None,
            scheme: "Bearer",
            allowed: None,
        }
    }

    /// The request is malformed.
    pub const fn bad_request() -> Self {
        Self::new(StatusCode::BAD_REQUEST, "The request is malformed")
    }

    /// No credential, a wrong one, or one of an unknown caller: all look the same from outside.
    pub const fn unauthorized() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "The credential is missing or not valid")
    }

    /// The credential does not allow this request.
    pub const fn forbidden() -> Self {
        Self::new(StatusCode::FORBIDDEN, "The credential's role does not allow this")
    }

    /// It does not exist, or the caller may not know that it does.
    pub const fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "There is nothing here by that name")
    }

    /// The method is not served here.
    pub const fn method_not_allowed() -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "The method is not served here")
    }

    /// Adds the allowed methods.
    #[must_use]
    pub const fn allow(mut self, methods: &'static str) -> Self {
        self.allowed = Some(methods);
        self
    }

    /// The body is too large.
    pub const fn too_large() -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "The body is too large")
    }

    /// Something that we depend on is down or asks us to slow down; the request may be sent again.
    pub const fn unavailable() -> Self {
        let mut problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, "Temporarily unavailable; send the same again");
        problem.retry_after_seconds = Some(5);
        problem
    }

    /// An error on our side; sending again will not help.
    pub const fn internal() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "Something went wrong on our side")
    }

    /// Adds an explanation.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Adds members, given as an object.
    #[must_use]
    pub fn with(mut self, members: serde_json::Value) -> Self {
        self.more = Some(Box::new(members));
        self
    }

    /// Makes a browser ask the person for the token.
    #[must_use]
    pub const fn ask_browser(mut self) -> Self {
        self.scheme = "Basic realm=\"Vestibule: a token as password\", charset=\"UTF-8\"";
        self
    }

    /// Says after how many seconds to try again.
    #[must_use]
    pub const fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after_seconds = Some(seconds);
        self
    }

    /// The status.
    pub fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

impl From<Problem> for HttpResponse {
    fn from(problem: Problem) -> Self {
        let (status, scheme, allowed) = (problem.status(), problem.scheme, problem.allowed);
        let mut response = body(status, "application/problem+json", &problem);
        if let Some(seconds) = problem.retry_after_seconds {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some(methods) = allowed {
            response.headers_mut().insert(ALLOW, HeaderValue::from_static(methods));
        }
        if status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static(scheme));
        }
        response
    }
}

/// A JSON answer.
pub fn json<T: Serialize>(status: StatusCode, value: &T) -> HttpResponse {
    body(status, "application/json", value)
}

/// An answer without a body.
pub fn empty(status: StatusCode) -> HttpResponse {
    let mut response = whole(status, "application/json", Vec::new());
    response.headers_mut().remove(CONTENT_TYPE);
    response
}

/// A page for a browser. `policy` is its Content-Security-Policy.
pub fn html(status: StatusCode, page: String, policy: &'static str) -> HttpResponse {
    let mut response = whole(status, "text/html; charset=utf-8", page.into_bytes());
    let headers = [
        (CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy)),
        (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    ];
    response.headers_mut().extend(headers);
    response
}

fn body<T: Serialize>(status: StatusCode, content_type: &'static str, value: &T) -> HttpResponse {
    // Our answers are plain data, so failing to write one is our mistake.
    let (status, bytes) = match serde_json::to_vec(value) {
        Ok(bytes) => (status, bytes),
        Err(error) => {
            tracing::error!(%error, "an answer could not be written");
            (StatusCode::INTERNAL_SERVER_ERROR, Vec::new())
        }
    };
    whole(status, content_type, bytes)
}

/// An answer with any content type.
pub fn whole(status: StatusCode, content_type: &'static str, bytes: Vec<u8>) -> HttpResponse {
    let mut response = Response::new(Bytes::from(bytes));
    *response.status_mut() = status;
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static(content_type)),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (HeaderName::from_static("x-content-type-options"), HeaderValue::from_static("nosniff")),
    ];
    response.headers_mut().extend(headers);
    response
}
