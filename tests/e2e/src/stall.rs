//! A way to a service that stalls when a test says so: it takes requests, and no answer comes.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// The way.
#[derive(Debug)]
pub struct Stall {
    /// Its address.
    pub url: String,
    is_stalled: Arc<AtomicBool>,
    serving: JoinHandle<()>,
}

impl Stall {
    /// A way to the service at `url`.
    pub async fn before(url: &str) -> Self {
        let to: SocketAddr = url.trim_start_matches("http://").parse().unwrap();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let is_stalled = Arc::new(AtomicBool::new(false));
        let stalled = Arc::clone(&is_stalled);
        let serving = tokio::spawn(async move {
            while let Ok((caller, _)) = listener.accept().await {
                tokio::spawn(pass_on(caller, to, Arc::clone(&stalled)));
            }
        });
        Self { url, is_stalled, serving }
    }

    /// From now on nothing passes.
    pub fn stall(&self) {
        self.is_stalled.store(true, Ordering::SeqCst);
    }
}

impl Drop for Stall {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// Passes on until either side ends. What a caller sends after the stall is read and kept.
async fn pass_on(caller: TcpStream, to: SocketAddr, is_stalled: Arc<AtomicBool>) -> std::io::Result<()> {
    let service = TcpStream::connect(to).await?;
    let (mut from_caller, mut to_caller) = caller.into_split();
    let (mut from_service, mut to_service) = service.into_split();
    let back = tokio::spawn(async move { tokio::io::copy(&mut from_service, &mut to_caller).await });
    let mut bytes = vec![0; 64 << 10];
    loop {
        let read = from_caller.read(&mut bytes).await?;
        if read == 0 {
            break;
        }
        if !is_stalled.load(Ordering::SeqCst) {
            to_service.write_all(&bytes[..read]).await?;
        }
    }
    back.abort();
    Ok(())
}
