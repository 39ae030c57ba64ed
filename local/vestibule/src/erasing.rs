//! Ends erasures on one machine. Whoever owns the data folder does it, since only that process can make the services lose
//! the bytes of what was deleted: `serve` as soon as there is something to end, a command that has the folder for itself
//! before it returns (docs/ERASURE.md).
//!
//! Must stay true: a job ends last. So when it is gone nothing in the folder names whom it was about, and one that was
//! interrupted is begun again. A tenant whose erasure fails does not delay the others'.

use crate::app::{TENANT_CHANGES, remove_folder, remove_left_copies};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;
use vestibule_archive::Archive;
use vestibule_domain::{TenantId, Timestamp};
use vestibule_host::{HostError, Scrubber};
use vestibule_platform::{BoxError, Clock, metrics};
use vestibule_store::{Erasing, LookBudget, Store, UnderWay};

/// The wait between two looks for something to end. A look at rest is one call of the file system.
const LOOK: Duration = Duration::from_millis(250);

/// Enrollments at which one search looks before another one goes on: some seconds.
const SEARCHED_AT_ONCE: usize = 20_000;

/// Which texts of a published event must go.
type Overwritten = Box<dyn Fn(&Value) -> Vec<String> + Send>;

/// Who ends erasures.
pub enum Ending {
    /// This process.
    Here(Box<Eraser>),
    /// The `serve` that owns the folder.
    Beside,
    /// The sweep of the deployed stack, within minutes; no file of this machine has what was erased.
    Deployed,
}

/// What became of the erasures of a data folder.
#[derive(Debug, Default)]
pub struct Ended {
    /// How many have not ended.
    pub open: usize,
    /// The tenants of those that could not be ended.
    pub failed: BTreeSet<TenantId>,
}

impl Ended {
    /// The erasure of a tenant as of an instant could not be ended.
    fn failed(&mut self, (tenant, at): (&TenantId, Timestamp), error: &dyn std::fmt::Display, now: Timestamp) {
        tracing::error!(%tenant, %at, %error, "an erasure could not be ended; it is tried again");
        metrics::ERASURES_NOT_ENDED.count(tenant.as_str(), 1, now.millis());
        self.failed.insert(tenant.clone());
    }
}

/// Ends the erasures of one data folder.
#[derive(Clone)]
pub struct Eraser {
    store: Store,
    archive: Archive,
    clock: Clock,
    scrubber: Scrubber,
    data: PathBuf,
}

impl Eraser {
    pub fn new(store: Store, archive: Archive, clock: Clock, scrubber: Scrubber, data: &Path) -> Self {
        Self { store, archive, clock, scrubber, data: data.to_owned() }
    }

    /// Ends erasures whenever there are any, until it is dropped. The stream must be handed on meanwhile.
    pub async fn run(self) {
        let (mut seen, mut open) = (None, true);
        loop {
            tokio::time::sleep(LOOK).await;
            let changes = std::fs::metadata(self.data.join(TENANT_CHANGES)).map(|file| file.len()).ok();
            if changes == seen && !open {
                continue;
            }
            seen = changes;
            let ended = self.end(|| self.scrubber.handed_on()).await;
            open = match &ended {
                Ok(ended) => ended.open > 0,
                Err(error) => {
                    tracing::error!(%error, "erasures could not be ended; it is tried again");
                    true
                }
            };
            if ended.is_ok_and(|ended| ended.failed.is_empty()) {
                continue;
            }
            tokio::time::sleep(LOOK * 20).await;
        }
    }

