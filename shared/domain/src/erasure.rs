//! Which events of a device belong to a person or device that is erased, and what is left of its history without them
//! (docs/DOMAIN.md, E17).
//!
//! Must stay true: an event counts as that of the user whom it names; one that names nobody, as that of the user named
//! before it, or of the first one named if there is none before. So a device that only one person used is erased whole
//! with that person, and of a shared device the others keep what is theirs.

use crate::about::About;
use crate::event::Event;
use crate::history::{Base, History, Keyed};
use crate::identity::{Identifier, IdentifierKind};
use crate::time::Timestamp;

/// What is erased. Each answer is the instant before which everything of the person or device is erased.
pub trait Erases {
    /// Of the device with this identifier.
    fn device(&self, identifier: &Identifier) -> Option<Timestamp>;
    /// Of the user whom this names.
    fn user(&self, about: &About) -> Option<Timestamp>;
    /// Of the person whom an event mentions, even if it names another user or none.
    fn mentioned(&self, _event: &Event) -> Option<Timestamp> {
        None
    }
}

/// What is left of a history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Left {
    /// Everything: nothing is erased.
    Everything,
    /// Nothing: the device belonged to nobody else.
    Nothing,
    /// This.
    Some(Box<History>),
}

/// A user's name in the form in which names are compared.
pub fn user_name(text: &str) -> String {
    text.trim().to_lowercase()
}

/// The identifiers that decide whose something is: two devices may share any other than the serial number (I6), so where
/// one is known the others do not count.
pub fn deciding(identifiers: impl IntoIterator<Item = Identifier>) -> impl Iterator<Item = Identifier> {
    let all: Vec<Identifier> = identifiers.into_iter().collect();
    let has_serial = all.iter().any(|identifier| identifier.kind == IdentifierKind::SerialNumber);
    all.into_iter().filter(move |identifier| !has_serial || identifier.kind == IdentifierKind::SerialNumber)
}

impl About {
    /// The names of the user, each in the form in which names are compared.
    pub fn user_names(&self) -> impl Iterator<Item = String> {
        let names = [&self.user_principal_name, &self.user_id].into_iter().flatten();
        names.map(|name| user_name(name)).filter(|name| !name.is_empty())
    }
}

/// Something that a history holds, with the instant at which it is placed.
enum Fact<'h> {
    Base(&'h Base),
    Event(&'h Event),
}

impl Fact<'_> {
    fn at(&self) -> Timestamp {
        match self {
            Self::Base(base) => base.until,
            Self::Event(event) => event.placed(),
        }
    }

    fn about(&self) -> Option<&About> {
        match self {
            Self::Base(base) => base.about.as_deref(),
            Self::Event(event) => Some(&event.about),
        }
    }

    /// Whose it is, if it says so: `None` if it names nobody, else until when that user is erased.
    fn whose(&self, erases: &impl Erases) -> Option<Option<Timestamp>> {
        let mentioned = match self {
            Self::Base(_) => None,
            Self::Event(event) => erases.mentioned(event),
        };
        if mentioned.is_some() {
            return Some(mentioned);
        }
        let about = self.about()?;
        about.user_names().next().map(|_| erases.user(about))
    }
}

impl History {
    /// What is left of it without what is erased.
    pub fn without(&self, erases: &impl Erases) -> Left {
        let facts = self.facts();
        let device =
            deciding(self.identifiers.iter().cloned()).filter_map(|identifier| erases.device(&identifier)).max();
        let named: Vec<_> = facts.iter().map(|fact| fact.whose(erases)).collect();
        let mut whose = named.iter().flatten().next().copied().flatten();
        let (mut bases, mut events, mut gone) = (Vec::new(), Vec::new(), 0);
        for (fact, named) in facts.iter().zip(&named) {
            whose = named.unwrap_or(whose);
            if whose.max(device).is_some_and(|until| fact.at() < until) {
                gone += 1;
                continue;
            }
            match fact {
                Fact::Base(base) => bases.push((*base).clone()),
                Fact::Event(event) => events.push((*event).clone()),
            }
        }
        if gone == 0 {
            return Left::Everything;
        }
        if gone == facts.len() {
            return Left::Nothing;
        }
        // Another device may have these identifiers now, or this one new ones; a shared device keeps its own.
        let identifiers = match device {
            Some(_) => events.iter().flat_map(|event| event.about.identifiers()).collect(),
            None => self.identifiers.clone(),
        };
        let base = bases.pop().unwrap_or_default();
        let events = events.into_iter().map(Keyed).collect();
        Left::Some(Box::new(Self { base, earlier: bases, identifiers, events }))
    }

