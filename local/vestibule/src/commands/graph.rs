//! `graph`: reads Microsoft Graph's lists for a tenant with its own app registration.
//!
//! Must stay true: a client secret is read from standard input only, and appears in no argument, answer or log.

use crate::app::App;
use crate::cli::{Common, GraphCommand};
use crate::output::{Lines, answer, note};
use admin_api::pull_status;
use console::Term;
use graph_pull::{List, Read, Which};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::io::{BufRead as _, IsTerminal as _, Read as _};
use vestibule_domain::pull::{OPTIONAL_LISTS, not_chosen};
use vestibule_domain::{Day, TenantId, Timestamp};
use vestibule_graph::{Cloud, Credentials};
use vestibule_platform::BoxError;
use vestibule_store::{PullApp, Secret, Tenant};
use vestibule_webhook::sources::graph_managed_devices;
use vestibule_words::form::{instant_of, plural};
use vestibule_words::{List as Words, words as words_of};

/// Most bytes read of a line of standard input.
const MOST_BYTES: u64 = 4_096;

pub async fn run(command: GraphCommand) -> Result<(), BoxError> {
    match command {
        GraphCommand::Add { name, directory, client, cloud, expires, with, common } => {
            let cloud = Cloud::named(&cloud).ok_or("--cloud must be global, us-government or china")?;
            let expires_at = expires.as_deref().map(day).transpose()?;
            let secret = read_secret()?;
            Credentials::new(&directory, &client, &secret)?;
            let app = App::open(&common.place).await?;
            let cloud = cloud.name().to_owned();
            let chosen = with.into_iter().collect();
            let registration = PullApp { directory, client, cloud, added_at: app.now(), expires_at, chosen };
            let added = set(&app, &name, registration, &secret).await;
            app.close().await?;
            let (tenant, chosen) = added?;
            let advice = advice(&tenant);
            let mut value = choice(&tenant.id, &chosen);
            if let Some(advice) = &advice {
                value["advice"] = json!(advice);
            }
            answer(common.json, &value, || {
                let mut lines = Lines::default();
                writeln!(lines, "Graph's lists are read for {name} from now on, by `serve` every five minutes.");
                writeln!(lines, "Whether its permissions are enough says: vestibule graph check {name}");
                if let Some(command) = advice {
                    lines.blank();
                    lines.own_text(
                        "The list of devices says when each became compliant. So that attempts complete then, and not \
                         when a\nsender that can't know assumes it:",
                    );
                    lines.line(command);
                }
                lines
            });
        }
        GraphCommand::Set { name, with, without, common } => {
            let app = App::open(&common.place).await?;
            let chosen = choose(&app, &name, &with, &without).await;
            app.close().await?;
            let (tenant, chosen) = chosen?;
            answer(common.json, &choice(&tenant.id, &chosen), || {
                let read: Vec<&str> = List::read_with(&chosen).map(|list| list.name).collect();
                let mut lines = Lines::from(format!("Read for {name}: {}.", read.join(", ")));
                lines.extend(besides(&not_chosen(&chosen)));
                lines
            });
        }
        GraphCommand::Rotate { name, expires, common } => {
            let expires_at = expires.as_deref().map(day).transpose()?;
            let secret = read_secret()?;
            let app = App::open(&common.place).await?;
            let rotated = rotate(&app, &name, &secret, expires_at).await;
            app.close().await?;
            rotated?;
            answer(common.json, &json!({"tenant": name, "rotated": true}), || {
                "The secret is replaced; all lists are due now.".to_owned()
            });
        }
        GraphCommand::Check { name, common } => check(&name, &common).await?,
        GraphCommand::List { name, common } => {
            let app = App::look(&common.place).await?;
            let shown = shown(&app, &name).await;
            app.close().await?;
            let shown = shown?;
            answer(common.json, &json!({"tenant": name, "graphPull": shown}), || words(&shown));
        }
        GraphCommand::Run { name, common } => run_now(&name, &common).await?,
        GraphCommand::Remove { name, common } => {
            let app = App::open(&common.place).await?;
            let removed = remove(&app, &name).await;
            app.close().await?;
            let removed = removed?;
            answer(common.json, &json!({"tenant": name, "removed": removed}), || {
                let words = if removed {
                    "Nothing more is read, and the secret is forgotten. Revoke it in Entra as well."
                } else {
                    "Nothing was read."
                };
                words.to_owned()
            });
        }
    }
    Ok(())
}

