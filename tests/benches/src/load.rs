//! Signed events, one a request, over connections of which each waits for an answer before it sends the next.
//!
//! Devices send eight events each. Five hundred devices take turns, so that no two connections write the same device at
//! the same time.

use crate::BoxError;
use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use serde_json::json;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use vestibule_domain::{Millis, Timestamp};
use vestibule_platform::Clock;
use vestibule_store::Secret;
use vestibule_webhook::signature;

/// The type of each of a device's events.
const KINDS: [&str; STEPS] = [
    "enrollment.started",
    "enrollment.step.entered",
    "enrollment.step.completed",
    "enrollment.step.entered",
    "enrollment.step.completed",
    "enrollment.step.entered",
    "enrollment.step.completed",
    "enrollment.enrolled",
];
/// Events of a device.
pub const STEPS: usize = 8;
/// Devices that take turns.
const TURNS: usize = 500;
/// The tenant whose events they are.
pub const TENANT: &str = "contoso";

/// The device and the step of the `number`th event.
pub const fn nth(number: usize) -> (usize, usize) {
    let (round, place) = (number / (TURNS * STEPS), number % (TURNS * STEPS));
    (round * TURNS + place % TURNS, place / TURNS)
}

/// What was done in some time.
#[derive(Clone, Copy, Debug)]
pub struct Done {
    /// Events that were acknowledged, or writes.
    pub events: usize,
    /// How long that took.
    pub took: Duration,
}

/// A sender of events to one webhook.
#[derive(Debug)]
pub struct Load {
    address: SocketAddr,
    secret: Secret,
    begun: Timestamp,
    next: AtomicUsize,
}

impl Load {
    /// A sender to the address `url`, which signs with `secret`.
    ///
    /// # Errors
    /// When the address is not one of this machine.
    pub fn new(url: &str, secret: &str) -> Result<Self, BoxError> {
        let address: SocketAddr = url.trim_start_matches("http://").parse()?;
        Ok(Self {
            address,
            secret: Secret::new(secret),
            begun: now() - Millis::from_minutes(15),
            next: AtomicUsize::new(0),
        })
    }

    /// Events that were sent by [`run`](Self::run) so far.
    pub fn sent(&self) -> usize {
        self.next.load(Ordering::Relaxed)
    }

    /// Sends events over so many connections until the time is over.
    ///
    /// # Errors
    /// When a connection breaks, or an event is not acknowledged.
    pub async fn run(&self, connections: usize, time: Duration) -> Result<Done, BoxError> {
        let begun = Instant::now();
        let until = begun + time;
        let each = (0..connections).map(|_| async {
            let mut connection = self.connect().await?;
            let mut events = 0_usize;
            while Instant::now() < until {
                let (device, step) = nth(self.next.fetch_add(1, Ordering::Relaxed));
                match connection.send(self.request(&self.body(device, step))?).await? {
                    StatusCode::ACCEPTED => events += 1,
                    status => return Err(format!("an event was answered with {status}").into()),
                }
            }
            Ok::<_, BoxError>(events)
        });
        let events = futures::future::try_join_all(each).await?;
        Ok(Done { events: events.into_iter().sum(), took: begun.elapsed() })
    }

    /// A connection.
    ///
    /// # Errors
    /// When nobody listens.
    pub async fn connect(&self) -> Result<Connection, BoxError> {
        let socket = TcpStream::connect(self.address).await?;
        socket.set_nodelay(true)?;
        let (requests, connection) = handshake(TokioIo::new(socket)).await?;
        // Its errors are those of the requests.
        tokio::spawn(connection);
        Ok(Connection(requests))
    }

    /// An event as its sender writes it.
    pub fn body(&self, device: usize, step: usize) -> Vec<u8> {
        let kind = KINDS[step % STEPS];
        let at = self.begun + Millis::from_seconds(i64::try_from(step).unwrap_or(0) * 60);
        let mut data = json!({
            "device": {"serialNumber": format!("S{device:09}"), "name": format!("Phone {device}")},
            "user": {"userPrincipalName": format!("person{device}@example.com")},
            "platform": "iOS",
        });
        if kind.starts_with("enrollment.step.") {
            data["action"] = json!("iOSProfileLaunch");
        }
        let event = json!({
            "specversion": "1.0",
            "id": format!("{step:08x}-0000-4000-8000-{device:012x}"),
            "source": "https://mdm.example.com",
            "type": kind,
            "time": at.to_string(),
            "data": data,
        });
        event.to_string().into_bytes()
    }

    /// A signed request.
    ///
    /// # Errors
    /// When the secret is malformed.
    pub fn request(&self, body: &[u8]) -> Result<Request<Full<Bytes>>, BoxError> {
        let (id, at) = ("msg_1", now());
        let signature = signature::sign(self.secret.expose(), id, at, body).ok_or("the secret is malformed")?;
        let request = Request::post(format!("/hooks/{TENANT}/enrollment-events"))
            .header("host", self.address.to_string())
            .header("content-type", "application/cloudevents+json")
            .header("webhook-id", id)
            .header("webhook-timestamp", at.seconds())
            .header("webhook-signature", signature);
        Ok(request.body(Full::new(Bytes::copy_from_slice(body)))?)
    }
}

/// A connection of a sender.
#[derive(Debug)]
pub struct Connection(SendRequest<Full<Bytes>>);

impl Connection {
    /// Sends a request, and returns the status of its answer, which is read to its end.
    ///
    /// # Errors
    /// When the connection breaks.
    pub async fn send(&mut self, request: Request<Full<Bytes>>) -> Result<StatusCode, BoxError> {
        self.0.ready().await?;
        let answer = self.0.send_request(request).await?;
        let status = answer.status();
        answer.into_body().collect().await?;
        Ok(status)
    }
}

fn now() -> Timestamp {
    Timestamp::from_millis(Clock::system().now_millis())
}
