//! The delivery log: what was received from each of a tenant's senders, and with which result.

use crate::pull::{pull_status, unread};
use crate::senders::offered;
use crate::{Api, Call, store_problem};
use http::StatusCode;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use vestibule_domain::{Day, Timestamp};
use vestibule_platform::problem::json as answer;
use vestibule_platform::{HttpResponse, Problem};
use vestibule_report::diagnosis::{Covers, Known, SilentSender, Why};
use vestibule_store::{DayLog, Delivery, Refusal, Store, StoreError, Tenant, log_day, silence};
use vestibule_webhook::sources::{SENDERS, Sender};

/// Days that are shown: five weeks.
const DAYS: i32 = 35;

/// What was received from one source of a tenant in the last five weeks.
#[derive(Clone, Debug)]
pub struct SourceLog {
    /// The source.
    pub source: &'static Sender,
    /// Its number of own secrets.
    pub secrets: usize,
    /// What was received, by day.
    pub days: BTreeMap<Day, DayLog>,
    /// The newest of all days.
    pub newest: DayLog,
    now: Timestamp,
}

impl SourceLog {
    fn new(source: &'static Sender, tenant: &Tenant, days: BTreeMap<Day, DayLog>, now: Timestamp) -> Self {
        let mut newest = DayLog::default();
        days.values().for_each(|day| newest.take_newest(day));
        Self { source, secrets: tenant.source_secrets(source.name).count(), days, newest, now }
    }

    /// Whether it is known to be in use: something was received from it, it has its own secret, or it needs none.
    pub fn is_set_up(&self) -> bool {
        self.secrets > 0 || !self.days.is_empty() || self.source.own_proof().is_none()
    }

    /// Its silence, if that is longer than usual for it.
    pub fn silence(&self) -> Option<vestibule_store::Silence> {
        let hour = |day: &Day, hour: &u8| i64::from(day.get()) * 24 + i64::from(*hour);
        let heard: BTreeSet<i64> =
            self.days.iter().flat_map(|(day, log)| log.hours.iter().map(move |at| hour(day, at))).collect();
        silence(&heard, self.newest.last_heard?, self.now)
    }

    /// The source in the form in which the API and the program answer it.
    pub fn shown(&self) -> Value {
        let at = |at: Option<Timestamp>| at.map(|at| at.to_string());
        let day = |(day, log): (&Day, &DayLog)| {
            json!({
                "day": day.to_string(),
                "accepted": log.accepted,
                "known": log.known,
                "passedOver": log.passed_over,
                "refused": log.refused,
            })
        };
        json!({
            "source": self.source.name,
            "title": self.source.title,
            "secrets": self.secrets,
            "lastHeardAt": at(self.newest.last_heard),
            "lastAcceptedAt": at(self.newest.last_accepted),
            "lastRefusal": self.newest.last_refusal.as_ref().map(refusal),
            "silent": self.silence().map(|silence| json!({
                "since": silence.since.to_string(),
                "usualLongestHours": silence.usual_longest_hours,
            })),
            "days": self.days.iter().rev().map(day).collect::<Vec<_>>(),
            "newest": self.newest.newest.iter().map(delivery).collect::<Vec<_>>(),
        })
    }
}

fn refusal(refusal: &Refusal) -> Value {
    json!({
        "at": refusal.at.to_string(),
        "reason": refusal.reason,
        "field": refusal.field,
        "problem": refusal.problem,
    })
}

fn delivery(delivery: &Delivery) -> Value {
    json!({
        "at": Timestamp::from_millis(delivery.at_ms).to_string(),
        "sha256": delivery.sha256.iter().map(|byte| format!("{byte:02x}")).collect::<String>(),
        "bytes": delivery.bytes,
        "accepted": delivery.accepted,
        "known": delivery.known,
        "passedOver": delivery.passed_over,
        "refused": delivery.refused,
    })
}

/// What was received from every kind of sender, in their order.
///
/// # Errors
/// When the table can't be read.
pub async fn source_logs(store: &Store, tenant: &Tenant, now: Timestamp) -> Result<Vec<SourceLog>, StoreError> {
    let mut logs = store.deliveries(&tenant.id, log_day(now).plus(1 - DAYS)).await?;
    let log =
        |source: &&'static Sender| SourceLog::new(source, tenant, logs.remove(source.name).unwrap_or_default(), now);
    Ok(SENDERS.iter().map(log).collect())
}

/// What diagnostics must know about a tenant besides its file.
///
/// # Errors
/// When the table can't be read.
pub async fn known_to_diagnostics(
    store: &Store,
    tenant: &Tenant,
    now: Timestamp,
    shows_profiles: bool,
) -> Result<Known, StoreError> {
    let products = || SENDERS.iter().filter_map(|sender| sender.source).map(str::to_owned);
    let silent = |log: &SourceLog| {
        let silence = log.silence()?;
        let covers = log
            .source
            .source
            .map_or_else(|| Covers::AllBut(products().collect()), |own| Covers::Source(own.to_owned()));
        let vestibule_store::Silence { since, usual_longest_hours, .. } = silence;
        Some(SilentSender {
            title: log.source.title.to_owned(),
            covers,
            since,
            why: Why::Silent { usual_longest_hours },
        })
    };
    let logs = source_logs(store, tenant, now).await?;
    let mut silent: Vec<SilentSender> = logs.iter().filter_map(silent).collect();
    silent.extend(unread(store, tenant, now).await?);
    Ok(Known { device_limit: tenant.settings.device_limit, shows_profiles, silent })
}

impl Api {
    /// Lists the senders that are set up.
    pub(crate) async fn sources(&self, call: &Call) -> Result<HttpResponse, Problem> {
        let logs = source_logs(self.archive.store(), &call.tenant, call.now).await.map_err(store_problem)?;
        let sources: Vec<Value> = logs.iter().filter(|log| log.is_set_up()).map(SourceLog::shown).collect();
        let pull = pull_status(self.archive.store(), &call.tenant.id, call.now).await.map_err(store_problem)?;
        let body = json!({
            "asOf": call.now.to_string(),
            "timeZone": call.tenant.settings.time_zone,
            "sources": sources,
            "offered": offered(&call.tenant),
            "graphPull": pull,
        });
        Ok(answer(StatusCode::OK, &body))
    }
}
