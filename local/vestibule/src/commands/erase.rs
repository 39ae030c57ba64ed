//! `erase` and `tenant remove`. When they return, whoever was erased is gone from the data folder; what a stack still has
//! goes within minutes (docs/ERASURE.md).

use crate::app::App;
use crate::cli::Common;
use crate::erasing::Ending;
use crate::output::{Lines, answer};
use report_export::Outcome;
use serde_json::json;
use std::io::{BufRead as _, IsTerminal as _};
use std::time::Duration;
use tokio::time::Instant;
use vestibule_domain::TenantId;
use vestibule_platform::BoxError;
use vestibule_platform::credentials::random;
use vestibule_store::{Erasing, ErasureRecord, ExportReason, OlderFiles, REMOVAL, Subject};
use vestibule_words::form::{count, instant, plural};

/// The wait between two looks whether somebody else has ended.
const LOOK: Duration = Duration::from_millis(100);
/// How long an export or the end of an erasure by a running `serve` may take. What is left then goes on there.
const PATIENCE: Duration = Duration::from_secs(600);

/// Whom a command is about. clap requires exactly one of the two.
pub fn subject(user: Option<String>, device: Option<String>) -> Result<Subject, BoxError> {
    let given = |text: Option<String>| text.filter(|text| !text.trim().is_empty());
    match (given(user), given(device)) {
        (Some(user), None) => Ok(Subject::User(user)),
        (None, Some(device)) => Ok(Subject::Device(device)),
        _ => Err("give either --user or --device".into()),
    }
}

pub async fn run(
    name: &str,
    user: Option<String>,
    device: Option<String>,
    older_files: OlderFiles,
    common: &Common,
) -> Result<(), BoxError> {
    let subject = subject(user, device)?;
    let app = App::open(&common.place).await?;
    let tenant = app.tenant(name).await?;
    let id: String = random::<8>()?.iter().map(|byte| format!("{byte:02x}")).collect();
    let erased = app.store.erase(&tenant, &subject, older_files, (id.as_str(), "operator"), app.now()).await?;
    let newest = end(&app, &tenant.id, &id).await?;
    app.close().await?;
    let mut value = serde_json::to_value(&erased.record)?;
    value["at"] = json!(erased.record.at.to_string());
    value["tenant"] = json!(tenant.id);
    value["file"] = json!(newest);
    value["sharedIds"] = json!(erased.shared_ids);
    answer(common.json, &value, || words(&erased.record, &erased.shared_ids));
    Ok(())
}

fn words(record: &ErasureRecord, shared_ids: &[String]) -> Lines {
    let mut lines = Lines::default();
    writeln!(
        lines,
        "{} erased: {} whole, and a part of {} that others used too.",
        plural(record.events, "event", "events"),
        plural(record.enrollments, "device", "devices"),
        count(record.shared)
    );
    if record.web_enrollment_days > 0 {
        writeln!(lines, "  {} of web-based enrollment", plural(record.web_enrollment_days, "day", "days"));
    }
    if record.unreadable > 0 {
        let unreadable = plural(record.unreadable, "enrollment", "enrollments");
        writeln!(lines, "  {unreadable} can't be read, so nobody knows who is named there");
    }
    for id in shared_ids {
        writeln!(
            lines,
            "  {id} was also reported with another address and was left; erase it by --user if it is theirs"
        );
    }
    lines.line("Events of what happened before are refused from now on. Backups made before still have everything.");
    lines
}

/// The erasure, if it has not ended.
async fn open(app: &App, tenant: &TenantId, id: &str) -> Result<Option<Erasing>, BoxError> {
    Ok(app.store.erasings().await?.into_iter().find(|one| one.tenant == *tenant && one.id() == id))
}

