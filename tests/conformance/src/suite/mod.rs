//! The cases, by subject.

pub mod annotations;
pub mod browser_sessions;
pub mod changes;
pub mod cost;
pub mod deliveries;
pub mod due;
pub mod erasure;
pub mod erasure_jobs;
pub mod erasure_searches;
pub mod events;
pub mod faults;
pub mod formats;
pub mod growth;
pub mod instants;
pub mod limits;
pub mod links;
pub mod lost;
pub mod notices;
pub mod profiles;
pub mod refold;
pub mod remembering;
pub mod retention;
pub mod sealing;
pub mod serials;
pub mod tenants;
pub mod web_enrollment;

with_cases! { declare_run, }
