//! The webhooks that take Enrollment Status Page updates (`POST /hooks/{tenant}/esp-status`) and what Intune kept of past
//! ones (`POST /hooks/{tenant}/graph-autopilot-events`). They come in great numbers; a function of their own keeps them
//! from holding up enrollments.

use vestibule_intake::Hook;
use vestibule_platform::Clock;
use vestibule_store::Store;

/// The hooks, storing in `store`.
pub fn hook(store: Store, clock: Clock) -> Hook {
    Hook::new(store, clock)
}
