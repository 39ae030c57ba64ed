//! The sign-ins of a batch: steps of web-based enrollment are added to the sets of their people, everything else is
//! dropped.
//!
//! Must stay true: nothing of a person leaves this module except through the store's keyed hash, and a sign-in that is
//! not a step leaves no trace except that sign-ins arrived on its day.

use crate::until::Until;
use crate::{EventResult, Status};
use std::collections::BTreeSet;
use vestibule_domain::web_enrollment::SignIn;
use vestibule_domain::{Day, TenantId, TenantSettings, Timestamp};
use vestibule_store::{SIGN_INS_TAKEN_FOR, Store, StoreError};
use vestibule_webhook::sources::entra_sign_ins::Read;

/// The name under which sign-ins that are not steps are counted.
const KIND: &str = "sign-in";

/// The sign-ins of a batch that lead to a write.
#[derive(Default)]
pub(crate) struct SignIns {
    heard: BTreeSet<Day>,
    steps: Vec<(SignIn, Day)>,
    /// The position of each among the results.
    places: Vec<usize>,
}

impl SignIns {
    /// Adds a sign-in; returns its result as far as it is known before storing.
    pub(crate) fn take(
        &mut self,
        index: usize,
        id: Option<String>,
        read: Read,
        settings: &TenantSettings,
        now: Timestamp,
    ) -> EventResult {
        // The time comes from a server's clock, which may be ahead of ours.
        let at = read.at.min(now);
        let day = at.day(settings.time_zone);
        let is_taken = at >= now - settings.retention().min(SIGN_INS_TAKEN_FOR);
        if is_taken {
            self.heard.insert(day);
        }
        match read.sign_in {
            None => EventResult { kind: Some(KIND.to_owned()), ..EventResult::new(index, None, Status::UnknownType) },
            Some(_) if !is_taken => EventResult::new(index, id, Status::TooOld),
            Some(sign_in) => {
                self.steps.push((sign_in, day));
                self.places.push(index);
                EventResult::new(index, id, Status::Unavailable)
            }
        }
    }

    /// Drops the steps of people who were erased after them, and sets the result of each.
    async fn refuse(
        &mut self,
        store: &Store,
        tenant: &TenantId,
        settings: &TenantSettings,
        mut refused: impl FnMut(usize),
    ) -> Result<(), StoreError> {
        let erased = store.refused_sign_ins(tenant, settings, self.steps.iter().map(|(sign_in, _)| sign_in)).await?;
        let (steps, places) = (std::mem::take(&mut self.steps), std::mem::take(&mut self.places));
        for ((step, place), erased) in steps.into_iter().zip(places).zip(erased) {
            if erased {
                refused(place);
            } else {
                self.steps.push(step);
                self.places.push(place);
            }
        }
        Ok(())
    }

    /// Stores the steps, and returns for each that is not refused whether it added something new.
    ///
    /// # Errors
    /// When the table cannot be read or written; calling it again continues from there.
    pub(crate) async fn add(
        &mut self,
        store: &Store,
        tenant: &TenantId,
        settings: &TenantSettings,
        refused: impl FnMut(usize),
    ) -> Result<Vec<bool>, StoreError> {
        if self.steps.is_empty() {
            return Ok(Vec::new());
        }
        self.refuse(store, tenant, settings, refused).await?;
        store.add_sign_ins(tenant, &self.steps, settings.retention()).await
    }

    /// Whether there is nothing to store, not even that sign-ins arrived.
    pub(crate) fn is_empty(&self) -> bool {
        self.heard.is_empty() && self.steps.is_empty()
    }

    /// Stores the sign-ins and sets the result of each.
    pub(crate) async fn store(
        mut self,
        until: Until,
        store: &Store,
        (tenant, settings): (&TenantId, &TenantSettings),
        results: &mut [EventResult],
    ) {
        let heard = std::mem::take(&mut self.heard);
        if let Err(error) = until.table(store.hear_sign_ins(tenant, heard)).await {
            tracing::warn!(%tenant, %error, "the arrival of sign-ins could not be noted");
        }
        let mut erased = Vec::new();
        let added = until.table(self.add(store, tenant, settings, |place| erased.push(place))).await;
        for place in erased {
            if let Some(result) = results.get_mut(place) {
                result.status = Status::Erased;
            }
        }
        match added {
            Ok(grew) => {
                for (place, grew) in self.places.into_iter().zip(grew) {
                    if let Some(result) = results.get_mut(place) {
                        result.status = if grew { Status::Accepted } else { Status::Duplicate };
                    }
                }
            }
            Err(error) => tracing::error!(%tenant, %error, "steps of web-based enrollment could not be stored"),
        }
    }
}
