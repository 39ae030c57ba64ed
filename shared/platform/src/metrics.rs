//! Counts for operators, as log lines in CloudWatch's embedded metric format.
//!
//! Only exceptional cases are counted this way: a line for each request would cost more than the request.

use serde_json::json;
use std::io::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};

const NAMESPACE: &str = "Vestibule";

static EMBEDDED: AtomicBool = AtomicBool::new(false);

/// From now on, writes counts to standard output in the embedded metric format, which CloudWatch reads from a
/// function's log. Without this call they are ordinary log events.
pub fn use_embedded_format() {
    EMBEDDED.store(true, Ordering::Relaxed);
}

/// Counts something for a tenant.
pub fn count(name: &'static str, tenant: &str, value: u64, now_millis: i64) {
    if value == 0 {
        return;
    }
    if !EMBEDDED.load(Ordering::Relaxed) {
        tracing::info!(target: "metrics", name, tenant, value, "counted");
        return;
    }
    let line = json!({
        "_aws": {
            "Timestamp": now_millis,
            "CloudWatchMetrics": [{
                "Namespace": NAMESPACE,
                "Dimensions": [[], ["tenant"]],
                "Metrics": [{"Name": name, "Unit": "Count"}],
            }],
        },
        "tenant": tenant,
        name: value,
    });
    // A count that cannot be written is no reason to fail the counted request.
    let _unwritten = writeln!(std::io::stdout().lock(), "{line}");
}
