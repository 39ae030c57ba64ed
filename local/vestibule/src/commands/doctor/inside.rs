//! Looks at what is stored: the table, the newest files, erasures under way, what was not delivered, and the senders.

use super::Finding;
use crate::app::App;
use crate::target::Target;
use admin_api::{SourceLog, source_logs};
use std::path::Path;
use vestibule_archive::Lost;
use vestibule_domain::{Millis, Timestamp};
use vestibule_host::dynamodb::check_file;
use vestibule_platform::BoxError;
use vestibule_store::Tenant;
use vestibule_words::form::{count, instant, plural};

/// How long an erasure may take: by then the nightly file was made.
const MOST_MINUTES: i64 = 24 * 60;
/// How long an enrollment may be due. The sweep runs every minute.
const MOST_OVERDUE: Millis = Millis::from_minutes(5);
/// Most unreadable changes that are counted.
const MOST_LETTERS: usize = 1_000;

/// Looks at everything in the folder or the stack.
pub async fn look(app: &App, now: Timestamp, findings: &mut Vec<Finding>) {
    findings.push(match app.is_served() {
        None => sweep(app, now).await,
        Some(false) => Finding::look(
            "serve",
            "no `vestibule serve` runs on this folder",
            "start it, unless it is meant to be stopped: nothing is received, flagged or exported meanwhile",
        ),
        Some(true) => Finding::fine("serve", "`vestibule serve` runs on this folder"),
    });
    if let Target::Folder(data) = &app.target {
        findings.push(table(data).await);
        findings.extend(set_aside(data));
    }
    match app.store.dead_letters(MOST_LETTERS).await {
        Ok(letters) if letters.is_empty() => {}
        Ok(letters) => findings.push(Finding::look(
            "changes",
            {
                let changes = plural(letters.len() as u64, "change", "changes");
                format!("{changes} could not be published, as nothing could read what changed")
            },
            "`vestibule tenant list --json` names their items; when a release reads them, `vestibule republish NAME --key KEY`",
        )),
        Err(error) => findings.push(unreadable("changes", &error)),
    }
    let tenants = match tenants(app).await {
        Ok(tenants) => tenants,
        Err(error) => {
            findings.push(unreadable("tenants", &*error));
            return;
        }
    };
    match files(app, &tenants, now).await {
        Ok(found) => findings.extend(found),
        Err(error) => findings.push(unreadable("files", &*error)),
    }
    match erasures(app, now).await {
        Ok(found) => findings.extend(found),
        Err(error) => findings.push(unreadable("erasures", &*error)),
    }
    match senders(app, &tenants, now).await {
        Ok(found) => findings.extend(found),
        Err(error) => findings.push(unreadable("senders", &*error)),
    }
}

fn unreadable(check: &'static str, error: &(dyn std::error::Error + Send + Sync + 'static)) -> Finding {
    Finding::failed(check, format!("cannot be read: {error}"), "run `vestibule verify`, which names each part")
}

/// Whether the stack's sweep keeps up. Nobody here sees when it ran last.
async fn sweep(app: &App, now: Timestamp) -> Finding {
    match app.store.due(now - MOST_OVERDUE).await {
        Ok(due) if due.is_empty() => Finding::fine("sweep", "no enrollment is overdue"),
        Ok(due) => Finding::failed(
            "sweep",
            format!("{} due for five minutes and more", plural(due.len() as u64, "enrollment", "enrollments")),
            "see the log of the function abandonment-sweep and whether its rule is enabled: nothing is flagged meanwhile. \
             `vestibule sweep` does it now",
        ),
        Err(error) => unreadable("sweep", &error),
    }
}

