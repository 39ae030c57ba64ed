//! Log lines: JSON on standard output, one for each notable event.
//!
//! Each has the id of its invocation (`span.requestId`), which API Gateway's access log has too. Lines of the target
//! `correlation`, which `RUST_LOG` turns on, lead from there to what was published.

use std::panic::PanicHookInfo;
use tracing_subscriber::EnvFilter;

/// The invocation's id, which the runtime notes as information.
const INVOCATION: &str = "lambda_runtime::layers::trace=info";
/// Where the Lambda runtime logs each error and each panic of a handler, as Rust writes values for programmers. Both
/// are logged here, with fields.
const LOGGED_HERE: &str = "lambda_runtime::layers::panic=off";

/// Starts logging for a function. `RUST_LOG` selects what is logged; without it, warnings are.
pub fn init() {
    crate::metrics::emf::begin();
    let mut filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    for ours in [LOGGED_HERE, INVOCATION] {
        if let Ok(ours) = ours.parse() {
            filter = filter.add_directive(ours);
        }
    }
    // On a second call logging has already started, which is fine.
    let _already = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(true)
        .with_span_list(false)
        .with_env_filter(filter)
        .try_init();
    std::panic::set_hook(Box::new(log_panic));
}

fn log_panic(panic: &PanicHookInfo<'_>) {
    let at = panic.location().map(ToString::to_string).unwrap_or_default();
    let payload = panic.payload();
    let text = payload.downcast_ref::<&str>().copied().or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    tracing::error!(at, problem = text.unwrap_or("without a text"), "panicked");
}
