//! What one stream record has to say: the difference between its two images.

use crate::Publisher;
use aws_lambda_events::dynamodb::EventRecord;
use aws_sdk_dynamodb::types::AttributeValue;
use std::collections::HashMap;
use vestibule_domain::publication::{Publication, difference};
use vestibule_domain::{Enrollment, TenantSettings, Timestamp, fold};
use vestibule_platform::BoxError;
use vestibule_store::{Image, StoreError};

impl Publisher {
    /// What a record must have published. A removal, a link or a tenant's own items: nothing.
    pub(crate) async fn publications(&self, record: EventRecord) -> Result<Vec<Publication>, BoxError> {
        let Some(new) = image(record.change.new_image)? else { return Ok(Vec::new()) };
        let old = image(record.change.old_image)?;
        let now = Timestamp::from_millis(self.clock.now_millis());
        let tenant = self.tenants.get(new.key.tenant(), now).await?;
        let settings = tenant.map(|tenant| tenant.settings.clone()).unwrap_or_default();
        let folded_new = self.folded(&new, &settings).await?;
        let folded_old = match &old {
            Some(old) => Some(self.folded(old, &settings).await?),
            None => None,
        };
        let kept_since = new.history.base().until;
        Ok(difference(new.key.tenant(), folded_old.as_ref(), &folded_new, kept_since))
    }

    async fn folded(&self, image: &Image, settings: &TenantSettings) -> Result<Enrollment, StoreError> {
        let history = self.store.complete_image(image).await?;
        Ok(fold(image.key.tenant(), &history, settings, image.folded_at))
    }
}

fn image(item: serde_dynamo::Item) -> Result<Option<Image>, BoxError> {
    let item: HashMap<String, AttributeValue> = item.into();
    if item.is_empty() {
        return Ok(None);
    }
    Ok(Image::decode(&item)?)
}
