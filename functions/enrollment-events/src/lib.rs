//! The webhooks that take enrollment events: `POST /hooks/{tenant}/enrollment-events` for CloudEvents, and one for each
//! product that posts in a form of its own.

use vestibule_intake::{Hook, Source};
use vestibule_platform::Clock;
use vestibule_store::Store;

const SOURCES: [Source; 10] = [
    Source::cloud_events("enrollment-events"),
    Source::GITHUB_STYLE,
    Source::MICROMDM,
    Source::NANOMDM,
    Source::FLEET,
    Source::JAMF,
    Source::WORKSPACE_ONE,
    Source::ANDROID_MANAGEMENT,
    Source::INTUNE_OPERATIONAL_LOGS,
    Source::GRAPH_TROUBLESHOOTING_EVENTS,
];

/// The hook, storing in `store`.
pub fn hook(store: Store, clock: Clock) -> Hook {
    Hook::new(&SOURCES, store, clock)
}
