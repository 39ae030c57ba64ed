//! What an answer means: either a page, or a reason why it is missing and a time to ask again.
//!
//! Graph's texts are read for a few words and never repeated: they quote addresses and ids. The lists of Intune answer
//! 500 where they throttle, and 401 where a permission is missing, so that the status alone does not say what is the
//! matter.

use crate::transport::{Answer, Lost};
use http::StatusCode;
use serde::Deserialize;
use serde_json::Value;
use std::time::{Duration, UNIX_EPOCH};
use vestibule_domain::{Millis, Timestamp};

/// A wait longer than this is not believed.
const LONGEST_WAIT: Millis = Millis::from_days(1);
/// Bytes of an error's text that are searched.
const LOOKED_AT: usize = 16 << 10;

/// A page of a list.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Page {
    /// Its records.
    #[serde(rename = "value")]
    pub records: Vec<Value>,
    /// Where the next page is, as the server wrote it.
    #[serde(rename = "@odata.nextLink", default)]
    pub next: Option<String>,
}

/// Why there is no page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// Ask again later, after so long where the server says so.
    #[error("Graph asks for a pause ({status})")]
    Throttled {
        /// The status.
        status: u16,
        /// How long to wait.
        after: Option<Millis>,
    },
    /// The server has a problem of its own.
    #[error("Graph has trouble of its own ({status})")]
    Server {
        /// The status.
        status: u16,
    },
    /// No answer was received.
    #[error("{}", lost(*.0))]
    Lost(Lost),
    /// The app registration may not read this list.
    #[error("a permission is missing, or the administrator's consent to it")]
    NoPermission,
    /// The directory has no licence for the list.
    #[error("the directory has no licence for this")]
    NoLicence,
    /// The directory does not accept the app registration or its secret.
    #[error("the app registration is not accepted: {0}")]
    Credentials(&'static str),
    /// There is no such list, here or in this cloud.
    #[error("this cloud has no such list ({status})")]
    NoSuchList {
        /// The status.
        status: u16,
    },
    /// The request is not understood: a filter, or a link that is too old.
    #[error("Graph does not understand the request ({status})")]
    NotUnderstood {
        /// The status.
        status: u16,
    },
    /// The link to the next page leads away from Graph.
    #[error("a link to the next page leads to another host")]
    ForeignLink,
    /// The answer does not have the form of Graph's answers.
    #[error("the answer can't be read")]
    Unreadable,
}

const fn lost(lost: Lost) -> &'static str {
    match lost {
        Lost::Unreachable => "Graph is unreachable",
        Lost::CutOff => "the connection to Graph was cut",
        Lost::TooLarge => "the answer is larger than 8 MiB",
        Lost::TimedOut => "Graph did not answer in time",
        Lost::NoRoots => "this machine has no trusted roots for TLS",
    }
}

impl Failure {
    /// The status that goes with it, where a server answered.
    pub const fn status(&self) -> Option<u16> {
        match self {
            Self::Throttled { status, .. }
            | Self::Server { status }
            | Self::NoSuchList { status }
            | Self::NotUnderstood { status } => Some(*status),
            Self::NoPermission | Self::NoLicence => Some(403),
            Self::Credentials(_) => Some(401),
            Self::Lost(_) | Self::ForeignLink | Self::Unreadable => None,
        }
    }

    /// What an answer without a page means at `now`.
    pub(crate) fn of(answer: &Answer, now: Timestamp) -> Self {
        let status = answer.status.as_u16();
        let says = says(&answer.body);
        let after = answer.retry_after.as_deref().and_then(|text| wait(text, now));
        match answer.status {
            _ if says("not applicable to target tenant") || says("nonpremiumtenant") => Self::NoLicence,
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT => {
                Self::Throttled { status, after }
            }
            StatusCode::INTERNAL_SERVER_ERROR if says("rate limit") => Self::Throttled { status, after },
            StatusCode::FORBIDDEN => Self::NoPermission,
            // Intune's lists report a missing permission this way.
            StatusCode::UNAUTHORIZED if says("forbidden") || says("not authorized to perform") => Self::NoPermission,
            StatusCode::UNAUTHORIZED => Self::Credentials("its token is refused"),
            StatusCode::BAD_REQUEST | StatusCode::GONE => Self::NotUnderstood { status },
            _ if answer.status.is_client_error() => Self::NoSuchList { status },
            _ if answer.status.is_server_error() => Self::Server { status },
            // For example a redirection: Graph does not send these.
            _ => Self::Unreadable,
        }
    }

