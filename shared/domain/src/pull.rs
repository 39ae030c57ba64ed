//! Requests on the bus to read Microsoft Graph's lists.

use crate::TenantId;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Lists that are read only if an administrator chose them: each needs a permission that the others do not need.
pub const OPTIONAL_LISTS: [&str; 3] = ["sign-ins", "sign-ins-non-interactive", "mobile-apps"];

/// Whether a list is read if these are `chosen`.
pub fn is_read(list: &str, chosen: &BTreeSet<String>) -> bool {
    !OPTIONAL_LISTS.contains(&list) || chosen.contains(list)
}

/// The lists that could also be chosen.
pub fn not_chosen(chosen: &BTreeSet<String>) -> Vec<&'static str> {
    OPTIONAL_LISTS.into_iter().filter(|list| !chosen.contains(*list)).collect()
}

/// The content of `GraphPullRequested`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PullRequest {
    /// The tenant.
    pub tenant: TenantId,
}
