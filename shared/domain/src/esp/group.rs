//! Which events of a device make which session (docs/DOMAIN.md, S10).
//!
//! Its id names a sender's session; without an id, an event belongs to the one that goes on. Two sources that report
//! one deployment make one session: where their sessions overlap, they are folded together.

use super::event::{DeploymentMode, EspDetail, EspEvent, ItemState, PhaseState};
use super::fold::{EspFailure, OneSession, PageEvent, Turn, fold_session};
use super::session::EspSession;
use crate::about::{EventKey, Platform};
use crate::event::{Body, Event, Kind};
use crate::identity::TenantId;
use crate::settings::TenantSettings;
use crate::time::Timestamp;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// The sessions of a device, and what each of its events does to the attempts.
pub struct Sessions<'e> {
    /// The sessions, oldest first.
    pub sessions: Vec<EspSession>,
    /// The failures of each, in order.
    pub failures: Vec<Vec<EspFailure>>,
    /// By event: indices of sessions in that list and their turns, in order.
    pub turns: HashMap<&'e EventKey, Vec<(usize, Turn)>>,
}

/// The events of one session: all with its name, or those of one source that gives no name.
struct Group<'e> {
    sources: BTreeSet<&'e str>,
    events: Vec<PageEvent<'e>>,
}

/// The sessions in a device's `events`, which are ordered and placed up to `as_of`.
pub fn sessions<'e>(
    tenant: &TenantId,
    settings: &TenantSettings,
    events: &[&'e Event],
    as_of: Timestamp,
) -> Sessions<'e> {
    let is_removal = |event: &&&Event| event.step().is_some_and(|step| step.kind == Kind::Unenrolled);
    let removals: Vec<Timestamp> = events.iter().filter(is_removal).map(|event| event.placed()).collect();
    let groups = grouped(tenant, settings, events, &removals);
    let mut folded: Vec<_> = joined(tenant, groups, &removals)
        .iter()
        .filter_map(|one| fold_session(tenant, one, &removals, as_of))
        .collect();
    folded.sort_by_key(|folded| (folded.session.started_at, folded.session.id));
    let mut turns: HashMap<&EventKey, Vec<(usize, Turn)>> = HashMap::new();
    for (number, folded) in folded.iter().enumerate() {
        for (event, turn) in &folded.turns {
            turns.entry(event).or_default().push((number, *turn));
        }
    }
    let (sessions, failures) = folded.into_iter().map(|folded| (folded.session, folded.failures)).unzip();
    Sessions { sessions, failures, turns }
}

/// The sessions of each source alone.
fn grouped<'e>(
    tenant: &TenantId,
    settings: &TenantSettings,
    events: &[&'e Event],
    removals: &[Timestamp],
) -> Vec<Group<'e>> {
    let mut groups: Vec<Group<'e>> = Vec::new();
    let mut named: BTreeMap<&str, usize> = BTreeMap::new();
    let mut current: BTreeMap<&str, usize> = BTreeMap::new();
    for event in events {
        let Body::Esp(esp) = &event.body else { continue };
        let source = event.key.source.as_str();
        let open = |groups: &mut Vec<Group<'e>>| {
            groups.push(Group { sources: BTreeSet::new(), events: Vec::new() });
            groups.len() - 1
        };
        let group = if let Some(id) = &esp.session_id {
            *named.entry(id).or_insert_with(|| open(&mut groups))
        } else {
            let starts = matches!(esp.detail, EspDetail::Started(_));
            match current.get(source).copied() {
                Some(group)
                    if !(starts && is_over(tenant, settings, &groups[group].events, removals, event.placed())) =>
                {
                    group
                }
                _ => {
                    let group = open(&mut groups);
                    current.insert(source, group);
                    group
                }
            }
        };
        groups[group].sources.insert(source);
        groups[group].events.push((event, esp));
    }
    groups
}

