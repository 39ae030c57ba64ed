//! `notices`: messages to people, their rules and channels.
//!
//! Must stay true: what is secret of a channel is read from standard input only, and appears in no argument, answer or log,
//! but for the key of a new signed webhook, which is shown once.

use crate::app::App;
use crate::cli::{ChannelKind, Common, NoticesCommand, Watched};
use crate::commands::graph::read_line;
use crate::output::{Lines, answer};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use vestibule_domain::Millis;
use vestibule_notices::{Bad, Channel, Keys, Policy, Quiet, Rule, To, Watch, host_of};
use vestibule_platform::BoxError;
use vestibule_platform::credentials::new_webhook_secret;
use vestibule_store::{Notices, SentNotice};
use vestibule_words::form::instant;

/// How much of the history is shown.
const MOST_SHOWN: usize = 50;

pub async fn run(command: NoticesCommand) -> Result<(), BoxError> {
    match command {
        NoticesCommand::AddChannel { name, channel, kind, server, port, user, from, to, without_tls, common } => {
            let mail = (kind == ChannelKind::Email).then(|| To::Email {
                server: server.unwrap_or_default(),
                port,
                tls: !without_tls,
                user,
                from: from.unwrap_or_default(),
                to,
            });
            add_channel(&name, channel, kind, mail, &common).await
        }
        NoticesCommand::RemoveChannel { name, channel, common } => {
            let app = App::open(&common.place).await?;
            let removed =
                async { Ok::<_, BoxError>(app.store.remove_channel(&app.tenant(&name).await?.id, &channel).await?) };
            let removed = removed.await;
            app.close().await?;
            say_removed(&common, &name, "channel", &channel, removed?)
        }
        NoticesCommand::AddRule {
            name,
            rule,
            watch,
            to,
            step,
            app,
            ends,
            esp_profile,
            esp_group,
            source,
            minutes,
            common,
        } => {
            let watch = match watch {
                Watched::StepRate => Watch::StepRate { step },
                Watched::AppRate => Watch::AppRate { app },
                Watched::Ends if ends.is_empty() => Watch::Outcomes {
                    of: BTreeSet::from([Bad::Failed, Bad::TimedOut]),
                    profiles: esp_profile.into_iter().collect(),
                    groups: esp_group.into_iter().collect(),
                },
                Watched::Ends => {
                    let of = ends.iter().filter_map(|end| Bad::read(end)).collect();
                    let groups = esp_group.into_iter().collect();
                    Watch::Outcomes { of, profiles: esp_profile.into_iter().collect(), groups }
                }
                Watched::Silent => Watch::Silent { source },
                Watched::Stuck => Watch::Stuck { minutes },
                Watched::File => Watch::FileMade,
                Watched::Weekly => Watch::Weekly,
            };
            let rule = Rule { name: rule, watch, channels: to.into_iter().collect(), muted_until: None };
            add_rule(&name, rule, &common).await
        }
        NoticesCommand::RemoveRule { name, rule, common } => {
            let removed = change(&name, &common, |notices| {
                let before = notices.rules.len();
                notices.rules.retain(|one| one.name != rule);
                Ok(notices.rules.len() < before)
            });
            let removed = removed.await?;
            say_removed(&common, &name, "rule", &rule, removed)
        }
        NoticesCommand::Set { name, digest, limit, quiet, names, address, common } => {
            let quiet = match quiet.as_deref() {
                None => None,
                Some("none") => Some(None),
                Some(text) => Some(Some(Quiet::read(text).ok_or("--quiet must be like 22:00-07:00, or none")?)),
            };
            let address = address.map(|address| checked_address(&address)).transpose()?;
            let set = |notices: &mut Notices| {
                let policy = &mut notices.policy;
                policy.digest_minutes = digest.unwrap_or(policy.digest_minutes);
                policy.limit_an_hour = limit.unwrap_or(policy.limit_an_hour);
                policy.quiet = quiet.unwrap_or(policy.quiet);
                policy.names = names.as_deref().map_or(policy.names, |names| names == "yes");
                policy.address = address.clone().or(policy.address.take());
                policy.validate().map_err(|invalid| invalid.to_string())?;
                Ok(policy.clone())
            };
            let policy = change(&name, &common, set).await?;
            answer(common.json, &json!({"tenant": name, "policy": policy}), || policy_words(&policy));
            Ok(())
        }
        NoticesCommand::List { name, common } => list(&name, &common).await,
        NoticesCommand::Test { name, channel, common } => test(&name, &channel, &common).await,
        NoticesCommand::History { name, common } => history(&name, &common).await,
        NoticesCommand::Mute { name, rule, days, common } => {
            let app = App::open(&common.place).await?;
            let until = (days > 0).then(|| app.now() + Millis::from_days(days.into()));
            let muted = changed(&app, &name, |notices| {
                let found = notices.rule_mut(&rule).map(|rule| rule.muted_until = until);
                found.ok_or_else(|| format!("there is no rule {rule}"))
            });
            let muted = muted.await;
            app.close().await?;
            muted?;
            let value = json!({"tenant": name, "rule": rule, "mutedUntil": until.map(|until| until.to_string())});
            answer(common.json, &value, || match until {
                Some(until) => format!("Nothing is said of {rule} until {}.", instant(until)),
                None => format!("{rule} is not muted any more."),
            });
            Ok(())
        }
    }
}

