//! Tenants, their tokens and secrets. A token or a secret is shown only once, when it is made.

use crate::app::App;
use crate::cli::{Common, SecretCommand, TenantCommand, TokenCommand};
use crate::commands::sessions;
use crate::output::{Lines, answer};
use crate::target::Target;
pub use admin_api::{add_token, new_api_token};
use admin_api::{add_webhook_secret, token_json};
use indicatif::ProgressBar;
use report_export::Outcome;
use serde_json::{Map, Value, json};
use vestibule_domain::event::Platform;
use vestibule_domain::{Millis, TenantId, TenantSettings, Timestamp};
use vestibule_platform::BoxError;
use vestibule_platform::credentials::{new_sign_in_code, new_webhook_secret, random, token_hash};
use vestibule_store::{
    ApiToken, DeadLetter, ExportReason, ItemKey, Refold, Refolding, RefusedMerge, Role, Secret, SettingsHistory,
    SignInCode, Store, StoreError, Tenant,
};
use vestibule_words::form::plural;
use vestibule_words::{List, words};

/// How long a link is valid.
const LINK: Millis = Millis::from_minutes(15);
/// Tries of adding a tenant whose name somebody else writes at the same time.
const CREATING: usize = 5;

/// A tenant that was just added.
pub struct Added {
    pub tenant: Tenant,
    pub webhook_secret: String,
    pub admin_token: String,
}