fn read_secret() -> Result<String, BoxError> {
    read_line("Client secret, then Enter (it is not shown):", "there is no client secret on standard input")
}

/// The first line of standard input. It is not shown while it is typed.
pub(super) fn read_line(prompt: &str, missing: &'static str) -> Result<String, BoxError> {
    let terminal = [Term::stderr(), Term::stdout()].into_iter().find(Term::is_term);
    let line = match terminal.filter(|_| std::io::stdin().is_terminal()) {
        Some(terminal) => {
            note(prompt);
            terminal.read_secure_line()?
        }
        None => {
            let mut line = String::new();
            std::io::stdin().lock().take(MOST_BYTES).read_line(&mut line)?;
            line
        }
    };
    let secret = line.trim();
    if secret.is_empty() {
        return Err(missing.into());
    }
    Ok(secret.to_owned())
}

/// The instant at which a day begins, in UTC.
fn day(text: &str) -> Result<Timestamp, BoxError> {
    let wrong = "--expires must be a date like 2027-01-31";
    Day::parse(text).map_err(|_| wrong)?;
    Ok(Timestamp::parse(&format!("{text}T00:00:00Z")).map_err(|_| wrong)?)
}

async fn set(
    app: &App,
    name: &str,
    mut registration: PullApp,
    secret: &str,
) -> Result<(Tenant, BTreeSet<String>), BoxError> {
    let tenant = app.tenant(name).await?;
    if let Some(before) = app.store.pull(&tenant.id).await? {
        registration.chosen.extend(before.app.chosen);
    }
    let chosen = registration.chosen.clone();
    app.store.set_pull(&tenant.id, registration, &Secret::new(secret), app.now()).await?;
    Ok((tenant, chosen))
}

async fn choose(
    app: &App,
    name: &str,
    with: &[String],
    without: &[String],
) -> Result<(Tenant, BTreeSet<String>), BoxError> {
    let tenant = app.tenant(name).await?;
    let change = |chosen: &mut BTreeSet<String>| {
        chosen.extend(with.iter().cloned());
        chosen.retain(|list| !without.contains(list));
    };
    let chosen = app.store.choose_pull_lists(&tenant.id, change, app.now()).await?.ok_or_else(|| nothing(name))?.chosen;
    Ok((tenant, chosen))
}

/// The lists that are read, and the optional lists that are not.
fn choice(tenant: &TenantId, chosen: &BTreeSet<String>) -> Value {
    let lists: Vec<&str> = List::read_with(chosen).map(|list| list.name).collect();
    json!({"tenant": tenant, "lists": lists, "notChosen": not_chosen(chosen)})
}

/// The optional lists that are not read, in words.
fn besides(names: &[&str]) -> Option<String> {
    let named = names.join(", ");
    (!names.is_empty())
        .then(|| format!("Optional, each with one more permission: {named} (graph set NAME --with LIST)"))
}

async fn rotate(app: &App, name: &str, secret: &str, expires_at: Option<Timestamp>) -> Result<(), BoxError> {
    let tenant = app.tenant(name).await?;
    let pull = app.store.pull(&tenant.id).await?.ok_or_else(|| nothing(name))?;
    Credentials::new(&pull.app.directory, &pull.app.client, secret)?;
    let registration = PullApp { added_at: app.now(), expires_at, ..pull.app };
    Ok(app.store.set_pull(&tenant.id, registration, &Secret::new(secret), app.now()).await?)
}

async fn remove(app: &App, name: &str) -> Result<bool, BoxError> {
    let tenant = app.tenant(name).await?;
    Ok(app.store.remove_pull(&tenant.id).await?)
}

async fn shown(app: &App, name: &str) -> Result<Option<Value>, BoxError> {
    let tenant = app.tenant(name).await?;
    Ok(pull_status(&app.store, &tenant.id, app.now()).await?)
}

fn nothing(name: &str) -> String {
    format!("nothing is read for {name}: `graph add` begins it")
}

