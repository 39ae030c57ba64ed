//! The webhooks that take enrollment events: `POST /hooks/{tenant}/enrollment-events` for CloudEvents, and
//! `POST /hooks/{tenant}/{source}` for senders that post in a form of their own.

use vestibule_intake::Hook;
use vestibule_platform::Clock;
use vestibule_store::Store;

/// The hook, storing in `store`.
pub fn hook(store: Store, clock: Clock) -> Hook {
    Hook::new(store, clock)
}
