//! Files: a refreshed file has the same rows as one built from nothing, both show what is stored, and so does the API.

use super::shown::{by_id, same};
use super::stored::Held;
use super::{Shown, Tenant, tenants};
use crate::aws::faults::TABLE;
use crate::run::Violation;
use crate::sent::tenant_id;
use crate::world::{OBSERVER, World};
use rusqlite::Connection;
use rusqlite::types::Value as Cell;
use serde_json::json;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use vestibule_domain::{Millis, Timestamp};
use vestibule_report::Reader;
use vestibule_report::reader::AttemptFilter;

/// Tables about the previous file, which therefore differ: what changed, and since when something is unreadable.
const OF_THE_FILE_BEFORE: [&str; 2] = ["corrections", "unreadable_enrollments"];
/// The same among the members of `meta`.
const META_OF_THE_FILE_BEFORE: [&str; 3] = ["corrections", "previous", "built"];

/// The columns of `refresh_state`, except the version.
const REFRESH_STATE: &str = "enrollment_no, item, deadline, expires_at, oldest_day, newest_day";

/// How long something stays after its retention. It must equal the product's time, or an export would still drop
/// something between the two files that are compared.
const KEPT_BEYOND: Millis = Millis::from_days(7);

/// Compares files, table and API of every tenant.
pub async fn files(world: &World) -> Result<(), Violation> {
    // What the last export dropped for the previous files has settled.
    world.time.leap(3_600_000).await;
    // An export prunes after it has published, so the files to compare are made after that.
    pruned(world).await?;
    world.time.leap(1).await;
    for tenant in tenants(world).await? {
        let refreshed = tenant.export(world, "refreshed").await?;
        tenant.forget_files(world);
        let built = tenant.export(world, "built").await?;
        rows(&refreshed, &built)?;
        let in_file = tenant.in_file(world, &built)?;
        same("file", "in the file", &in_file, "stored", &tenant.attempts_now(world))?;
        for machine in [OBSERVER, 0] {
            let asked = tenant.ask(world, machine).await?;
            same("API", "answered", &asked, "in the file", &in_file)?;
        }
    }
    Ok(())
}

/// Exports until nothing past the retention is left: each export looks at some enrollments, and each enrollment gets
/// its turn.
async fn pruned(world: &World) -> Result<(), Violation> {
    // Two more than there are, because the first may look at ones that are gone meanwhile.
    let rounds = tenants(world).await?.iter().map(|tenant| tenant.held.len()).max().unwrap_or(0) + 2;
    let mut left = None;
    for _ in 0..rounds {
        for tenant in tenants(world).await? {
            tenant.export(world, "pruning").await?;
        }
        world.time.leap(60_000).await;
        left = tenants(world).await?.iter().find_map(Tenant::left_to_prune);
        if left.is_none() {
            return Ok(());
        }
    }
    left.map_or(Ok(()), |key| Err(Violation::new("pruning", format!("{key} still holds what is past the retention"))))
}

impl Tenant {
    /// An enrollment that holds attempts from long before the retention.
    fn left_to_prune(&self) -> Option<String> {
        let cutoff = self.now - self.settings.retention() - KEPT_BEYOND;
        let prunes = |held: &&Held| held.history.clone().prune(&tenant_id(self.number), &self.settings, cutoff);
        self.held.iter().find(prunes).map(|held| held.key.to_string())
    }

    fn attempts_now(&self, world: &World) -> BTreeMap<String, Shown> {
        let now = Timestamp::from_millis(world.time.now_ms());
        let readable = |shown: &Shown| !world.state.borrow().unreadable.iter().any(|device| shown.is_of(*device));
        by_id(self.folded(now).iter().flat_map(Shown::of_enrollment).filter(readable), self.since())
    }

    /// Publishes the file as of now, and fetches it.
    async fn export(&self, world: &World, name: &str) -> Result<PathBuf, Violation> {
        let observer = world.machine(OBSERVER);
        let id = tenant_id(self.number);
        let as_of = Timestamp::from_millis(world.time.now_ms());
        // As an operator requests it, because an export that failed often is otherwise skipped.
        let exported = observer.exporter.export(&id, as_of).await;
        let key = exported.map_err(|error| Violation::new("export", format!("{id}, {name}: {error}")))?.file.key;
        let bytes = world.aws.services().bucket.objects.get(&key).cloned();
        let bytes =
            bytes.ok_or_else(|| Violation::new("export", format!("{id}, {name}: {key} is not in the bucket")))?;
        let path = world.folder.path().join(format!("{id}-{name}.sqlite"));
        std::fs::write(&path, bytes).unwrap();
        Ok(path)
    }

