//! Bringing a file up to date: rows of enrollments in, rows out, and what they add up to.

pub(crate) mod app_names;
mod delete;
pub(crate) mod insert;
pub(crate) mod insert_esp;
pub(crate) mod insert_failure;
pub(crate) mod profiles;
pub(crate) mod refresh;
pub(crate) mod totals;
pub(crate) mod web;
pub(crate) mod working;
