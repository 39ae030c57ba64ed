//! Readings of Microsoft Graph's lists, as they are asked for on the bus.

use crate::TenantId;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Lists that are read only where an administrator chose them: each needs a permission beyond those that all others need.
pub const OPTIONAL_LISTS: [&str; 3] = ["sign-ins", "sign-ins-non-interactive", "mobile-apps"];

/// Whether a list is read where `chosen` are.
pub fn is_read(list: &str, chosen: &BTreeSet<String>) -> bool {
    !OPTIONAL_LISTS.contains(&list) || chosen.contains(list)
}

/// The lists that could be chosen besides.
pub fn not_chosen(chosen: &BTreeSet<String>) -> Vec<&'static str> {
    OPTIONAL_LISTS.into_iter().filter(|list| !chosen.contains(*list)).collect()
}

/// What `GraphPullRequested` says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PullRequest {
    /// For whom.
    pub tenant: TenantId,
}
