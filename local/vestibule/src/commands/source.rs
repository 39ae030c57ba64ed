//! `source`: the senders that do not post CloudEvents, their secrets, and the settings to make in them.

mod files;

use crate::app::App;
use crate::cli::SourceCommand;
use crate::output::{Lines, answer, note};
use admin_api::{SourceLog, add_source_secret, sender_address, source_logs};
use http::Request;
use serde_json::{Value, json};
use vestibule_domain::esp::EspDetail;
use vestibule_domain::event::{Body, Event};
use vestibule_domain::{Reports, Timestamp};
use vestibule_platform::{BoxError, credentials::new_source_secret};
use vestibule_store::{Refusal, Secret, SourceSecret, SourceSettings, Tenant};
use vestibule_webhook::cloudevents::Parsed;
use vestibule_webhook::proof::Proof;
use vestibule_webhook::sources::{COMPLETES, Completes, SENDERS, Sender};

pub async fn run(command: SourceCommand) -> Result<(), BoxError> {
    match command {
        SourceCommand::Add { name, source, url, reports, ignore_awaiting_configuration, common } => {
            let source = find(&source)?;
            let set = Set::read(source, reports.as_deref(), ignore_awaiting_configuration)?;
            let app = App::open(&common.place).await?;
            let url = app.address_for(source, url)?;
            files::check(source, &url)?;
            let (added, kept) = (add(&app, &name, source, &set).await, app.folder());
            app.close().await?;
            let (tenant, secret) = added?;
            let url = sender_address(&url, &tenant, source, secret.as_deref().unwrap_or_default());
            let settings = source.settings(&url, secret.as_deref().unwrap_or("the webhook secret"));
            let reports = effective(&tenant, source);
            let mut value = json!({
                "tenant": tenant.id, "source": source.name, "url": url, "settings": settings, "reports": reports,
            });
            if let Some(secret) = &secret {
                value["secret"] = json!(secret);
            }
            let folder = files::write(&kept, &tenant, source, &url, secret.as_deref().unwrap_or_default())?;
            if let Some(folder) = &folder {
                value["folder"] = json!(folder);
                if !url.starts_with("https://") {
                    note(
                        "What is deployed posts to an address with https alone: add it again with --url https://HOST.",
                    );
                }
            }
            let advice = advice(&tenant, source);
            if !advice.is_empty() {
                value["advice"] = json!(advice);
            }
            answer(common.json, &value, || {
                let mut lines = Lines::default();
                writeln!(lines, "url     {url}");
                match secret {
                    None => {
                        lines.line("It is signed with the tenant's webhook secret (`secret rotate` makes a new one).")
                    }
                    Some(secret) => lines.extend([format!("secret  {secret}"), "It is not shown again.".to_owned()]),
                }
                writeln!(lines, "reports {}", reports.words().collect::<Vec<_>>().join(", "));
                lines.blank();
                lines.own_text(&settings);
                if let Some(folder) = folder {
                    lines.blank();
                    writeln!(lines, "What to deploy is in {}; it has the secret.", folder.display());
                    lines.line("README.txt there says how.");
                }
                for command in advice {
                    lines.blank();
                    lines.line("Two senders report the end of one set-up; name the later one:");
                    lines.line(command);
                }
                lines
            });
        }
        SourceCommand::List { name, common } => {
            let app = App::look(&common.place).await?;
            let tenant = app.tenant(&name).await;
            let logs = match &tenant {
                Ok(tenant) => source_logs(&app.store, tenant, app.now()).await,
                Err(_) => Ok(Vec::new()),
            };
            app.close().await?;
            let (tenant, logs) = (tenant?, logs?);
            let shown = |log: &SourceLog| {
                let mut shown = log.shown();
                shown["reports"] = json!(effective(&tenant, log.source));
                shown
            };
            let shown: Vec<Value> = logs.iter().map(shown).collect();
            answer(common.json, &json!({"tenant": tenant.id, "sources": shown}), || {
                logs.iter().flat_map(|log| lines_of(&tenant, log)).collect::<Lines>()
            });
        }
        SourceCommand::Remove { name, source, common } => {
            let source = find(&source)?;
            let app = App::open(&common.place).await?;
            let mut removed = 0;
            let changed = app.change(&name, |tenant| {
                let before = tenant.sources.len();
                tenant.sources.retain(|one| one.source != source.name);
                removed = removed.max(before - tenant.sources.len());
                Ok(())
            });
            let (tenant, ()) = changed.await?;
            app.close().await?;
            answer(common.json, &json!({"tenant": tenant.id, "removed": removed}), || {
                format!("{removed} secret(s) removed.")
            });
        }
        SourceCommand::Test { name, source, file, common } => {
            let source = find(&source)?;
            let app = App::open(&common.place).await?;
            let body = file.as_ref().map(std::fs::read).transpose();
            let tested = match body {
                Ok(body) => test(&app, &name, source, body).await,
                Err(error) => Err(error.into()),
            };
            app.close().await?;
            let events = tested?;
            let value = json!({"tenant": name, "source": source.name, "events": events});
            answer(common.json, &value, || {
                let what = if file.is_some() { "The body" } else { "A sample" };
                let mut lines = Lines::from(format!("{what} of {} is read, and becomes:", source.name));
                lines.extend(events.iter().map(Value::to_string));
                lines.line("Nothing was stored.");
                lines
            });
        }
    }
    Ok(())
}

