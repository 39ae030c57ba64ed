//! Tests what the store promises, as one suite that runs over any table engine.
//!
//! The embedded engine is always available ([`Engine::embedded`], and without a socket [`Engine::in_process`]).
//! [`ENDPOINT`] names another one, such as the real service or its local stand-in. A case creates its own table and
//! takes every instant as an argument, so cases run in parallel and in any order, and none waits.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::missing_panics_doc)]

#[macro_use]
mod cases;
mod engine;
pub mod fixtures;
pub mod proxy;
pub mod suite;

pub use engine::{ENDPOINT, Engine, Item, Table, number, text};
