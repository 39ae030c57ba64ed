//! A file being brought up to date.
//!
//! It is the caller's own copy in a temporary place: a refresh writes without a journal, so a file whose
//! refresh did not finish is discarded, never repaired. A file that is [shared](Working::share) has a log instead, so that
//! others read it as the last refresh left it; it is discarded all the same.

use crate::SCHEMA_VERSION;
use crate::error::{Error, Result};
use crate::file::pseudonym::People;
use crate::file::{Context, built_in, is_ours, meta, schema, set_meta};
use crate::lists::dictionary;
use crate::lists::ids::Ids;
use rusqlite::{Connection, OpenFlags, params};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use vestibule_advice::Catalogue;
use vestibule_domain::annotation::Annotations;
use vestibule_domain::esp::AppNames;
use vestibule_domain::esp::profiles::Profiles;
use vestibule_domain::settings::ComplianceSource;
use vestibule_domain::web_enrollment::WebDays;
use vestibule_domain::{Day, TenantId, TenantSettings, Timestamp};

/// The name in `meta` of the digest of what was built into the file.
pub(crate) const BUILT_IN: &str = "builtIn";

/// A file being brought up to date.
#[derive(Debug)]
pub struct Working {
    pub(crate) conn: Connection,
    pub(crate) tenant: TenantId,
    pub(crate) settings: TenantSettings,
    pub(crate) profiles: Profiles,
    pub(crate) web_days: WebDays,
    pub(crate) app_names: Arc<AppNames>,
    pub(crate) annotations: Annotations,
    pub(crate) advice: Arc<Catalogue>,
    pub(crate) people: People,
    pub(crate) ids: Ids,
    /// The digest of what this process builds into a file with this advice.
    built_in: String,
    /// A refresh began and did not finish.
    pub(crate) torn: bool,
    /// Rows may have been removed, so a text may be left to which no row refers.
    pub(crate) removed: bool,
}

/// This crate's name and version in a file. A file of another version is built anew, because its rules may differ.
/// What is built into a file is compared by its digest, whatever the version.
const GENERATOR: &str = concat!("vestibule-report ", env!("CARGO_PKG_VERSION"));

impl Working {
    /// Creates a file at `path` with everything but facts.
    ///
    /// # Errors
    /// If the file cannot be written, or exists.
    pub fn create(path: &Path, context: &Context) -> Result<Self> {
        Self::create_salted(path, context, 0)
    }

    /// The same with another salt, after an [`Error::Collision`].
    ///
    /// # Errors
    /// If the file cannot be written, or exists.
    pub fn create_salted(path: &Path, context: &Context, salt: u32) -> Result<Self> {
        Self::create_with(path, context, Ids::new(salt))
    }

    /// Creates a file whose ids have only `bits` bits, so that collisions occur.
    #[doc(hidden)]
    pub fn create_narrow(path: &Path, context: &Context, salt: u32, bits: u32) -> Result<Self> {
        Self::create_with(path, context, Ids::narrowed(salt, bits))
    }

    /// Creates a file as another version of this crate would: `sql` changes what is built in.
    #[doc(hidden)]
    pub fn create_altered(path: &Path, context: &Context, sql: &str) -> Result<Self> {
        Self::make(path, context, Ids::new(0), sql)
    }

    fn create_with(path: &Path, context: &Context, ids: Ids) -> Result<Self> {
        Self::make(path, context, ids, "")
    }

    fn make(path: &Path, context: &Context, ids: Ids, sql: &str) -> Result<Self> {
        // Fails if the file exists, so it never overwrites one.
        drop(std::fs::File::create_new(path)?);
        let conn = Connection::open(path)?;
        schema::set_up(&conn)?;
        schema::create(&conn, context.advice)?;
        conn.execute_batch(sql)?;
        let built_in = built_in::digest_of(&conn)?;
        // After the digest: they are no part of what is built in, but of the settings.
        dictionary::fill_tags(&conn, &context.settings.tag_keys)?;
        let working = Self { built_in, removed: false, ..Self::over(conn, context, ids)? };
        for (key, value) in working.identity() {
            working.set_meta(key, &value)?;
        }
        working.set_meta("schemaVersion", &SCHEMA_VERSION.to_string())?;
        Ok(working)
    }

