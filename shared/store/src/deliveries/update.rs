//! The expression that adds to a day of the log. Names of kinds and reasons are separate attributes, since the table
//! adds only to numbers; their number is limited here.

use super::*;
use crate::item::{EXPIRES, n};
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;

/// Counts under the names that an item has room for, and the rest together.
fn within<'n>(more: &'n BTreeMap<String, u64>, there: &BTreeMap<String, u64>) -> BTreeMap<&'n str, u64> {
    let mut room = MOST_NAMES.saturating_sub(there.keys().filter(|name| *name != OTHER).count());
    let mut kept: BTreeMap<&str, u64> = BTreeMap::new();
    for (name, count) in more {
        let is_there = name == OTHER || there.contains_key(name);
        let name = if is_there || room > 0 { name.as_str() } else { OTHER };
        room -= usize::from(!is_there && name != OTHER);
        *kept.entry(name).or_default() += count;
    }
    kept
}

/// An update expression being written.
#[derive(Default)]
pub(super) struct Update {
    adds: Vec<String>,
    sets: Vec<String>,
    pub(super) names: BTreeMap<String, String>,
    pub(super) values: BTreeMap<String, AttributeValue>,
}

impl Update {
    pub(super) fn of(more: &DayLog, newest: &DayLog, there: &DayLog, expires_at: Timestamp) -> Self {
        let mut update = Self::default();
        for (name, count) in [(ACCEPTED, more.accepted), (KNOWN, more.known)] {
            update.add_count(name.to_owned(), count);
        }
        for (prefix, counts, known) in
            [(PASSED, &more.passed_over, &there.passed_over), (REFUSED, &more.refused, &there.refused)]
        {
            for (name, count) in within(counts, known) {
                update.add_count(format!("{prefix}{name}"), count);
            }
        }
        if !more.hours.is_empty() {
            let hours = more.hours.iter().map(u8::to_string).collect();
            update.add(HOURS.to_owned(), AttributeValue::Ns(hours));
        }
        update.set(EXPIRES, Some(n(expires_at.seconds())));
        update.set(LAST_HEARD, newest.last_heard.map(|at| n(at.millis())));
        update.set(LAST_ACCEPTED, newest.last_accepted.map(|at| n(at.millis())));
        if let Some(refusal) = &newest.last_refusal {
            update.set(REFUSED_AT, Some(n(refusal.at.millis())));
            update.set(REFUSED_REASON, Some(s(&refusal.reason)));
            update.set(REFUSED_FIELD, Some(s(&refusal.field)));
            update.set(REFUSED_PROBLEM, Some(s(&refusal.problem)));
        }
        update.set(RING, Some(AttributeValue::B(Blob::new(ring::encode(&newest.newest)))));
        update
    }

    /// The placeholders of an attribute and its value.
    fn place(&mut self, attribute: String, value: AttributeValue) -> (String, String) {
        let number = self.names.len();
        let (name, placeholder) = (format!("#n{number}"), format!(":v{number}"));
        self.names.insert(name.clone(), attribute);
        self.values.insert(placeholder.clone(), value);
        (name, placeholder)
    }

    fn add(&mut self, attribute: String, value: AttributeValue) {
        let (name, value) = self.place(attribute, value);
        self.adds.push(format!("{name} {value}"));
    }

    fn add_count(&mut self, attribute: String, count: u64) {
        if count > 0 {
            self.add(attribute, n(count));
        }
    }

    fn set(&mut self, attribute: &str, value: Option<AttributeValue>) {
        if let Some(value) = value {
            let (name, value) = self.place(attribute.to_owned(), value);
            self.sets.push(format!("{name} = {value}"));
        }
    }

    pub(super) fn expression(&self) -> String {
        let sets = format!("SET {}", self.sets.join(", "));
        if self.adds.is_empty() { sets } else { format!("{sets} ADD {}", self.adds.join(", ")) }
    }
}
