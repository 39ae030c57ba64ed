//! What is asked of the function that sends messages to people, over the bus.

use crate::TenantId;
use serde::{Deserialize, Serialize};

/// The content of `NoticeTestRequested`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TestRequest {
    /// The tenant.
    pub tenant: TenantId,
    /// The channel's name.
    pub channel: String,
    /// When somebody asked (RFC 3339).
    pub requested_at: String,
}
