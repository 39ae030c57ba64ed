//! Builds, checks and publishes a tenant's next file.
//!
//! Must stay true: whichever step this stops after, running it again finishes the same file. The object and the file's
//! record are written before the pointer, so the newest file is always complete.

use crate::changed::{Changed, FromIndex};
use crate::files::{Part, manifest_key};
use crate::prune::PRUNE_AFTER;
use crate::refresh::{Opened, Owner};
use crate::{Archive, ArchiveError};
use serde::Serialize;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;
use vestibule_domain::Timestamp;
use vestibule_platform::metrics;
use vestibule_report::{Error as ReportError, Previous, Published, Reader, SCHEMA_VERSION, Working, summarise_hashed};
use vestibule_store::{Corrected, Erasing, FileRecord, PartRecord, Tenant};

/// The media type of a SQLite file.
const SQLITE: &str = "application/vnd.sqlite3";

/// A published file.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Exported {
    /// Its record.
    #[serde(flatten)]
    pub file: FileRecord,
    /// Whether this run made it; otherwise an earlier run for the same instant did.
    pub is_new: bool,
    /// Milliseconds spent on reading and folding changes, on writing the file, and on its checks.
    pub refresh_ms: u64,
    /// See [`refresh_ms`](Self::refresh_ms).
    pub write_ms: u64,
    /// See [`refresh_ms`](Self::refresh_ms).
    pub check_ms: u64,
    /// Milliseconds spent on the summary and the page beside the file.
    pub parts_ms: u64,
    /// The marks of the erasures whose people and devices are surely not in it; none if an earlier run made it.
    #[serde(skip)]
    pub without: BTreeSet<(String, u32)>,
}

impl Exported {
    /// Whether it surely has nothing of whom an erasure erased.
    pub fn is_without(&self, erasing: &Erasing) -> bool {
        erasing.at() <= self.file.as_of && self.without.contains(&erasing.mark())
    }
}

/// What a file is made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Base {
    /// The newest file, and what changed since; the table alone if that file is lost or is another version's.
    Newest,
    /// The table alone.
    Table,
}

/// The files to upload.
pub(crate) struct Made {
    published: Published,
    corrected: Vec<Corrected>,
    out: PathBuf,
    summary: Published,
    summary_path: PathBuf,
    page: String,
    parts: Duration,
}

impl Archive {
    /// Publishes the tenant's file as of `as_of`, refreshed from the previous one. If there is already a file as of
    /// that instant or a later one, returns that. A file that is ahead of `now` does not count.
    ///
    /// # Errors
    /// When any step fails; what was published before stays unchanged.
    pub async fn export(&self, tenant: &Tenant, as_of: Timestamp, now: Timestamp) -> Result<Exported, ArchiveError> {
        self.publish(tenant, as_of, Base::Newest, now).await
    }