/// The setting to advise if no source of compliance is chosen: the list of devices reports it.
fn advice(tenant: &Tenant) -> Option<String> {
    let is_named = tenant.settings.compliance_source.of(None).is_some();
    (!is_named)
        .then(|| format!("vestibule tenant set {} complianceSource={}", tenant.id, graph_managed_devices::SOURCE))
}

async fn check(name: &str, common: &Common) -> Result<(), BoxError> {
    let app = App::open(&common.place).await?;
    let checked = match app.tenant(name).await {
        Ok(tenant) => app.pull.puller().check(&tenant.id).await,
        Err(error) => Err(error),
    };
    app.close().await?;
    let checked = checked?;
    let complete = checked.iter().all(|one| one.ok);
    let others: Vec<&str> =
        OPTIONAL_LISTS.into_iter().filter(|list| checked.iter().all(|one| one.list != *list)).collect();
    answer(common.json, &json!({"tenant": name, "complete": complete, "lists": checked, "notChosen": others}), || {
        let line = |one: &graph_pull::Checked| format!("{:<24} {}", words_of(Words::PulledList, one.list), one.found);
        checked.iter().map(line).chain(besides(&others)).collect::<Lines>()
    });
    if complete { Ok(()) } else { Err("not every list can be read".into()) }
}

async fn run_now(name: &str, common: &Common) -> Result<(), BoxError> {
    let app = App::open(&common.place).await?;
    let read = read_all(&app, name).await;
    app.close().await?;
    let lists = read?;
    let failed = lists.iter().any(|read| read.problem.is_some());
    answer(common.json, &json!({"tenant": name, "lists": lists}), || {
        let line = |Read { list, rows, new, problem, .. }: &Read| {
            let problem = problem.as_ref().map_or_else(String::new, |problem| format!("  {problem}"));
            let (name, records) = (words_of(Words::PulledList, list), plural(*rows, "record", "records"));
            format!("{name:<24} {records:>16}, {new} new{problem}")
        };
        lists.iter().map(line).collect::<Lines>()
    });
    if failed { Err("not every list was read".into()) } else { Ok(()) }
}

/// Reads all lists, in as many runs as that takes.
async fn read_all(app: &App, name: &str) -> Result<Vec<Read>, BoxError> {
    let tenant = app.tenant(name).await?;
    app.store.pull(&tenant.id).await?.ok_or_else(|| nothing(name))?;
    let (mut lists, mut which) = (Vec::<Read>::new(), Which::All);
    loop {
        let ran = app.pull.puller().run(&tenant.id, which).await?;
        if ran.under_way {
            return Err(format!("the lists of {name} are being read: try again in a minute").into());
        }
        for read in ran.lists {
            match lists.iter_mut().find(|known| known.list == read.list) {
                Some(known) => *known = Read { new: known.new + read.new, ..read },
                None => lists.push(read),
            }
        }
        if !ran.unfinished {
            return Ok(lists);
        }
        note(format!("{name}: it goes on …"));
        which = Which::Due;
    }
}

/// The state of the lists, in words.
fn words(shown: &Option<Value>) -> Lines {
    let Some(shown) = shown else { return "Nothing is read.".to_owned().into() };
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let at = |value: &Value| value.as_str().map_or_else(|| "-".to_owned(), instant_of);
    let mut lines = vec![format!(
        "directory {}, client {}, cloud {}",
        text(&shown["directory"]),
        text(&shown["client"]),
        words_of(Words::Cloud, &text(&shown["cloud"]))
    )];
    if shown["secretExpiresSoon"] == json!(true) {
        lines.push(format!("THE SECRET EXPIRES on {}: `graph rotate` it", at(&shown["secretExpiresAt"])));
    }
    for list in shown["lists"].as_array().into_iter().flatten() {
        let rows = list["rows"].as_u64().unwrap_or(0);
        let name = text(&list["list"]);
        let (name, read) = (words_of(Words::PulledList, &name), at(&list["lastReadAt"]));
        lines.push(format!("{name:<24} last read {read}, {}", plural(rows, "record", "records")));
        if let Some(problem) = list["problem"]["text"].as_str() {
            lines.push(format!("    {}: {problem}", at(&list["problem"]["at"])));
        }
    }
    let others: Vec<&str> = shown["notChosen"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    lines.into_iter().chain(besides(&others)).collect()
}