    /// Opens a copy of a file that was published or refreshed before, for refreshing it. `None` if it must be built
    /// anew, because what is built in, the generator, the tenant, a setting that alters history or the pseudonym key
    /// differs. The file is changed in place and locked meanwhile, so it must be the caller's own.
    ///
    /// # Errors
    /// If it is not a SQLite file or cannot be read.
    pub fn open(path: &Path, context: &Context) -> Result<Option<Self>> {
        let conn = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        schema::set_up(&conn)?;
        if !is_ours(&conn)? {
            return Ok(None);
        }
        let salt: Option<u32> = meta(&conn, "salt")?.and_then(|salt| salt.parse().ok());
        let working = Self::over(conn, context, Ids::new(salt.unwrap_or(0)))?;
        for (key, value) in working.identity() {
            if meta(&working.conn, key)?.as_deref() != Some(&value) {
                return Ok(None);
            }
        }
        Ok(Some(working))
    }

    fn over(conn: Connection, context: &Context, ids: Ids) -> Result<Self> {
        let people = People::of(context);
        let (tenant, settings) = (context.tenant.clone(), context.settings.clone());
        let (profiles, advice) = (context.profiles.clone(), Arc::clone(context.advice));
        Ok(Self {
            conn,
            tenant,
            settings,
            profiles,
            web_days: WebDays::new(),
            app_names: Arc::default(),
            annotations: Annotations::default(),
            built_in: built_in::digest(&advice)?,
            advice,
            people,
            ids,
            torn: false,
            removed: true,
        })
    }

    /// The values in `meta` that must be equal for a file to be refreshed rather than built anew.
    fn identity(&self) -> [(&'static str, String); 13] {
        let settings = &self.settings;
        [
            ("tenant", self.tenant.to_string()),
            ("generator", GENERATOR.to_owned()),
            ("salt", self.ids.salt.to_string()),
            ("timeZone", settings.time_zone.name().to_owned()),
            ("requireCompliance", settings.require_compliance.to_string()),
            ("windowsIdleLimitMinutes", settings.windows_idle_limit_minutes.to_string()),
            ("macosIdleLimitMinutes", settings.macos_idle_limit_minutes.to_string()),
            ("complianceLimitMinutes", settings.compliance_limit_minutes.to_string()),
            ("complianceSource", compliance_source(&settings.compliance_source)),
            ("retentionDays", settings.retention_days.to_string()),
            ("pseudonyms", self.people.mark()),
            ("tagKeys", settings.tag_keys.iter().collect::<Vec<_>>().join(",")),
            (BUILT_IN, self.built_in.clone()),
        ]
    }

    /// Sets the current profiles, for a file that is kept open: the next refresh writes them.
    pub fn set_profiles(&mut self, profiles: &Profiles) {
        self.profiles.clone_from(profiles);
    }

    /// Sets the current sums of web-based enrollment: the next refresh writes them. They are empty if never set.
    pub fn set_web_days(&mut self, days: &WebDays) {
        self.web_days.clone_from(days);
    }

    /// Sets the current names of the organisation's apps: the next refresh writes them. They are empty if never set.
    pub fn set_app_names(&mut self, names: &Arc<AppNames>) {
        self.app_names = Arc::clone(names);
    }

    /// Sets the current annotations: the next refresh writes them. There are none if never set.
    pub fn set_annotations(&mut self, annotations: &Annotations) {
        self.annotations.clone_from(annotations);
    }

    /// Lets [snapshots](crate::Snapshot) read the file while it is refreshed: from now on a refresh goes into a log beside the
    /// file until it is finished.
    ///
    /// # Errors
    /// When the file cannot be written, or somebody else has it open.
    pub fn share(&self) -> Result<()> {
        self.conn.execute_batch("PRAGMA locking_mode = NORMAL")?;
        // The lock is given back by the next statement that reads; entering the log before that would keep it.
        self.as_of()?;
        let mode: String = self.conn.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
        if mode == "wal" { Ok(()) } else { Err(Error::Unshared) }
    }

    /// Whether it is [shared](Self::share).
    pub(crate) fn is_shared(&self) -> Result<bool> {
        let mode: String = self.conn.pragma_query_value(None, "journal_mode", |row| row.get(0))?;
        Ok(mode == "wal")
    }

    /// Whose file it is.
    pub fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    /// The instant that the file describes; `None` before the first refresh.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn as_of(&self) -> Result<Option<Timestamp>> {
        Ok(meta(&self.conn, "asOfMillis")?.and_then(|text| text.parse().ok()).map(Timestamp::from_millis))
    }

