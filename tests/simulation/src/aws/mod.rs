//! AWS, as badly as it may behave: a table with a lagging replica and a stream, a bucket, a bus, and the wires to them,
//! which lose requests and answers.
//!
//! The SDK's clients use a `Wire` in place of HTTP. The embedded engine itself runs below the faults.

mod bucket;
pub mod faults;
mod table;

pub use bucket::Bucket;
pub use table::Table;

use crate::generate::MACHINES;
use crate::log::{Log, digest_of};
use crate::rng::Rng;
use crate::time::{Time, wait};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use bytes::Bytes;
use faults::{Conditions, Fault, TABLE, Try};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;
use vestibule_host::dynamodb::Answer;

/// How long a machine waits before it repeats a call.
const AGAIN_MS: u64 = 30;

/// The services of a run.
#[derive(Clone)]
pub struct Aws(Arc<Mutex<Services>>);

/// The services behind the wires.
pub struct Services {
    /// DynamoDB.
    pub table: Table,
    /// S3.
    pub bucket: Bucket,
    /// What was put on the bus: detail type and detail.
    pub bus: Vec<(String, Value)>,
    /// The log of the run.
    pub log: Log,
    /// The current conditions.
    pub conditions: Conditions,
    /// Number of calls in this step, by machine.
    numbers: BTreeMap<usize, u64>,
    /// Machines that die in this step: after how many half calls, and whom to notify.
    deaths: BTreeMap<usize, (u32, Arc<Notify>)>,
    time: Time,
}

impl Aws {
    /// Empty services.
    pub fn new(time: Time, lag_ms: i64, keeps_log: bool) -> Self {
        Self(Arc::new(Mutex::new(Services {
            table: Table::new(lag_ms),
            bucket: Bucket::default(),
            bus: Vec::new(),
            log: Log::new(keeps_log),
            conditions: Conditions::CALM,
            numbers: BTreeMap::new(),
            deaths: BTreeMap::new(),
            time,
        })))
    }

    /// The services behind the wires, for reading or changing them directly.
    pub fn services(&self) -> MutexGuard<'_, Services> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a step.
    pub fn begin(&self, conditions: Conditions) {
        let mut services = self.services();
        services.conditions = conditions;
        services.numbers.clear();
        services.deaths.clear();
    }

    /// Makes a machine die in this step after this many half calls; whoever runs it is notified.
    pub fn kill(&self, machine: usize, half_calls: u32) -> Arc<Notify> {
        let death = Arc::new(Notify::new());
        self.services().deaths.insert(machine, (half_calls, Arc::clone(&death)));
        death
    }

    /// The HTTP client of a machine, which tries each call at most `tries` times.
    pub fn wire(&self, machine: usize, tries: u64) -> SharedHttpClient {
        SharedHttpClient::new(Wire { aws: self.clone(), machine, tries })
    }
}

/// A machine's connection to the services.
#[derive(Clone)]
struct Wire {
    aws: Aws,
    machine: usize,
    tries: u64,
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Wire({})", self.machine)
    }
}

impl HttpClient for Wire {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Wire {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let wire = self.clone();
        HttpConnectorFuture::new(async move { wire.send(request).await })
    }
}

/// A request to one of the services.
enum Request {
    Table { operation: String, body: String },
    Events { body: Value },
    Bucket { method: String, key: String, query: String, if_none_match: bool, range: Option<String>, body: Bytes },
}

/// An answer of one of the services.
struct Reply {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Bytes,
}

impl Wire {
    /// Waits at least this long, until a millisecond that belongs to this machine alone. So two machines never act at
    /// once; otherwise the threads that read files would decide which came first.
    async fn on_the_way(&self, ms: u64) {
        if ms > 0 {
            let machines = MACHINES as u64;
            let due = self.aws.services().time.now_ms().unsigned_abs() + ms;
            let own = (self.machine as u64 + machines - due % machines) % machines;
            wait(ms + own).await;
        }
    }

