//! What the listeners of this machine have in common: how they accept connections, and how long they wait at their end.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};

/// How long requests under way may take after the stop. Whatever they stored stays stored.
pub(crate) const DRAIN: Duration = Duration::from_secs(20);
/// The first and the longest pause after an error.
const PAUSES: [Duration; 2] = [Duration::from_millis(5), Duration::from_millis(500)];

/// Accepts connections, and pauses after errors: as a rule no descriptor is left, and trying again at once would only
/// take the processor from those who could give one back.
#[derive(Debug, Default)]
pub(crate) struct Backoff(Option<Duration>);

impl Backoff {
    /// The next connection.
    ///
    /// # Errors
    /// When one cannot be accepted now; the caller calls again.
    pub(crate) async fn accept(&mut self, listener: &TcpListener) -> io::Result<(TcpStream, SocketAddr)> {
        if let Some(pause) = self.0 {
            tokio::time::sleep(pause).await;
        }
        let accepted = listener.accept().await;
        let [first, longest] = PAUSES;
        self.0 = match &accepted {
            Ok(_) => None,
            // These concern one connection only, which its client gave up.
            Err(error) if matches!(error.kind(), ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset) => None,
            Err(_) => Some(self.0.map_or(first, |pause| longest.min(pause * 2))),
        };
        accepted
    }

    /// Whether the last error was the first in a row: further ones say nothing new.
    pub(crate) fn has_just_begun(&self) -> bool {
        self.0.is_some_and(|pause| pause == PAUSES[0])
    }
}