/// Publishes a file without what was erased, with which older files are rebuilt or removed; returns its id. `None` if the
/// tenant has no file.
async fn without_in_files(app: &App, tenant: &TenantId, id: &str) -> Result<Option<String>, BoxError> {
    let until = Instant::now() + PATIENCE;
    loop {
        let Some(erasing) = open(app, tenant, id).await?.filter(|erasing| !erasing.files_done()) else {
            return Ok(app.store.latest_file(tenant).await?.map(|file| file.sha256));
        };
        if app.store.end_erasing_without_files(&erasing, app.now()).await? {
            return Ok(None);
        }
        match app.exporter.run(tenant, app.now(), ExportReason::Operator).await? {
            Outcome::Published(exported) => {
                // Its own try may have failed: then this says why.
                let whole = app.tenant(tenant.as_str()).await?;
                app.exporter.archive().end_erasings(&whole, &exported).await?;
                if exported.is_without(&erasing) {
                    return Ok(Some(exported.file.sha256));
                }
            }
            // A build that began before the erasure may still have them, so another must follow it.
            Outcome::UnderWay { .. } | Outcome::LeftAlone { .. } => {}
        }
        if Instant::now() > until {
            return Err("the erasure waits for an export that does not end; the next export ends it".into());
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Waits until files are without what was erased and the folder has lost the bytes, too; returns the id of the file that
/// was published for it. If something is found that was stored meanwhile, all of it is done again.
async fn end(app: &App, tenant: &TenantId, id: &str) -> Result<Option<String>, BoxError> {
    let ending = app.ending();
    let until = Instant::now() + PATIENCE;
    let mut newest = None;
    while let Some(erasing) = open(app, tenant, id).await? {
        if !erasing.files_done() {
            newest = without_in_files(app, tenant, id).await?.or(newest);
        }
        let eraser = match &ending {
            Ending::Here(eraser) => eraser,
            // The stack's own functions do the rest.
            Ending::Deployed => break,
            Ending::Beside => {
                // The `serve` that owns the folder does the rest.
                if Instant::now() > until {
                    return Err("the process that serves the folder has not ended the erasure; it goes on there".into());
                }
                tokio::time::sleep(LOOK).await;
                continue;
            }
        };
        let ended = eraser.end(|| app.settle()).await?;
        if ended.failed.contains(tenant) || Instant::now() > until {
            return Err(
                "the erasure could not be ended, and the log says why; the next `serve` or `erase` tries again".into(),
            );
        }
    }
    match newest {
        Some(file) => Ok(Some(file)),
        // An export beside this command may have done it.
        None => Ok(app.store.latest_file(tenant).await?.map(|file| file.sha256)),
    }
}

pub async fn remove_tenant(name: &str, yes: bool, common: &Common) -> Result<(), BoxError> {
    let app = App::open(&common.place).await?;
    let tenant = TenantId::parse(name)?;
    let is_there = app.store.tenant(&tenant).await?.is_some();
    // One that was interrupted after the tenant's own item went.
    if !is_there && open(&app, &tenant, REMOVAL).await?.is_none() {
        return Err(format!("there is no tenant {name}").into());
    }
    if !yes && !is_confirmed(&tenant)? {
        app.close().await?;
        return Err("nothing was removed: type the tenant's name to confirm, or give --yes".into());
    }
    let archive = app.exporter.archive();
    let (mut items, mut objects) = (0, 0);
    if is_there {
        app.store.begin_removal(&tenant, app.now()).await?;
        objects += archive.remove_objects(&tenant).await?;
        items += app.store.remove_tenant(&tenant, app.now()).await?;
        // An export that was under way may have published something meanwhile.
        objects += archive.remove_objects(&tenant).await?;
    }
    match app.is_served() {
        Some(_) => drop(end(&app, &tenant, REMOVAL).await?),
        None => objects += end_removal_of_stack(&app, &tenant).await?,
    }
    app.close().await?;
    let value = json!({"tenant": tenant, "items": items, "objects": objects});
    answer(common.json, &value, || {
        let (items, objects) = (plural(items, "item", "items"), plural(objects, "object", "objects"));
        format!("{tenant} is removed: {items} and {objects}.")
    });
    Ok(())
}

/// Waits until nothing that was under way when a removal began can store anything any more, and looks once more. Returns
/// how many objects that found. A stack's own functions can't do it: none may read the whole table.
async fn end_removal_of_stack(app: &App, tenant: &TenantId) -> Result<u64, BoxError> {
    let (mut objects, mut is_said) = (0, false);
    while let Some(erasing) = open(app, tenant, REMOVAL).await? {
        let due = erasing.due_at();
        if app.now() < due {
            if !is_said {
                crate::output::note(format!(
                    "Nothing of {tenant} is left. What was under way may still be stored: this command waits until {} \
                     and looks once more. If you stop it, the same command does that later.",
                    instant(due)
                ));
                is_said = true;
            }
            tokio::time::sleep(LOOK).await;
            continue;
        }
        if app.store.tenant(tenant).await?.is_none() {
            objects += app.exporter.archive().remove_objects(tenant).await?;
        }
        app.store.end_erasing_of_table(&erasing, app.now()).await?;
    }
    Ok(objects)
}

/// Asks on the terminal; without one nobody can confirm.
fn is_confirmed(tenant: &TenantId) -> Result<bool, BoxError> {
    if !std::io::stdin().is_terminal() {
        return Ok(false);
    }
    crate::output::note(format!("This removes {tenant} and all of its enrollments and files for good. Type its name:"));
    let mut typed = String::new();
    std::io::stdin().lock().read_line(&mut typed)?;
    Ok(typed.trim() == tenant.as_str())
}
