//! Going on with what changed settings left to do: the sweep runs each minute, and a change is folded into some thousand
//! enrollments a run until none is left.

use crate::Sweep;
use vestibule_domain::Timestamp;
use vestibule_platform::metrics;
use vestibule_store::{Refold, Refolding, StoreError};

/// Enrollments looked at in one run, of all tenants together: a few seconds.
const MOST: usize = 10_000;

impl Sweep {
    /// Goes on with every tenant's job. One tenant's trouble holds up no other's; what is left is for the next run. Returns
    /// how many enrollments were folded again.
    ///
    /// # Errors
    /// When the jobs can't be listed.
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
                    tracing::error!(%tenant, %error, "changed settings are not applied for now");
                    metrics::count("SettingsNotApplied", tenant.as_str(), 1, now.millis());
                }
            }
        }
        Ok(folded)
    }

    async fn go_on(&self, job: Refold, now: Timestamp, most: usize) -> Result<Refolding, StoreError> {
        // As they are now: the job names the version that it was written with, and a later change writes another.
        let settings = self.store.tenant(&job.tenant).await?.map(|tenant| tenant.settings).unwrap_or_default();
        self.store.go_on_refolding(job, &settings, now, most).await
    }
}
