//! The answers that senders get for their events.

use http::StatusCode;
use serde::Serialize;
use vestibule_platform::problem::{self, HttpResponse, Problem};
use vestibule_webhook::FieldError;

/// The result for an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Status {
    /// It is in the table.
    Accepted,
    /// It was already there.
    Duplicate,
    /// It is older than what the tenant keeps; nothing was stored.
    TooOld,
    /// It is from before its person or device was erased; nothing was stored.
    Erased,
    /// Its type is not one of ours; nothing was stored.
    UnknownType,
    /// It is malformed; nothing was stored.
    Invalid,
    /// Its device has sent more events than we keep; nothing was stored.
    DeviceFull,
    /// It could not be stored now and may be sent again.
    Unavailable,
}

impl Status {
    /// All of them.
    pub(crate) const ALL: [Self; 8] = [
        Self::Accepted,
        Self::Duplicate,
        Self::TooOld,
        Self::Erased,
        Self::UnknownType,
        Self::Invalid,
        Self::DeviceFull,
        Self::Unavailable,
    ];

    /// Its name, as answers have it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Duplicate => "duplicate",
            Self::TooOld => "tooOld",
            Self::Erased => "erased",
            Self::UnknownType => "unknownType",
            Self::Invalid => "invalid",
            Self::DeviceFull => "deviceFull",
            Self::Unavailable => "unavailable",
        }
    }
}

/// The result for one event of a request.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EventResult {
    /// Its position among the request's events, from 0. If a sender's record makes several events, its errors name its
    /// position among the records.
    pub index: usize,
    /// Its id, if readable.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The result.
    pub status: Status,
    /// What is wrong with it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
    /// The sender's name for its kind, if its type is not one of ours.
    #[serde(skip)]
    pub kind: Option<String>,
}

impl EventResult {
    pub(crate) const fn new(index: usize, id: Option<String>, status: Status) -> Self {
        Self { index, id, status, errors: Vec::new(), kind: None }
    }
}

/// The results for a request's events.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Results {
    /// Events that were new in the table.
    pub accepted: usize,
    /// Events that were already there.
    pub duplicates: usize,
    /// Events that are not ours, are older than what is kept, or are from before an erasure.
    pub ignored: usize,
    /// Events that were refused or could not be stored.
    pub rejected: usize,
    /// The result of each event.
    pub results: Vec<EventResult>,
    #[serde(skip)]
    is_list: bool,
}

impl Results {
    pub(crate) fn new(results: Vec<EventResult>, is_list: bool) -> Self {
        let count = |statuses: &[Status]| results.iter().filter(|result| statuses.contains(&result.status)).count();
        Self {
            accepted: count(&[Status::Accepted]),
            duplicates: count(&[Status::Duplicate]),
            ignored: count(&[Status::UnknownType, Status::TooOld, Status::Erased]),
            rejected: count(&[Status::Invalid, Status::DeviceFull, Status::Unavailable]),
            results,
            is_list,
        }
    }

    /// The number of events with `status`.
    pub fn count(&self, status: Status) -> usize {
        self.results.iter().filter(|result| result.status == status).count()
    }
}

impl From<Results> for HttpResponse {
    /// 202 if every event is stored or needs no storing; 503 if a valid event could not be stored (the request may be
    /// sent again: stored events are then duplicates); 207 if some of a batch are refused; 400 or 429 if all are.
    fn from(results: Results) -> Self {
        let members = || serde_json::to_value(&results).unwrap_or_default();
        if results.count(Status::Unavailable) > 0 {
            return Problem::unavailable().with(members()).into();
        }
        if results.rejected == 0 {
            return problem::json(StatusCode::ACCEPTED, &results);
        }
        if results.is_list && results.rejected < results.results.len() {
            return problem::json(StatusCode::MULTI_STATUS, &results);
        }
        if results.count(Status::Invalid) == 0 {
            let full = Problem::new(StatusCode::TOO_MANY_REQUESTS, "The device has sent more events than are kept");
            return full.retry_after(86_400).with(members()).into();
        }
        let mut members = members();
        // For a single event, the errors also stand where RFC 9457's examples have them.
        if let ([only], false, Some(object)) = (results.results.as_slice(), results.is_list, members.as_object_mut()) {
            object.insert("errors".to_owned(), serde_json::json!(only.errors));
        }
        Problem::bad_request().detail("See the errors of each event.").with(members).into()
    }
}
