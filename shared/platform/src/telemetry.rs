//! Log lines: JSON on standard output, one for each notable event.
//!
//! Each has the id of its invocation (`span.requestId`), which API Gateway's access log has too. Lines of the target
//! `correlation`, which `RUST_LOG` turns on, lead from there to what was published.

use std::panic::PanicHookInfo;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// The invocation's id, which the runtime notes as information.
const INVOCATION: (&str, LevelFilter) = ("lambda_runtime::layers::trace", LevelFilter::INFO);
/// Where the Lambda runtime logs each error and each panic of a handler, as Rust writes values for programmers. Both
/// are logged here, with fields.
const LOGGED_HERE: (&str, LevelFilter) = ("lambda_runtime::layers::panic", LevelFilter::OFF);

/// Starts logging for a function. `RUST_LOG` selects what is logged, by levels of targets; without it, warnings are.
/// Whatever it says, a deployed function traces nothing (see `Cargo.toml`).
pub fn init() {
    crate::metrics::emf::begin();
    let lines =
        tracing_subscriber::fmt::layer().json().flatten_event(true).with_current_span(true).with_span_list(false);
    let filter = filter(std::env::var("RUST_LOG").ok().as_deref());
    // On a second call logging has already started, which is fine.
    let _already = tracing_subscriber::registry().with(lines).with(filter).try_init();
    std::panic::set_hook(Box::new(log_panic));
}

/// What is logged. Not `EnvFilter`, which can tell spans by their fields as well: the regular expressions that it takes for
/// that are larger than what we log with it.
fn filter(selected: Option<&str>) -> Targets {
    let selected = selected.filter(|text| !text.trim().is_empty()).and_then(|text| text.parse().ok());
    let selected = selected.unwrap_or_else(|| Targets::new().with_default(LevelFilter::WARN));
    selected.with_targets([LOGGED_HERE, INVOCATION])
}

fn log_panic(panic: &PanicHookInfo<'_>) {
    let at = panic.location().map(ToString::to_string).unwrap_or_default();
    let payload = panic.payload();
    let text = payload.downcast_ref::<&str>().copied().or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    tracing::error!(at, problem = text.unwrap_or("without a text"), "panicked");
}

#[cfg(test)]
mod tests {
    use super::filter;
    use tracing::Level;

    #[test]
    fn levels_are_those_selected_and_warnings_without_any() {
        for (selected, target, level, logged) in [
            (None, "vestibule_store", Level::WARN, true),
            (None, "vestibule_store", Level::INFO, false),
            (Some(""), "vestibule_store", Level::WARN, true),
            (Some("loud"), "vestibule_store", Level::INFO, false),
            (Some("info"), "vestibule_store", Level::INFO, true),
            (Some("info"), "correlation", Level::DEBUG, false),
            (Some("info,correlation=debug"), "correlation", Level::DEBUG, true),
            (Some("info,correlation=debug"), "vestibule_store", Level::DEBUG, false),
            (Some("warn,vestibule_store=error"), "vestibule_store::write", Level::WARN, false),
            // Whatever is selected.
            (Some("error"), "lambda_runtime::layers::trace", Level::INFO, true),
            (Some("debug"), "lambda_runtime::layers::panic", Level::ERROR, false),
        ] {
            assert_eq!(filter(selected).would_enable(target, &level), logged, "{selected:?}: {target} {level}");
        }
    }
}
