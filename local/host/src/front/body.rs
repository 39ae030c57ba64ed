//! Bodies of requests, read within the limits, and bodies of answers, which keep their connection's place until sent.

use crate::front::access::Entry;
use crate::front::connections::{Place, Stage};
use crate::front::limits::{MAX_BODY_BYTES, MAX_THROWN_AWAY_BYTES};
use crate::front::refusals::Reason;
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, StatusCode, header};
use http_body_util::BodyExt as _;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use vestibule_platform::{BoxError, Problem};

/// A body that was read, with its part of the memory for bodies.
pub(crate) struct Received {
    pub(crate) bytes: Bytes,
    pub(crate) _memory: Option<OwnedSemaphorePermit>,
}

/// Reads a body of at most [`MAX_BODY_BYTES`] within `limit`. Only bytes that came count as memory, not those that are
/// announced.
///
/// # Errors
/// Why it is not read, and the answer.
pub(crate) async fn receive(
    body: Incoming,
    headers: &HeaderMap,
    limit: Duration,
    memory: &Arc<Semaphore>,
) -> Result<Received, (Reason, Problem)> {
    match tokio::time::timeout(limit, read(body, headers, memory)).await {
        Ok(read) => read,
        Err(_) => Err((Reason::SlowBody, Problem::new(StatusCode::REQUEST_TIMEOUT, "The body did not arrive in time"))),
    }
}

async fn read(mut body: Incoming, headers: &HeaderMap, memory: &Arc<Semaphore>) -> Result<Received, (Reason, Problem)> {
    let is_too_large = |bytes: usize| bytes > MAX_BODY_BYTES;
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if is_too_large(announced) {
        // A client that asks before it sends need not send.
        if !headers.contains_key(header::EXPECT) {
            throw_away(&mut body).await;
        }
        return Err(too_large());
    }
    let mut bytes = BytesMut::new();
    let mut held: Option<OwnedSemaphorePermit> = None;
    while let Some(frame) = body.frame().await {
        let frame = frame
            .map_err(|_| (Reason::SlowBody, Problem::new(StatusCode::BAD_REQUEST, "The body could not be read")))?;
        let Ok(data) = frame.into_data() else { continue };
        if is_too_large(bytes.len() + data.len()) {
            drop((bytes, held));
            throw_away(&mut body).await;
            return Err(too_large());
        }
        let more = u32::try_from(data.len()).unwrap_or(u32::MAX);
        let Ok(more) = Arc::clone(memory).try_acquire_many_owned(more) else {
            drop((bytes, held));
            throw_away(&mut body).await;
            return Err((Reason::NoMemory, Problem::unavailable()));
        };
        match &mut held {
            Some(held) => held.merge(more),
            None => held = Some(more),
        }
        bytes.extend_from_slice(&data);
    }
    Ok(Received { bytes: bytes.freeze(), _memory: held })
}

fn too_large() -> (Reason, Problem) {
    let detail = format!("the body is larger than {MAX_BODY_BYTES} bytes");
    (Reason::TooLarge, Problem::too_large().detail(detail))
}

/// Reads on without keeping anything: a connection that is closed over unread bytes may lose the answer.
async fn throw_away(body: &mut Incoming) {
    let mut left = MAX_THROWN_AWAY_BYTES;
    while let Some(Ok(frame)) = body.frame().await {
        let bytes = frame.data_ref().map_or(0, Bytes::len);
        let Some(less) = left.checked_sub(bytes) else { return };
        left = less;
    }
}

/// The body of an answer.
pub(crate) type AnswerBody = UnsyncBoxBody<Bytes, BoxError>;

/// An answer's body: its connection counts as answering until the body is sent or given up.
pub(crate) struct Sending {
    body: AnswerBody,
    place: Arc<Place>,
    /// `None` if the request was refused.
    entry: Option<Entry>,
}

impl Sending {
    pub(crate) fn new(body: AnswerBody, place: Arc<Place>, entry: Option<Entry>) -> Self {
        Self { body, place, entry }
    }
}

impl Body for Sending {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        if let (Poll::Ready(Some(Ok(frame))), Some(entry)) = (&polled, &mut self.entry) {
            entry.sent(frame.data_ref().map_or(0, Bytes::len));
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Sending {
    fn drop(&mut self) {
        self.place.is_now(Stage::Waiting);
    }
}
