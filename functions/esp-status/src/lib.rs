//! The webhooks for Enrollment Status Page updates (`POST /hooks/{tenant}/esp-status`) and for past ones that Intune
//! kept (`POST /hooks/{tenant}/graph-autopilot-events`). These are many; a separate function keeps them from delaying
//! enrollments.

use vestibule_intake::Hook;
use vestibule_platform::Clock;
use vestibule_store::Store;

/// The hooks, storing in `store`.
pub fn hook(store: Store, clock: Clock) -> Hook {
    Hook::new(store, clock)
}
