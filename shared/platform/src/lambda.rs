//! Runs a handler on the Lambda runtime.

mod gateway;

use crate::{BoxError, Clock, HttpRequest, HttpResponse, Operation, Problem, metrics};
use lambda_runtime::{Diagnostic, LambdaEvent};
use serde_json::Value;
use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::time::{Duration, Instant};
use vestibule_causes::{causes, kind};

/// What is left of an invocation for passing on its answer.
const TO_PASS_ON: Duration = Duration::from_secs(1);
/// The longest that an invocation may take, with some time for clocks that differ.
const LONGEST_MILLIS: i64 = 16 * 60_000;

/// Serves HTTP requests. Who waits for one whose invocation has no time left is answered 503.
///
/// # Errors
/// When the runtime ends.
pub async fn run_http<H, F>(handler: H) -> Result<(), BoxError>
where
    H: Fn(HttpRequest) -> F,
    F: Future<Output = HttpResponse> + Send,
{
    run_http_until(|request, _left| handler(request)).await
}

/// The same for a handler that answers before its time is up: it gets the time until the invocation ends, if the
/// runtime knows it.
///
/// # Errors
/// When the runtime ends.
pub async fn run_http_until<H, F>(handler: H) -> Result<(), BoxError>
where
    H: Fn(HttpRequest, Option<Duration>) -> F,
    F: Future<Output = HttpResponse> + Send,
{
    let service = lambda_runtime::service_fn(|event: LambdaEvent<Value>| {
        let began = Instant::now();
        let now = Clock::system().now_millis();
        let left = known_deadline(event.context.deadline, now).map(|deadline| millis(deadline - now));
        let answer: Pin<Box<dyn Future<Output = HttpResponse> + Send + '_>> = match gateway::read(event.payload) {
            Ok(request) => Box::pin(handler(request, left)),
            Err(unreadable) => Box::pin(std::future::ready(unreadable.into())),
        };
        async move {
            let answer = in_time(answer, left).await;
            metrics::count_answer(Operation::of(&answer).0, answer.status().as_u16(), began.elapsed().as_secs_f64());
            metrics::emf::write_due(Clock::system().now_millis());
            Ok::<_, Infallible>(gateway::written(answer))
        }
    });
    lambda_runtime::run(service).await
}

/// The answer, or 503 if it is not there before the invocation ends: an invocation that ends without an answer costs
/// the process, with all that it keeps, and its caller learns nothing.
async fn in_time(answer: impl Future<Output = HttpResponse>, left: Option<Duration>) -> HttpResponse {
    let Some(left) = left else { return answer.await };
    tokio::time::timeout(left.saturating_sub(TO_PASS_ON), answer).await.unwrap_or_else(|_| {
        tracing::error!(seconds = left.as_secs_f64(), "an invocation had no time left to answer");
        Problem::unavailable().into()
    })
}

fn millis(millis: i64) -> Duration {
    Duration::from_millis(u64::try_from(millis).unwrap_or(0))
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

/// The same for events that come many times a second. Metrics are written once a minute: lines for each event would cost
/// as much as running the function.
///
/// # Errors
/// When the runtime ends.
pub async fn run_frequent_events<H, F>(handler: H) -> Result<(), BoxError>
where
    H: Fn(Value) -> F,
    F: Future<Output = Result<Value, BoxError>> + Send,
{
    serve_events(|event, _deadline| handler(event), metrics::emf::write_due).await
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
    serve_events(handler, metrics::emf::write).await
}

/// Serves events, and has metrics written after each of them.
async fn serve_events<H, F>(handler: H, write_metrics: fn(i64)) -> Result<(), BoxError>
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
            let answer = done.await.map_err(|error| failed(&*error));
            write_metrics(Clock::system().now_millis());
            answer
        }
    });
    lambda_runtime::run(service).await
}

/// Logs why an invocation failed, and says it to Lambda under the error's kind. Without that, all of them would have the
/// same type there.
fn failed(error: &(dyn std::error::Error + 'static)) -> Diagnostic {
    let failed = Diagnostic { error_type: kind(error), error_message: causes(error) };
    tracing::error!(kind = failed.error_type, error = failed.error_message, "the invocation failed");
    failed
}

/// Emulators report a constant in the past as the deadline. A deadline before the invocation began, or after any
/// invocation must end, counts as unknown.
fn known_deadline(millis: u64, now_millis: i64) -> Option<i64> {
    let ends = |deadline: &i64| *deadline > now_millis && *deadline - now_millis <= LONGEST_MILLIS;
    i64::try_from(millis).ok().filter(ends)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_absurd_deadline_is_unknown() {
        assert_eq!(known_deadline(5_000, 4_000), Some(5_000));
        assert_eq!((known_deadline(5_000, 5_000), known_deadline(u64::MAX, 0)), (None, None));
        let year = 31_536_000_000;
        assert_eq!((known_deadline(0, year), known_deadline(63_072_000_000, year)), (None, None));
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_is_answered_before_the_invocation_ends() {
        let began = tokio::time::Instant::now();
        let never = std::future::pending::<HttpResponse>();
        let answer = in_time(never, Some(Duration::from_secs(29))).await;
        assert_eq!((answer.status().as_u16(), began.elapsed()), (503, Duration::from_secs(28)));
        assert!(answer.headers().contains_key("retry-after"));
        // Whoever is called with no time left still learns that.
        let never = std::future::pending::<HttpResponse>();
        assert_eq!(in_time(never, Some(Duration::from_millis(500))).await.status(), 503);
        let slow = async {
            tokio::time::sleep(Duration::from_secs(27)).await;
            Problem::not_found().into()
        };
        assert_eq!(in_time(slow, Some(Duration::from_secs(29))).await.status(), 404);
    }
}
