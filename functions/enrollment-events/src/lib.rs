//! The webhook that takes enrollment events: `POST /hooks/{tenant}/enrollment-events`.

use vestibule_intake::{Hook, Source};
use vestibule_platform::Clock;
use vestibule_store::Store;

const SOURCES: [Source; 1] = [Source::cloud_events("enrollment-events")];

/// The hook, storing in `store`.
pub fn hook(store: Store, clock: Clock) -> Hook {
    Hook::new(&SOURCES, store, clock)
}