/// Adds a tenant with a webhook secret and an administrator's token.
pub async fn add(app: &App, name: &str) -> Result<Added, BoxError> {
    let id = TenantId::parse(name)?;
    let webhook_secret = new_webhook_secret()?;
    let pseudonym_key: String = random::<32>()?.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut tenant = Tenant {
        id,
        created_at: app.now(),
        settings: TenantSettings::default(),
        webhook_secrets: vec![Secret::new(webhook_secret.clone())],
        sources: Vec::new(),
        tokens: Vec::new(),
        sign_in_codes: Vec::new(),
        pseudonym_key: Secret::new(pseudonym_key).into(),
        settings_history: SettingsHistory::default(),
        source_settings: std::collections::BTreeMap::new(),
        version: 0,
        feed: None,
        sealing: vestibule_store::Sealing::default(),
    };
    let (token, admin_token) = new_api_token(app.now(), &tenant.id, Role::Admin, "first administrator", Vec::new())?;
    tenant.tokens.push(token);
    for _ in 0..CREATING {
        match app.store.create_tenant(&mut tenant).await {
            Ok(()) => return Ok(Added { tenant, webhook_secret, admin_token }),
            Err(StoreError::Exists) => break,
            // Somebody writes the same name: the next try sees whether they did.
            Err(StoreError::Conflict) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(format!("tenant {name} already exists").into())
}

/// Makes a link to the page at `url` that signs somebody in once.
pub async fn give_link(
    store: &Store,
    now: Timestamp,
    tenant: &TenantId,
    role: Role,
    url: &str,
) -> Result<String, BoxError> {
    let code = new_sign_in_code(tenant.as_str())?;
    let kept = SignInCode { sha256: token_hash(&code), role, expires_at: now + LINK };
    let changed = store.change_tenant(tenant, |tenant| {
        tenant.sign_in_codes.retain(|known| now < known.expires_at && known.sha256 != kept.sha256);
        tenant.sign_in_codes.push(kept.clone());
        Ok::<_, StoreError>(())
    });
    changed.await?.ok_or_else(|| format!("there is no tenant {tenant}"))?;
    Ok(format!("{}/#/sign-in?code={code}", url.trim_end_matches('/')))
}

/// What to do next, in the words of the page's first steps, with the command that does it.
fn next_steps(tenant: &TenantId) -> [(&'static str, String); 3] {
    [
        ("sender", format!("vestibule source list {tenant}")),
        ("settings", format!("vestibule source add {tenant} SOURCE")),
        ("event", format!("vestibule source list {tenant}")),
    ]
}

pub async fn tenant(command: TenantCommand) -> Result<(), BoxError> {
    match command {
        TenantCommand::Add { name, common } => {
            let app = App::create(&common.place).await?;
            let added = add(&app, &name).await;
            app.close().await?;
            let Added { tenant, webhook_secret, admin_token } = added?;
            let value = json!({
                "tenant": tenant.id,
                "webhookSecret": webhook_secret,
                "adminToken": admin_token,
                "webhookPath": format!("/hooks/{}/enrollment-events", tenant.id),
                "settings": tenant.settings,
                "nextSteps": next_steps(&tenant.id).map(|(step, command)| json!({"step": step, "command": command})),
            });
            answer(common.json, &value, || {
                let mut lines = Lines::from([
                    format!("Tenant {}", tenant.id),
                    format!("  webhook secret  {webhook_secret}"),
                    format!("  admin token     {admin_token}"),
                    "Neither is shown again.".to_owned(),
                ]);
                lines.blank();
                for (number, (step, command)) in (1..).zip(next_steps(&tenant.id)) {
                    writeln!(lines, "{number}. {}: {command}", words(List::FirstStep, step));
                }
                writeln!(lines, "The page has the same steps: vestibule token link {} --role admin", tenant.id);
                lines
            });
        }
        TenantCommand::List { common } => {
            let app = App::look(&common.place).await?;
            let names = app.store.tenants().await?;
            let mut tenants = Vec::new();
            for name in names {
                let latest = app.store.latest_file(&name).await?;
                let tenant = app.tenant(name.as_str()).await?;
                let refused = app.store.refused_merges(&name, MOST_SHOWN).await?;
                tenants.push(json!({
                    "refusedMerges": refused.iter().map(refused_merge).collect::<Vec<_>>(),
                    "tenant": name,
                    "createdAt": tenant.created_at.to_string(),
                    "settings": tenant.settings,
                    "latestFile": latest.map(|file| file.as_of.to_string()),
                }));
            }
            let letters = app.store.dead_letters(MOST_SHOWN).await?;
            app.close().await?;
            let letters: Vec<Value> = letters.iter().map(dead_letter).collect();
            answer(common.json, &json!({"tenants": tenants, "unreadableStreamRecords": letters}), || {
                let line = |tenant: &Value| {
                    let text = |name: &str| tenant[name].as_str().unwrap_or("none yet").to_owned();
                    let refused = tenant["refusedMerges"].as_array().map_or(0, Vec::len);
                    let refused = match refused {
                        0 => String::new(),
                        refused => format!(
                            "  {} of devices with different serial numbers refused",
                            plural(refused as u64, "merge", "merges")
                        ),
                    };
                    format!("{:<24} latest file {}{refused}", text("tenant"), text("latestFile"))
                };
                let mut lines: Lines = tenants.iter().map(line).collect();
                if !letters.is_empty() {
                    let changes = plural(letters.len() as u64, "change", "changes");
                    lines.line(format!("{changes} could not be published: see --json"));
                }
                lines
            });
        }
        TenantCommand::Remove { name, yes, common } => super::erase::remove_tenant(&name, yes, &common).await?,
        TenantCommand::Set { name, settings, common } => set(&name, &settings, &common).await?,
    }
    Ok(())
}

/// Most refused merges shown for each tenant, and most unreadable records shown in all.
const MOST_SHOWN: usize = 100;

fn refused_merge(refused: &RefusedMerge) -> Value {
    json!({
        "kept": refused.kept.as_ref().map(ItemKey::as_str),
        "other": refused.other.as_str(),
        "at": refused.at.to_string(),
    })
}

fn dead_letter(letter: &DeadLetter) -> Value {
    json!({
        "item": letter.item,
        "sequenceNumber": letter.sequence_number,
        "reason": letter.reason,
        "at": letter.at.to_string(),
    })
}

async fn set(name: &str, pairs: &[String], common: &Common) -> Result<(), BoxError> {
    let pairs = pairs.iter().map(|pair| pair.split_once('=').ok_or_else(|| format!("{pair} is not SETTING=VALUE")));
    let pairs: Vec<(&str, &str)> = pairs.collect::<Result<_, _>>()?;
    let app = App::open(&common.place).await?;
    let changed = app.change(name, |tenant| {
        let before = tenant.settings.clone();
        tenant.settings = with_pairs(&before, &pairs)?;
        Ok(before)
    });
    let (tenant, before) = changed.await?;
    let (mut file, mut applied) = (None, None);
    if tenant.settings != before {
        applied = apply(&app, &tenant, common).await?;
        // The past looks different now, so a new file must show it.
        if tenant.settings.alters_history(&before) && app.store.latest_file(&tenant.id).await?.is_some() {
            file = match app.exporter.run(&tenant.id, app.now(), ExportReason::Operator).await? {
                Outcome::Published(exported) => Some(exported.file),
                // A build in progress may use the settings before, so another must follow it.
                Outcome::UnderWay { .. } | Outcome::LeftAlone { .. } => {
                    app.store.ask_for_export(&tenant.id, app.now(), true).await?;
                    None
                }
            };
        }
    }
    app.close().await?;
    let value = json!({
        "tenant": tenant.id,
        "settings": tenant.settings,
        "rebuiltFile": file.map(|file| file.sha256),
        "foldedAgain": applied.as_ref().map(|job| job.folded),
    });
    answer(common.json, &value, || {
        let settings = serde_json::to_value(&tenant.settings).unwrap_or_default();
        let lines = settings.as_object().into_iter().flatten().map(|(name, value)| format!("{name} = {value}"));
        lines.collect::<Lines>()
    });
    Ok(())
}

/// The settings with what was typed.
fn with_pairs(before: &TenantSettings, pairs: &[(&str, &str)]) -> Result<TenantSettings, BoxError> {
    let mut patch = Map::new();
    let mut compliance = before.compliance_source.clone();
    for (setting, value) in pairs {
        let Some(platform) = setting.strip_prefix("complianceSource.") else {
            patch.insert((*setting).to_owned(), read_value(setting, value));
            continue;
        };
        let platform = Platform::read(platform).ok_or_else(|| format!("{platform} is not a platform"))?;
        compliance = compliance.with(platform, Some((*value).to_owned()).filter(|value| !value.is_empty()));
        patch.insert("complianceSource".to_owned(), serde_json::to_value(&compliance)?);
    }
    let settings = admin_api::patched(before, &Value::Object(patch));
    Ok(settings.map_err(|error| format!("{}: {}", error.field, error.problem))?)
}

/// Folds the tenant's enrollments again if the changed settings give other attempts, and shows the progress on the
/// terminal. Some writers may still use the earlier settings meanwhile; for what they create, the sweep of `serve`
/// makes a second pass within minutes.
async fn apply(app: &App, tenant: &Tenant, common: &Common) -> Result<Option<Refold>, BoxError> {
    let Some(mut job) = app.store.refold_of(&tenant.id).await? else { return Ok(None) };
    let bar = if common.json { ProgressBar::hidden() } else { ProgressBar::new_spinner() };
    loop {
        bar.set_message(format!("{} enrollments looked at, {} folded again", job.looked, job.folded));
        bar.tick();
        match app.store.go_on_refolding(job.clone(), &tenant.settings, app.now(), 1_000).await? {
            Refolding::GoesOn(further) if further.waits(app.now()) => {
                bar.finish_and_clear();
                return Ok(Some(further));
            }
            Refolding::GoesOn(further) => job = further,
            Refolding::Done(done) => {
                bar.finish_and_clear();
                return Ok(Some(done));
            }
            Refolding::Overtaken => {
                bar.finish_and_clear();
                return Ok(Some(job));
            }
        }
    }
}

/// A value as typed: JSON if it is valid JSON (numbers, true, null), otherwise text. An empty value means the default.
fn read_value(setting: &str, value: &str) -> Value {
    if value.is_empty() {
        return Value::Null;
    }
    let is_text = matches!(setting, "timeZone" | "exportAt" | "complianceSource");
    serde_json::from_str(value).ok().filter(|_| !is_text).unwrap_or_else(|| Value::String(value.to_owned()))
}

pub async fn token(command: TokenCommand) -> Result<(), BoxError> {
    match command {
        TokenCommand::Add { name, role, label, scope_tags, common } => {
            let app = App::open(&common.place).await?;
            let role = Role::from(role);
            let (kept, token) = new_api_token(app.now(), &TenantId::parse(&name)?, role, &label, scope_tags)?;
            let added = app.change(&name, |tenant| {
                add_token(tenant, &kept);
                Ok(())
            });
            let (tenant, ()) = added.await?;
            app.close().await?;
            let value = json!({"tenant": tenant.id, "id": kept.id, "role": role, "token": token});
            answer(common.json, &value, || [token, "It is not shown again.".to_owned()]);
        }
        TokenCommand::Link { name, role, url, common } => {
            let app = App::open(&common.place).await?;
            let role = Role::from(role);
            let url = app.public_address(url)?;
            let link = give_link(&app.store, app.now(), &TenantId::parse(&name)?, role, &url).await?;
            app.close().await?;
            let minutes = LINK.get() / 60_000;
            let value = json!({"tenant": name, "role": role, "url": link, "expiresInMinutes": minutes});
            answer(common.json, &value, || [link, format!("It works once, within {minutes} minutes.")]);
        }
        TokenCommand::List { name, common } => {
            let app = App::look(&common.place).await?;
            let tenant = app.tenant(&name).await?;
            app.close().await?;
            let tokens: Vec<Value> = tenant.tokens.iter().map(token_json).collect();
            answer(common.json, &json!({"tenant": tenant.id, "tokens": tokens}), || {
                let line =
                    |token: &ApiToken| format!("{}  {:?}  {}  {}", token.id, token.role, token.created_at, token.name);
                tenant.tokens.iter().map(line).collect::<Lines>()
            });
        }
        TokenCommand::Revoke { name, token, common } => {
            let app = App::open(&common.place).await?;
            let hash = token_hash(&token);
            let mut revoked = 0;
            let changed = app.change(&name, |tenant| {
                let before = tenant.tokens.len();
                tenant.tokens.retain(|known| known.id != token && known.sha256 != hash);
                revoked = revoked.max(before - tenant.tokens.len());
                Ok(())
            });
            let (tenant, ()) = changed.await?;
            app.close().await?;
            if revoked == 0 {
                return Err(format!("{name} has no such token").into());
            }
            answer(common.json, &json!({"tenant": tenant.id, "revoked": revoked}), || "Revoked.".to_owned());
        }
        TokenCommand::Sessions { name, common } => sessions::list(&name, &common).await?,
        TokenCommand::EndSessions { name, sessions, all, common } => {
            sessions::end(&name, (!all).then_some(&sessions[..]), &common).await?;
        }
    }
    Ok(())
}

/// Seals the secrets of tenants. Where there is no key, none are sealed, and the command says so.
async fn seal(names: Vec<String>, common: &Common) -> Result<(), BoxError> {
    let app = App::open(&common.place).await?;
    if matches!(app.target, Target::Folder(_)) {
        return Err("a data folder has no key to seal with: it is for the account alone that made it".into());
    }
    let tenants = match names.is_empty() {
        true => app.store.tenants().await?,
        false => names.iter().map(|name| Ok(TenantId::parse(name)?)).collect::<Result<_, BoxError>>()?,
    };
    let mut sealed = Vec::new();
    for id in tenants {
        let items = app.store.seal_secrets(&id).await?;
        if items == 0 && !names.is_empty() {
            return Err(format!("there is no tenant {id}").into());
        }
        sealed.push((id, items));
    }
    app.close().await?;
    let value: Vec<Value> = sealed.iter().map(|(id, items)| json!({"tenant": id, "items": items})).collect();
    let line = |(id, items): &(TenantId, usize)| format!("{id}: {}", plural(*items as u64, "item", "items"));
    answer(common.json, &json!({"sealed": value}), || sealed.iter().map(line).collect::<Lines>());
    Ok(())
}

pub async fn secret(command: SecretCommand) -> Result<(), BoxError> {
    let (name, revoke_others, common) = match command {
        SecretCommand::Rotate { name, revoke_others, common } => (name, revoke_others, common),
        SecretCommand::Seal { names, common } => return seal(names, &common).await,
    };
    let app = App::open(&common.place).await?;
    let secret = new_webhook_secret()?;
    let new = Secret::new(secret.clone());
    let rotated = app.change(&name, |tenant| {
        add_webhook_secret(tenant, &new, revoke_others);
        Ok(())
    });
    let (tenant, ()) = rotated.await?;
    app.close().await?;
    let valid = tenant.webhook_secrets.len();
    let value = json!({"tenant": tenant.id, "webhookSecret": secret, "validSecrets": valid});
    answer(common.json, &value, || [secret, format!("It is not shown again. Secrets that work now: {valid}.")]);
    Ok(())
}