    /// Whether the file already has this version of an item, or a newer one, so that it need not be read.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn knows(&self, item: &str, version: u64) -> Result<bool> {
        knows(&self.conn, self.ids, item, version)
    }

    /// Items whose rows are outdated at `as_of` although nothing arrived: an open attempt or session passed its limit,
    /// the time of an event that was in the future has come, or the store may have deleted the item, which it does not
    /// report. Also items that could not be read. All of them must be part of the refresh.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn overdue(&self, as_of: Timestamp) -> Result<Vec<String>> {
        self.items(
            "SELECT item FROM refresh_state WHERE deadline IS NOT NULL AND deadline < ?1
             UNION SELECT item FROM refresh_state WHERE expires_at IS NOT NULL AND expires_at < ?1
             UNION SELECT item FROM unreadable_enrollments",
            as_of.millis(),
        )
    }

    /// Items with events from before the window that ends with `as_of`: the store may prune them.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn past_retention(&self, as_of: Timestamp) -> Result<Vec<String>> {
        let cutoff = self.cutoff(as_of);
        self.items("SELECT item FROM refresh_state WHERE oldest_day < ?1 ORDER BY item", i64::from(cutoff.get()))
    }

    fn items(&self, sql: &str, bound: i64) -> Result<Vec<String>> {
        let mut statement = self.conn.prepare(sql)?;
        let items = statement.query_map([bound], |row| row.get(0))?;
        Ok(items.collect::<rusqlite::Result<_>>()?)
    }

    /// The first day of the file's window when the file is as of `as_of`.
    pub fn cutoff(&self, as_of: Timestamp) -> Day {
        let days = i32::try_from(self.settings.retention_days).unwrap_or(i32::MAX);
        as_of.day(self.settings.time_zone).plus(-days)
    }

    pub(crate) fn set_meta(&self, key: &str, value: &str) -> Result<()> {
        set_meta(&self.conn, key, value)
    }

    /// The folder that the file is in.
    pub(crate) fn folder(&self) -> PathBuf {
        self.conn.path().and_then(|path| Path::new(path).parent()).map(Path::to_owned).unwrap_or_default()
    }
}

/// Who reports compliance, as a file writes it: empty if nobody is named, else one source, or one for each platform.
fn compliance_source(named: &ComplianceSource) -> String {
    match named {
        ComplianceSource::None => String::new(),
        ComplianceSource::All(source) => source.clone(),
        ComplianceSource::Each(each) => {
            let each = each.iter().map(|(platform, source)| format!("{}: {source}", platform.name()));
            each.collect::<Vec<_>>().join(", ")
        }
    }
}

pub(crate) fn knows(conn: &Connection, ids: Ids, item: &str, version: u64) -> Result<bool> {
    let found = conn
        .prepare_cached("SELECT 1 FROM refresh_state WHERE enrollment_no = ?1 AND item = ?2 AND version >= ?3")?
        .exists(params![ids.enrollment(item), item, version.cast_signed()])?;
    Ok(found)
}