    /// Continues for half a call, or never again.
    async fn live_on(&self) {
        let dead = {
            let mut services = self.aws.services();
            match services.deaths.get_mut(&self.machine) {
                None => None,
                Some((0, death)) => Some(Arc::clone(death)),
                Some((left, _)) => {
                    *left -= 1;
                    None
                }
            }
        };
        if let Some(death) = dead {
            death.notify_one();
            std::future::pending::<()>().await;
        }
    }

    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let request = Request::read(request).await?;
        let operation = request.operation();
        let number = {
            let mut services = self.aws.services();
            let number = services.numbers.entry(self.machine).or_default();
            *number += 1;
            *number
        };
        let mut nth = 0;
        loop {
            let this = self.aws.services().conditions.decide(self.machine, number, nth, &operation);
            self.on_the_way(this.before_ms).await;
            self.live_on().await;
            let reply = self.aws.services().perform(self.machine, &request, &operation, this);
            self.live_on().await;
            self.on_the_way(this.after_ms).await;
            nth += 1;
            match reply {
                Some(reply) if !reply.is_transient() || nth >= self.tries => return reply.into_response(),
                None if nth >= self.tries => return Err(ConnectorError::timeout("no answer came".into())),
                _ => self.on_the_way(if this.before_ms > 0 { AGAIN_MS * nth } else { 0 }).await,
            }
        }
    }
}

impl Request {
    async fn read(mut request: HttpRequest) -> Result<Self, ConnectorError> {
        if vestibule_host::dynamodb::operation(&request).is_some() {
            let (operation, body) = vestibule_host::dynamodb::parse(&request)?;
            return Ok(Self::Table { operation, body });
        }
        let header = |name: &str| request.headers().get(name).map(str::to_owned);
        let (target, range, if_none_match) = (header("x-amz-target"), header("range"), header("if-none-match"));
        let method = request.method().to_owned();
        let uri = request.uri().to_owned();
        let (path, query) = uri.split_once('?').unwrap_or((&uri, ""));
        let path = path.split_once("://").map_or(path, |(_, rest)| rest).split_once('/').map_or("", |(_, path)| path);
        let body = ByteStream::new(request.take_body()).collect().await;
        let body = body.map_err(|error| ConnectorError::other(Box::new(error), None))?.into_bytes();
        if target.is_some() {
            let body = serde_json::from_slice(&body).map_err(|error| ConnectorError::other(Box::new(error), None))?;
            return Ok(Self::Events { body });
        }
        // The bucket's name comes first.
        let key = path.split_once('/').map_or("", |(_, key)| key).to_owned();
        Ok(Self::Bucket { method, key, query: query.to_owned(), if_none_match: if_none_match.is_some(), range, body })
    }

    fn operation(&self) -> String {
        match self {
            Self::Table { operation, .. } => operation.clone(),
            Self::Events { .. } => "PutEvents".to_owned(),
            Self::Bucket { method, .. } => format!("S3 {method}"),
        }
    }

    /// Its form in the log, without what the SDK draws at random.
    fn digest(&self) -> String {
        match self {
            Self::Table { body, .. } => {
                let body: Value = serde_json::from_str(body).unwrap_or_default();
                let key = body.pointer("/Key/pk/S").or_else(|| body.pointer("/Item/pk/S")).and_then(Value::as_str);
                format!("{} {}", key.unwrap_or("-"), digest_of(&body))
            }
            Self::Events { body } => digest_of(body),
            Self::Bucket { key, body, .. } => format!("{key} {}", body.len()),
        }
    }
}

