//! Ends erasures: some minutes after each, what a writer stored meanwhile is erased too, and the segments of what was
//! erased are deleted (`vestibule_store::Erasing`). As long as a run finds something, the next one looks again.

use crate::Sweep;
use vestibule_domain::Timestamp;
use vestibule_platform::metrics;
use vestibule_store::StoreError;

impl Sweep {
    /// Ends the erasures that are due. One tenant's failure does not delay the others; the next run tries again.
    ///
    /// # Errors
    /// If the jobs can't be listed.
    pub(crate) async fn end_erasures(&self, now: Timestamp) -> Result<(), StoreError> {
        for erasing in self.store.erasings().await?.into_iter().filter(|erasing| erasing.is_due(now)) {
            let tenant = &erasing.tenant;
            match self.store.end_erasing_of_table(&erasing, now).await {
                Ok(true) => tracing::info!(%tenant, at = %erasing.at(), "the table's part of an erasure has ended"),
                Ok(false) => {
                    tracing::info!(%tenant, at = %erasing.at(), "late events were erased; a file without them must follow");
                }
                Err(error) => {
                    tracing::error!(%tenant, %error, "an erasure could not be ended; the next run tries again");
                    metrics::ERASURES_NOT_ENDED.count(tenant.as_str(), 1, now.millis());
                }
            }
        }
        Ok(())
    }
}
