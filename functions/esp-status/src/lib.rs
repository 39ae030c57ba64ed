//! The webhook that takes Enrollment Status Page updates: `POST /hooks/{tenant}/esp-status`.

use vestibule_intake::Hook;
use vestibule_platform::Clock;
use vestibule_store::Store;

/// The hook, storing in `store`.
pub fn hook(store: Store, clock: Clock) -> Hook {
    Hook::new("esp-status", store, clock)
}
