//! The advice catalogue (docs/DOMAIN.md, H): what an error code or a message of an enrollment means, why it occurs,
//! what to do and who can do it.
//!
//! The catalogue is data, the built-in files in `catalogue`. An organisation may replace them with its own file
//! ([`Catalogue::parse`]) or put it on top of them ([`Catalogue::with`]).
//!
//! What must stay true:
//! - A code with several meanings gets all of them.
//! - Ids never change, because overriding files name them.
//! - The texts are our own; the facts come from the documents named in `sources`. If these disagree, the newer one
//!   counts.
//! - Only `matching` decides how a failure is found by its code, words and category; callers hand over everything that
//!   they have of it.
//! - Nothing here panics, does I/O or reads a clock.

mod catalogue;
mod matching;

pub use catalogue::{Advice, Catalogue, CatalogueError, FORMAT, Fault, Who, canonical_code};
