//! What one stream record publishes: the difference between its two images.

use crate::Publisher;
use aws_lambda_events::dynamodb::EventRecord;
use aws_sdk_dynamodb::types::AttributeValue;
use std::collections::HashMap;
use std::sync::Arc;
use vestibule_domain::publication::{Publication, Write, difference, erased, taken_back};
use vestibule_domain::{Enrollment, TenantId, Timestamp, fold};
use vestibule_store::{Image, ItemKey, StoreError, Tenant, link_version};

type Item = HashMap<String, AttributeValue>;

impl Publisher {
    /// What must be published for a record. A removal, a tenant's own items and links between identifiers publish
    /// nothing.
    pub(crate) async fn publications(&self, record: EventRecord) -> Result<Vec<Publication>, StoreError> {
        let (new, old): (Item, Item) = (record.change.new_image.into(), record.change.old_image.into());
        if new.is_empty() {
            return Ok(Vec::new());
        }
        let old = if old.is_empty() { None } else { Image::decode(&old)? };
        let Some(new_image) = Image::decode(&new)? else {
            // This is what a merge leaves behind.
            let Some(old) = old.filter(|_| is_link(&new)) else { return Ok(Vec::new()) };
            let version = link_version(&new).unwrap_or(old.version + 1);
            let folded = self.folded(&old).await?;
            return Ok(taken_back(&write(&old, version, Timestamp::MIN, false), &folded));
        };
        if new_image.erased {
            let Some(old) = old else { return Ok(Vec::new()) };
            return match self.folded(&old).await {
                Ok(folded) => Ok(erased(&write(&old, new_image.version, Timestamp::MIN, false), &folded)),
                // What the record needs may be erased by now, too. Then there is nothing to tell anybody.
                Err(error) if error.is_unreadable() => Ok(Vec::new()),
                Err(error) => Err(error),
            };
        }
        let folded_new = self.folded(&new_image).await?;
        let folded_old = match &old {
            Some(old) => Some(self.folded(old).await?),
            None => None,
        };
        // An ordinary write raises the version by one.
        let merged = old.as_ref().is_some_and(|old| new_image.version > old.version + 1);
        // An attempt from before an earlier cutoff was sent again. If it is gone now although this write dropped
        // nothing, it was corrected.
        let dropped_until = new_image.history.dropped_until();
        let drops = old.as_ref().is_none_or(|old| old.history.dropped_until() != dropped_until);
        let kept_since = if drops { dropped_until } else { Timestamp::MIN };
        let write = write(&new_image, new_image.version, kept_since, merged);
        Ok(difference(&write, folded_old.as_ref(), &folded_new))
    }

    /// An image as its writer saw it: folded as of its instant and under its settings.
    async fn folded(&self, image: &Image) -> Result<Enrollment, StoreError> {
        let id = image.key.tenant();
        let tenant = self.tenant(id, image.settings).await?;
        let history = self.store.complete_image(image).await?;
        let settings = tenant.map(|tenant| tenant.settings_at(image.settings).clone()).unwrap_or_default();
        Ok(fold(id, &history, &settings, image.folded_at))
    }

    /// Refuses a record whose table a later release has moved to a format that this one does not know: it is not damaged,
    /// and that release publishes it once it runs again.
    pub(super) async fn must_know_format(&self, item: &str) -> Result<(), StoreError> {
        let Some(key) = ItemKey::parse(item) else { return Ok(()) };
        match self.tenant(key.tenant(), 0).await {
            Err(newer @ StoreError::Newer { .. }) => Err(newer),
            // Whatever else is wrong with the tenant, the record is set aside.
            _ => Ok(()),
        }
    }

    /// A tenant whose settings include `version`.
    async fn tenant(&self, id: &TenantId, version: u32) -> Result<Option<Arc<Tenant>>, StoreError> {
        let now = Timestamp::from_millis(self.clock.now_millis());
        let knows = |tenant: &Option<Arc<Tenant>>| tenant.as_ref().is_none_or(|it| it.settings.version >= version);
        let held = self.tenants.get(id, now).await?;
        if knows(&held) && (held.is_some() || version == 0) {
            return Ok(held);
        }
        let fresh = self.tenants.fresh(id, now).await?;
        if knows(&fresh) {
            return Ok(fresh);
        }
        Ok(self.store.tenant(id).await?.map(Arc::new))
    }
}

fn write(image: &Image, version: u64, kept_since: Timestamp, merged: bool) -> Write<'_> {
    Write { tenant: image.key.tenant(), item: image.key.as_str(), version, kept_since, merged }
}

fn is_link(item: &Item) -> bool {
    link_version(item).is_some() || item.contains_key("to")
}
