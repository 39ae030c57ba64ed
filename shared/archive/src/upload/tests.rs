//! Uploads to the local S3 over a connection that is slow, stalls, or answers as S3 does when two writers meet.
#![allow(clippy::unwrap_used)]

use super::*;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::{HttpClient, RuntimeComponents, SharedCredentialsProvider, SharedHttpClient};
use aws_smithy_async::rt::sleep::{AsyncSleep, SharedAsyncSleep, Sleep};
use aws_smithy_async::time::TimeSource;
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use http_body_util::BodyExt as _;
use std::future::poll_fn;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::time::SystemTime;
use vestibule_host::{Host, Names};
use vestibule_platform::clients;
use vestibule_store::Store;

const MIB: usize = 1 << 20;
/// The slowest connection that is supported.
const SLOW: u64 = 60_000;

/// A clock that stands still until something takes time.
#[derive(Clone, Debug)]
struct Clock {
    time: Arc<Mutex<Time>>,
    began: SystemTime,
}

#[derive(Debug, Default)]
struct Time {
    passed: Duration,
    /// Who waits, and until when.
    waiting: Vec<(Duration, Waker)>,
}

impl Clock {
    fn new() -> Self {
        Self { time: Arc::default(), began: SystemTime::now() }
    }

    fn passed(&self) -> Duration {
        self.time.lock().unwrap().passed
    }

    /// Lets time pass and wakes those who wait for it.
    async fn pass(&self, time: Duration) {
        let due = {
            let mut clock = self.time.lock().unwrap();
            clock.passed += time;
            let now = clock.passed;
            let (due, waiting): (Vec<_>, Vec<_>) = clock.waiting.drain(..).partition(|(at, _)| *at <= now);
            clock.waiting = waiting;
            due
        };
        due.into_iter().for_each(|(_, waker)| waker.wake());
        tokio::task::yield_now().await;
    }
}

impl AsyncSleep for Clock {
    fn sleep(&self, duration: Duration) -> Sleep {
        let (clock, until) = (self.time.clone(), self.passed() + duration);
        Sleep::new(poll_fn(move |context| {
            let mut clock = clock.lock().unwrap();
            if clock.passed >= until {
                return Poll::Ready(());
            }
            clock.waiting.push((until, context.waker().clone()));
            Poll::Pending
        }))
    }
}

impl TimeSource for Clock {
    fn now(&self) -> SystemTime {
        self.began + self.passed()
    }
}

/// The connection to the bucket.
#[derive(Clone, Debug)]
struct Way {
    inner: SharedHttpClient,
    clock: Clock,
    /// Bytes a second for everything sent at a time.
    rate: Option<u64>,
    /// Bytes that buffers on the way accept at once; then they accept nothing until these are sent.
    burst: usize,
    /// After this many bytes the connection accepts nothing more.
    stalls_after: Option<usize>,
    /// Answers, by request, that come from the connection and not from the bucket.
    spoils: Arc<Mutex<Vec<(&'static str, Spoil)>>>,
    seen: Arc<Mutex<Vec<&'static str>>>,
    sending: Arc<AtomicUsize>,
    most_sending: Arc<AtomicUsize>,
}

#[derive(Clone, Copy, Debug)]
enum Spoil {
    /// The bucket does not see the request.
    Conflict,
    /// The bucket does what it is asked, but the answer is another.
    ConflictAfter,
    /// The same with S3's answer to parts that were joined already.
    NoSuchUploadAfter,
}

#[derive(Clone, Debug)]
struct Connector(Way, SharedHttpConnector);

impl HttpClient for Way {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(Connector(self.clone(), self.inner.http_connector(settings, components)))
    }
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let Self(way, inner) = self.clone();
        HttpConnectorFuture::new(async move {
            let what = kind(&request);
            way.seen.lock().unwrap().push(what);
            let sending = way.sending.fetch_add(1, Ordering::SeqCst) + 1;
            if what == "part" {
                way.most_sending.fetch_max(sending, Ordering::SeqCst);
            }
            let request = way.take_in(request).await;
            way.sending.fetch_sub(1, Ordering::SeqCst);
            let spoil = {
                let mut spoils = way.spoils.lock().unwrap();
                let at = spoils.iter().position(|(of, _)| *of == what);
                at.map(|at| spoils.remove(at).1)
            };
            match spoil {
                Some(Spoil::Conflict) => Ok(error(409, "ConditionalRequestConflict")),
                Some(spoil) => {
                    assert!(inner.call(request).await?.status().is_success());
                    Ok(match spoil {
                        Spoil::NoSuchUploadAfter => error(404, "NoSuchUpload"),
                        _ => error(409, "ConditionalRequestConflict"),
                    })
                }
                None => inner.call(request).await,
            }
        })
    }
}

