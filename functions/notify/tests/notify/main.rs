//! Messages from end to end: the real function over real services in process, with a driven clock, to real servers on
//! this machine.
#![allow(missing_docs, clippy::expect_used, clippy::panic, clippy::unwrap_used, clippy::indexing_slicing)]

mod channels;
mod peers;
mod story;
mod tickets;
mod world;
