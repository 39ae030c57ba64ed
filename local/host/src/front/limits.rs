//! What the front gives to callers before it knows who they are.
//!
//! Must stay true: nobody without a credential takes what the others need. Connections, time, memory, descriptors and
//! lines of the log are all limited before a function is asked.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::time::Duration;

/// Largest body: as large as the webhooks and the API take. A webhook needs the whole body before it can check the
/// signature, so this much is read of a caller whom nobody knows yet.
pub(crate) const MAX_BODY_BYTES: usize = 1 << 20;
/// Largest sum of all bodies that are held at the same time.
pub(crate) const MAX_BODIES_BYTES: usize = 64 << 20;
/// How much of a body that is too large is read and thrown away, so that its sender gets the answer before the
/// connection closes.
pub(crate) const MAX_THROWN_AWAY_BYTES: usize = 16 << 20;
/// Largest head of a request, and largest buffer of a connection.
pub(crate) const MAX_HEAD_BYTES: usize = 64 << 10;
/// Descriptors that connections leave to the table, the files and everything else of the program.
const RESERVED_DESCRIPTORS: usize = 256;
/// Descriptors that the process asks for, if its limit can be raised that far.
const WANTED_DESCRIPTORS: u64 = 8_192;

/// The limits of the front.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most connections in all. Fewer if the process may not open that many descriptors.
    pub connections: usize,
    /// Most connections of one address. A trusted proxy has no limit of its own.
    pub connections_of_address: usize,
    /// How long a connection may be without a complete head of a request.
    pub head: Duration,
    /// How long a body may take.
    pub body: Duration,
    /// How long a client may take nothing of an answer.
    pub stalled: Duration,
    /// Refused requests a minute after which an address gets 429; 0 for no limit.
    pub refusals_a_minute: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 1_000,
            connections_of_address: 100,
            head: Duration::from_secs(15),
            body: Duration::from_secs(30),
            stalled: Duration::from_secs(60),
            refusals_a_minute: 600,
        }
    }
}

impl Limits {
    /// The same with no more connections than the process has descriptors for. Raises the process's own limit first.
    pub(crate) fn within_descriptors(self) -> Self {
        let may = usize::try_from(raised_descriptors()).unwrap_or(usize::MAX);
        let most = may.saturating_sub(RESERVED_DESCRIPTORS).max(may / 2);
        if most < self.connections {
            tracing::warn!(
                descriptors = may,
                connections = most,
                "few descriptors may be open, so connections are fewer"
            );
        }
        Self { connections: self.connections.min(most), ..self }
    }
}

/// The number of descriptors that the process may open, after raising it as far as is allowed and wanted.
fn raised_descriptors() -> u64 {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    // `None` is "no limit".
    let Some(now) = current else { return u64::MAX };
    let wanted = maximum.map_or(WANTED_DESCRIPTORS, |maximum| maximum.min(WANTED_DESCRIPTORS));
    if now >= wanted {
        return now;
    }
    match setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum }) {
        Ok(()) => wanted,
        Err(_) => now,
    }
}