    /// Forgets all files, so that the next is built from nothing.
    fn forget_files(&self, world: &World) {
        let pk = format!("t#{}", tenant_id(self.number));
        let now_ms = world.time.now_ms();
        let mut services = world.aws.services();
        let items = services.table.items();
        for item in items.iter().filter(|item| {
            item["pk"]["S"] == pk.as_str()
                && item["sk"]["S"].as_str().is_some_and(|sk| sk == "latest" || sk.starts_with("f#"))
        }) {
            let key = json!({"TableName": TABLE, "Key": {"pk": item["pk"], "sk": item["sk"]}});
            services.table.perform(now_ms, "DeleteItem", &key.to_string(), false);
        }
        services.table.catch_up();
    }

    fn in_file(&self, world: &World, path: &Path) -> Result<BTreeMap<String, Shown>, Violation> {
        let broken = |error: vestibule_report::Error| Violation::new("file", error);
        let reader = Reader::open(path).map_err(broken)?;
        let page = reader.attempts(&AttemptFilter::default(), None, 1_000).map_err(broken)?;
        Ok(self.of_readable(world, page.attempts))
    }

    /// The attempts of a file, except those of devices whose item became unreadable: somebody may have written it anew.
    fn of_readable(&self, world: &World, attempts: Vec<vestibule_report::reader::Attempt>) -> BTreeMap<String, Shown> {
        let unreadable = world.state.borrow().unreadable.clone();
        let readable = |shown: &Shown| !unreadable.iter().any(|device| shown.is_of(*device));
        by_id(attempts.into_iter().map(Shown::of_file).filter(readable), self.since())
    }

    async fn ask(&self, world: &World, machine: usize) -> Result<BTreeMap<String, Shown>, Violation> {
        let machine = world.machine(machine);
        let failed = |error: &dyn std::fmt::Display| Violation::new("API", error);
        let id = tenant_id(self.number);
        let tenant = machine.store.tenant(&id).await.map_err(|error| failed(&error))?;
        let tenant = tenant.ok_or_else(|| failed(&"the tenant is gone"))?;
        let question = |reader: &Reader<'_>| reader.attempts(&AttemptFilter::default(), None, 1_000);
        let page = machine.archive.ask(&tenant, machine.now(), question).await.map_err(|error| failed(&error))?;
        Ok(self.of_readable(world, page.attempts))
    }
}

/// Compares two files table by table.
fn rows(refreshed: &Path, built: &Path) -> Result<(), Violation> {
    let (refreshed, built) = (dump(refreshed), dump(built));
    for (table, rows) in &built {
        if OF_THE_FILE_BEFORE.contains(&table.as_str()) {
            continue;
        }
        let theirs = refreshed.get(table).map(Vec::as_slice).unwrap_or_default();
        let of_before = |row: &&String| {
            table == "meta" && META_OF_THE_FILE_BEFORE.iter().any(|name| row.to_lowercase().contains(name))
        };
        let only = |mine: &[String], theirs: &[String]| -> Vec<String> {
            let only = mine.iter().filter(|row| theirs.binary_search(row).is_err());
            only.filter(|row| !of_before(row)).cloned().collect()
        };
        let (more, less) = (only(theirs, rows), only(rows, theirs));
        if !more.is_empty() || !less.is_empty() {
            let detail = format!("{table}: refreshed only {more:?}, built only {less:?}");
            return Err(Violation::new("refreshed file", detail));
        }
    }
    Ok(())
}

fn dump(path: &Path) -> BTreeMap<String, Vec<String>> {
    let conn = Connection::open(path).unwrap();
    let mut tables = conn.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").unwrap();
    let tables: Vec<String> = tables.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    let mut all = BTreeMap::new();
    for table in tables {
        // When a sweep settles an item that the file already shows as settled, the item gets another version, but the
        // file need not change: the only consequence is that the item is read once more.
        let columns = if table == "refresh_state" { REFRESH_STATE } else { "*" };
        let mut statement = conn.prepare(&format!("SELECT {columns} FROM \"{table}\"")).unwrap();
        let columns = statement.column_count();
        let rows = statement.query_map([], |row| {
            let cells: Vec<String> = (0..columns).map(|at| format!("{:?}", row.get::<_, Cell>(at).unwrap())).collect();
            Ok(cells.join("|"))
        });
        let mut rows: Vec<String> = rows.unwrap().map(Result::unwrap).collect();
        rows.sort();
        all.insert(table, rows);
    }
    all
}
