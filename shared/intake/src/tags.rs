//! Which tags of an event are kept (docs/DOMAIN.md, E12).
//!
//! Must stay true: no tag reaches the table while a program may run there that would lose it. Where an older format is in
//! force, events are what they are to its programs: without tags, and `enrollment.tagged` is of an unknown type.

use vestibule_domain::event::{Body, Event, Kind};
use vestibule_domain::{StoredFormat, Tags, TenantSettings};

/// The type of events that carry nothing but tags.
pub(crate) const TAGGED: &str = Kind::Tagged.name();

/// Drops the tags that are not kept.
pub(crate) fn keep(event: &mut Event, settings: &TenantSettings) {
    if let Body::Enrollment(step) = &mut event.body {
        step.tags = match settings.format < StoredFormat::Third {
            true => Tags::new(),
            false => settings.tag_keys.kept(&step.tags),
        };
    }
}

/// Whether the format in force has such events.
pub(crate) fn is_known(event: &Event, settings: &TenantSettings) -> bool {
    !event.is_tagged() || settings.format >= StoredFormat::Third
}
