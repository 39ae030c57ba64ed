//! A connection's bytes, watched: whether any came, and that the client takes the answer.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

/// A stream that fails if nothing can be written for too long.
pub(crate) struct Watched<S> {
    stream: S,
    stalled: Duration,
    /// Running while a write waits.
    until: Option<Pin<Box<Sleep>>>,
    /// Set when bytes come in.
    came: Arc<AtomicBool>,
}

impl<S> Watched<S> {
    pub(crate) fn new(stream: S, stalled: Duration, came: Arc<AtomicBool>) -> Self {
        Self { stream, stalled, until: None, came }
    }

    fn watch<T>(&mut self, cx: &mut Context<'_>, polled: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if polled.is_ready() {
            self.until = None;
            return polled;
        }
        let stalled = self.stalled;
        let until = self.until.get_or_insert_with(|| Box::pin(tokio::time::sleep(stalled)));
        ready!(until.as_mut().poll(cx));
        self.until = None;
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, buf);
        if buf.filled().len() > before {
            self.came.store(true, Ordering::Relaxed);
        }
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.watch(cx, polled)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.watch(cx, polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_flush(cx);
        self.watch(cx, polled)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_shutdown(cx);
        self.watch(cx, polled)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

    #[tokio::test]
    async fn a_client_that_takes_nothing_is_given_up() {
        let (mut client, ours) = duplex(16);
        let mut ours = Watched::new(ours, Duration::from_millis(50), Arc::default());
        let error = ours.write_all(&[7; 100]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        // One that takes it, in whatever pieces, is not.
        let reading = tokio::spawn(async move {
            let mut taken = Vec::new();
            client.read_to_end(&mut taken).await.unwrap();
            taken.len()
        });
        ours.write_all(&[7; 100_000]).await.unwrap();
        ours.shutdown().await.unwrap();
        assert_eq!(reading.await.unwrap(), 100_016);
    }

    #[tokio::test]
    async fn it_is_known_whether_bytes_came() {
        let came = Arc::new(AtomicBool::new(false));
        let (mut client, ours) = duplex(16);
        let mut ours = Watched::new(ours, Duration::from_secs(60), Arc::clone(&came));
        client.write_all(b"x").await.unwrap();
        assert!(!came.load(Ordering::Relaxed));
        assert_eq!(ours.read_u8().await.unwrap(), b'x');
        assert!(came.load(Ordering::Relaxed));
    }
}
