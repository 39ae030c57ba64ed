//! The webhook that takes enrollment events: `POST /hooks/{tenant}/enrollment-events`.

use vestibule_intake::Hook;
use vestibule_platform::Clock;
use vestibule_store::Store;

/// The hook, storing in `store`.
pub fn hook(store: Store, clock: Clock) -> Hook {
    Hook::new("enrollment-events", store, clock)
}
