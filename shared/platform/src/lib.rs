//! What every function needs and what has no domain knowledge: configuration, clients, clock, logs, problem details,
//! credentials.
//!
//! Must stay true: an error shown to a client reveals nothing internal, and no secret is ever formatted.

pub mod bus;
pub mod clients;
pub mod clock;
pub mod config;
pub mod credentials;
#[cfg(feature = "lambda")]
pub mod lambda;
pub mod links;
pub mod metrics;
pub mod operation;
pub mod problem;
pub mod proven;
pub mod rate;
pub mod telemetry;

pub use bus::Bus;
pub use clock::Clock;
pub use config::{Access, Config, ConfigError, Oidc};
pub use links::{Linked, Links};
pub use operation::Operation;
pub use problem::{HttpResponse, Problem};
pub use proven::Proven;
pub use rate::Buckets;

/// An error for the runtime to log and the platform to retry.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;
/// A request as functions receive it: complete, with its body already decoded.
pub type HttpRequest = http::Request<bytes::Bytes>;
