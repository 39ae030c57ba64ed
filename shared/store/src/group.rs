//! Groups a request's events by device.

use std::collections::HashMap;
use vestibule_domain::event::Event;
use vestibule_domain::{Identifier, identity::IdentifierKind};

/// Events of one device, each with its index in the list they came from.
pub type Group = Vec<(usize, Event)>;

/// Groups events that share an identifier, directly or through others, so that each group is one read and
/// one write. Order within a group is kept.
///
/// Two serial numbers are two devices, whatever else they share: their events are never in one group. If events without
/// a serial number share identifiers with several devices, they go, in the order of the list, with the one whose events
/// first shared one. So the same list gives the same groups, and a group has at most one serial number.
pub fn group_by_device(events: Vec<Event>) -> Vec<Group> {
    let mut parent: Vec<usize> = (0..events.len()).collect();
    // The serial number of each group, kept at its root.
    let mut serials: Vec<Option<Identifier>> = vec![None; events.len()];
    let mut first_with: HashMap<Identifier, usize> = HashMap::new();
    for (index, event) in events.iter().enumerate() {
        let identifiers: Vec<Identifier> = event.about.identifiers().collect();
        serials[index] = identifiers.iter().find(|name| name.kind == IdentifierKind::SerialNumber).cloned();
        let mut shared: Vec<usize> =
            identifiers.into_iter().map(|name| *first_with.entry(name).or_insert(index)).collect();
        // The earliest event decides, not the best kind of identifier.
        shared.sort_unstable();
        for other in shared {
            join(&mut parent, &mut serials, index, other);
        }
    }
    let mut groups: Vec<Group> = Vec::new();
    let mut group_of: HashMap<usize, usize> = HashMap::new();
    for (index, event) in events.into_iter().enumerate() {
        let root = root(&mut parent, index);
        let group = *group_of.entry(root).or_insert_with(|| {
            groups.push(Vec::new());
            groups.len() - 1
        });
        groups[group].push((index, event));
    }
    groups
}

/// Joins the groups of two events, unless they have two serial numbers.
fn join(parent: &mut [usize], serials: &mut [Option<Identifier>], one: usize, other: usize) {
    let (one, other) = (root(parent, one), root(parent, other));
    let (kept, gone) = (one.min(other), one.max(other));
    let are_two = serials[kept].is_some() && serials[gone].is_some() && serials[kept] != serials[gone];
    if kept == gone || are_two {
        return;
    }
    parent[gone] = kept;
    if let Some(serial) = serials[gone].take() {
        serials[kept] = Some(serial);
    }
}

fn root(parent: &mut [usize], mut index: usize) -> usize {
    while parent[index] != index {
        parent[index] = parent[parent[index]];
        index = parent[index];
    }
    index
}
