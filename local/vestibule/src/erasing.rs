//! Ends erasures on one machine. Whoever owns the data folder does it, since only that process can make the services lose
//! the bytes of what was deleted: `serve` as soon as there is something to end, a command that has the folder for itself
//! before it returns (docs/ERASURE.md).
//!
//! Must stay true: a job ends last. So when it is gone nothing in the folder names whom it was about, and one that was
//! interrupted is begun again.

use crate::app::{TENANT_CHANGES, remove_folder, scratch_root};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::time::Duration;
use vestibule_archive::Archive;
use vestibule_domain::{TenantId, Timestamp};
use vestibule_host::{HostError, Scrubber};
use vestibule_platform::{BoxError, Clock};
use vestibule_store::{Erasing, Store};

/// The wait between two looks for something to end. A look at rest is one call of the file system.
const LOOK: Duration = Duration::from_millis(250);

/// Which texts of a published event must go.
type Overwritten = Box<dyn Fn(&Value) -> Vec<String> + Send>;

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
            open = match self.end(|| self.scrubber.handed_on()).await {
                Ok(left) => left > 0,
                Err(error) => {
                    tracing::error!(%error, "an erasure could not be ended; it is tried again");
                    tokio::time::sleep(LOOK * 20).await;
                    true
                }
            };
        }
    }

    /// Ends the erasures whose files' part is done, and returns how many are left. `hand_on` returns when the stream has
    /// handed on what it holds.
    pub async fn end<H: Future<Output = Result<(), HostError>>>(
        &self,
        hand_on: impl Fn() -> H,
    ) -> Result<usize, BoxError> {
        let (ready, left): (Vec<_>, Vec<_>) = self.store.erasings().await?.into_iter().partition(Erasing::files_done);
        for erasing in left.iter().filter(|one| !one.is_emptied() && one.is_due(self.now())) {
            // Its process has died, or it would have ended that by now.
            self.store.empty_rest(erasing, self.now()).await?;
        }
        if ready.is_empty() {
            return Ok(left.len());
        }
        // What its reader still needs must not go before it has read it.
        hand_on().await?;
        for erasing in &ready {
            self.store.erase_rest(erasing, self.now()).await?;
            self.archive.forget_copy(&erasing.tenant).await?;
            if erasing.of_tenant() && self.store.tenant(&erasing.tenant).await?.is_none() {
                // An export that was under way.
                self.archive.remove_objects(&erasing.tenant).await?;
            }
            if erasing.of_tenant() || !erasing.items().is_empty() {
                // Copies that `export` made. They can be made again, from files without whom was erased.
                remove_folder(&self.data.join("reports").join(erasing.tenant.as_str()))?;
            }
        }
        self.remove_left_copies()?;
        // Now the stream has what was deleted just now, too.
        hand_on().await?;
        self.scrubber.lose_bytes(self.overwritten(&ready).await?).await?;
        for erasing in &ready {
            self.store.end_erasing_of_table(erasing, self.now()).await?;
        }
        Ok(left.len())
    }

    /// Which texts of a published event must go: the keys of erased devices, and all keys of removed tenants.
    async fn overwritten(&self, ready: &[Erasing]) -> Result<Overwritten, BoxError> {
        let mut tombstones = Vec::new();
        for erasing in ready {
            let id = erasing.tenant.clone();
            match self.store.tenant(&id).await? {
                Some(tenant) => tombstones.push((id, self.store.tombstones(&tenant.id, &tenant.settings).await?)),
                None => tombstones.push((id, None)),
            }
        }
        Ok(Box::new(move |event: &Value| {
            let text = |name: &str| event["detail"][name].as_str();
            let (Some(tenant), Some(key)) =
                (text("tenant").and_then(|id| TenantId::parse(id).ok()), text("enrollmentKey"))
            else {
                return Vec::new();
            };
            let Some((_, tombstones)) = tombstones.iter().find(|(id, _)| *id == tenant) else { return Vec::new() };
            let began = text("startedAt").and_then(|at| Timestamp::parse(at).ok()).unwrap_or(Timestamp::MIN);
            let is_gone = tombstones.as_ref().is_none_or(|tombstones| tombstones.names(key, began));
            if is_gone && !key.is_empty() { vec![key.to_owned()] } else { Vec::new() }
        }))
    }

    /// Removes copies of files that processes left which were killed.
    fn remove_left_copies(&self) -> std::io::Result<()> {
        // Without this folder nobody knows which processes there are.
        if !Path::new("/proc/self").exists() {
            return Ok(());
        }
        let scratch = scratch_root(&self.data);
        let Ok(entries) = std::fs::read_dir(&scratch) else { return Ok(()) };
        for entry in entries {
            let entry = entry?;
            let is_dead = entry
                .file_name()
                .to_str()
                .is_some_and(|name| name.parse::<u32>().is_ok() && !Path::new("/proc").join(name).exists());
            if is_dead {
                remove_folder(&entry.path())?;
            }
        }
        Ok(())
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.clock.now_millis())
    }
}
