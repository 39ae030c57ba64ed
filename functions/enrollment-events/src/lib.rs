//! The webhooks for enrollment events: `POST /hooks/{tenant}/enrollment-events` for CloudEvents, and `POST
//! /hooks/{tenant}/{source}` for senders with their own format.

use vestibule_intake::Hook;
use vestibule_platform::Clock;
use vestibule_store::Store;

/// The hook, storing in `store`.
pub fn hook(store: Store, clock: Clock) -> Hook {
    Hook::new(store, clock)
}