async fn add_channel(
    name: &str,
    channel: String,
    kind: ChannelKind,
    mail: Option<To>,
    common: &Common,
) -> Result<(), BoxError> {
    let mut keys = Keys::default();
    let to = if let Some(mail) = mail {
        if let To::Email { user: Some(_), .. } = &mail {
            keys.password =
                Some(read_line("Password, then Enter (it is not shown):", "there is no password on standard input")?);
        }
        mail
    } else {
        let url = read_line("Address, then Enter (it is not shown):", "there is no address on standard input")?;
        let host = host_of(&url)?;
        keys.url = Some(url);
        match kind {
            ChannelKind::Teams => To::Teams { host },
            ChannelKind::Slack => To::Slack { host },
            ChannelKind::Email | ChannelKind::Webhook => {
                keys.signing = Some(new_webhook_secret()?);
                To::Webhook { host }
            }
        }
    };
    let app = App::open(&common.place).await?;
    let channel = Channel { name: channel, to, added_at: app.now(), by_administrator: false };
    let added = async {
        channel.validate()?;
        let tenant = app.tenant(name).await?;
        app.store.set_channel_keys(&tenant.id, &channel.name, &keys).await?;
        let put = |notices: &mut Notices| {
            notices.channels.retain(|one| one.name != channel.name);
            notices.channels.push(channel.clone());
        };
        Ok::<_, BoxError>(app.store.change_notices(&tenant.id, put).await?)
    };
    let added = added.await;
    app.close().await?;
    added?;
    let value = json!({"tenant": name, "channel": channel, "signingKey": keys.signing});
    answer(common.json, &value, || {
        let mut lines = Lines::from(format!(
            "The channel {} is there. Try it: vestibule notices test {name} {}",
            channel.name, channel.name
        ));
        if let Some(key) = &keys.signing {
            lines.extend(Some(format!("It signs with this key, which is shown only now: {key}")));
        }
        lines
    });
    Ok(())
}

async fn add_rule(name: &str, rule: Rule, common: &Common) -> Result<(), BoxError> {
    rule.validate()?;
    let app = App::open(&common.place).await?;
    let address = app.public_address(None).ok();
    let added = changed(&app, name, |notices| {
        if let Some(unknown) = rule.channels.iter().find(|channel| notices.channel(channel).is_none()) {
            return Err(format!("there is no channel {unknown}: `notices add-channel` makes one"));
        }
        notices.policy.address = notices.policy.address.take().or_else(|| address.clone());
        notices.rules.retain(|one| one.name != rule.name);
        notices.rules.push(rule.clone());
        Ok(())
    });
    let added = added.await;
    app.close().await?;
    added?;
    answer(common.json, &json!({"tenant": name, "rule": rule}), || {
        format!("The rule {} is there; `serve` looks at it every five minutes.", rule.name)
    });
    Ok(())
}

async fn list(name: &str, common: &Common) -> Result<(), BoxError> {
    let app = App::look(&common.place).await?;
    let found = async {
        let tenant = app.tenant(name).await?;
        Ok::<_, BoxError>((app.store.notices(&tenant.id).await?, app.store.notice_state(&tenant.id).await?))
    };
    let found = found.await;
    app.close().await?;
    let (notices, state) = found?;
    let standing: Vec<Value> = state
        .standing()
        .map(|(rule, facts, since)| json!({"rule": rule, "since": since.to_string(), "facts": facts, "words": facts.words()}))
        .collect();
    let value = json!({
        "tenant": name,
        "channels": notices.channels,
        "rules": notices.rules,
        "policy": notices.policy,
        "standing": standing,
    });
    answer(common.json, &value, || {
        let mut lines = Lines::default();
        for channel in &notices.channels {
            lines.extend(Some(format!("channel {}: {} to {}", channel.name, channel.to.kind(), channel.to.place())));
        }
        for rule in &notices.rules {
            let to: Vec<&str> = rule.channels.iter().map(String::as_str).collect();
            let watch = serde_json::to_value(&rule.watch).unwrap_or_default();
            let muted = rule.muted_until.map_or_else(String::new, |until| format!(", muted until {}", instant(until)));
            lines.extend(Some(format!(
                "rule {}: {} to {}{muted}",
                rule.name,
                watch["kind"].as_str().unwrap_or_default(),
                to.join(", ")
            )));
        }
        for one in
            state.standing().map(|(rule, facts, since)| format!("since {}, {rule}: {}", instant(since), facts.words()))
        {
            lines.extend(Some(one));
        }
        lines.extend(Some(policy_words(&notices.policy)));
        lines
    });
    Ok(())
}

