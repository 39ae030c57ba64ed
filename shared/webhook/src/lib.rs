//! Turns what senders post (bytes and headers) into domain events. No I/O, no clock, no store.
//!
//! - [`signature`], [`proof`]: who may post (by Standard Webhooks, or in other ways)
//! - [`cloudevents`]: one event or a batch in the CloudEvents envelope
//! - [`binary`]: the envelope in HTTP headers
//! - [`sources`]: products that post a form of their own
//! - [`esp_profiles`]: Enrollment Status Page profiles in Graph's form
//! - [`data`]: the members of `data`, checked one by one so that an answer can name the field
//!
//! Nothing here panics on any input. Errors never repeat what was sent, except names of members and identifiers refused
//! as placeholders, which belong to nobody.

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
