//! The report file: one SQLite schema, one operation on it, and the queries.
//!
//! - [`Working`]: a file being brought up to date; [`Refresh`] writes changed enrollments into it;
//!   [`Working::publish`] makes the file that readers get
//! - [`Reader`]: the numbers of the report and the status page, and [`diagnosis`]
//! - [`summarise`]: writes only the daily sums of a file, into a small file of their own
//! - [`report_html`]: the same numbers as a page to read
//!
//! Its modules are layers, each of which uses only those before it: `lists`, `file`, `write`, `publish`, `ask`, `tell`.
//!
//! Invariants:
//! - A file refreshed step by step has the rows, and published the bytes, of a file built from nothing.
//! - Every number is defined once, in a view of the file; every question is one statement, in the file's `questions`,
//!   and page, API and commands run it from there.
//! - Nothing here reads a clock or knows where enrollments are stored. Raw payloads never enter.

pub mod ask;
mod error;
mod file;
mod lists;
mod publish;
mod rows;
mod tell;
mod write;

pub use ask::Snapshot;
pub use ask::reader;
pub use ask::reader::{Basis, Reader};
pub use error::{Error, Result};
pub use file::Context;
pub use file::pseudonym::pseudonym;
pub use publish::compare::{compare_schema, compare_sums};
pub use publish::summary::{SUMMARY_VERSION, check_summary, summarise, summarise_hashed};
pub use publish::{Previous, Published, Spent, as_of, check, hash, holds};
pub use tell::diagnosis;
pub use tell::headline::headline;
pub use tell::html::report_html;
pub use write::folded::{Change, Folded, Folding};
pub use write::refresh::Refresh;
pub use write::working::Working;

/// The version of the schema, for readers: it is raised when a reader made for the version before can no longer read a
/// file. It is the file's `user_version`. A digest, never this number, identifies what is built into a file.
pub const SCHEMA_VERSION: i32 = 5;

/// The file's `application_id`: "Vest" in ASCII.
pub const APPLICATION_ID: i32 = 0x5665_7374;