    /// Publishes the tenant's file as of `as_of`, made from `base`. If there is already a file as of that instant or a
    /// later one, returns that.
    ///
    /// # Errors
    /// As [`export`](Self::export).
    pub async fn publish(
        &self,
        tenant: &Tenant,
        as_of: Timestamp,
        base: Base,
        now: Timestamp,
    ) -> Result<Exported, ArchiveError> {
        let latest = self.store.newest_file(&tenant.id, now).await?;
        if let Some(file) = latest.clone().filter(|latest| latest.as_of >= as_of) {
            let without = BTreeSet::new();
            return Ok(Exported { file, is_new: false, refresh_ms: 0, write_ms: 0, check_ms: 0, parts_ms: 0, without });
        }
        std::fs::create_dir_all(&self.scratch)?;
        if let Some(latest) = &latest {
            self.check_room_for_export(latest.size_bytes)?;
        }
        let folder = tempfile::tempdir_in(&self.scratch)?;
        let (working_path, previous, out) = (
            folder.path().join("working.sqlite"),
            folder.path().join("previous.sqlite"),
            folder.path().join("out.sqlite"),
        );
        let began = std::time::Instant::now();
        let owner = self.owner(tenant, as_of).await?;
        let (mut working, mut lost) = (None, None);
        if let Some(latest) = &latest {
            let copied = match base {
                Base::Newest => self.copy(latest, &previous, &working_path, &owner).await,
                // Only to compare with.
                Base::Table => self.fetch(latest, &previous).await.map(|()| None),
            };
            match copied {
                Ok(opened) => working = opened,
                Err(error) if error.is_lost_file() => {
                    say_lost(tenant, latest, &error, as_of);
                    lost = Some(latest.as_of);
                }
                Err(error) => return Err(error),
            }
        }
        let working = match working {
            Some(working) => working,
            None => self.create(&working_path, &owner).await?,
        };
        let nightly = Changed::Index(FromIndex::NIGHTLY);
        let once = Self { store: self.store.passing(), ..self.clone() };
        let mut working = match once.bring_up(working, &working_path, &owner, as_of, &nightly, None).await {
            Err(ArchiveError::Report(ReportError::Collision { salt, .. })) => {
                once.build_salted(&working_path, &owner, as_of, salt + 1, None).await?.0
            }
            brought => brought?.0,
        };
        let refresh_ms = millis(began.elapsed());
        let erasings = self.of_files(&tenant.id).await?;
        // Of the others the table still had something, perhaps, when it was read.
        let emptied = erasings.iter().filter(|erasing| erasing.is_emptied());
        let without = emptied.map(Erasing::mark).collect();
        let erased: BTreeSet<String> = erasings.iter().flat_map(Erasing::items).collect();
        // The index may lag behind an erasure, and its items may have been emptied since they were read.
        working = once.cut(working, &erased).await?;
        let previous = latest.is_some().then_some(previous);
        let working_file = working_path.clone();
        let expired = working.past_retention(as_of - PRUNE_AFTER)?;
        let summary_path = folder.path().join("summary.sqlite");
        let made = self.work(move || {
            let previous_file = match (lost, &previous) {
                (Some(then), _) => Previous::Lost(then),
                (None, Some(previous)) => Previous::File(previous),
                (None, None) => Previous::None,
            };
            working.compare_without(previous_file, &erased)?;
            // At most two of the three files exist at once: an export needs that much room.
            if let Some(previous) = previous.filter(|previous| previous.exists()) {
                std::fs::remove_file(previous)?;
            }
            make(working, working_file, out, summary_path)
        });
        let made = made.await??;
        let (spent, parts) = (made.published.spent, made.parts);
        let file = self.keep_all(tenant, as_of, made).await?;
        self.store.advance_latest(&tenant.id, &file, now).await?;
        self.prune(tenant, &expired, as_of).await;
        if let Some(before) = &latest {
            self.remove_old_files(tenant, before.as_of.min(now), now).await;
        }
        Ok(Exported {
            file,
            is_new: true,
            refresh_ms,
            write_ms: millis(spent.settling + spent.vacuum),
            check_ms: millis(spent.checks),
            parts_ms: millis(parts),
            without,
        })
    }

    /// Uploads a file with its parts, and records it.
    pub(crate) async fn keep_all(
        &self,
        tenant: &Tenant,
        as_of: Timestamp,
        made: Made,
    ) -> Result<FileRecord, ArchiveError> {
        let Made { published, corrected, out, summary, summary_path, page, parts: _ } = made;
        let summary = PartRecord { sha256: summary.sha256, size_bytes: summary.size_bytes };
        self.keep_file(&Part::Summary.key_of(&tenant.id, &summary.sha256), SQLITE, &summary_path).await?;
        let page = page.into_bytes();
        let sha256 = Sha256::digest(&page).iter().map(|byte| format!("{byte:02x}")).collect();
        let report_html = PartRecord { sha256, size_bytes: page.len() as u64 };
        let page_key = Part::Report.key_of(&tenant.id, &report_html.sha256);
        self.keep(&page_key, "text/html; charset=utf-8", &page).await?;
        let mut file = record(tenant, as_of, &published, summary, report_html);
        file.corrected = corrected;
        self.keep_file(&file.key, SQLITE, &out).await?;
        let manifest = serde_json::to_vec_pretty(&manifest(&file)).unwrap_or_default();
        let manifest_key = manifest_key(&tenant.id, &file.sha256);
        self.keep(&manifest_key, "application/json", &manifest).await?;
        self.store.put_file(&tenant.id, &file).await?;
        Ok(file)
    }

