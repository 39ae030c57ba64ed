//! Why a delivery, or an event in it, is refused, as the log of deliveries counts it.

macro_rules! reasons {
    ($($(#[$doc:meta])* $reason:ident = $name:literal,)+) => {
        /// Why something is refused.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Reason { $($(#[$doc])* $reason,)+ }

        impl Reason {
            /// The name that it is counted under.
            pub(crate) const fn name(self) -> &'static str {
                match self { $(Self::$reason => $name,)+ }
            }

            #[cfg(test)]
            const ALL: &'static [Self] = &[$(Self::$reason),+];
        }
    };
}

reasons! {
    /// The event has a member that is missing or invalid.
    Invalid = "invalid",
    /// The event is older than what is kept.
    TooOld = "tooOld",
    /// The device has sent more events than are kept.
    DeviceFull = "deviceFull",
    /// The table was unavailable.
    NotStored = "notStored",
    /// The body is not JSON.
    NotJson = "notJson",
    /// The body is neither a CloudEvents object nor a list of them.
    NotAnEvent = "notAnEvent",
    /// The body is not what this sender posts.
    Malformed = "malformed",
    /// The event's attributes are headers, which the signature does not cover.
    UnsignedHeaders = "unsignedHeaders",
    /// The body is too large.
    TooLarge = "tooLarge",
    /// The body has too many events.
    TooManyEvents = "tooManyEvents",
    /// The tenant has sent more requests than it may.
    TooManyRequests = "tooManyRequests",
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use vestibule_store::OTHER;

    #[test]
    fn every_reason_has_its_words() {
        let lists: serde_json::Value = serde_json::from_str(vestibule_words::LEXICON).unwrap();
        let words = lists[vestibule_words::List::Refusal.key()].as_object().unwrap();
        let names = Reason::ALL.iter().map(|reason| reason.name()).chain([OTHER]);
        assert!(names.clone().all(|name| words.contains_key(name)));
        assert_eq!(words.len(), names.count());
    }
}
