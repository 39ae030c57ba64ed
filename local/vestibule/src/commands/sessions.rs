//! The browsers that are signed in to a tenant: by what, and signing them out.

use crate::app::App;
use crate::cli::Common;
use crate::output::{Lines, answer};
use serde_json::{Value, json};
use vestibule_domain::Timestamp;
use vestibule_platform::BoxError;
use vestibule_store::{BrowserSession, Credential, Tenant};

/// `token sessions`: lists them, the one used last first.
pub async fn list(name: &str, common: &Common) -> Result<(), BoxError> {
    let app = App::look(&common.place).await?;
    let (tenant, now) = (app.tenant(name).await?, app.now());
    let sessions = app.store.browser_sessions(&tenant.id, now).await?;
    app.close().await?;
    let sessions: Vec<Value> = sessions.iter().filter_map(|session| shown(&tenant, session, now)).collect();
    answer(common.json, &json!({"tenant": tenant.id, "sessions": sessions}), || {
        if sessions.is_empty() {
            return Lines::from("No browser is signed in.".to_owned());
        }
        let line = |session: &Value| {
            let text = |member: &str| session[member].as_str().unwrap_or("not reported").to_owned();
            let [id, by, used, browser, role] = ["id", "by", "usedAt", "browser", "role"].map(text);
            format!("{id}  {role}  last used {used}  {browser}  by {by}")
        };
        sessions.iter().map(line).collect()
    });
    Ok(())
}

/// What is shown of a session; `None` if the token that it was made from is not valid any more, as then it opens nothing.
/// Whether the issuer of a person still publishes the key of their token, only the API finds out.
fn shown(tenant: &Tenant, session: &BrowserSession, now: Timestamp) -> Option<Value> {
    let (by, role) = match &session.credential {
        Credential::Token { sha256 } => {
            let token = tenant.token(sha256).filter(|token| token.is_good(now))?;
            (format!("token {} {}", token.id, token.name), token.role)
        }
        Credential::Person { subject, role, .. } => (format!("person {subject}"), *role),
    };
    Some(json!({
        "id": session.id(),
        "by": by.trim_end(),
        "role": role,
        "createdAt": session.created_at.to_string(),
        "usedAt": session.used_at.to_string(),
        "endsAt": session.ends_at.to_string(),
        "browser": session.browser,
    }))
}

/// `token end-sessions`: ends those with these ids, or all.
pub async fn end(name: &str, ids: Option<&[String]>, common: &Common) -> Result<(), BoxError> {
    let app = App::open(&common.place).await?;
    let tenant = app.tenant(name).await?;
    let mut sessions = app.store.browser_sessions(&tenant.id, app.now()).await?;
    let unknown = ids.into_iter().flatten().find(|id| !sessions.iter().any(|session| session.id() == id.as_str()));
    if let Some(ids) = ids.filter(|_| unknown.is_none()) {
        sessions.retain(|session| ids.iter().any(|id| session.id() == id));
    }
    if unknown.is_none() {
        for session in &sessions {
            app.store.end_browser_session(&tenant.id, session.id()).await?;
        }
    }
    app.close().await?;
    if let Some(id) = unknown {
        return Err(format!("{name} has no session {id}").into());
    }
    let ended = sessions.len();
    answer(common.json, &json!({"tenant": tenant.id, "ended": ended}), || format!("Sessions ended: {ended}."));
    Ok(())
}
