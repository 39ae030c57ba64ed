//! `republish`: publishes again what the table's stream still has, with the same ids: after a bus that lost events, or when
//! a release can read what the one before could not.
//!
//! Must stay true: what was erased meanwhile is not named on the bus again.

use crate::app::App;
use crate::cli::Common;
use crate::output::{Lines, answer};
use event_publisher::Again;
use serde_json::{Value, json};
use std::collections::HashSet;
use vestibule_domain::publication::Detail;
use vestibule_domain::{Millis, TenantId, Timestamp};
use vestibule_host::replay::{Replayed, replay};
use vestibule_platform::BoxError;
use vestibule_platform::credentials::random;
use vestibule_store::{BARRIER_PREFIX, ItemKey};
use vestibule_words::form::{instant, plural};

/// How long a stream holds a change.
const STREAM: Millis = Millis::from_days(1);
/// The stream gives whole seconds, so what was made in the second of `--since` counts as made since then.
const SECOND: Millis = Millis::from_seconds(1);

/// Which records to publish again.
struct Which<'a> {
    tenant: &'a TenantId,
    since: Option<Timestamp>,
    key: Option<&'a str>,
}

impl Which<'_> {
    fn has(&self, replayed: &Replayed) -> bool {
        let Some(key) = replayed.key() else { return false };
        let is_of_tenant = ItemKey::parse(key).is_some_and(|parsed| parsed.tenant() == self.tenant);
        let made = replayed.created_millis.map(Timestamp::from_millis);
        is_of_tenant
            && self.key.is_none_or(|wanted| wanted == key)
            && self.since.is_none_or(|since| made.is_some_and(|made| made + SECOND > since))
    }
}

pub async fn run(name: &str, since: Option<&str>, key: Option<&str>, common: &Common) -> Result<(), BoxError> {
    let wrong = "--since must be an instant like 2026-01-31T08:00:00Z";
    let since = since.map(Timestamp::parse).transpose().map_err(|_| wrong)?;
    let app = App::open(&common.place).await?;
    let done = publish(&app, name, since, key).await;
    app.close().await?;
    let Done { records, again, began, without_end } = done?;
    let out_of_reach = since.filter(|since| *since < began);
    let value = json!({
        "tenant": name,
        "records": records,
        "published": again.published,
        "unreadable": again.unreadable,
        "refused": again.refused,
        "shardsWithoutEnd": without_end,
        "streamBegins": began.to_string(),
        "wholeSince": out_of_reach.is_none(),
    });
    answer(common.json, &value, || {
        let mut lines = Lines::default();
        let records = plural(records as u64, "change", "changes");
        let published = plural(again.published as u64, "event", "events");
        writeln!(lines, "{records} published again: {published}, with the ids that they had before.");
        if again.unreadable > 0 {
            writeln!(lines, "{} can't be read.", plural(again.unreadable as u64, "change", "changes"));
        }
        if again.refused > 0 {
            let refused = plural(again.refused as u64, "event", "events");
            writeln!(lines, "{refused} refused by the bus; the log says why.");
        }
        if out_of_reach.is_some() {
            writeln!(
                lines,
                "What changed before {} is not in the stream any more and was not published.",
                instant(began)
            );
        }
        lines
    });
    if without_end > 0 {
        return Err(format!(
            "{} of the stream gave nothing for minutes before their end was seen, so something may be \
             missing; run the same command again",
            plural(without_end as u64, "shard", "shards")
        )
        .into());
    }
    match again.unreadable + again.refused {
        0 => Ok(()),
        _ => Err("some changes can't be read, or the bus refuses them, so what they publish is still missing".into()),
    }
}

/// What was done.
struct Done {
    records: usize,
    again: Again,
    /// Earlier changes are not in the stream for certain.
    began: Timestamp,
    /// Shards of which the end was not seen.
    without_end: usize,
}

async fn publish(app: &App, name: &str, since: Option<Timestamp>, key: Option<&str>) -> Result<Done, BoxError> {
    let tenant = app.tenant(name).await?;
    if let Some(key) = key.filter(|key| ItemKey::parse(key).is_none_or(|parsed| *parsed.tenant() != tenant.id)) {
        return Err(format!("{key} is not the key of an item of {name}").into());
    }
    let tombstones = app.store.tombstones(&tenant.id, &tenant.settings).await?;
    let keep = |detail: &Detail| {
        let began = Timestamp::parse(&detail.started_at).unwrap_or(Timestamp::MIN);
        tombstones.as_ref().is_none_or(|tombstones| !tombstones.names(&detail.enrollment_key, began))
    };
    let which = Which { tenant: &tenant.id, since, key };
    let mut done = Done { records: 0, again: Again::default(), began: app.now() - STREAM, without_end: 0 };
    // Barriers of no feed: they end by themselves, and publishers pass over them.
    let mark = async |marks: usize| -> Result<HashSet<String>, BoxError> {
        let id =
            |_| -> Result<String, BoxError> { Ok(random::<12>()?.iter().map(|byte| format!("{byte:02x}")).collect()) };
        let ids = (0..marks).map(id).collect::<Result<Vec<_>, _>>()?;
        app.store.put_barriers(&tenant.id, Timestamp::MIN, &ids, app.now()).await?;
        Ok(ids.iter().map(|id| format!("{BARRIER_PREFIX}{id}")).collect())
    };
    let without_end = replay::<BoxError>(&app.clients.streams, &app.table(), mark, async |records| {
        let wanted: Vec<Value> =
            records.into_iter().filter(|replayed| which.has(replayed)).map(|replayed| replayed.record).collect();
        done.records += wanted.len();
        let again = app.publisher.again(wanted, keep).await?;
        done.again.published += again.published;
        done.again.unreadable += again.unreadable;
        done.again.refused += again.refused;
        Ok(())
    })
    .await?;
    Ok(Done { without_end, ..done })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_chosen_by_tenant_key_and_time() {
        let contoso = TenantId::parse("contoso").unwrap();
        let at = Timestamp::from_millis(1_800_000_000_500);
        let of = |key: &str, seconds: i64| Replayed {
            created_millis: Some(seconds * 1_000),
            record: json!({"dynamodb": {"Keys": {"pk": {"S": key}, "sk": {"S": "h"}}}}),
        };
        let all = Which { tenant: &contoso, since: None, key: None };
        assert!(all.has(&of("e#contoso#1", 1)));
        for other in ["e#fabrikam#1", "b#1", "t#contoso", "?"] {
            assert!(!all.has(&of(other, 1)), "{other}");
        }
        let since = Which { since: Some(at), ..all };
        assert!(since.has(&of("e#contoso#1", 1_800_000_000)), "it may have been made later in its second");
        assert!(!since.has(&of("e#contoso#1", 1_799_999_999)));
        let key = Which { tenant: &contoso, since: None, key: Some("e#contoso#1") };
        assert!(key.has(&of("e#contoso#1", 1)) && !key.has(&of("e#contoso#2", 1)));
    }
}
