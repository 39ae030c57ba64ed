//! Requests of DynamoDB's protocol, performed by the embedded engine: those to DynamoDB and to DynamoDB Streams.
//!
//! A request's header names the operation, and its body is JSON. The answers are those of the engine's own HTTP server.
//!
//! Must stay true: a request is answered only after the engine has performed it, and no thread that serves requests
//! waits for the engine's disk.

use crate::dynamodb::lanes::{Lanes, is_large};
use crate::services::TARGET;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use dynoxide::{Database, DynoxideError};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::sync::mpsc;
use std::thread::JoinHandle;
use tokio::sync::oneshot;

/// The prefixes of the operation's name in its header.
const TARGETS: [&str; 2] = ["DynamoDB_20120810.", "DynamoDBStreams_20120810."];
/// The content type of the engine's own server.
const CONTENT_TYPE: &str = "application/x-amz-json-1.0";

/// The operation that a request names, if it is one of DynamoDB's.
pub fn operation(request: &HttpRequest) -> Option<&str> {
    operation_of(request.headers().get(TARGET)?)
}

/// The operation that this value of the header names.
pub(crate) fn operation_of(target: &str) -> Option<&str> {
    TARGETS.iter().find_map(|prefix| target.strip_prefix(prefix))
}

/// The engine's answer to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The JSON.
    pub body: String,
}

impl Answer {
    /// Lets the engine perform one operation, and answers as its HTTP server does. Blocks meanwhile.
    pub fn of(database: &Database, operation: &str, body: &str) -> Self {
        match run(database, operation, body) {
            Ok(body) => Self { status: 200, body },
            Err(error) => Self { status: error.status_code(), body: error.to_json() },
        }
    }

    /// The answer in the SDK client's form.
    ///
    /// # Errors
    /// When the status is not an HTTP status.
    pub fn into_response(self) -> Result<HttpResponse, ConnectorError> {
        let status = self.status.try_into().map_err(|error| ConnectorError::other(Box::new(error), None))?;
        let mut response = HttpResponse::new(status, SdkBody::from(self.body));
        response.headers_mut().insert("content-type", CONTENT_TYPE);
        Ok(response)
    }
}

/// The operations that the product and its tests use; the engine's server has a few more.
fn run(database: &Database, operation: &str, body: &str) -> Result<String, DynoxideError> {
    match operation {
        "GetItem" => with(body, |request| database.get_item(request)),
        "PutItem" => with(body, |request| database.put_item(request)),
        "UpdateItem" => with(body, |request| database.update_item(request)),
        "DeleteItem" => with(body, |request| database.delete_item(request)),
        "Query" => with(body, |request| database.query(request)),
        "Scan" => with(body, |request| database.scan(request)),
        "BatchGetItem" => with(body, |request| database.batch_get_item(request)),
        "BatchWriteItem" => with(body, |request| database.batch_write_item(request)),
        "TransactGetItems" => with(body, |request| database.transact_get_items(request)),
        "TransactWriteItems" => with(body, |request| database.transact_write_items(request)),
        "CreateTable" => with(body, |request| database.create_table(request)),
        "DeleteTable" => with(body, |request| database.delete_table(request)),
        "DescribeTable" => with(body, |request| database.describe_table(request)),
        "ListTables" => with(body, |request| database.list_tables(request)),
        "UpdateTable" => with(body, |request| database.update_table(request)),
        "UpdateTimeToLive" => with(body, |request| database.update_time_to_live(request)),
        "DescribeTimeToLive" => with(body, |request| database.describe_time_to_live(request)),
        "ListStreams" => with(body, |request| database.list_streams(request)),
        "DescribeStream" => with(body, |request| database.describe_stream(request)),
        "GetShardIterator" => with(body, |request| database.get_shard_iterator(request)),
        "GetRecords" => with(body, |request| database.get_records(request)),
        _ => Err(DynoxideError::ValidationException(format!("{operation} is not served here"))),
    }
}

fn with<Q: DeserializeOwned, A: Serialize>(
    body: &str,
    call: impl FnOnce(Q) -> Result<A, DynoxideError>,
) -> Result<String, DynoxideError> {
    // An SDK client always writes valid members, so only a value can be wrong.
    let request = serde_json::from_str(body).map_err(|error| DynoxideError::ValidationException(error.to_string()))?;
    let answer = call(request)?;
    serde_json::to_string(&answer).map_err(|error| DynoxideError::InternalServerError(error.to_string()))
}