/// Whether a session is over by `at`, so that an `esp.started` begins another one: it has ended, or it is past its own
/// limit and was silent for longer than the Windows idle limit.
fn is_over(
    tenant: &TenantId,
    settings: &TenantSettings,
    events: &[PageEvent<'_>],
    removals: &[Timestamp],
    at: Timestamp,
) -> bool {
    let Some((last, _)) = events.last() else { return true };
    let silent = at - last.placed() > settings.idle_limit(Some(Platform::Windows));
    let removed =
        removals.iter().any(|removed| *removed <= at && events.iter().any(|(event, _)| event.placed() < *removed));
    if !silent && !removed && !may_have_ended(events, at) {
        return false;
    }
    let one = OneSession { events: events.to_vec(), items_of: None };
    fold_session(tenant, &one, removals, at).is_none_or(|folded| {
        let session = folded.session;
        session.ended_at.is_some() || silent && at > session.deadline
    })
}

/// Whether a session may have ended. This check is cheap, since a sender may repeat `esp.started` without end.
fn may_have_ended(events: &[PageEvent<'_>], at: Timestamp) -> bool {
    let ends = |esp: &EspEvent| {
        matches!(
            esp.detail,
            EspDetail::Completed
                | EspDetail::Failed(..)
                | EspDetail::Action(_)
                | EspDetail::Phase(_, PhaseState::Failed | PhaseState::Completed)
                | EspDetail::Item(
                    _,
                    _,
                    _,
                    ItemState::Error
                        | ItemState::Completed
                        | ItemState::Skipped
                        | ItemState::NotApplicable
                        | ItemState::NotRequired,
                    _
                )
        )
    };
    events.iter().any(|(event, esp)| event.placed() <= at && ends(esp))
}

/// A session of one source, with what decides whether another source's session is the same.
struct Span {
    from: Timestamp,
    to: Timestamp,
    mode: Option<DeploymentMode>,
}

/// Sessions of different sources that overlap are one session, with the items of the source that reports more of them.
fn joined<'e>(tenant: &TenantId, groups: Vec<Group<'e>>, removals: &[Timestamp]) -> Vec<OneSession<'e>> {
    let sources: BTreeSet<&str> = groups.iter().flat_map(|group| &group.sources).copied().collect();
    if sources.len() < 2 {
        return groups.into_iter().map(|group| OneSession { events: group.events, items_of: None }).collect();
    }
    // As of the end of time, so that what was reported decides, not how long an item has been in error by now.
    let span = |group: &Group<'e>| {
        let one = OneSession { events: group.events.clone(), items_of: None };
        let session = fold_session(tenant, &one, removals, Timestamp::MAX)?.session;
        // A removal may come weeks after the session's last event, so it does not lengthen the span.
        let to = session.ended_at.unwrap_or(session.last_event_at).min(session.last_event_at);
        Some(Span { from: session.started_at, to, mode: session.deployment_mode })
    };
    let spans: Vec<Option<Span>> = groups.iter().map(span).collect();
    // Each group's cluster, by the number of its first member.
    let mut cluster: Vec<usize> = (0..groups.len()).collect();
    for one in 0..groups.len() {
        for other in one + 1..groups.len() {
            let (Some(a), Some(b)) = (&spans[one], &spans[other]) else { continue };
            let same_mode = a.mode.is_none() || b.mode.is_none() || a.mode == b.mode;
            if groups[one].sources.is_disjoint(&groups[other].sources) && same_mode && a.from <= b.to && b.from <= a.to
            {
                let (into, from) = (cluster[one].min(cluster[other]), cluster[one].max(cluster[other]));
                for member in cluster.iter_mut().filter(|member| **member == from) {
                    *member = into;
                }
            }
        }
    }
    let mut clusters: BTreeMap<usize, Vec<Group<'e>>> = BTreeMap::new();
    for (number, group) in cluster.into_iter().zip(groups) {
        clusters.entry(number).or_default().push(group);
    }
    clusters.into_values().map(one_session).collect()
}

/// The events of one session that several sources report.
fn one_session(groups: Vec<Group<'_>>) -> OneSession<'_> {
    let sources: BTreeSet<&str> = groups.iter().flat_map(|group| &group.sources).copied().collect();
    let mut events: Vec<PageEvent<'_>> = groups.into_iter().flat_map(|group| group.events).collect();
    if sources.len() < 2 {
        return OneSession { events, items_of: None };
    }
    let items_of = |source: &str| {
        let ids: BTreeSet<String> = events
            .iter()
            .filter(|(event, _)| event.key.source == source)
            .filter_map(|(_, esp)| match &esp.detail {
                EspDetail::Item(phase, category, item, _, _) => {
                    Some(format!("{phase}\n{category}\n{}", item.id.to_lowercase()))
                }
                _ => None,
            })
            .collect();
        ids.len()
    };
    // Of two that report equally many, the first by name.
    let best = sources.iter().copied().max_by_key(|source| (items_of(source), std::cmp::Reverse(*source)));
    events.sort_by(|(one, _), (other, _)| one.order().cmp(&other.order()));
    OneSession { events, items_of: best }
}