impl Way {
    async fn take_in(&self, mut request: HttpRequest) -> HttpRequest {
        let mut body = std::mem::replace(request.body_mut(), SdkBody::taken());
        let (mut bytes, mut filled) = (Vec::new(), 0);
        while let Some(frame) = body.frame().await {
            let frame = frame.unwrap().into_data().unwrap();
            bytes.extend_from_slice(&frame);
            filled += frame.len();
            if self.stalls_after.is_some_and(|most| bytes.len() > most) {
                for _ in 0..10_000 {
                    self.clock.pass(Duration::from_secs(1)).await;
                }
            }
            if filled >= self.burst
                && let Some(rate) = self.rate
            {
                // In steps, so that code that checks from time to time does so.
                let step = Duration::from_millis(100);
                for _ in 0..(filled as u64 * 10 / rate) {
                    self.clock.pass(step).await;
                }
                filled = 0;
            }
        }
        *request.body_mut() = SdkBody::from(bytes);
        request
    }
}

fn kind(request: &HttpRequest) -> &'static str {
    let uri = request.uri();
    match request.method() {
        "PUT" if uri.contains("partNumber=") => "part",
        "PUT" => "put",
        "POST" if uri.contains("uploadId=") => "complete",
        "POST" => "create",
        "DELETE" => "abort",
        "HEAD" => "head",
        _ => "get",
    }
}

fn error(status: u16, code: &str) -> HttpResponse {
    let body = format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>by the way</Message></Error>");
    HttpResponse::new(status.try_into().unwrap(), SdkBody::from(body))
}

/// A bucket, and an archive that reaches it over this connection.
struct Bucket {
    host: Host,
    archive: Archive,
    way: Way,
    folder: tempfile::TempDir,
}

impl Bucket {
    async fn over(settings: impl Fn(&SdkConfig) -> SdkConfig, change: impl FnOnce(&mut Way)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let names = Names { table: "table".into(), bucket: "reports".into(), bus: "b".into() };
        let host = Host::start(&folder.path().join("data"), &names).await.unwrap();
        let clock = Clock::new();
        let mut way = Way {
            inner: aws_smithy_http_client::Builder::new().build_http(),
            clock: clock.clone(),
            rate: None,
            burst: 1,
            stalls_after: None,
            spoils: Arc::default(),
            seen: Arc::default(),
            sending: Arc::default(),
            most_sending: Arc::default(),
        };
        change(&mut way);
        let base = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(vestibule_host::REGION))
            .credentials_provider(SharedCredentialsProvider::new(host.endpoint.keys.credentials()))
            .build();
        let s3 = aws_sdk_s3::config::Builder::from(&settings(&base))
            .endpoint_url(&host.endpoint.url)
            .force_path_style(true)
            .http_client(way.clone())
            .time_source(clock.clone())
            .sleep_impl(SharedAsyncSleep::new(clock))
            // The clock stands still while nothing is sent, so nobody would be woken to try again.
            .retry_config(RetryConfig::disabled())
            .build();
        let store = Store::new(host.clients.dynamodb.clone(), "table");
        let (s3, scratch) = (aws_sdk_s3::Client::from_conf(s3), folder.path().join("scratch"));
        let archive = Archive::new(store, s3, "reports".into(), scratch, crate::advice(None).unwrap());
        Self { host, archive, way, folder }
    }

    /// Uploads a file of `bytes` bytes.
    async fn keep(&self, bytes: usize) -> Result<(), ArchiveError> {
        let path = self.folder.path().join("file");
        std::fs::write(&path, content(bytes)).unwrap();
        self.archive.keep_file("reports/t/file", "application/vnd.sqlite3", &path).await
    }

    /// The content of the bucket.
    async fn kept(&self) -> Vec<u8> {
        let get = self.host.clients.s3.get_object().bucket("reports").key("reports/t/file");
        get.send().await.unwrap().body.collect().await.unwrap().to_vec()
    }

    /// Uploads that are neither done nor aborted.
    fn left_over(&self) -> usize {
        std::fs::read_dir(self.folder.path().join("data/files/uploads")).unwrap().count()
    }

    fn seen(&self) -> Vec<&'static str> {
        self.way.seen.lock().unwrap().clone()
    }
}

fn content(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|at| (at % 251) as u8 ^ (at >> 16) as u8).collect()
}