async fn table(data: &Path) -> Finding {
    let folder = data.to_owned();
    let checked = tokio::task::spawn_blocking(move || check_file(&folder)).await;
    let problems = match checked {
        Ok(Ok(problems)) => problems,
        Ok(Err(error)) => vec![error.to_string()],
        Err(error) => vec![error.to_string()],
    };
    match problems.is_empty() {
        true => Finding::fine("table", "it is whole"),
        false => Finding::failed(
            "table",
            problems.join("; "),
            "stop `serve`, keep the folder, and restore the newest backup into an empty one; look at the disk",
        ),
    }
}

async fn tenants(app: &App) -> Result<Vec<Tenant>, BoxError> {
    let mut tenants = Vec::new();
    for id in app.store.tenants().await? {
        tenants.extend(app.store.tenant(&id).await?);
    }
    Ok(tenants)
}

/// Each tenant's newest file: whether all of it is there, and whether it is of a time that has come.
async fn files(app: &App, tenants: &[Tenant], now: Timestamp) -> Result<Vec<Finding>, BoxError> {
    let (mut found, mut whole) = (Vec::new(), 0);
    for tenant in tenants {
        let Some(newest) = app.store.latest_file(&tenant.id).await? else { continue };
        if newest.is_ahead(now) {
            found.push(Finding::look(
                "files",
                format!("the newest file of {} is as of {}, which has not come", tenant.id, instant(newest.as_of)),
                "a clock was ahead: if this machine's is right now, the next export replaces it",
            ));
        }
        let lost = app.exporter.archive().verify_file(&tenant.id, &newest).await?;
        whole += usize::from(lost.is_empty());
        found.extend(lost.iter().map(|Lost { file, object, why }| {
            Finding::failed(
                "files",
                format!("{} of {} as of {}: {why}", object.name(), tenant.id, instant(file.as_of)),
                format!("vestibule rebuild {} publishes it anew from the table; look at the disk", tenant.id),
            )
        }));
    }
    if found.is_empty() {
        let tenants = plural(whole as u64, "tenant", "tenants");
        found.push(Finding::fine("files", format!("the newest files of {tenants} are whole")));
    }
    Ok(found)
}

/// The erasures that have not ended: how old each is, and what it waits for.
async fn erasures(app: &App, now: Timestamp) -> Result<Vec<Finding>, BoxError> {
    let mut found = Vec::new();
    let under_way = app.store.erasures_under_way(now).await?;
    if let Some(oldest) = under_way.left.iter().min_by_key(|page| page.written) {
        found.push(Finding::look(
            "erasures",
            format!(
                "{} left of erasures that never began, or that ended; the oldest is of {} and of {}",
                plural(under_way.left.len() as u64, "page", "pages"),
                oldest.tenant,
                instant(oldest.written)
            ),
            "the next sweep deletes them; they have hashes, and no names. If they stay, see its log for the reason",
        ));
    }
    for search in under_way.searches {
        let (runner, action) = match app.is_served() {
            Some(false) => ("`vestibule serve`", "start it"),
            Some(true) => ("the running `vestibule serve`", "if it stays, see its log for the reason"),
            None => ("the stack's sweep", "if it stays, see the log of the function abandonment-sweep"),
        };
        let (tenant, at) = (search.tenant(), search.asked().at);
        let looked = plural(search.enrollments_looked_at(), "enrollment was read", "enrollments were read");
        found.push(open_erasure(
            &format!("an erasure of {tenant}"),
            at,
            &format!("{runner}, which searches for whom it is about: {looked} so far"),
            action.to_owned(),
            now,
        ));
    }
    for erasing in under_way.erasings {
        let tenant = &erasing.tenant;
        let (waits_for, action) = if erasing.of_tenant() && (!erasing.files_done() || app.is_served().is_none()) {
            ("the command that removes it".to_owned(), format!("`vestibule tenant remove {tenant}` goes on with it"))
        } else if erasing.files_done() {
            let (waits_for, action) = match app.is_served() {
                Some(false) => ("`vestibule serve`, which deletes what is left", "start it"),
                Some(true) => (
                    "the running `vestibule serve`, which deletes what is left",
                    "if it stays, see its log for the reason",
                ),
                None => (
                    "the stack's sweep, which deletes what is left",
                    "if it stays, see the log of the function abandonment-sweep",
                ),
            };
            (waits_for.to_owned(), action.to_owned())
        } else {
            let exports = app.store.exports(tenant).await?.at(now);
            let waits_for = match (&exports.lease, exports.left_alone_until(now)) {
                (Some(lease), _) => format!("an export that is under way until {} at the latest", instant(lease.until)),
                (None, Some(until)) => {
                    let failures = count(exports.failures.into());
                    format!("an export; {failures} failed, and the next is tried after {}", instant(until))
                }
                (None, None) => "a file without whom it erased".to_owned(),
            };
            (waits_for, format!("`vestibule export {tenant}` makes that file now, or says why it can't"))
        };
        let what = if erasing.of_tenant() { "the removal" } else { "an erasure" };
        found.push(open_erasure(&format!("{what} of {tenant}"), erasing.at(), &waits_for, action, now));
    }
    if found.is_empty() {
        found.push(Finding::fine("erasures", "all have ended"));
    }
    Ok(found)
}

