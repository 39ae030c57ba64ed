//! Ports for programs that must be given one.
//!
//! Must stay true: nobody else on the machine is given the port meanwhile. One that the system chose may be given to the next
//! connection as soon as it is free, so these lie below those that systems choose from.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU16, Ordering};

/// The first of the ports that are tried, and how many there are. Systems choose from 32768, 49152 or 1024 on; of these,
/// Linux from 32768.
const FIRST: u16 = 12_000;
const COUNT: u16 = 20_000;

/// A port of this machine at which nobody listens. No two calls of a process get the same, and processes begin at
/// different ones.
pub fn free_port() -> u16 {
    static TAKEN: AtomicU16 = AtomicU16::new(0);
    let begin = u16::try_from(std::process::id().wrapping_mul(97) % u32::from(COUNT)).unwrap();
    for _ in 0..COUNT {
        let port = FIRST + (begin + TAKEN.fetch_add(1, Ordering::Relaxed) % COUNT) % COUNT;
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
    panic!("every port from {FIRST} on is taken");
}