#[tokio::test]
async fn a_file_gets_through_a_slow_connection_in_one_piece_and_in_parts() {
    for (bytes, burst) in [(2 * MIB, 1), (15 * MIB, 3 * MIB), (40 * MIB, 1)] {
        let slow = |way: &mut Way| (way.rate, way.burst) = (Some(SLOW), burst);
        let bucket = Bucket::over(clients::for_files, slow).await;
        bucket.keep(bytes).await.unwrap();
        assert!(bucket.kept().await == content(bytes), "{bytes}");
        let least = Duration::from_secs(bytes as u64 / SLOW * 8 / 10);
        assert!(bucket.way.clock.passed() > least, "it was slow: {:?}", bucket.way.clock.passed());
    }
    // The limit of a call ends it.
    let bucket = Bucket::over(clients::for_calls, |way| way.rate = Some(SLOW)).await;
    let error = bucket.keep(2 * MIB).await.unwrap_err();
    assert!(error.to_string().contains("timeout") || error.to_string().contains("timed out"), "{error}");
    assert!(bucket.way.clock.passed() < Duration::from_secs(30));
}

#[tokio::test]
async fn a_connection_that_accepts_nothing_more_is_given_up() {
    for bytes in [8 * MIB, 40 * MIB] {
        let bucket = Bucket::over(clients::for_files, |way| way.stalls_after = Some(MIB)).await;
        bucket.keep(bytes).await.unwrap_err();
        let passed = bucket.way.clock.passed();
        assert!(passed > Duration::from_secs(50) && passed < Duration::from_secs(200), "{passed:?}");
        assert_eq!(bucket.left_over(), 0, "the upload was aborted");
    }
}

#[tokio::test]
async fn a_large_file_goes_up_in_parts_a_few_at_a_time() {
    let bucket = Bucket::over(clients::for_files, |_| {}).await;
    bucket.keep(40 * MIB).await.unwrap();
    assert!(bucket.kept().await == content(40 * MIB));
    let seen = bucket.seen();
    assert_eq!((seen.first(), seen.last()), (Some(&"create"), Some(&"complete")));
    assert_eq!(seen.iter().filter(|what| **what == "part").count(), 5);
    assert_eq!(bucket.way.most_sending.load(Ordering::SeqCst), PARTS_AT_ONCE);

    // Already there: in parts and in one piece.
    bucket.keep(40 * MIB).await.unwrap();
    assert_eq!(bucket.left_over(), 0, "the second upload was aborted");
    bucket.keep(15 * MIB).await.unwrap();
    assert!(bucket.kept().await == content(40 * MIB), "what is there stays");
}

#[tokio::test]
async fn writers_that_meet_end_with_the_object_there() {
    let spoiled = |spoils: &'static [(&'static str, Spoil)]| {
        Bucket::over(clients::for_files, move |way: &mut Way| *way.spoils.lock().unwrap() = spoils.to_vec())
    };
    // Refused while another writes, then accepted.
    for (bytes, what) in [(MIB, "put"), (17 * MIB, "complete")] {
        let bucket = match what {
            "put" => spoiled(&[("put", Spoil::Conflict), ("put", Spoil::Conflict)]).await,
            _ => spoiled(&[("complete", Spoil::Conflict), ("complete", Spoil::Conflict)]).await,
        };
        bucket.keep(bytes).await.unwrap();
        assert!(bucket.kept().await == content(bytes));
        assert_eq!(bucket.seen().iter().filter(|seen| **seen == what).count(), 3, "{:?}", bucket.seen());
        assert_eq!(bucket.left_over(), 0);
    }
    // Refused because it is already there: checked, and not sent again.
    for (bytes, spoils) in [
        (MIB, &[("put", Spoil::ConflictAfter)]),
        (17 * MIB, &[("complete", Spoil::ConflictAfter)]),
        (17 * MIB, &[("complete", Spoil::NoSuchUploadAfter)]),
    ] {
        let bucket = spoiled(spoils).await;
        bucket.keep(bytes).await.unwrap();
        assert!(bucket.kept().await == content(bytes));
        let what = spoils[0].0;
        assert_eq!(bucket.seen().iter().filter(|seen| **seen == what).count(), 1, "{:?}", bucket.seen());
        assert_eq!(bucket.left_over(), 0);
    }
    // Always refused and never there: the caller gets the error.
    let bucket = spoiled(&[("put", Spoil::Conflict); TRIES as usize]).await;
    let error = bucket.keep(MIB).await.unwrap_err();
    assert!(error.to_string().contains("ConditionalRequestConflict"), "{error}");
}
