//! The tags of a history, which lie before the rest of it.
//!
//! Must stay true: a history that has no tags, and no event that carries nothing else, is written without this, so its
//! bytes are those of the format before.

use super::CodecError;
use crate::event::{Body, Event};
use crate::history::Base;
use crate::tags::Tags;
use serde::{Deserialize, Serialize};

#[derive(Default, Serialize, Deserialize)]
pub(super) struct Tagged {
    /// Of each base, the earlier ones first. Empty if none has any.
    bases: Vec<Tags>,
    /// Of the events that have some or carry nothing else: each one's place in the list, in which updates of
    /// items are not, and its tags.
    events: Vec<(u32, Tags)>,
}

impl Tagged {
    /// Those of the bases.
    pub(super) fn of(earlier: &[Base], base: &Base) -> Self {
        let mut bases: Vec<Tags> = earlier.iter().chain([base]).map(|base| base.tags.clone()).collect();
        if bases.iter().all(Tags::is_empty) {
            bases.clear();
        }
        Self { bases, events: Vec::new() }
    }

    /// Notes those of the event that is written at this place.
    pub(super) fn note(&mut self, place: usize, event: &Event) {
        if let Some(tags) = event.tags().filter(|tags| !tags.is_empty() || event.is_tagged()) {
            self.events.push((u32::try_from(place).unwrap_or(u32::MAX), tags.clone()));
        }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.bases.is_empty() && self.events.is_empty()
    }

    /// Puts them back.
    pub(super) fn put(self, earlier: &mut [Base], base: &mut Base, events: &mut [Event]) -> Result<(), CodecError> {
        let Self { bases, events: tagged } = self;
        if !bases.is_empty() && bases.len() != earlier.len() + 1 {
            return Err(CodecError::Corrupt("tags of something else"));
        }
        for (base, tags) in earlier.iter_mut().chain([base]).zip(bases) {
            base.tags = tags;
        }
        for (place, tags) in tagged {
            let event = usize::try_from(place).ok().and_then(|place| events.get_mut(place));
            match event.map(|event| &mut event.body) {
                Some(Body::Enrollment(step)) => step.tags = tags,
                _ => return Err(CodecError::Corrupt("tags of an event that has none")),
            }
        }
        Ok(())
    }
}
