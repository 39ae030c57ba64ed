//! Bringing a file up to date: writing and removing the rows of enrollments, and keeping their sums.

pub(crate) mod annotations;
pub(crate) mod app_names;
mod app_sums;
mod counting;
mod delete;
pub(crate) mod folded;
pub(crate) mod insert;
pub(crate) mod insert_esp;
pub(crate) mod insert_failure;
pub(crate) mod load;
mod merged;
pub(crate) mod profiles;
pub(crate) mod refresh;
mod slice_sums;
mod step_times;
mod sums;
pub(crate) mod totals;
pub(crate) mod web;
pub(crate) mod working;
