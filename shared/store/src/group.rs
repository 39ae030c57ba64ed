//! Which events of a request are about one device.

use std::collections::HashMap;
use vestibule_domain::Identifier;
use vestibule_domain::event::Event;

/// Events of one device, each with its place in the list they came from.
pub type Group = Vec<(usize, Event)>;

/// Groups events that share an identifier, directly or through others, so that each group is one read and
/// one write. Order within a group is kept.
pub fn group_by_device(events: Vec<Event>) -> Vec<Group> {
    let mut parent: Vec<usize> = (0..events.len()).collect();
    let mut first_with: HashMap<Identifier, usize> = HashMap::new();
    for (index, event) in events.iter().enumerate() {
        for identifier in event.about.identifiers() {
            let other = *first_with.entry(identifier).or_insert(index);
            let (one, other) = (root(&mut parent, index), root(&mut parent, other));
            parent[one.max(other)] = one.min(other);
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

fn root(parent: &mut [usize], mut index: usize) -> usize {
    while parent[index] != index {
        parent[index] = parent[parent[index]];
        index = parent[index];
    }
    index
}
