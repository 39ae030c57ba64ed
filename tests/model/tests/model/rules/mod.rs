//! The rules from events to attempts, one worked example for each sentence.

mod closing;
mod events;
mod opening;
mod place;

use crate::common::MINUTE;

const LIMIT: i64 = 30 * MINUTE;
const SAME_END: i64 = 2 * MINUTE;
