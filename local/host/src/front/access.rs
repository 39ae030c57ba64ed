//! One entry for each request that was answered: counted always, and written into the log if the operator wants it.
//!
//! Must stay true: a line has the operation's name, never a path, a query, a header or an address, so no secret and no
//! person gets into the log. What was refused before anybody was known has no line, or a flood would fill the log: it
//! stands in the sums of `refusals`.

use http::StatusCode;
use http::header::{HeaderName, HeaderValue};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;
use vestibule_platform::{Operation, metrics};

/// The header with the number of a request.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Numbers requests.
#[derive(Debug)]
pub(crate) struct Access {
    /// Differs for each start, so that no two requests of a log have the same id.
    start: String,
    next: AtomicU64,
    is_logged: bool,
}

impl Access {
    pub(crate) fn new(is_logged: bool) -> Self {
        let start = uuid::Uuid::new_v4().simple().to_string();
        Self { start: start[..8].to_owned(), next: AtomicU64::new(1), is_logged }
    }

    /// The entry of a request, which ends when the entry is dropped.
    pub(crate) fn entry(&self, began: Instant, operation: Operation, status: StatusCode) -> Entry {
        let id = format!("{}-{:x}", self.start, self.next.fetch_add(1, Ordering::Relaxed));
        let is_logged = self.is_logged && status != StatusCode::UNAUTHORIZED;
        Entry { id, began, operation, status, bytes: 0, is_logged }
    }
}

/// A request and what was sent of its answer.
#[derive(Debug)]
pub(crate) struct Entry {
    id: String,
    began: Instant,
    operation: Operation,
    status: StatusCode,
    bytes: u64,
    is_logged: bool,
}

impl Entry {
    /// The id, for the answer.
    pub(crate) fn id(&self) -> Option<HeaderValue> {
        HeaderValue::try_from(self.id.as_str()).ok()
    }

    /// Counts bytes of the body.
    pub(crate) const fn sent(&mut self, bytes: usize) {
        self.bytes += bytes as u64;
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let (operation, status, taken) = (self.operation.0, self.status.as_u16(), self.began.elapsed());
        metrics::count_answer(operation, status, taken.as_secs_f64());
        if self.is_logged {
            let (bytes, request) = (self.bytes, self.id.as_str());
            // In microseconds as a fraction: most answers take less than a few milliseconds.
            let ms = f64::from(u32::try_from(taken.as_micros()).unwrap_or(u32::MAX)) / 1_000.0;
            tracing::info!(target: "access", operation, status, ms, bytes, request, "answered");
        }
    }
}