/// A thread on which an engine performs the requests of this process's clients one after another, because the engine
/// has one connection to its file; `lanes` says in which order. Dropping it finishes earlier requests and ends the thread; later requests fail.
pub(super) struct Worker {
    jobs: mpsc::Sender<Job>,
    thread: Option<JoinHandle<()>>,
}

enum Job {
    Do {
        operation: String,
        body: String,
        answer: oneshot::Sender<Answer>,
    },
    /// Something for which the engine must be at rest.
    Run(Box<dyn FnOnce() + Send>),
    Stop,
}

impl Job {
    fn is_large(&self) -> bool {
        matches!(self, Self::Do { operation, .. } if is_large(operation))
    }
}

impl Worker {
    /// Starts the thread.
    ///
    /// # Errors
    /// When no thread can be started.
    pub(super) fn start(database: Database) -> std::io::Result<Self> {
        let (jobs, waiting) = mpsc::channel();
        let work = move || {
            let mut lanes = Lanes::default();
            let mut stopping = false;
            loop {
                // What was there before it stops is performed.
                let came = match lanes.is_empty() {
                    true if stopping => break,
                    true => waiting.recv().ok(),
                    false => None,
                };
                for job in came.into_iter().chain(waiting.try_iter()) {
                    match job {
                        Job::Stop => stopping = true,
                        job => lanes.push(job.is_large(), job),
                    }
                }
                match lanes.pop() {
                    // The client may be gone meanwhile; the request is performed anyway, as over a network.
                    Some(Job::Do { operation, body, answer }) => {
                        let _gone = answer.send(Answer::of(&database, &operation, &body));
                    }
                    Some(Job::Run(work)) => work(),
                    // Nobody is left who could ask.
                    Some(Job::Stop) | None => stopping = true,
                }
            }
        };
        let thread = std::thread::Builder::new().name("dynamodb-work".to_owned()).spawn(work)?;
        Ok(Self { jobs, thread: Some(thread) })
    }

    /// Calls of the engine, which fail once this is dropped.
    pub(super) fn calls(&self) -> Calls {
        Calls { jobs: self.jobs.clone() }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // It may have died.
        let _gone = self.jobs.send(Job::Stop);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the embedded table's working thread died");
        }
    }
}

/// Passes requests to the engine's thread.
#[derive(Clone)]
pub(crate) struct Calls {
    jobs: mpsc::Sender<Job>,
}

impl Calls {
    /// Lets the engine perform one operation. It is under way when this returns; the future waits for the answer.
    ///
    /// # Errors
    /// When the engine has stopped.
    pub(crate) fn ask(
        &self,
        operation: String,
        body: String,
    ) -> Result<impl Future<Output = Result<Answer, ConnectorError>> + Send + use<>, ConnectorError> {
        let (answer, answered) = oneshot::channel();
        self.jobs.send(Job::Do { operation, body, answer }).map_err(|_| stopped())?;
        Ok(async move { answered.await.map_err(|_| stopped()) })
    }
}

impl Calls {
    /// Does something on the engine's thread, between two requests.
    ///
    /// # Errors
    /// When the engine has stopped.
    pub(crate) async fn at_rest<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, ConnectorError> {
        let (done, ended) = oneshot::channel();
        let work = Box::new(move || drop(done.send(work())));
        self.jobs.send(Job::Run(work)).map_err(|_| stopped())?;
        ended.await.map_err(|_| stopped())
    }
}

/// A request's operation and JSON.
///
/// # Errors
/// When it is not a request to DynamoDB.
pub fn parse(request: &HttpRequest) -> Result<(String, String), ConnectorError> {
    let refused = |problem: &str| ConnectorError::user(problem.into());
    let operation = operation(request).ok_or_else(|| refused("the request names no operation of DynamoDB"))?;
    let body = request.body().bytes().ok_or_else(|| refused("the request has no body in memory"))?;
    let body = std::str::from_utf8(body).map_err(|_| refused("the request's body is not UTF-8"))?;
    Ok((operation.to_owned(), body.to_owned()))
}

fn stopped() -> ConnectorError {
    ConnectorError::io("the embedded table has stopped".into())
}
