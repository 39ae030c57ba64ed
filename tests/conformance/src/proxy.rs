//! A proxy to the table that injects faults.
//!
//! It passes requests on, one for each connection, except for the next few of one operation, to which it applies the
//! given faults.

use std::collections::VecDeque;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

/// What happens to one request.
#[derive(Debug)]
pub enum Fault {
    /// None: it is passed on.
    Pass,
    /// It is refused for lack of capacity, and the table does not see it.
    Throttle,
    /// It is answered with an internal error, and the table does not see it.
    Fail,
    /// The table executes it, but its answer never arrives.
    LoseAnswer,
    /// It is held: the proxy signals its arrival, and passes it on when released.
    Hold(oneshot::Sender<()>, oneshot::Receiver<()>),
}

/// The proxy; it serves until it is dropped.
#[derive(Debug)]
pub struct Proxy {
    endpoint: String,
    left: Arc<Mutex<VecDeque<Fault>>>,
    serving: tokio::task::JoinHandle<()>,
}

impl Proxy {
    /// A proxy in front of `endpoint` that injects faults into the next requests of `operation`, one for each of
    /// `faults`.
    pub async fn start(endpoint: &str, operation: &str, faults: impl IntoIterator<Item = Fault>) -> Self {
        let upstream = endpoint.strip_prefix("http://").expect("the endpoint is plain HTTP").to_owned();
        let target = format!(".{}", operation.to_ascii_lowercase());
        let left = Arc::new(Mutex::new(faults.into_iter().collect::<VecDeque<_>>()));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let faults = left.clone();
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (upstream, target, faults) = (upstream.clone(), target.clone(), faults.clone());
                tokio::spawn(async move {
                    // The client notices a broken connection itself.
                    let _broken = pass(stream, &upstream, &target, &faults).await;
                });
            }
        });
        Self { endpoint, left, serving }
    }

    /// Its own endpoint.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// How many faults have not been injected yet.
    pub fn left(&self) -> usize {
        self.left.lock().unwrap().len()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn pass(
    mut client: TcpStream,
    upstream: &str,
    target: &str,
    faults: &Mutex<VecDeque<Fault>>,
) -> std::io::Result<()> {
    let (head, body) = read_request(&mut client).await?;
    let is_target = |line: &str| {
        let line = line.to_ascii_lowercase();
        line.starts_with("x-amz-target:") && line.trim_end().ends_with(target)
    };
    let fault = if head.lines().any(is_target) { faults.lock().unwrap().pop_front() } else { None };
    match fault {
        Some(Fault::Throttle) => {
            let code = "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException";
            answer(&mut client, "400 Bad Request", code).await
        }
        Some(Fault::Fail) => {
            let code = "com.amazonaws.dynamodb.v20120810#InternalServerError";
            answer(&mut client, "500 Internal Server Error", code).await
        }
        Some(Fault::LoseAnswer) => forward(&head, &body, upstream).await.map(drop),
        Some(Fault::Hold(arrived, go_on)) => {
            // If nobody waits for the request any more, it is not held.
            let _gone = arrived.send(());
            let _gone = go_on.await;
            let bytes = forward(&head, &body, upstream).await?;
            client.write_all(&bytes).await
        }
        Some(Fault::Pass) | None => {
            let bytes = forward(&head, &body, upstream).await?;
            client.write_all(&bytes).await
        }
    }
}

/// A request's head, with its blank line, and its body.
async fn read_request(client: &mut TcpStream) -> std::io::Result<(String, Vec<u8>)> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
        if client.read_buf(&mut bytes).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    };
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    let mut body = bytes.split_off(end);
    while body.len() < length.unwrap_or(0) {
        if client.read_buf(&mut body).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok((head, body))
}

/// The table's answer, on a separate connection that the table closes.
async fn forward(head: &str, body: &[u8], upstream: &str) -> std::io::Result<Vec<u8>> {
    let mut table = TcpStream::connect(upstream).await?;
    let head = head.replacen("\r\n", "\r\nconnection: close\r\n", 1);
    table.write_all(head.as_bytes()).await?;
    table.write_all(body).await?;
    let mut bytes = Vec::new();
    table.read_to_end(&mut bytes).await?;
    Ok(bytes)
}

async fn answer(client: &mut TcpStream, status: &str, code: &str) -> std::io::Result<()> {
    let body = format!(r#"{{"__type":"{code}","message":"injected fault"}}"#);
    let kind = "content-type: application/x-amz-json-1.0\r\nconnection: close";
    let head = format!("HTTP/1.1 {status}\r\n{kind}\r\ncontent-length: {}\r\n\r\n", body.len());
    client.write_all((head + &body).as_bytes()).await
}
