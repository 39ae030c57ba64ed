//! A consumer that drops repeated ids and keeps the highest revision ends with what is stored.

use super::{Shown, Tenant, tenants};
use crate::plan::{Setting, What};
use crate::rng::Rng;
use crate::run::Violation;
use crate::sent::tenant_id;
use crate::world::World;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use vestibule_domain::Timestamp;
use vestibule_domain::esp::SessionState;
use vestibule_domain::plan::KEPT;

/// The latest publication of each attempt or session.
type Latest = BTreeMap<String, (String, Value)>;

/// Replays the bus.
pub async fn bus(world: &World) -> Result<(), Violation> {
    let entries: Vec<(String, Value)> = world.aws.services().bus.clone();
    let of_enrollments = |kind: &str| kind.starts_with("Enrollment") || kind.starts_with("Esp");
    let mut entries: Vec<_> = entries.into_iter().filter(|(kind, _)| of_enrollments(kind)).collect();
    if entries.iter().any(|(_, detail)| detail["revision"].is_null()) {
        // Published without a revision, so nobody can know which of two came first.
        return Ok(());
    }
    // Deliveries arrive in any order, and more than once.
    let mut rng = Rng::of(&[world.plan.seed, 7]);
    let again = entries.len() / 3;
    entries.extend_from_within(..again);
    for at in (1..entries.len()).rev() {
        entries.swap(at, rng.index(at + 1));
    }
    let mut ids = BTreeSet::new();
    let (mut attempts, mut sessions): (Latest, Latest) = (BTreeMap::new(), BTreeMap::new());
    for (kind, detail) in entries {
        if !ids.insert(detail["id"].as_str().unwrap_or_default().to_owned()) {
            continue;
        }
        let latest = if kind.starts_with("Esp") { &mut sessions } else { &mut attempts };
        let subject = detail["attemptId"].as_str().unwrap_or_default().to_owned();
        let revision = detail["revision"].as_str().unwrap_or_default().to_owned();
        let known = latest.get(&subject).map(|(known, _)| known.clone());
        if known.as_ref() == Some(&revision) && latest[&subject].1 != detail {
            let differ = format!("{subject}: two different publications of revision {revision}");
            return Err(Violation::new("bus", differ));
        }
        if known.is_none_or(|known| revision > known) {
            latest.insert(subject, (revision, detail));
        }
    }
    for tenant in tenants(world).await? {
        tenant.holds_attempts(world, &attempts)?;
        tenant.forgets_silently(world, &attempts)?;
        tenant.holds_sessions(world, &sessions)?;
    }
    Ok(())
}

/// Whether a merge, or a rule that decides attempts, changed anything: then an attempt may really be gone, however old
/// it is.
fn rewrites_history(world: &World) -> bool {
    let decides = |setting: &Setting| matches!(setting, Setting::RequireCompliance(_) | Setting::WindowsIdle(_));
    let acts = world.plan.steps.iter().flat_map(|step| &step.acts);
    let services = world.aws.services();
    let merges = |record: &Value| {
        let new = &record["dynamodb"]["NewImage"];
        !new["to"].is_null() && !new["v"].is_null()
    };
    acts.into_iter().any(|act| matches!(&act.what, What::Set(_, setting) if decides(setting)))
        || services.table.stream.iter().any(merges)
}

impl Tenant {
    /// An attempt that only passed its retention is not published as gone, because it did happen.
    fn forgets_silently(&self, world: &World, latest: &Latest) -> Result<(), Violation> {
        if rewrites_history(world) {
            return Ok(());
        }
        let id = tenant_id(self.number);
        let instant = |detail: &Value, name: &str| detail[name].as_str().and_then(|at| Timestamp::parse(at).ok());
        for (_, detail) in latest.values().filter(|(_, detail)| detail["tenant"] == id.as_str()) {
            let (Some(started_at), Some(as_of)) = (instant(detail, "startedAt"), instant(detail, "asOf")) else {
                return Err(Violation::new("bus: instants", detail));
            };
            if detail["outcome"] == "gone" && as_of - started_at > KEPT {
                return Err(Violation::new("bus: forgotten", format!("published as gone: {detail}")));
            }
        }
        Ok(())
    }

    fn concerns<'l>(&self, world: &World, latest: &'l Latest) -> Vec<&'l Value> {
        let (id, since) = (tenant_id(self.number), self.since().to_string());
        let unreadable = world.state.borrow().unreadable.clone();
        let ours = |detail: &&Value| {
            let key = detail["enrollmentKey"].as_str().unwrap_or_default();
            detail["tenant"] == id.as_str()
                && detail["startedAt"].as_str().unwrap_or_default() > since.as_str()
                && detail["outcome"] != "gone"
                && !unreadable.iter().any(|device| crate::sent::names(*device).iter().any(|name| name == key))
        };
        latest.values().map(|(_, detail)| detail).filter(ours).collect()
    }

    fn holds_attempts(&self, world: &World, latest: &Latest) -> Result<(), Violation> {
        let text = |detail: &Value, name: &str| detail[name].as_str().map(str::to_owned);
        let shown = |detail: &Value| Shown {
            id: text(detail, "attemptId").unwrap_or_default(),
            key: text(detail, "enrollmentKey").unwrap_or_default(),
            started_at: text(detail, "startedAt").unwrap_or_default(),
            outcome: text(detail, "outcome").unwrap_or_default(),
            cause: text(detail, "cause"),
            ended_at: text(detail, "endedAt"),
            place: ["section", "action", "screen"].map(|name| text(detail, name)),
            row: detail["catalogueRow"].as_u64().and_then(|row| u8::try_from(row).ok()),
        };
        let published: BTreeMap<String, Shown> =
            self.concerns(world, latest).into_iter().map(shown).map(|shown| (shown.id.clone(), shown)).collect();
        let mut stored = self.attempts(self.now);
        // A device may have a better name by now.
        for (id, shown) in &mut stored {
            if let Some(published) = published.get(id) {
                shown.key.clone_from(&published.key);
            }
        }
        super::shown::same("bus", "published", &published, "stored", &stored)
    }

    fn holds_sessions(&self, world: &World, latest: &Latest) -> Result<(), Violation> {
        let published: BTreeMap<String, [Option<String>; 2]> = self
            .concerns(world, latest)
            .into_iter()
            .filter(|detail| detail["outcome"] != "inProgress" && detail["outcome"] != SessionState::Ended.name())
            .map(|detail| {
                let text = |name: &str| detail[name].as_str().map(str::to_owned);
                (text("attemptId").unwrap_or_default(), [text("outcome"), text("endedAt")])
            })
            .collect();
        let folded = self.folded(self.now);
        // Nothing is published about a session that ended only because its device was removed.
        let silent = [SessionState::InProgress, SessionState::Ended];
        let over = folded
            .iter()
            .flat_map(|enrollment| &enrollment.sessions)
            .filter(|session| session.started_at > self.since() && !silent.contains(&session.state));
        let stored: BTreeMap<String, [Option<String>; 2]> = over
            .map(|session| {
                let ended_at = session.ended_at.map(|at| at.to_string());
                (session.id.to_string(), [Some(session.state.name().to_owned()), ended_at])
            })
            .collect();
        if published == stored {
            return Ok(());
        }
        let differs = |(id, state): &(&String, &[Option<String>; 2])| stored.get(*id) != Some(*state);
        let detail = match published.iter().find(differs) {
            Some((id, state)) => format!("session {id}: published {state:?}, stored {:?}", stored.get(id)),
            None => format!("sessions stored and not published: {stored:?}"),
        };
        Err(Violation::new("bus: sessions", detail))
    }
}
