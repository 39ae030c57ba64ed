//! The server that speaks the S3 protocol.
//!
//! Pages on this machine may read what a presigned link gives them, as a bucket's CORS rules allow the deployment's
//! page: the link is the credential. Must stay true: no other origin is allowed by an answer.

use super::endpoint::Endpoint;
use super::store::{ObjectStore, S3Error};
use http::{HeaderValue, Request, Uri, header};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::TokioIo;
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// How long connections may take to finish after the shutdown signal.
const DRAIN: Duration = Duration::from_secs(10);

/// Serves the store on this listener, which must be bound to the loopback interface, until `shutdown` resolves; then
/// finishes the requests under way.
///
/// Answers only requests signed with this pair of keys.
///
/// # Errors
/// When the listener cannot be used at all. A failed connection is not an error.
pub async fn serve(
    listener: TcpListener,
    store: ObjectStore,
    access_key: &str,
    secret_key: &str,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), S3Error> {
    listener.local_addr().map_err(|source| S3Error::Io { what: "reading the address of the listener", source })?;
    let mut builder = S3ServiceBuilder::new(Endpoint { store });
    builder.set_auth(SimpleAuth::from_single(access_key, secret_key));
    let service = builder.build();

    let (stop, stopped) = watch::channel(false);
    let mut connections = JoinSet::new();
    tokio::pin!(shutdown);
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            accepted = listener.accept() => match accepted {
                Ok((socket, _)) => {
                    connections.spawn(connection(socket, service.clone(), stopped.clone()));
                }
                Err(error) => {
                    // Usually there are no descriptors left; waiting until some are closed is better than spinning.
                    tracing::warn!(%error, "a connection was not accepted");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            },
        }
    }
    drop(listener);
    let _ = stop.send(true);
    let drained = tokio::time::timeout(DRAIN, async { while connections.join_next().await.is_some() {} });
    if drained.await.is_err() {
        tracing::warn!(open = connections.len(), "connections were cut at shutdown");
        connections.shutdown().await;
    }
    Ok(())
}

async fn connection(socket: TcpStream, service: S3Service, mut stopped: watch::Receiver<bool>) {
    // Head and body of an answer are separate writes; delayed acknowledgement would hold back the second.
    if let Err(error) = socket.set_nodelay(true) {
        tracing::debug!(%error, "no TCP_NODELAY");
    }
    let shared = service_fn(move |request: Request<Incoming>| {
        let origin = request.headers().get(header::ORIGIN).filter(|origin| is_of_this_machine(origin)).cloned();
        let answer = Service::call(&service, request);
        async move {
            let mut answer = answer.await?;
            if let Some(origin) = origin {
                answer.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
                answer.headers_mut().append(header::VARY, HeaderValue::from_static("origin"));
            }
            Ok::<_, s3s::HttpError>(answer)
        }
    });
    let connection = http1::Builder::new().serve_connection(TokioIo::new(socket), shared);
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        // The guard it yields is not `Send`, so it must be dropped in this arm.
        () = async { drop(stopped.wait_for(|stopped| *stopped).await) } => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection broke off");
    }
}

fn is_of_this_machine(origin: &HeaderValue) -> bool {
    let origin = origin.to_str().ok().and_then(|origin| origin.parse::<Uri>().ok());
    origin.as_ref().and_then(Uri::host).is_some_and(|host| matches!(host, "127.0.0.1" | "localhost" | "[::1]"))
}
