//! What senders post: bytes and headers in, domain events out. No I/O, no clock, no store.
//!
//! - [`signature`], [`proof`]: who may post (Standard Webhooks; other ways)
//! - [`cloudevents`]: the envelope, alone or in a batch
//! - [`binary`]: the envelope as headers
//! - [`sources`]: what products post in a form of their own
//! - [`esp_profiles`]: profiles of the Enrollment Status Page, as Graph writes them
//! - [`data`]: the members of `data`, checked one by one so that an answer can name the field
//!
//! Nothing here panics on any input, and no error repeats what was sent but the names of members, and
//! an identifier that is refused: a placeholder, which is nobody's.

pub mod binary;
pub mod cloudevents;
pub mod data;
pub mod esp;
pub mod esp_profiles;
pub mod fields;
pub mod proof;
pub mod signature;
pub mod sources;

pub use cloudevents::{BodyError, MAX_BODY_BYTES, MAX_EVENTS, Received, parse};
pub use fields::FieldError;
