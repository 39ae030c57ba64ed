//! What is kept about a person or a device, for whoever asks for access: exactly what an erasure would erase.

use crate::erasure::Subject;
use crate::keys::ItemKey;
use crate::{Store, StoreError, Tenant};
use std::collections::BTreeSet;
use vestibule_domain::erasure::Left;
use vestibule_domain::web_enrollment::WebSteps;
use vestibule_domain::{Day, History, Platform, Timestamp};

/// What is kept of one device.
#[derive(Clone, Debug)]
pub struct Kept {
    /// The part of its history that is the person's, or all of it.
    pub history: History,
    /// Whether nobody else used the device.
    pub whole: bool,
}

/// Everything that is kept.
#[derive(Clone, Debug, Default)]
pub struct KeptAbout {
    /// By device.
    pub devices: Vec<Kept>,
    /// The steps of web-based enrollment, each once a day and operating system.
    pub web_enrollment: Vec<(Day, Platform, WebSteps)>,
    /// Ids that were reported beside the person's address and beside another one too, so that they were not taken for the
    /// person's.
    pub shared_ids: Vec<String>,
}

impl Store {
    /// What is kept about a person or a device.
    ///
    /// # Errors
    /// If the table can't be read.
    pub async fn kept_about(
        &self,
        tenant: &Tenant,
        subject: &Subject,
        now: Timestamp,
    ) -> Result<KeptAbout, StoreError> {
        let found = self.find_all_of(tenant, subject, now).await?;
        let Some(key) = self.people_key(&tenant.id).await? else { return Ok(KeptAbout::default()) };
        let erases = found.erases(key);
        let shared_ids = found.shared_ids.into_iter().collect();
        let mut kept = KeptAbout { shared_ids, ..KeptAbout::default() };
        for name in &found.all.keys {
            let Some(key) = ItemKey::named(&tenant.id, name) else { continue };
            let Some(head) = self.head_at(&key).await? else { continue };
            let history = self.complete(&head).await?;
            kept.devices.push(match history.without(&erases) {
                Left::Everything => continue,
                Left::Nothing => Kept { history, whole: true },
                Left::Some(others) => {
                    let others: BTreeSet<_> = others.events().map(|event| event.key.clone()).collect();
                    let theirs = history.events().filter(|event| !others.contains(&event.key)).cloned().collect();
                    let identifiers = history.identifiers().clone();
                    Kept { history: History::from_parts(Default::default(), identifiers, theirs), whole: false }
                }
            });
        }
        kept.web_enrollment = self.sign_ins_of(tenant, &found.users, now).await?;
        Ok(kept)
    }
}
