//! The lists that are pulled for a tenant, and their state. The secret of the app registration is never read here.

use serde_json::{Value, json};
use vestibule_domain::pull::{is_read, not_chosen};
use vestibule_domain::{Millis, TenantId, Timestamp};
use vestibule_report::diagnosis::{Covers, SilentSender, Why};
use vestibule_store::{Pull, PullApp, PullList, Store, StoreError, Tenant};
use vestibule_webhook::sources::Sender;

/// How long before a secret expires the answer says so.
const SOON: Millis = Millis::from_days(30);
/// Data that was read longer ago may be out of date.
const OLD: Millis = Millis::from_minutes(60);

/// The lists that are pulled for a tenant, as the API and the program answer them; `None` if nothing is pulled.
///
/// # Errors
/// When the table can't be read.
pub async fn pull_status(store: &Store, tenant: &TenantId, now: Timestamp) -> Result<Option<Value>, StoreError> {
    let Some(Pull { app, lease, .. }) = store.pull(tenant).await? else { return Ok(None) };
    let lists = store.pull_lists(tenant).await?;
    let PullApp { directory, client, cloud, added_at, expires_at, chosen } = app;
    let lists = lists.iter().filter(|(name, _)| is_read(name, &chosen));
    let lists: Vec<Value> = lists.map(|(name, list)| shown(name, list)).collect();
    Ok(Some(json!({
        "directory": directory,
        "client": client,
        "cloud": cloud,
        "addedAt": added_at.to_string(),
        "secretExpiresAt": expires_at.map(|at| at.to_string()),
        "secretExpiresSoon": expires_at.is_some_and(|at| at - now <= SOON),
        "reading": lease.is_some_and(|lease| lease.until > now),
        "lists": lists,
        "notChosen": not_chosen(&chosen),
    })))
}

/// The lists that could not be read for an hour, each with the name of the sender that posts the same.
///
/// # Errors
/// When the table can't be read.
pub(crate) async fn unread(store: &Store, tenant: &Tenant, now: Timestamp) -> Result<Vec<SilentSender>, StoreError> {
    let Some(Pull { app, .. }) = store.pull(&tenant.id).await? else { return Ok(Vec::new()) };
    let unread = |(name, list): (&String, &PullList)| {
        let since = list.last_ok.unwrap_or(app.added_at);
        let problem = list.last_error.as_ref().filter(|_| list.failures > 0 && now - since >= OLD)?;
        let sender = Sender::named(&format!("graph-{name}"))?;
        let covers = Covers::Source(sender.source?.to_owned());
        Some(SilentSender { title: sender.title.to_owned(), covers, since, why: Why::Unread(problem.clone()) })
    };
    Ok(store.pull_lists(&tenant.id).await?.iter().filter_map(unread).collect())
}

fn shown(name: &str, list: &PullList) -> Value {
    let at = |at: Option<Timestamp>| at.map(|at| at.to_string());
    let problem = list.last_error.as_ref().map(|text| {
        json!({"at": at(list.last_error_at), "status": list.last_status, "failures": list.failures, "text": text})
    });
    json!({
        "list": name,
        "lastReadAt": at(list.last_ok),
        "rows": list.rows,
        "nextDueAt": list.due_at().to_string(),
        "unfinished": list.unfinished.is_some(),
        "problem": problem,
    })
}
