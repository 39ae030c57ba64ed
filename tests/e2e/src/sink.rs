//! A bus that answers `PutEvents` and fails as set.

use serde_json::{Value, json};
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// How it fails.
#[derive(Clone, Copy, Debug)]
pub enum Failing {
    /// Every call fails as a whole.
    Calls,
    /// Every entry fails except the first one ever.
    Entries,
}

/// A bus that accepts little.
#[derive(Debug)]
pub struct Sink {
    pub url: String,
    taken: Arc<Mutex<Vec<Value>>>,
    serving: JoinHandle<()>,
}

impl Sink {
    pub async fn start(failing: Failing) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let taken = Arc::new(Mutex::new(Vec::new()));
        let keep = Arc::clone(&taken);
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // A caller that disconnects does not matter.
                let _gone = answer(stream, failing, &keep).await;
            }
        });
        Self { url, taken, serving }
    }

    /// The entries it accepted.
    pub fn taken(&self) -> Vec<Value> {
        self.taken.lock().unwrap().clone()
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn answer(stream: TcpStream, failing: Failing, taken: &Mutex<Vec<Value>>) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await?;
        match line.trim().split_once(':') {
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                length = value.trim().parse().unwrap();
            }
            Some(_) => {}
            None if line.trim().is_empty() => break,
            None => {}
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let (status, answer) = match failing {
        Failing::Calls => ("500 Internal Server Error", json!({"__type": "InternalException", "message": "no"})),
        Failing::Entries => ("200 OK", take_first(body["Entries"].as_array().unwrap(), taken)),
    };
    let answer = answer.to_string();
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/x-amz-json-1.1\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        answer.len()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await
}

fn take_first(entries: &[Value], taken: &Mutex<Vec<Value>>) -> Value {
    let mut taken = taken.lock().unwrap();
    let mut results = Vec::new();
    for entry in entries {
        if taken.is_empty() {
            taken.push(entry.clone());
            results.push(json!({"EventId": "1"}));
        } else {
            results.push(json!({"ErrorCode": "ThrottlingException", "ErrorMessage": "no more"}));
        }
    }
    let failed = results.iter().filter(|result| result.get("ErrorCode").is_some()).count();
    json!({"FailedEntryCount": failed, "Entries": results})
}