/// An erasure that was asked for at an instant and has not ended.
fn open_erasure(what: &str, at: Timestamp, waits_for: &str, action: String, now: Timestamp) -> Finding {
    let minutes = (now - at).get().max(0) / 60_000;
    let age = match minutes {
        0..120 => plural(minutes.unsigned_abs(), "minute", "minutes"),
        _ => plural(minutes.unsigned_abs() / 60, "hour", "hours"),
    };
    let says = format!("{what} of {} has not ended after {age}: it waits for {waits_for}", instant(at));
    match minutes < MOST_MINUTES {
        true => Finding::look("erasures", says, action),
        false => Finding::failed("erasures", says, action),
    }
}

/// What nobody takes any more: events of the bus that a function kept refusing, and damaged objects.
fn set_aside(data: &Path) -> Vec<Finding> {
    let mut found = Vec::new();
    let letters = data.join("bus/dead-letters.ndjson");
    if std::fs::metadata(&letters).is_ok_and(|letters| letters.len() > 0) {
        found.push(Finding::look(
            "bus",
            format!("{} has events that a function refused four times", letters.display()),
            "see the log of `serve` for the reason; a missing file is requested again by itself. Remove the file when done",
        ));
    }
    let damaged = data.join("files/damaged");
    let number = std::fs::read_dir(&damaged).map_or(0, Iterator::count);
    if number > 0 {
        found.push(Finding::look(
            "files",
            format!("{} has {number} damaged objects that were replaced", damaged.display()),
            "look at the disk (smartctl, the kernel's log); remove them when done",
        ));
    }
    found
}

async fn senders(app: &App, tenants: &[Tenant], now: Timestamp) -> Result<Vec<Finding>, BoxError> {
    let (mut found, mut in_use) = (Vec::new(), 0);
    for tenant in tenants {
        let logs = source_logs(&app.store, tenant, now).await?;
        let heard = |log: &&SourceLog| log.newest.last_heard.is_some();
        in_use += logs.iter().filter(heard).count();
        found.extend(logs.iter().filter_map(|log| {
            let silence = log.silence()?;
            Some(Finding::look(
                "senders",
                format!(
                    "{} of {} was heard last at {}, {} hours ago; usually at most {}",
                    log.source.name,
                    tenant.id,
                    instant(silence.since),
                    silence.hours,
                    silence.usual_longest_hours
                ),
                format!(
                    "vestibule source list {} shows its last refusal; docs/SOURCES.md says how to set it up",
                    tenant.id
                ),
            ))
        }));
    }
    if found.is_empty() {
        let heard = plural(in_use as u64, "source", "sources");
        let says = format!("{heard} heard in five weeks, and none of them fell silent");
        found.push(Finding::fine("senders", says));
    }
    Ok(found)
}
