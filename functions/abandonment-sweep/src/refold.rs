//! Continues the jobs of changed settings: the sweep runs each minute, and folds a change into some thousand
//! enrollments in each run until none is left.

use crate::Sweep;
use vestibule_domain::Timestamp;
use vestibule_platform::metrics;
use vestibule_store::{Refold, Refolding, StoreError};

/// Enrollments looked at in one run, of all tenants together: a few seconds.
const MOST: usize = 10_000;

impl Sweep {
    /// Continues every tenant's job. One tenant's failure does not delay the others; the next run does the rest.
    /// Returns how many enrollments were folded again.
    ///
    /// # Errors
    /// If the jobs can't be listed.
    pub(crate) async fn refold(&self, now: Timestamp) -> Result<u64, StoreError> {
        let jobs = self.store.refolds().await?;
        let share = MOST / jobs.len().max(1);
        let mut folded = 0;
        for job in jobs.into_iter().filter(|job| !job.waits(now)) {
            let (tenant, before) = (job.tenant.clone(), job.folded);
            match self.go_on(job, now, share.max(1)).await {
                Ok(Refolding::GoesOn(job)) => folded += job.folded - before,
                Ok(Refolding::Done(job)) => {
                    folded += job.folded - before;
                    let (looked, all) = (job.looked, job.folded);
                    tracing::info!(%tenant, settings = job.settings, looked, folded = all, "changed settings are applied");
                }
                Ok(Refolding::Overtaken) => {}
                Err(error) => {
                    tracing::error!(%tenant, %error, "changed settings could not be applied; the next run tries again");
                    metrics::SETTINGS_NOT_APPLIED.count(tenant.as_str(), 1, now.millis());
                }
            }
        }
        Ok(folded)
    }

    async fn go_on(&self, job: Refold, now: Timestamp, most: usize) -> Result<Refolding, StoreError> {
        // The current settings: the job names the version that it was written with, and a later change writes another
        // job.
        let settings = self.store.tenant(&job.tenant).await?.map(|tenant| tenant.settings).unwrap_or_default();
        self.store.go_on_refolding(job, &settings, now, most).await
    }
}
