//! Log lines: JSON on standard output, one a thing worth knowing.

use tracing_subscriber::EnvFilter;

/// Starts logging for a function. `RUST_LOG` says what is logged; warnings unless it does.
pub fn init() {
    crate::metrics::use_embedded_format();
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    // A second call finds logging started, which is what it wants.
    let _already = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .with_env_filter(filter)
        .try_init();
}
