//! What the table's work costs, in units of capacity as the table itself reports them.
//!
//! Three programs print it; the tests check its limits on smaller samples:
//!
//! - `cost`: the simulator's traffic, event by event and in batches, with the sweep as its schedule runs it; and the
//!   delivery log, which is not counted in the units of an event
//! - `session`: an Enrollment Status Page session with few apps and with many
//! - `sweep`: a sweep with nothing due, over a small table and a large one
//!
//! `api` times answers over a large file and the same statements by SQLite alone. `feed` prints what the pages of a
//! change feed cost, and times answers that use it. `memory` prints the memory and disk that an export needs.
//! `full-build` compares the speed of building a file with other ways of writing the same rows.
//!
//! The first three print no times: units don't depend on the machine. What a report file costs is printed by
//! `cargo run --release -p vestibule-report --example cost`.

pub mod deliveries;
pub mod quiet;
pub mod session;
pub mod spy;
pub mod table;
pub mod traffic;

pub use spy::Spy;
pub use table::Table;
pub use traffic::{Run, post};

/// An error ends a benchmark.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;
