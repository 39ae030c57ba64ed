//! Begins the search for a person or a device: a person's goes through all enrollments, a device's has found it at once.

use crate::erasure::finder::Finder;
use crate::erasure::{Asked, LookBudget, Subject};
use crate::{Store, StoreError, Tenant};
use vestibule_domain::{Identifier, Timestamp};

impl Store {
    /// The search for a subject, at its beginning. A device is found by its identifiers, so that nothing of it is left
    /// to be looked for.
    pub(super) async fn begin_search(
        &self,
        tenant: &Tenant,
        subject: &Subject,
        asked: Asked,
        now: Timestamp,
    ) -> Result<Finder, StoreError> {
        let key = self.people_key(&tenant.id).await?;
        let key = key.ok_or_else(|| StoreError::Refused("the tenant does not exist".to_owned()))?;
        match subject {
            Subject::User(text) => {
                let mut finder = Finder::new(&tenant.id, key, asked, Some(text));
                // Of this name nobody knows anything but its hash later.
                for name in finder.users.clone() {
                    self.find_sign_ins(&mut finder, &name, now).await?;
                }
                Ok(finder)
            }
            Subject::Device(text) => {
                let mut finder = Finder::new(&tenant.id, key, asked, None);
                self.find_device(&mut finder, text).await?;
                Ok(finder)
            }
        }
    }

    async fn find_device(&self, finder: &mut Finder, text: &str) -> Result<(), StoreError> {
        for identifier in Identifier::candidates(text) {
            // The best kind of identifier that leads to a device; of an unknown device each kind is refused.
            if let Some(head) = self.find_head(&finder.tenant, &identifier).await?.filter(|head| !head.erased) {
                let history = self.complete(&head).await?;
                let links = self.links_to(&head.key, &history).await?;
                finder.find_device(&head.key, &links, &head.segments, history.identifiers());
                break;
            }
            finder.find_device_called(&identifier);
        }
        Ok(())
    }

    /// Everything that is a subject's, however long that takes.
    pub(super) async fn find_all_of(
        &self,
        tenant: &Tenant,
        subject: &Subject,
        now: Timestamp,
    ) -> Result<Finder, StoreError> {
        let asked = Asked { at: now, subject: subject.kind().to_owned(), ..Asked::default() };
        let mut finder = self.begin_search(tenant, subject, asked, now).await?;
        self.search(&mut finder, &mut LookBudget::unlimited(), now).await?;
        Ok(finder)
    }
}
