//! Running a handler on the Lambda runtime.

use crate::{BoxError, HttpRequest, HttpResponse};
use bytes::Bytes;
use lambda_http::Body;
use lambda_runtime::LambdaEvent;
use serde_json::Value;
use std::future::Future;
use std::pin::Pin;

/// Serves HTTP requests. The runtime has decoded the body where API Gateway handed it base64-encoded.
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
        async move {
            let (parts, body) = answer.await.into_parts();
            // Every answer of ours is text.
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
    let service = lambda_runtime::service_fn(|event: LambdaEvent<Value>| {
        // Boxed: the compiler does not follow the whole of a handler's type through the runtime's.
        let done: Pin<Box<dyn Future<Output = Result<Value, BoxError>> + Send + '_>> = Box::pin(handler(event.payload));
        async move {
            let answer = done.await;
            if let Err(error) = &answer {
                tracing::error!(%error, "the invocation failed");
            }
            answer
        }
    });
    lambda_runtime::run(service).await
}
