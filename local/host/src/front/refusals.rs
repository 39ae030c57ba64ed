//! Counts refusals, writes them into the log in sum, and limits how many an address may cause.
//!
//! Must stay true: however many requests are refused, the log gets one line a minute of them, without addresses.

use crate::front::client::Counted;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;
use vestibule_platform::{Buckets, metrics};

/// Number of addresses counted at once.
const MOST_ADDRESSES: usize = 10_000;

/// Why a request or a connection was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    /// A function found no valid credential or signature.
    Unauthenticated,
    /// The path or the method is not served.
    NotServed,
    /// The link to a file is invalid or has expired.
    Link,
    /// The request is not HTTP, or its head is too large.
    Malformed,
    /// The body is too large.
    TooLarge,
    /// The head did not come in time.
    SlowHead,
    /// The body did not come in time, or broke off.
    SlowBody,
    /// The address had caused too many refusals.
    TooMany,
    /// All memory for bodies was taken.
    NoMemory,
    /// A connection was cut for another one.
    Cut,
    /// A connection was not let in.
    NoPlace,
    /// A connection could not be accepted.
    NotAccepted,
    /// The TLS handshake failed.
    Handshake,
}

impl Reason {
    /// Its name in the metrics.
    const fn name(self) -> &'static str {
        match self {
            Self::Unauthenticated => "unauthenticated",
            Self::NotServed => "not_served",
            Self::Link => "links",
            Self::Malformed => "malformed",
            Self::TooLarge => "too_large",
            Self::SlowHead => "slow_heads",
            Self::SlowBody => "slow_bodies",
            Self::TooMany => "too_many",
            Self::NoMemory => "no_memory",
            Self::Cut => "connections_cut",
            Self::NoPlace => "connections_refused",
            Self::NotAccepted => "not_accepted",
            Self::Handshake => "handshakes",
        }
    }
}

const REASONS: usize = Reason::Handshake as usize + 1;

/// The refusals.
#[derive(Debug)]
pub(crate) struct Refusals {
    counts: [AtomicU64; REASONS],
    by_address: Buckets<Counted>,
    began: Instant,
}

impl Refusals {
    /// Refusals of which each address may cause `a_minute`; 0 for no limit.
    pub(crate) fn new(a_minute: u32) -> Self {
        Self {
            counts: std::array::from_fn(|_| AtomicU64::new(0)),
            by_address: Buckets::new(a_minute, MOST_ADDRESSES),
            began: Instant::now(),
        }
    }

    fn now_millis(&self) -> i64 {
        i64::try_from(self.began.elapsed().as_millis()).unwrap_or(i64::MAX)
    }

    /// Counts a refusal that no limit applies to.
    pub(crate) fn note(&self, reason: Reason) {
        metrics::REFUSALS.add([reason.name()], 1);
        self.counts[reason as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a refusal of a request from `address`.
    pub(crate) fn note_of(&self, address: IpAddr, reason: Reason) {
        self.note(reason);
        let _none_left = self.by_address.take(&Counted::from(address), self.now_millis());
    }

    /// Whether a request from `address` is served.
    ///
    /// # Errors
    /// When the address caused too many refusals: the seconds until one more is served.
    pub(crate) fn admit(&self, address: IpAddr) -> Result<(), u32> {
        self.by_address.has(&Counted::from(address), self.now_millis()).inspect_err(|_| self.note(Reason::TooMany))
    }

    /// Writes the sums since the last time, if anything was refused.
    pub(crate) fn log(&self) {
        let counts = self.counts.each_ref().map(|count| count.swap(0, Ordering::Relaxed));
        if counts.iter().all(|count| *count == 0) {
            return;
        }
        let of = |reason: Reason| counts[reason as usize];
        tracing::warn!(
            unauthenticated = of(Reason::Unauthenticated),
            not_served = of(Reason::NotServed),
            links = of(Reason::Link),
            malformed = of(Reason::Malformed),
            too_large = of(Reason::TooLarge),
            slow_heads = of(Reason::SlowHead),
            slow_bodies = of(Reason::SlowBody),
            too_many = of(Reason::TooMany),
            no_memory = of(Reason::NoMemory),
            connections_cut = of(Reason::Cut),
            connections_refused = of(Reason::NoPlace),
            not_accepted = of(Reason::NotAccepted),
            handshakes = of(Reason::Handshake),
            "refused since the last such line, at most a minute ago"
        );
    }
}