    /// All that it holds, in the order of time.
    fn facts(&self) -> Vec<Fact<'_>> {
        let nothing = Base::default();
        let mut facts: Vec<Fact<'_>> = self.bases().filter(|base| **base != nothing).map(Fact::Base).collect();
        let mut events: Vec<&Event> = self.events().collect();
        events.sort_by(|a, b| a.order().cmp(&b.order()));
        facts.extend(events.into_iter().map(Fact::Event));
        // The sort is stable, so what was known at an instant comes before the events of that instant.
        facts.sort_by_key(Fact::at);
        facts
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;
    use crate::about::EventKey;
    use crate::event::{Body, Kind, Reports, Step};

    struct Gone {
        user: &'static str,
        serial: &'static str,
        until: Timestamp,
    }

    impl Erases for Gone {
        fn device(&self, identifier: &Identifier) -> Option<Timestamp> {
            (identifier.value == self.serial).then_some(self.until)
        }

        fn user(&self, about: &About) -> Option<Timestamp> {
            about.user_names().any(|name| name == self.user).then_some(self.until)
        }
    }

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_millis(1_800_000_000_000 + 60_000 * minute)
    }

    fn event(minute: i64, user: Option<&str>) -> Event {
        let about = About {
            serial_number: Some("SERIAL01".to_owned()),
            user_principal_name: user.map(str::to_owned),
            ..About::default()
        };
        Event {
            key: EventKey { source: "s".to_owned(), id: minute.to_string() },
            time: at(minute),
            received_at: at(minute),
            clock_skew: None,
            reports: Reports::ALL,
            about,
            body: Body::Enrollment(Step::of(Kind::Started)),
        }
    }

    fn history(events: &[(i64, Option<&str>)]) -> History {
        let mut history = History::default();
        for (minute, user) in events {
            history.add(event(*minute, *user));
        }
        history
    }

    fn left(history: &History, gone: &Gone) -> Option<Vec<i64>> {
        match history.without(gone) {
            Left::Everything => None,
            Left::Nothing => Some(Vec::new()),
            Left::Some(left) => {
                Some(left.ordered(Timestamp::MAX).iter().map(|event| (event.time - at(0)).get() / 60_000).collect())
            }
        }
    }

    #[test]
    fn what_names_nobody_is_of_whom_was_named_before() {
        let adele = Gone { user: "adele@contoso.com", serial: "", until: at(100) };
        let alone = history(&[(0, None), (1, Some(" Adele@Contoso.com")), (2, None)]);
        assert_eq!(left(&alone, &adele), Some(vec![]));
        let shared = history(&[
            (0, None),
            (1, Some("adele@contoso.com")),
            (2, None),
            (3, Some("ben@contoso.com")),
            (4, None),
            (5, Some("adele@contoso.com")),
            (6, None),
        ]);
        assert_eq!(left(&shared, &adele), Some(vec![3, 4]));
        let nobodys = history(&[(0, None), (1, None)]);
        assert_eq!(left(&nobodys, &adele), None);
        assert_eq!(left(&history(&[(0, Some("ben@contoso.com")), (1, None)]), &adele), None);
        assert_eq!(left(&History::default(), &adele), None);
    }

    #[test]
    fn what_comes_after_begins_a_new_history() {
        let adele = Gone { user: "adele@contoso.com", serial: "", until: at(2) };
        let history = history(&[(1, Some("adele@contoso.com")), (2, Some("adele@contoso.com")), (3, None)]);
        assert_eq!(left(&history, &adele), Some(vec![2, 3]));
        let device = Gone { user: "", serial: "serial01", until: at(3) };
        assert_eq!(left(&history, &device), Some(vec![3]));
        // Erasing again changes nothing.
        let Left::Some(again) = history.without(&device) else { panic!("something is left") };
        assert_eq!(again.without(&device), Left::Everything);
        assert!(again.identifiers().iter().any(|identifier| identifier.kind == IdentifierKind::SerialNumber));
    }

    #[test]
    fn what_retention_left_of_a_person_goes_too() {
        let mut kept = history(&[(5, Some("ben@contoso.com"))]);
        kept.base =
            Base { until: at(4), about: Some(Box::new(event(4, Some("adele@contoso.com")).about)), ..Base::default() };
        let adele = Gone { user: "adele@contoso.com", serial: "", until: at(100) };
        let Left::Some(left) = kept.without(&adele) else { panic!("something is left") };
        assert_eq!((left.base(), left.len()), (&Base::default(), 1));
        let ben = Gone { user: "ben@contoso.com", serial: "", until: at(100) };
        let Left::Some(left) = kept.without(&ben) else { panic!("something is left") };
        assert_eq!((left.base(), left.len()), (kept.base(), 0));
    }
}
