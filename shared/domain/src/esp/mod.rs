//! The Enrollment Status Page of Windows (docs/DOMAIN.md, S): what senders report of it, the profiles that an
//! organisation writes, which of them applies, and the sessions that follow.
//!
//! - [`event`]: what an `esp.*` event reports
//! - [`profile`], [`profiles`]: one profile, and a tenant's ordered list of them
//! - [`filter`], [`resolve`]: which profile applies to a device, and why
//! - [`apps`]: names of apps that senders report by their id alone
//! - [`session`]: from a session's events to its state; [`page`]: what the person sees of it
//!
//! A session is a function of the set of its events: the newest state of each item counts, and the earliest of several
//! `esp.started`. The profile is part of that set: whoever receives an `esp.started` writes the profile that applies
//! then into it, so that later changes never change a session.

pub mod apps;
pub mod event;
pub mod filter;
mod fold;
mod group;
pub mod page;
pub mod profile;
pub mod profiles;
pub mod resolve;
pub mod session;

pub use apps::AppNames;
pub use event::{
    Category, DeploymentMode, EspAction, EspDetail, EspEvent, ItemName, ItemState, Phase, PhaseState, Start,
    TargetedApp,
};
pub use fold::{EspFailure, Turn};
pub use group::{Sessions, sessions};
pub use resolve::AppliedProfile;
pub use session::{EspItem, EspSession, PhaseProgress, SessionState, Tracking};