/// A sender in words: its secrets, what it reports, and what was received from it, if anything.
fn lines_of(tenant: &Tenant, log: &SourceLog) -> Vec<String> {
    let secrets = if log.secrets == 0 { "-".to_owned() } else { format!("{} secret(s)", log.secrets) };
    let words: Vec<&str> = effective(tenant, log.source).words().collect();
    let mut lines = vec![format!("{:<30} {secrets:<12} {}", log.source.name, words.join(", "))];
    if let Some(heard) = log.newest.last_heard {
        let accepted = log.newest.last_accepted.map_or("never".to_owned(), |at| at.to_string());
        lines.push(format!("    last heard {heard}, last accepted {accepted}"));
        if let Some((day, of)) = log.days.last_key_value() {
            let (passed, refused) = (of.passed(), of.refusals());
            let (accepted, known) = (of.accepted, of.known);
            lines.push(format!(
                "    {day}: at least {accepted} accepted, {known} known, {passed} passed over, {refused} refused"
            ));
        }
    }
    if let Some(refusal) = &log.newest.last_refusal {
        let Refusal { at, reason, field, problem } = refusal;
        lines.push(format!("    last refusal {at}: {reason}: {}", format!("{field} {problem}").trim()));
    }
    if let Some(silence) = log.silence() {
        let (hours, usual) = (silence.hours, silence.usual_longest_hours);
        lines.push(format!("    SILENT for {hours} hours; usually at most {usual}"));
    }
    lines
}

/// The settings of a source besides its secret.
#[derive(Default)]
struct Set {
    /// What it reports. `Some(None)` resets it to the default.
    reports: Option<Option<Reports>>,
    ignore_awaiting_configuration: Option<bool>,
}

impl Set {
    fn read(source: &Sender, reports: Option<&[String]>, ignore: Option<bool>) -> Result<Self, BoxError> {
        let reports = match reports {
            None => None,
            Some(_) if source.source.is_some() => {
                return Err(
                    format!("what {} reports is known: --reports is for senders of CloudEvents", source.name).into()
                );
            }
            Some([all]) if all.eq_ignore_ascii_case("all") => Some(None),
            Some(words) => {
                let read = Reports::read(words.iter().map(|word| word.trim()));
                Some(Some(read.map_err(|word| format!("{word} is not something that a sender reports"))?))
            }
        };
        Ok(Self { reports, ignore_awaiting_configuration: ignore })
    }

    /// Applies the settings.
    fn apply(&self, tenant: &mut Tenant, source: &Sender) {
        let before = tenant.source_settings.get(source.name).copied().unwrap_or_default();
        let set = SourceSettings {
            reports: self.reports.unwrap_or(before.reports),
            ignore_awaiting_configuration: self
                .ignore_awaiting_configuration
                .unwrap_or(before.ignore_awaiting_configuration),
        };
        tenant.source_settings.insert(source.name.to_owned(), set);
        if set == SourceSettings::default() {
            tenant.source_settings.remove(source.name);
        }
    }
}

/// The settings to advise if a tenant has two senders for the same devices, one of which knows better when a set-up is
/// complete, and has chosen neither.
fn advice(tenant: &Tenant, source: &Sender) -> Vec<String> {
    let has = |name: &str| tenant.sources.iter().any(|one| one.source == name);
    let unnamed = |pair: &&Completes| tenant.settings.compliance_source.of(pair.platform).is_none();
    let pairs = COMPLETES.iter().filter(|pair| [pair.sender, pair.instead_of].contains(&source.name));
    let pairs = pairs.filter(|pair| has(pair.sender) && has(pair.instead_of)).filter(unnamed);
    let command = |pair: &Completes| {
        let setting = pair.platform.map_or_else(String::new, |platform| format!(".{}", platform.name()));
        format!("vestibule tenant set {} complianceSource{setting}={}", tenant.id, pair.source)
    };
    pairs.map(command).collect()
}

/// What the tenant's sender of this kind reports.
fn effective(tenant: &Tenant, source: &Sender) -> Reports {
    let set = tenant.source_settings.get(source.name).and_then(|set| set.reports);
    set.filter(|_| source.source.is_none()).unwrap_or(source.reports)
}

