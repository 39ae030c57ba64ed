//! The advice catalogue (docs/DOMAIN.md, H): what an error code or a message of an enrollment means, why it comes, what
//! to do and who can do it.
//!
//! The catalogue is data, the files in `catalogue`: built in, and an organisation may have a file of its own in its
//! place ([`Catalogue::parse`]) or on top of it ([`Catalogue::with`]).
//!
//! What must stay true:
//! - A code with several meanings gets all of them.
//! - Ids are for ever: overriding files name them.
//! - The texts are our own; the documents named in `sources` gave the facts. Where they disagree, the newer one holds.
//! - How a failure is found by its code, words and category is decided in `matching` alone; callers hand over all that
//!   they have of it.
//! - Nothing here panics, does I/O or reads a clock.

mod catalogue;
mod matching;

pub use catalogue::{Advice, Catalogue, CatalogueError, FORMAT, Fault, Who, canonical_code};