    /// What an answer of the token endpoint means when it holds no token.
    pub(crate) fn of_token(answer: &Answer, now: Timestamp) -> Self {
        let status = answer.status;
        if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
            return Self::of(answer, now);
        }
        if !matches!(status, StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
            return Self::Unreadable;
        }
        let says = says(&answer.body);
        Self::Credentials(match () {
            () if says("aadsts7000222") => "its secret has expired",
            () if says("aadsts7000215") => "its secret is wrong",
            () if says("aadsts700016") => "the directory has no such application",
            () if says("aadsts90002") || says("aadsts900023") => "there is no such directory",
            () if says("unauthorized_client") => "the directory has no such application",
            () if says("invalid_client") => "its secret is wrong or has expired",
            () => "the directory refuses it",
        })
    }
}

/// Whether an error's text contains some words, in lower case.
fn says(body: &[u8]) -> impl Fn(&str) -> bool {
    let text = String::from_utf8_lossy(&body[..body.len().min(LOOKED_AT)]).to_ascii_lowercase();
    move |words| text.contains(words)
}

/// `Retry-After`: seconds, or a date.
fn wait(text: &str, now: Timestamp) -> Option<Millis> {
    let text = text.trim();
    let wait = match text.parse::<u32>() {
        Ok(seconds) => Millis::from_seconds(i64::from(seconds)),
        Err(_) => {
            let since: Duration = httpdate::parse_http_date(text).ok()?.duration_since(UNIX_EPOCH).ok()?;
            Timestamp::from_millis(i64::try_from(since.as_millis()).ok()?) - now
        }
    };
    (wait >= Millis::new(0)).then(|| wait.min(LONGEST_WAIT))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn answered(status: u16, retry_after: Option<&str>, body: &'static str) -> Answer {
        Answer {
            status: StatusCode::from_u16(status).unwrap(),
            retry_after: retry_after.map(str::to_owned),
            body: body.into(),
        }
    }

    fn now() -> Timestamp {
        Timestamp::parse("2026-11-27T12:00:00Z").unwrap()
    }

    #[test]
    fn an_answer_says_when_to_ask_again() {
        let of = |status, after, body| Failure::of(&answered(status, after, body), now());
        let throttled =
            |status, seconds: Option<i64>| Failure::Throttled { status, after: seconds.map(Millis::from_seconds) };
        assert_eq!(of(429, Some("17"), ""), throttled(429, Some(17)));
        assert_eq!(of(429, None, ""), throttled(429, None));
        assert_eq!(of(503, Some("Fri, 27 Nov 2026 12:01:00 GMT"), ""), throttled(503, Some(60)));
        assert_eq!(of(503, Some("Fri, 27 Nov 2026 11:59:00 GMT"), ""), throttled(503, None), "a date that is past");
        assert_eq!(of(429, Some("4000000000"), ""), throttled(429, Some(86_400)));
        assert_eq!(of(500, None, r#"{"error":{"message":"Rate limit is exceeded."}}"#), throttled(500, None));
        assert_eq!(of(500, None, "oops"), Failure::Server { status: 500 });
        assert_eq!(of(504, None, ""), throttled(504, None));
        assert_eq!(of(403, None, ""), Failure::NoPermission);
        assert_eq!(of(401, None, r#"{"error":{"message":"{\"ErrorCode\":\"Forbidden\"}"}}"#), Failure::NoPermission);
        assert_eq!(of(401, None, ""), Failure::Credentials("its token is refused"));
        assert_eq!(of(400, None, r#"{"Message":"Request not applicable to target tenant."}"#), Failure::NoLicence);
        assert_eq!(of(400, None, ""), Failure::NotUnderstood { status: 400 });
        assert_eq!(of(410, None, ""), Failure::NotUnderstood { status: 410 });
        assert_eq!(of(404, None, ""), Failure::NoSuchList { status: 404 });
        assert_eq!(of(302, None, ""), Failure::Unreadable);
    }

    #[test]
    fn a_credentials_error_repeats_no_text_of_the_server() {
        let body = r#"{"error":"invalid_client","error_description":"AADSTS7000215: Invalid client secret provided for hunter2"}"#;
        let failure = Failure::of_token(&answered(401, None, body), now());
        assert_eq!(failure.to_string(), "the app registration is not accepted: its secret is wrong");
        assert_eq!(Failure::of_token(&answered(503, None, ""), now()), Failure::Throttled { status: 503, after: None });
        assert_eq!(Failure::of_token(&answered(200, None, "{}"), now()), Failure::Unreadable);
    }
}