impl Services {
    /// Performs one try of a call. `None` if no answer arrives.
    fn perform(&mut self, machine: usize, request: &Request, operation: &str, this: Try) -> Option<Reply> {
        let now_ms = self.time.now_ms();
        self.log.calls += 1;
        let fault = this.fault;
        if let Some(fault) = fault {
            self.log.fault(fault.name());
        }
        let reply = match fault {
            Some(Fault::RequestLost) => None,
            Some(Fault::Throttled) => Some(throttled(request)),
            Some(Fault::ConcurrentPut) => Some(bucket::Reply::error(409, "ConditionalRequestConflict").into()),
            Some(Fault::Conflict) => Some(conflict(request)),
            Some(Fault::Late(by_ms)) => {
                if let Request::Table { operation, body } = request {
                    self.table.arrives_late(now_ms + by_ms, operation, body);
                }
                None
            }
            Some(Fault::Unprocessed) => Some(self.do_in_part(now_ms, request, this)),
            Some(Fault::AnswerLost) => {
                let _lost = self.act(now_ms, request, this);
                None
            }
            None => Some(self.act(now_ms, request, this)),
        };
        let status = reply.as_ref().map_or(0, |reply| reply.status);
        let fault = fault.map_or("", Fault::name);
        self.log.line(format!("{now_ms} m{machine} {operation} {} -> {status} {fault}", request.digest()));
        reply
    }

    fn act(&mut self, now_ms: i64, request: &Request, this: Try) -> Reply {
        match request {
            Request::Table { operation, body } => {
                let old = this.old && may_be_old(operation, body);
                if old {
                    self.log.fault("old read");
                }
                self.table.perform(now_ms, operation, body, old).into()
            }
            Request::Events { body } => {
                let entries = body["Entries"].as_array().cloned().unwrap_or_default();
                let count = entries.len();
                self.put(entries);
                let ids: Vec<Value> = (0..count).map(|_| json!({"EventId": "0"})).collect();
                Reply::json(200, &json!({"FailedEntryCount": 0, "Entries": ids}))
            }
            Request::Bucket { method, key, query, if_none_match, range, body } => {
                let request = bucket::Request {
                    method,
                    key,
                    query,
                    if_none_match: *if_none_match,
                    range: range.as_deref(),
                    body: body.clone(),
                };
                self.bucket.perform(request).into()
            }
        }
    }

    fn put(&mut self, entries: Vec<Value>) {
        for entry in entries {
            let detail = entry["Detail"].as_str().and_then(|detail| serde_json::from_str(detail).ok());
            let kind = entry["DetailType"].as_str().unwrap_or_default().to_owned();
            self.bus.push((kind, detail.unwrap_or_default()));
        }
    }

    /// Performs only part of a batch.
    fn do_in_part(&mut self, now_ms: i64, request: &Request, this: Try) -> Reply {
        let mut rng = Rng::of(&[this.salt]);
        match request {
            Request::Events { body } => {
                let entries = body["Entries"].as_array().cloned().unwrap_or_default();
                let failed: Vec<bool> = entries.iter().map(|_| rng.permille(500)).collect();
                let answers: Vec<Value> = failed
                    .iter()
                    .map(|failed| match failed {
                        true => json!({"ErrorCode": "InternalFailure", "ErrorMessage": "try again"}),
                        false => json!({"EventId": "0"}),
                    })
                    .collect();
                let count = failed.iter().filter(|failed| **failed).count();
                let done = entries.into_iter().zip(&failed).filter(|(_, failed)| !**failed).map(|(entry, _)| entry);
                self.put(done.collect());
                Reply::json(200, &json!({"FailedEntryCount": count, "Entries": answers}))
            }
            Request::Table { operation, body } => {
                let mut body: Value = serde_json::from_str(body).unwrap_or_default();
                let list = match operation.as_str() {
                    "BatchGetItem" => format!("/RequestItems/{TABLE}/Keys"),
                    _ => format!("/RequestItems/{TABLE}"),
                };
                let all = body.pointer_mut(&list).and_then(Value::as_array_mut).map(std::mem::take).unwrap_or_default();
                let (mut now, mut left): (Vec<Value>, Vec<Value>) = all.into_iter().partition(|_| rng.permille(500));
                if now.is_empty() {
                    now.extend(left.pop());
                }
                if let Some(list) = body.pointer_mut(&list) {
                    *list = now.into();
                }
                let old = this.old && may_be_old(operation, &body.to_string());
                let answer = self.table.perform(now_ms, operation, &body.to_string(), old);
                let mut answered: Value = serde_json::from_str(&answer.body).unwrap_or_default();
                if answer.status == 200 && !left.is_empty() {
                    if operation == "BatchGetItem" {
                        let consistent = body.pointer(&format!("/RequestItems/{TABLE}/ConsistentRead")).cloned();
                        answered["UnprocessedKeys"] = json!({TABLE: {"Keys": left}});
                        if let Some(consistent) = consistent {
                            answered["UnprocessedKeys"][TABLE]["ConsistentRead"] = consistent;
                        }
                    } else {
                        answered["UnprocessedItems"] = json!({TABLE: left});
                    }
                }
                Reply::json(answer.status, &answered)
            }
            Request::Bucket { .. } => self.act(now_ms, request, this),
        }
    }
}