async fn test(name: &str, channel: &str, common: &Common) -> Result<(), BoxError> {
    let app = App::open(&common.place).await?;
    let sent = async {
        let tenant = app.tenant(name).await?;
        let notices = app.store.notices(&tenant.id).await?;
        let channel = notices.channel(channel).ok_or_else(|| format!("there is no channel {channel}"))?;
        Ok::<_, BoxError>(app.notify.test(&tenant, channel).await?)
    };
    let sent = sent.await;
    app.close().await?;
    let problem = sent?.err().map(|refusal| refusal.problem);
    answer(
        common.json,
        &json!({"tenant": name, "channel": channel, "sent": problem.is_none(), "problem": problem}),
        || {
            problem.clone().map_or_else(
                || format!("{channel} took the message."),
                |problem| format!("{channel} did not take the message: {problem}."),
            )
        },
    );
    problem.map_or(Ok(()), |_| Err("the message was not taken".into()))
}

async fn history(name: &str, common: &Common) -> Result<(), BoxError> {
    let app = App::look(&common.place).await?;
    let found = async {
        let tenant = app.tenant(name).await?;
        let sent = app.store.sent_notices(&tenant.id, MOST_SHOWN).await?;
        Ok::<_, BoxError>((sent, app.store.dead_notices(&tenant.id, MOST_SHOWN).await?))
    };
    let found = found.await;
    app.close().await?;
    let (sent, given_up) = found?;
    answer(common.json, &json!({"tenant": name, "sent": sent, "givenUp": given_up}), || {
        let mut lines = Lines::default();
        let mut show = |one: &SentNotice| {
            let what =
                one.problem.as_ref().map_or_else(|| "sent".to_owned(), |problem| format!("GIVEN UP ({problem})"));
            lines.extend(Some(format!("{} {} {what}", instant(one.at), one.channel)));
            lines.extend(one.text.lines().map(|line| format!("    {line}")));
        };
        given_up.iter().for_each(&mut show);
        sent.iter().for_each(&mut show);
        if sent.is_empty() && given_up.is_empty() {
            lines.extend(Some("Nothing was sent.".to_owned()));
        }
        lines
    });
    Ok(())
}

async fn change<T>(
    name: &str,
    common: &Common,
    change: impl Fn(&mut Notices) -> Result<T, String>,
) -> Result<T, BoxError> {
    let app = App::open(&common.place).await?;
    let done = changed(&app, name, change).await;
    app.close().await?;
    done
}

async fn changed<T>(app: &App, name: &str, change: impl Fn(&mut Notices) -> Result<T, String>) -> Result<T, BoxError> {
    let tenant = app.tenant(name).await?;
    Ok(app.store.change_notices(&tenant.id, change).await??)
}

fn checked_address(address: &str) -> Result<String, BoxError> {
    let uri: http::Uri = address.parse().map_err(|_| "--address must be like https://vestibule.example.com")?;
    let origin = || Some(format!("{}://{}", uri.scheme_str()?, uri.authority()?));
    Ok(origin().ok_or("--address must be like https://vestibule.example.com")?)
}

fn policy_words(policy: &Policy) -> String {
    let Policy { digest_minutes, limit_an_hour, quiet, names, address } = policy;
    let quiet = quiet.map_or_else(|| "no quiet hours".to_owned(), |quiet| format!("quiet {quiet}"));
    let names = if *names { "with names" } else { "without names" };
    let links = address.as_deref().map_or_else(|| "no links".to_owned(), |address| format!("links to {address}"));
    format!("messages: after {digest_minutes} minutes, at most {limit_an_hour} an hour, {quiet}, {names}, {links}")
}

fn say_removed(common: &Common, name: &str, kind: &str, which: &str, removed: bool) -> Result<(), BoxError> {
    answer(common.json, &json!({"tenant": name, kind: which, "removed": removed}), || {
        if removed { format!("The {kind} {which} is gone.") } else { format!("There was no {kind} {which}.") }
    });
    Ok(())
}
