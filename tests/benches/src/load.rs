//! Signed events, one a request, over connections of which each waits for an answer before it sends the next.
//!
//! Devices send eight events each. Five hundred devices take turns, so that no two connections write the same device at
//! the same time.

use crate::BoxError;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
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

/// The id of an event.
pub fn id(device: usize, step: usize) -> String {
    format!("{step:08x}-0000-4000-8000-{device:012x}")
}

/// What was done in some time.
#[derive(Clone, Copy, Debug)]
pub struct Done {
    /// Events that were acknowledged, or writes.
    pub events: usize,
    /// How long that took.
    pub took: Duration,
}

/// What became of events that were sent while something happened to the server.
#[derive(Clone, Debug, Default)]
pub struct Sent {
    /// The numbers of those that were acknowledged.
    pub acknowledged: Vec<usize>,
    /// The number of other answers, by status.
    pub others: BTreeMap<u16, usize>,
    /// Those to which no answer came, since the connection broke.
    pub unanswered: usize,
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

    /// The same, which begins with the `number`th event.
    #[must_use]
    pub fn after(self, number: usize) -> Self {
        Self { next: AtomicUsize::new(number), ..self }
    }

    /// Events that were sent so far, with those before the first.
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

    /// Sends events over so many connections, each until it breaks, and all until `stop` is set. Whatever is answered is
    /// counted. `acknowledged` says meanwhile how many were.
    ///
    /// # Errors
    /// When the secret is malformed.
    pub async fn send_until(
        &self,
        connections: usize,
        stop: &AtomicBool,
        acknowledged: &AtomicUsize,
    ) -> Result<Sent, BoxError> {
        let each = (0..connections).map(|_| async {
            let mut sent = Sent::default();
            let Ok(mut connection) = self.connect().await else { return Ok(sent) };
            while !stop.load(Ordering::Relaxed) {
                let number = self.next.fetch_add(1, Ordering::Relaxed);
                let (device, step) = nth(number);
                match connection.send(self.request(&self.body(device, step))?).await {
                    Ok(StatusCode::ACCEPTED) => {
                        sent.acknowledged.push(number);
                        acknowledged.fetch_add(1, Ordering::Relaxed);
                    }
                    Ok(status) => *sent.others.entry(status.as_u16()).or_default() += 1,
                    Err(_) => {
                        sent.unanswered += 1;
                        break;
                    }
                }
            }
            Ok::<_, BoxError>(sent)
        });
        let mut all = Sent::default();
        for sent in futures::future::try_join_all(each).await? {
            all.acknowledged.extend(sent.acknowledged);
            all.unanswered += sent.unanswered;
            for (status, number) in sent.others {
                *all.others.entry(status).or_default() += number;
            }
        }
        Ok(all)
    }

    /// The status and the body of the answer to the `number`th event, sent over a connection of its own.
    ///
    /// # Errors
    /// When no answer comes, or it is no JSON.
    pub async fn send_again(&self, number: usize) -> Result<(StatusCode, Value), BoxError> {
        let (device, step) = nth(number);
        let mut connection = self.connect().await?;
        let answer = connection.ask(self.request(&self.body(device, step))?).await?;
        let (status, body) = (answer.status(), answer.into_body().collect().await?.to_bytes());
        Ok((status, serde_json::from_slice(&body)?))
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
            "user": {"principalName": format!("person{device}@example.com")},
            "platform": "iOS",
        });
        if kind.starts_with("enrollment.step.") {
            data["action"] = json!("iOSProfileLaunch");
        }
        let event = json!({
            "specversion": "1.0",
            "id": id(device, step),
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
    async fn ask(&mut self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, BoxError> {
        self.0.ready().await?;
        Ok(self.0.send_request(request).await?)
    }

    /// Sends a request, and returns the status of its answer, which is read to its end.
    ///
    /// # Errors
    /// When the connection breaks.
    pub async fn send(&mut self, request: Request<Full<Bytes>>) -> Result<StatusCode, BoxError> {
        let answer = self.ask(request).await?;
        let status = answer.status();
        answer.into_body().collect().await?;
        Ok(status)
    }
}

fn now() -> Timestamp {
    Timestamp::from_millis(Clock::system().now_millis())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;
    use vestibule_webhook::Received;
    use vestibule_webhook::cloudevents::{Parsed, parse_event};

    /// A member by a wrong name is no error, but then an event stores less than real ones do.
    #[test]
    fn all_that_an_event_says_of_its_device_and_user_is_read() {
        let load = Load::new("http://127.0.0.1:1", "whsec_AAAA").unwrap();
        for step in 0..STEPS {
            let body: Value = serde_json::from_slice(&load.body(7, step)).unwrap();
            let Parsed::Event(event) = parse_event(&body, Received::native(now(), false)) else { panic!("{body}") };
            let about = &event.about;
            let read = [&about.serial_number, &about.device_name, &about.user_principal_name].map(|one| one.as_deref());
            assert_eq!(read, [Some("S000000007"), Some("Phone 7"), Some("person7@example.com")]);
        }
    }
}
