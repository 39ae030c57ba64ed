//! Runs a handler on the Lambda runtime.

use crate::{BoxError, Clock, HttpRequest, HttpResponse, Operation, metrics};
use bytes::Bytes;
use lambda_http::Body;
use lambda_runtime::LambdaEvent;
use serde_json::Value;
use std::future::Future;
use std::pin::Pin;
use std::time::Instant;

/// Serves HTTP requests. The runtime has already decoded bodies that API Gateway passes on in base64.
///
/// # Errors
/// When the runtime ends.
pub async fn run_http<H, F>(handler: H) -> Result<(), BoxError>
where
    H: Fn(HttpRequest) -> F,
    F: Future<Output = HttpResponse> + Send,
{
    let service = lambda_http::service_fn(|request: lambda_http::Request| {
        let (parts, body) = request.into_parts();
        let body = match body {
            Body::Text(text) => Bytes::from(text),
            Body::Binary(bytes) => Bytes::from(bytes),
            _ => Bytes::new(),
        };
        let answer: Pin<Box<dyn Future<Output = HttpResponse> + Send + '_>> =
            Box::pin(handler(HttpRequest::from_parts(parts, body)));
        let began = Instant::now();
        async move {
            let answer = answer.await;
            let seconds = began.elapsed().as_secs_f64();
            metrics::count_answer(Operation::of(&answer).0, answer.status().as_u16(), seconds);
            metrics::emf::write_due(Clock::system().now_millis());
            let (parts, body) = answer.into_parts();
            // Answers are text, but for files of the page, which API Gateway gets in base64.
            let body = match String::from_utf8(body.into()) {
                Ok(text) => Body::Text(text),
                Err(error) => Body::Binary(error.into_bytes()),
            };
            Ok::<_, std::convert::Infallible>(lambda_http::Response::from_parts(parts, body))
        }
    });
    lambda_http::run(service).await
}

/// Serves events. An error makes Lambda retry the event and then hand it to the dead-letter queue.
///
/// # Errors
/// When the runtime ends.
pub async fn run_events<H, F>(handler: H) -> Result<(), BoxError>
where
    H: Fn(Value) -> F,
    F: Future<Output = Result<Value, BoxError>> + Send,
{
    run_events_until(|event, _deadline| handler(event)).await
}

/// The same for a handler that stops before its time is up: it gets the instant at which the invocation ends, in
/// milliseconds since 1970, if the runtime knows it.
///
/// # Errors
/// When the runtime ends.
pub async fn run_events_until<H, F>(handler: H) -> Result<(), BoxError>
where
    H: Fn(Value, Option<i64>) -> F,
    F: Future<Output = Result<Value, BoxError>> + Send,
{
    let service = lambda_runtime::service_fn(|event: LambdaEvent<Value>| {
        let deadline = known_deadline(event.context.deadline, Clock::system().now_millis());
        // Boxed, because the compiler cannot infer the handler's whole type through the runtime's.
        let done: Pin<Box<dyn Future<Output = Result<Value, BoxError>> + Send + '_>> =
            Box::pin(handler(event.payload, deadline));
        async move {
            let answer = done.await;
            if let Err(error) = &answer {
                tracing::error!(%error, "the invocation failed");
            }
            metrics::emf::write(Clock::system().now_millis());
            answer
        }
    });
    lambda_runtime::run(service).await
}

/// Emulators report a constant in the past as the deadline. A deadline before the invocation began counts as unknown.
fn known_deadline(millis: u64, now_millis: i64) -> Option<i64> {
    i64::try_from(millis).ok().filter(|deadline| *deadline > now_millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_in_the_past_is_unknown() {
        assert_eq!(known_deadline(5_000, 4_000), Some(5_000));
        assert_eq!((known_deadline(5_000, 5_000), known_deadline(u64::MAX, 0)), (None, None));
    }
}
