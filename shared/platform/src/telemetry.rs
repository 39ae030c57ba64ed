//! Log lines: JSON on standard output, one for each notable event.

use tracing_subscriber::EnvFilter;

/// Starts logging for a function. `RUST_LOG` selects what is logged; without it, warnings are.
pub fn init() {
    crate::metrics::emf::begin();
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    // On a second call logging has already started, which is fine.
    let _already = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .with_env_filter(filter)
        .try_init();
}