    /// Goes on with searches, and ends the erasures whose files' part is done. `hand_on` returns when the stream has
    /// handed on what it holds. One that fails does not delay the others.
    ///
    /// # Errors
    /// If they can't be listed, or the services fail that all tenants share; the same call continues.
    pub async fn end<H: Future<Output = Result<(), HostError>>>(
        &self,
        hand_on: impl Fn() -> H,
    ) -> Result<Ended, BoxError> {
        let UnderWay { erasings, searches, .. } = self.store.erasures_under_way(self.now()).await?;
        let mut ended = Ended::default();
        for search in &searches {
            let mut budget = LookBudget::new(SEARCHED_AT_ONCE, &|| true);
            let (tenant, at) = (search.tenant(), search.asked().at);
            // If it ends, the next look finds its job.
            ended.open += 1;
            if let Err(error) = self.store.go_on_searching(search, &mut budget, self.now()).await {
                ended.failed((tenant, at), &error, self.now());
            }
        }
        let (ready, left): (Vec<_>, Vec<_>) = erasings.into_iter().partition(Erasing::files_done);
        ended.open += left.len();
        for erasing in left.iter().filter(|one| one.is_to_be_emptied(self.now())) {
            if let Err(error) = self.store.empty_rest(erasing, &mut LookBudget::unlimited(), self.now()).await {
                ended.failed((&erasing.tenant, erasing.at()), &error, self.now());
            }
        }
        if ready.is_empty() {
            return Ok(ended);
        }
        ended.open += ready.len();
        // What its reader still needs must not go before it has read it.
        hand_on().await?;
        let mut begun = Vec::new();
        for erasing in ready {
            match self.begin(&erasing).await {
                Ok(Some(overwritten)) => begun.push((erasing, overwritten)),
                // Something late was found: a file without it comes first.
                Ok(None) => {}
                Err(error) => ended.failed((&erasing.tenant, erasing.at()), &error, self.now()),
            }
        }
        if begun.is_empty() {
            return Ok(ended);
        }
        remove_left_copies(&self.data)?;
        // Now the stream has what was deleted just now, too.
        hand_on().await?;
        let (begun, overwritten): (Vec<_>, Vec<_>) = begun.into_iter().unzip();
        let which = move |event: &Value| -> Vec<String> {
            overwritten.iter().flat_map(|overwritten| overwritten(event)).collect()
        };
        self.scrubber.lose_bytes(which).await?;
        for erasing in &begun {
            match self.store.end_erasing_of_table(erasing, self.now()).await {
                Ok(true) => ended.open -= 1,
                Ok(false) => {}
                Err(error) => ended.failed((&erasing.tenant, erasing.at()), &error, self.now()),
            }
        }
        Ok(ended)
    }

    /// Erases what is left of an erasure in the table and beside it. Returns which texts of published events must go;
    /// `None` if something late was found, so that it waits for another file.
    async fn begin(&self, erasing: &Erasing) -> Result<Option<Overwritten>, BoxError> {
        if !self.store.erase_rest(erasing, self.now()).await? {
            // The next tick sends it on.
            self.store.ask_for_export(&erasing.tenant, self.now(), true).await?;
            return Ok(None);
        }
        self.archive.forget_copy(&erasing.tenant).await?;
        if erasing.of_tenant() && self.store.tenant(&erasing.tenant).await?.is_none() {
            // An export that was under way.
            self.archive.remove_objects(&erasing.tenant).await?;
        }
        if erasing.of_tenant() || !erasing.items().is_empty() {
            // Copies that `export` made. They can be made again, from files without whom was erased.
            remove_folder(&self.data.join("reports").join(erasing.tenant.as_str()))?;
        }
        self.overwritten(erasing).await.map(Some)
    }

    /// Which texts of a published event must go: the keys of erased devices, and all keys of removed tenants.
    async fn overwritten(&self, erasing: &Erasing) -> Result<Overwritten, BoxError> {
        let id = erasing.tenant.clone();
        let tombstones = match self.store.tenant(&id).await? {
            Some(tenant) => self.store.tombstones(&tenant.id, &tenant.settings).await?,
            None => None,
        };
        Ok(Box::new(move |event: &Value| {
            let text = |name: &str| event["detail"][name].as_str();
            let (Some(tenant), Some(key)) = (text("tenant"), text("enrollmentKey")) else { return Vec::new() };
            if tenant != id.as_str() {
                return Vec::new();
            }
            let began = text("startedAt").and_then(|at| Timestamp::parse(at).ok()).unwrap_or(Timestamp::MIN);
            let is_gone = tombstones.as_ref().is_none_or(|tombstones| tombstones.names(key, began));
            if is_gone && !key.is_empty() { vec![key.to_owned()] } else { Vec::new() }
        }))
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.clock.now_millis())
    }
}
