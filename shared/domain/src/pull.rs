//! Readings of Microsoft Graph's lists, as they are asked for on the bus.

use crate::TenantId;
use serde::{Deserialize, Serialize};

/// What `GraphPullRequested` says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PullRequest {
    /// For whom.
    pub tenant: TenantId,
}