/// Whether a replica that lags may answer.
fn may_be_old(operation: &str, body: &str) -> bool {
    matches!(operation, "GetItem" | "BatchGetItem" | "Query" | "Scan") && !body.contains("\"ConsistentRead\":true")
}

fn throttled(request: &Request) -> Reply {
    match request {
        Request::Bucket { .. } => bucket::Reply::error(503, "SlowDown").into(),
        Request::Table { .. } => {
            let kind = "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException";
            Reply::json(400, &json!({"__type": kind, "message": "too much"}))
        }
        Request::Events { .. } => Reply::json(400, &json!({"__type": "ThrottlingException", "message": "too much"})),
    }
}

fn conflict(request: &Request) -> Reply {
    let Request::Table { operation, body } = request else { return throttled(request) };
    if operation != "TransactWriteItems" {
        let kind = "com.amazonaws.dynamodb.v20120810#TransactionConflictException";
        return Reply::json(400, &json!({"__type": kind, "message": "a transaction is under way"}));
    }
    let body: Value = serde_json::from_str(body).unwrap_or_default();
    let items = body["TransactItems"].as_array().map_or(1, Vec::len);
    let reasons: Vec<Value> =
        (0..items).map(|at| json!({"Code": if at == 0 { "TransactionConflict" } else { "None" }})).collect();
    let kind = "com.amazonaws.dynamodb.v20120810#TransactionCanceledException";
    Reply::json(400, &json!({"__type": kind, "Message": "cancelled", "CancellationReasons": reasons}))
}

impl Reply {
    fn json(status: u16, body: &Value) -> Self {
        Self {
            status,
            headers: vec![("content-type", "application/x-amz-json-1.0".to_owned())],
            body: body.to_string().into(),
        }
    }

    /// Whether the SDK itself tries again after this answer.
    fn is_transient(&self) -> bool {
        let says = |code: &str| self.body.windows(code.len()).any(|part| part == code.as_bytes());
        match self.status {
            500..=599 => true,
            400 => says("ThroughputExceeded") || says("ThrottlingException"),
            _ => false,
        }
    }

    fn into_response(self) -> Result<HttpResponse, ConnectorError> {
        let status = self.status.try_into().map_err(|error| ConnectorError::other(Box::new(error), None))?;
        let mut response = HttpResponse::new(status, SdkBody::from(self.body));
        for (name, value) in self.headers {
            response.headers_mut().insert(name, value);
        }
        Ok(response)
    }
}

impl From<Answer> for Reply {
    fn from(answer: Answer) -> Self {
        let headers = vec![("content-type", "application/x-amz-json-1.0".to_owned())];
        Self { status: answer.status, headers, body: answer.body.into() }
    }
}

impl From<bucket::Reply> for Reply {
    fn from(reply: bucket::Reply) -> Self {
        let bucket::Reply { status, headers, body } = reply;
        Self { status, headers, body }
    }
}
