//! What the bus carries about report files: a request for one, and the news that one was published.
//!
//! Must stay true: a repeat has the same id. An export that is run again reports its file again, since the run before
//! may have died between publishing the file and reporting it.

use crate::identity::TenantId;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;

/// The content of `ReportPublished`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReportPublished {
    /// Made from tenant, instant and file.
    pub id: String,
    /// The file's tenant.
    pub tenant: TenantId,
    /// The instant as of which the file is true.
    pub as_of: String,
    /// SHA-256 of the file's bytes, in hexadecimal: its id in the API.
    pub sha256: String,
    /// Its size in bytes.
    pub size_bytes: u64,
    /// Rows by table.
    pub rows: BTreeMap<String, u64>,
    /// How many attempts of the previous file it corrects.
    pub corrections: u64,
}

impl ReportPublished {
    /// The published details of a file.
    pub fn new(
        tenant: TenantId,
        as_of: Timestamp,
        sha256: String,
        size_bytes: u64,
        rows: BTreeMap<String, u64>,
        corrections: u64,
    ) -> Self {
        let as_of = as_of.to_string();
        let id = Sha256::digest(format!("report\0{tenant}\0{as_of}\0{sha256}"));
        let id = id[..16].iter().map(|byte| format!("{byte:02x}")).collect();
        Self { id, tenant, as_of, sha256, size_bytes, rows, corrections }
    }
}

/// Why a file is exported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ExportReason {
    /// It is the nightly file. After a failed export the tenant is skipped for a while.
    #[default]
    Nightly,
    /// Somebody asked the API. Now and then this is tried even while the tenant is skipped.
    Asked,
    /// Somebody at the machine wants it now; it takes over from another request of this kind.
    Operator,
}

/// The content of `ReportExportRequested`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExportRequest {
    /// The tenant.
    pub tenant: TenantId,
    /// The instant as of which the file should be true (RFC 3339).
    pub as_of: String,
    /// Why.
    #[serde(default)]
    pub reason: ExportReason,
}
