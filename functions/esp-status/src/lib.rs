//! The webhooks that take Enrollment Status Page updates (`POST /hooks/{tenant}/esp-status`) and what Intune kept of past
//! ones (`POST /hooks/{tenant}/graph-autopilot-events`).

use vestibule_intake::{Hook, Source};
use vestibule_platform::Clock;
use vestibule_store::Store;

const SOURCES: [Source; 2] = [Source::cloud_events("esp-status"), Source::GRAPH_AUTOPILOT_EVENTS];

/// The hooks, storing in `store`.
pub fn hook(store: Store, clock: Clock) -> Hook {
    Hook::new(&SOURCES, store, clock)
}