    /// Fetches the previous file to `previous` and opens a copy of it for refreshing; `None` if the file must be built
    /// anew.
    async fn copy(
        &self,
        file: &FileRecord,
        previous: &Path,
        working: &Path,
        owner: &Owner,
    ) -> Result<Option<Working>, ArchiveError> {
        self.fetch(file, previous).await?;
        let (from, to) = (previous.to_owned(), working.to_owned());
        self.work(move || std::fs::copy(from, to)).await??;
        Ok(match self.open(working, owner).await? {
            Opened::Ready(working) => Some(*working),
            Opened::Standing | Opened::Foreign => None,
        })
    }
}

/// Writes a file and the parts beside it, and removes the working file.
pub(crate) fn make(
    mut working: Working,
    working_file: PathBuf,
    out: PathBuf,
    summary_path: PathBuf,
) -> Result<Made, ReportError> {
    let published = working.write(&out)?;
    drop(working);
    std::fs::remove_file(working_file)?;
    let began = std::time::Instant::now();
    // Both read the finished file, each by its own connection.
    let (summary, page) = std::thread::scope(|scope| {
        let summary = scope.spawn(|| summarise_hashed(&out, &published.sha256, &summary_path));
        let page = page(&out);
        (summary.join(), page)
    });
    let (page, corrected) = page?;
    let summary = summary.map_err(|_| ReportError::Io(std::io::Error::other("the summary was interrupted")))??;
    let parts = began.elapsed();
    Ok(Made { published, corrected, out, summary, summary_path, page, parts })
}

/// The page for people without a server, and which ends the file corrects.
fn page(file: &Path) -> Result<(String, Vec<Corrected>), ReportError> {
    let reader = Reader::open(file)?;
    let page = vestibule_report::report_html(&reader)?;
    let corrected = reader.corrected()?.into_iter().map(|(from, to, count)| Corrected { from, to, count });
    Ok((page, corrected.collect()))
}

/// Logs that a published file is lost or damaged: the table still has everything in it, but people who kept its id have
/// nothing.
pub(crate) fn say_lost(tenant: &Tenant, file: &FileRecord, error: &ArchiveError, now: Timestamp) {
    let (id, as_of) = (&file.sha256, file.as_of);
    tracing::error!(tenant = %tenant.id, file = %id, %as_of, %error, "a published file is lost or damaged");
    metrics::FILES_LOST.count(tenant.id.as_str(), 1, now.millis());
}

fn record(
    tenant: &Tenant,
    as_of: Timestamp,
    published: &Published,
    summary: PartRecord,
    report_html: PartRecord,
) -> FileRecord {
    FileRecord {
        key: Part::Database.key_of(&tenant.id, &published.sha256),
        sha256: published.sha256.clone(),
        size_bytes: published.size_bytes,
        as_of,
        rows: published.rows.clone(),
        schema_version: SCHEMA_VERSION,
        corrections: published.corrections,
        corrected: Vec::new(),
        summary: Some(summary),
        report_html: Some(report_html),
    }
}

pub(crate) fn manifest(file: &FileRecord) -> serde_json::Value {
    let rows: &BTreeMap<String, u64> = &file.rows;
    json!({
        "sha256": file.sha256,
        "sizeBytes": file.size_bytes,
        "asOf": file.as_of.to_string(),
        "schemaVersion": file.schema_version,
        "corrections": file.corrections,
        "corrected": file.corrected,
        "rows": rows,
        "summary": file.summary,
        "reportHtml": file.report_html,
    })
}

fn millis(time: std::time::Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
