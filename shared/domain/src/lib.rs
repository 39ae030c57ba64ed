//! What an enrollment is: events, the attempts and Enrollment Status Page (ESP) sessions that follow from them, and the
//! differences worth publishing.
//!
//! Must stay true: everything here is a pure function of its arguments. Nothing reads a clock (`now` and `as_of` are
//! arguments), and nothing knows HTTP, SQL or an SDK.
//!
//! - [`event`]: one thing that a sender reported; [`about`]: the device and user; [`catalogue`]: the place in the
//!   enrollment
//! - [`identity`]: which device an event is about
//! - [`history`]: the set of one enrollment's events; [`codec`]: encodes and decodes it, in one of the formats of
//!   [`mod@format`]
//! - [`attempt`]: what an attempt and a device are; [`fold()`]: makes both from a history and an instant; [`standing`]:
//!   what outlives an attempt
//! - [`esp`]: the same for ESP sessions
//! - [`plan`]: when an enrollment must be looked at again and how long it is kept
//! - [`erasure`]: which events are a person's or a device's, and what is left without them
//! - [`publication`]: what differs between two states of an enrollment; [`report`]: what is published about report
//!   files
//! - [`annotation`]: what an organisation did, by date; [`addresses`]: whom a text names
//! - [`tags`]: the keys by which an organisation tells its devices apart, and which of them are kept
//! - [`web_enrollment`]: steps of people who enroll on the web, as sign-ins show them
//! - [`settings`], [`time`], [`failure`]: a tenant's choices, instants and days, error codes

pub mod about;
pub mod addresses;
pub mod annotation;
pub mod attempt;
pub mod catalogue;
pub mod codec;
pub mod codes;
pub mod erasure;
pub mod esp;
pub mod event;
pub mod failure;
pub mod fold;
pub mod format;
pub mod history;
pub mod identity;
pub mod message;
mod names;
pub mod plan;
mod prune;
pub mod publication;
pub mod pull;
pub mod report;
pub mod settings;
pub mod standing;
pub mod tags;
pub mod time;
pub mod web_enrollment;

pub use attempt::{Attempt, AttemptId, Cause, DeviceState, Enrollment, Outcome, Wait};
pub use catalogue::{Action, Place, Screen, Section, UserAction};
pub use event::{Clock, Event, Kind, Platform, Reports};
pub use fold::fold;
pub use format::StoredFormat;
pub use history::History;
pub use identity::{EnrollmentKey, Identifier, TenantId};
pub use plan::Plan;
pub use settings::{ComplianceSource, TenantSettings};
pub use tags::{TagKeys, Tags};
pub use time::{Day, Millis, Timestamp};
