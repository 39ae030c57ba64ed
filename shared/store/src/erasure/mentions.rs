//! The addresses that an event mentions anywhere: in messages, in the device's name, in tags, in its own id.
//!
//! An erasure and its tombstones look for mentions by this alone, so that what an erasure took does not come back when it
//! is sent again. A tombstone only has hashes, so a text must be split into addresses before anything can be compared
//! (`vestibule_domain::addresses`).

use serde_json::Value;
use std::collections::BTreeSet;
use vestibule_domain::Event;
use vestibule_domain::addresses::in_text;

/// The addresses that an event mentions, in the form in which names are compared. There may be some that are none: of
/// `user=adele@contoso.com` nobody knows where the name begins.
pub(super) fn addresses(event: &Event) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let parts = [
        serde_json::to_value(&event.key),
        serde_json::to_value(&event.about),
        serde_json::to_value(&event.body),
        serde_json::to_value(event.tags()),
    ];
    parts.iter().flatten().for_each(|part| in_value(part, &mut found));
    found
}

fn in_value(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::String(text) => in_text(text, found),
        Value::Array(values) => values.iter().for_each(|value| in_value(value, found)),
        Value::Object(members) => members.iter().for_each(|(name, value)| {
            in_text(name, found);
            in_value(value, found);
        }),
        _ => {}
    }
}
