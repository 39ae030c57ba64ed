//! What the bus says that a rule may be about.

use serde_json::Value;
use vestibule_domain::publication::Transition;
use vestibule_domain::{TenantId, Timestamp};
use vestibule_notices::{Bad, Event, Stands};
use vestibule_store::News;

/// Events that change what people may have been told. Others are not asked for.
const ABOUT: [Transition; 7] = [
    Transition::EnrollmentAbandoned,
    Transition::EnrollmentFailed,
    Transition::EnrollmentCorrected,
    Transition::EspTimedOut,
    Transition::EspFailed,
    Transition::EspCompleted,
    Transition::EspCorrected,
];

/// News of a tenant, under the id by which a repeated event is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Heard {
    pub tenant: TenantId,
    pub id: String,
    pub news: News,
}

/// Reads an event of the bus; `None` for one that no rule is about.
pub(crate) fn read(event: &Value, now: Timestamp) -> Option<Heard> {
    let transition = Transition::read(event["detail-type"].as_str()?)?;
    let detail = &event["detail"];
    let text = |name: &str| detail[name].as_str();
    let tenant = TenantId::parse(text("tenant")?).ok()?;
    if transition == Transition::ReportPublished {
        let as_of = text("asOf")?.to_owned();
        return Some(Heard { tenant, id: format!("file-{as_of}"), news: News::File(as_of) });
    }
    if !ABOUT.contains(&transition) {
        return None;
    }
    let is_session = transition.name().starts_with("Esp");
    let outcome = text("outcome")?;
    let bad = Bad::of(is_session, outcome, text("cause"));
    let stands = Stands {
        bad,
        outcome: outcome.to_owned(),
        step: text("action").filter(|_| bad.is_some()).map(str::to_owned),
        code: text("failureCode").filter(|_| bad.is_some()).map(str::to_owned),
    };
    let event = Event {
        subject: text("attemptId")?.to_owned(),
        revision: text("revision")?.to_owned(),
        stands,
        profile: None,
        group: None,
        at: text("asOf").and_then(|at| Timestamp::parse(at).ok()).unwrap_or(now).min(now),
    };
    Some(Heard { tenant, id: text("id")?.to_owned(), news: News::Ended(event) })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use vestibule_platform::bus::NOTICE_TEST_REQUESTED;

    #[test]
    fn the_rule_of_the_deployment_asks_for_the_same_events() {
        let template = include_str!("../../../infra/template.yaml");
        let (_, rule) = template.split_once("\n  NotifyNews:\n").unwrap();
        let (_, types) = rule.split_once("detail-type:\n").unwrap();
        let types: Vec<&str> = types.lines().map_while(|line| line.trim().strip_prefix("- ")).collect();
        let about = ABOUT.into_iter().chain([Transition::ReportPublished]);
        // And for the tests that somebody asks for.
        let asked_for = about.map(Transition::name).chain([NOTICE_TEST_REQUESTED]);
        assert_eq!(types, asked_for.collect::<Vec<_>>());
    }
}