fn find(name: &str) -> Result<&'static Sender, BoxError> {
    let known = || SENDERS.iter().map(|source| source.name).collect::<Vec<_>>().join(", ");
    Ok(Sender::named(name).ok_or_else(|| format!("there is no source {name}; there are {}", known()))?)
}

/// Makes a secret, if the source uses one. Earlier secrets go on working.
async fn add(app: &App, name: &str, source: &Sender, set: &Set) -> Result<(Tenant, Option<String>), BoxError> {
    let secret = source.own_proof().map(|_| new_source_secret()).transpose()?;
    let new = secret.as_ref().map(|secret| SourceSecret {
        source: source.name.to_owned(),
        secret: Secret::new(secret.clone()),
        created_at: app.now(),
    });
    let changed = app.change(name, |tenant| {
        set.apply(tenant, source);
        if let Some(new) = &new {
            add_source_secret(tenant, new);
        }
        Ok(())
    });
    let (tenant, ()) = changed.await?;
    Ok((tenant, secret))
}

/// A new secret for a source that has its own.
pub async fn add_secret(app: &App, name: &str, source: &str) -> Result<String, BoxError> {
    let (_, secret) = add(app, name, find(source)?, &Set::default()).await?;
    Ok(secret.ok_or_else(|| format!("{source} has no secret of its own"))?)
}

/// Reads a sample as the webhook would, signed with the source's newest secret.
async fn test(app: &App, name: &str, source: &Sender, body: Option<Vec<u8>>) -> Result<Vec<Value>, BoxError> {
    let tenant = app.tenant(name).await?;
    let body = match body {
        Some(body) => body,
        None => source.samples.first().ok_or("there is no sample of this source")?.body.to_vec(),
    };
    let now = app.now();
    let own = tenant.source_secrets(source.name).next();
    let proof = source.proofs.iter().find(|proof| **proof == Proof::StandardWebhooks || own.is_some());
    let proof = *proof.ok_or("the source has no secret yet: `source add` makes one")?;
    let secret = match proof {
        Proof::StandardWebhooks => tenant.secrets().next().ok_or("the tenant has no webhook secret")?,
        _ => own.unwrap_or_default(),
    };
    let path = source.path(tenant.id.as_str(), proof, secret);
    let headers = proof.headers(secret, &body, now).ok_or("the webhook secret is malformed")?;
    let request = headers.into_iter().fold(Request::post(path), |request, (name, value)| request.header(name, value));
    let request = request.body(body.into())?;
    let read = app.hook().read(&request, now).await;
    let (tenant, _, batch) = read.map_err(|problem| {
        let said = serde_json::to_value(&problem).unwrap_or_default();
        let detail = said["detail"].as_str().or(said["title"].as_str()).unwrap_or_default();
        format!("the webhook answers {}: {detail}", problem.status())
    })?;
    let oldest = now - tenant.settings.retention();
    Ok(batch.events.iter().map(|parsed| shown(parsed, oldest)).collect())
}

/// What a part of a body becomes. An event before `oldest` is marked `tooOld`.
fn shown(parsed: &Parsed, oldest: Timestamp) -> Value {
    match parsed {
        Parsed::Event(event) => {
            let mut shown = json!({"type": kind(event), "time": event.time.to_string(), "device": device(event)});
            if event.placed() < oldest {
                shown["tooOld"] = json!(true);
            }
            shown
        }
        Parsed::SignIn { read, .. } => match &read.sign_in {
            // The person is not shown here either.
            Some(sign_in) => json!({
                "type": "signIn",
                "time": read.at.to_string(),
                "platform": sign_in.platform.name(),
                "steps": sign_in.steps.steps().map(|step| step.name()).collect::<Vec<_>>(),
                "opens": sign_in.steps.opens(),
            }),
            None => json!({"ignored": true, "kind": "sign-in"}),
        },
        Parsed::UnknownType { kind, .. } => json!({"ignored": true, "kind": kind}),
        Parsed::Invalid { errors, .. } => json!({"errors": errors}),
    }
}

fn kind(event: &Event) -> &'static str {
    match &event.body {
        Body::Enrollment(step) => step.kind.name(),
        Body::Esp(esp) => match esp.detail {
            EspDetail::Started(_) => "esp.started",
            EspDetail::Tracked(..) => "esp.tracked",
            EspDetail::Item(..) => "esp.item",
            EspDetail::Phase(..) => "esp.phase",
            EspDetail::Action(_) => "esp.action",
            EspDetail::Completed => "esp.completed",
            EspDetail::Failed(..) => "esp.failed",
        },
    }
}

fn device(event: &Event) -> Option<String> {
    event.about.identifiers().min().map(|identifier| identifier.value)
}
