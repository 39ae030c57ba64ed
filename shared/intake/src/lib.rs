//! From a signed request to stored events: the common part of all webhook functions.
//!
//! A hook authenticates the sender before it interprets the body, stores before it answers, and reports the result of
//! each event. Every event that it acknowledges is in the table. Received requests are counted (`log`), and answers
//! that a product would ignore are logged (`ignored`). Delivery services may ask for permission first (`handshake`).
//! Sign-ins are stored separately (`sign_ins`). Of tags only those are kept that the tenant allows (`tags`).

mod answer;
mod handshake;
mod hook;
mod ignored;
mod limit;
mod log;
mod reason;
mod sign_ins;
mod tags;
mod until;

pub use answer::{EventResult, Results, Status};
pub use hook::Hook;

use futures::StreamExt as _;
use sign_ins::SignIns;
use tags::TAGGED;
use until::{Until, out_of_time};
use vestibule_domain::esp::resolve::resolve;
use vestibule_domain::esp::{AppliedProfile, EspDetail, EspEvent};
use vestibule_domain::event::{Body, Event};
use vestibule_domain::history::Added;
use vestibule_domain::{TenantId, TenantSettings, Timestamp};
use vestibule_store::{Store, StoreError, group_by_device};
use vestibule_webhook::cloudevents::{Batch, Parsed};

/// The number of devices of one request that are written at a time.
const CONCURRENCY: usize = 16;

/// Stores the events of a batch, device by device, and returns the result of each.
///
/// If one device fails, the others are still stored; [`Results`] shows which, and whether the request should be sent
/// again. Events placed before `now` minus the tenant's retention are not stored.
pub async fn store_batch(
    store: &Store,
    tenant: &TenantId,
    settings: &TenantSettings,
    batch: Batch,
    now: Timestamp,
) -> Results {
    store_batch_until(Until::NEVER, store, (tenant, settings), batch, now).await
}

/// The same; what is not stored in time counts as not stored.
pub(crate) async fn store_batch_until(
    until: Until,
    store: &Store,
    (tenant, settings): (&TenantId, &TenantSettings),
    batch: Batch,
    now: Timestamp,
) -> Results {
    let mut results = Vec::with_capacity(batch.events.len());
    let mut valid: Vec<Event> = Vec::new();
    let mut places: Vec<usize> = Vec::new();
    let mut sign_ins = SignIns::default();
    for (index, parsed) in batch.events.into_iter().enumerate() {
        results.push(match parsed {
            Parsed::Event(mut event) => {
                tags::keep(&mut event, settings);
                let id = event.key.id.clone();
                // An event older than everything that is kept would be acknowledged and then erased by the next reading
                // of its device.
                if !tags::is_known(&event, settings) {
                    EventResult {
                        kind: Some(TAGGED.to_owned()),
                        ..EventResult::new(index, Some(id), Status::UnknownType)
                    }
                } else if event.placed() < now - settings.retention() {
                    EventResult::new(index, Some(id), Status::TooOld)
                } else {
                    places.push(index);
                    valid.push(event.stored());
                    EventResult::new(index, Some(id), Status::Unavailable)
                }
            }
            Parsed::SignIn { id, read } => sign_ins.take(index, id, *read, settings, now),
            Parsed::UnknownType { id, kind } => {
                EventResult { kind, ..EventResult::new(index, id, Status::UnknownType) }
            }
            Parsed::Invalid { id, errors } => EventResult { errors, ..EventResult::new(index, id, Status::Invalid) },
        });
    }
    // What few requests need is in boxes: each would carry the room for the largest part, from one place to the next.
    if !sign_ins.is_empty() {
        Box::pin(sign_ins.store(until, store, (tenant, settings), &mut results)).await;
    }
    if let Err(error) = until.table(fix_profiles(store, tenant, &mut valid)).await {
        tracing::error!(%tenant, %error, "the profiles could not be read");
        return Results::new(results, batch.is_list);
    }
    let devices = group_by_device(valid);
    let mut left = devices.len();
    let mut writes = futures::stream::iter(devices)
        .map(|group| {
            Box::pin(async move {
                let (indexes, events): (Vec<usize>, Vec<Event>) = group.into_iter().unzip();
                (indexes, store.add_events(tenant, settings, events, now).await)
            })
        })
        .buffer_unordered(CONCURRENCY);
    let mut failed = Failed::default();
    while left > 0 {
        let Some(Some((indexes, stored))) = until.wait(writes.next()).await else {
            failed.note(left, out_of_time());
            break;
        };
        left -= 1;
        let statuses: Vec<Status> = match stored {
            Ok(added) => added.into_iter().map(Status::from).collect(),
            Err(error) => {
                let status = Status::of_error(&error);
                // A device that sends too much is its sender's problem and is counted; all other failures are ours.
                if status != Status::DeviceFull {
                    failed.note(1, error);
                }
                vec![status; indexes.len()]
            }
        };
        for (index, status) in indexes.into_iter().zip(statuses) {
            if let Some(result) = places.get(index).and_then(|place| results.get_mut(*place)) {
                result.status = status;
            }
        }
    }
    failed.log(tenant);
    Results::new(results, batch.is_list)
}

/// The devices of a request whose events could not be stored, and the first error. They are one line of the log: if the
/// table is down, a line for each device would say the same a hundred times.
#[derive(Default)]
struct Failed {
    devices: usize,
    first: Option<StoreError>,
}

impl Failed {
    fn note(&mut self, devices: usize, error: StoreError) {
        self.devices += devices;
        self.first.get_or_insert(error);
    }

    fn log(self, tenant: &TenantId) {
        let Self { devices, first } = self;
        if let Some(error) = first {
            tracing::error!(%tenant, devices, %error, "events could not be stored");
        }
    }
}

/// Adds the profile that applies now to each `esp.started`; it stays fixed for the session.
async fn fix_profiles(store: &Store, tenant: &TenantId, events: &mut [Event]) -> Result<(), StoreError> {
    let mut profiles = None;
    for event in events {
        let Body::Esp(EspEvent { detail: EspDetail::Started(start), .. }) = &mut event.body else { continue };
        let profiles = match &mut profiles {
            Some(profiles) => profiles,
            none => none.insert(Box::pin(store.profiles(tenant)).await?),
        };
        let applied = match &start.profile {
            Some(named) => AppliedProfile::as_reported(named, profiles),
            None => {
                let found = resolve(profiles, &start.with_about(&event.about));
                AppliedProfile::of(found.profile, found.rule)
            }
        };
        start.profile = Some(Box::new(applied));
    }
    Ok(())
}

impl From<Added> for Status {
    fn from(added: Added) -> Self {
        match added {
            Added::New => Self::Accepted,
            Added::Duplicate | Added::Earlier => Self::Duplicate,
            Added::Erased => Self::Erased,
        }
    }
}

impl Status {
    fn of_error(error: &StoreError) -> Self {
        match error {
            StoreError::EnrollmentFull => Self::DeviceFull,
            _ => Self::Unavailable,
        }
    }
}
