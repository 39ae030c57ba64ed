//! A way to the table on which things go wrong.
//!
//! It passes requests on, one a connection, but for the next few of one operation, which it spoils as told.

use std::collections::VecDeque;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

/// What becomes of one request.
#[derive(Debug)]
pub enum Fault {
    /// Refused for want of capacity, unseen by the table.
    Throttle,
    /// Answered with an internal error, unseen by the table.
    Fail,
    /// Done by the table, whose answer never arrives.
    LoseAnswer,
    /// Held back: its arrival is told, and it goes on when told to.
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
    /// A proxy in front of `endpoint` which spoils the next requests of `operation`, one by each of `faults`.
    pub async fn start(endpoint: &str, operation: &str, faults: impl IntoIterator<Item = Fault>) -> Self {
        let upstream = endpoint.strip_prefix("http://").expect("a plain endpoint").to_owned();
        let target = format!(".{}", operation.to_ascii_lowercase());
        let left = Arc::new(Mutex::new(faults.into_iter().collect::<VecDeque<_>>()));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let faults = left.clone();
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (upstream, target, faults) = (upstream.clone(), target.clone(), faults.clone());
                tokio::spawn(async move {
                    // A connection that breaks is the client's to notice.
                    let _broken = pass(stream, &upstream, &target, &faults).await;
                });
            }
        });
        Self { endpoint, left, serving }
    }

    /// Where it listens.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// How many faults have not come up.
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
            // Whoever holds it may be gone, and then nothing holds it.
            let _gone = arrived.send(());
            let _gone = go_on.await;
            let bytes = forward(&head, &body, upstream).await?;
            client.write_all(&bytes).await
        }
        None => {
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

/// The table's answer, on a connection of its own that the table closes.
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
    let body = format!(r#"{{"__type":"{code}","message":"told to fail"}}"#);
    let kind = "content-type: application/x-amz-json-1.0\r\nconnection: close";
    let head = format!("HTTP/1.1 {status}\r\n{kind}\r\ncontent-length: {}\r\n\r\n", body.len());
    client.write_all((head + &body).as_bytes()).await
}
