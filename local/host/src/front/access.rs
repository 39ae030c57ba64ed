//! One entry for each request that was answered: counted always, and written into the log if the operator wants it.
//!
//! Must stay true: a line has the operation's name, never a path, a query, a header or an address, so no secret and no
//! person gets into the log. What was refused before anybody was known has no line, or a flood would fill the log: it
//! stands in the sums of `refusals`. What strangers may ask has few lines, whoever asks; the others are logged in sum.

use http::StatusCode;
use http::header::{HeaderName, HeaderValue};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;
use vestibule_platform::{Buckets, Operation, metrics};

/// Lines a minute of answers to strangers, all strangers together: the largest part of a log that they can fill.
const STRANGERS_A_MINUTE: u32 = 60;

/// The header with the number of a request.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Numbers requests.
#[derive(Debug)]
pub(crate) struct Access {
    /// Differs for each start, so that no two requests of a log have the same id.
    start: String,
    next: AtomicU64,
    is_logged: bool,
    /// The lines that strangers still have.
    strangers: Buckets<()>,
    /// Answers to strangers without a line, since the last sum.
    without: AtomicU64,
    began: Instant,
}

impl Access {
    pub(crate) fn new(is_logged: bool) -> Self {
        let start = uuid::Uuid::new_v4().simple().to_string();
        Self {
            start: start[..8].to_owned(),
            next: AtomicU64::new(1),
            is_logged,
            strangers: Buckets::new(STRANGERS_A_MINUTE, 1),
            without: AtomicU64::new(0),
            began: Instant::now(),
        }
    }

    /// The entry of a request, which ends when the entry is dropped. `is_proven` says whether its sender is known.
    pub(crate) fn entry(&self, began: Instant, operation: Operation, status: StatusCode, is_proven: bool) -> Entry {
        let id = format!("{}-{:x}", self.start, self.next.fetch_add(1, Ordering::Relaxed));
        let is_logged = self.is_logged && status != StatusCode::UNAUTHORIZED && (is_proven || self.has_line());
        Entry { id, began, operation, status, bytes: 0, is_logged }
    }

    /// Whether an answer to a stranger has a line of its own.
    fn has_line(&self) -> bool {
        let now = i64::try_from(self.began.elapsed().as_millis()).unwrap_or(i64::MAX);
        let has_line = self.strangers.take(&(), now).is_ok();
        if !has_line {
            self.without.fetch_add(1, Ordering::Relaxed);
        }
        has_line
    }

    /// Writes how many answers to strangers had no line since the last time, if there were any.
    pub(crate) fn log(&self) {
        let answers = self.without.swap(0, Ordering::Relaxed);
        if answers > 0 {
            tracing::info!(target: "access", answers, "answered to strangers without a line of their own, in a minute at most");
        }
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
