//! When the parts of a deployment began and ended. Graph reports lengths and a few instants; laid end to end they yield
//! the rest.

use super::record::{DeploymentState, EnrollmentState, Record};
use vestibule_domain::esp::{DeploymentMode, Phase, PhaseState};
use vestibule_domain::{Millis, Timestamp};

/// The course of one deployment.
pub(super) struct Timeline {
    /// When it began.
    pub(super) start: Timestamp,
    /// When it ended, if it has; never before its start.
    pub(super) end: Option<Timestamp>,
    /// When the device came under management, if the record implies it.
    pub(super) enrolled_at: Option<Timestamp>,
    /// The phases that began, in order.
    pub(super) phases: Vec<Span>,
}

/// One phase.
pub(super) struct Span {
    pub(super) phase: Phase,
    pub(super) start: Timestamp,
    /// How and when it ended, if it has.
    pub(super) end: Option<(PhaseState, Timestamp)>,
}

impl Timeline {
    /// The course of the deployment in a record; `known` is any time that the record has. `None` if no deployment
    /// began.
    pub(super) fn of(record: &Record, known: Timestamp) -> Option<Self> {
        if !has_begun(record) {
            return None;
        }
        let start = start(record).unwrap_or(known);
        let end = end(record, start);
        let phases: Vec<(Phase, Option<Millis>, DeploymentState)> = [
            (Phase::DevicePreparation, record.preparation_length, preparation(record)),
            (Phase::DeviceSetup, record.device_setup_length, record.device_setup),
            (Phase::AccountSetup, record.account_setup_length, record.account_setup),
        ]
        .into_iter()
        .filter(|(_, _, progress)| progress.has_run())
        .collect();
        let lengths: Vec<_> = phases.iter().map(|(_, length, _)| *length).collect();
        // Between the technician's part and the user's, a device may lie on a shelf for weeks, so here the end does not
        // show when a phase began.
        let whole = record.deployment_mode != Some(DeploymentMode::PreProvisioningTechnician);
        let bounds = lay_out(start, &lengths, end.filter(|_| whole));
        let latest = end.unwrap_or(Timestamp::MAX);
        // The end of the whole is not the end of device preparation alone.
        let is_measured = lengths.len() > 1 || lengths[0].is_some();
        let enrolled_at = bounds[1].filter(|_| is_measured).map(|at| at.min(latest).max(start));
        let mut begins = start;
        let mut spans = Vec::with_capacity(phases.len());
        for (index, (phase, _, state)) in phases.into_iter().enumerate() {
            let is_last = index + 1 == lengths.len();
            let measured = bounds[index + 1].or(end.filter(|_| is_last)).map(|at| at.min(latest).max(begins));
            let over = measured.unwrap_or_else(|| guess(record, begins, latest));
            let end = match state {
                DeploymentState::Failure => Some((PhaseState::Failed, over)),
                // The next phase began, which already shows that this one is done.
                state if state.is_success() && (measured.is_some() || is_last) => Some((PhaseState::Completed, over)),
                _ => None,
            };
            spans.push(Span { phase, start: begins, end });
            begins = over;
        }
        Some(Self { start, end, enrolled_at, phases: spans })
    }
}

/// An estimate of an instant between two phases that the record does not report: the time of the record's event, if
/// that is possible. It is rather late than early: of two begins of one phase the earlier counts, so a later report
/// corrects it.
fn guess(record: &Record, earliest: Timestamp, latest: Timestamp) -> Timestamp {
    record.event_at.filter(|at| earliest <= *at && *at <= latest).unwrap_or(earliest)
}

/// Whether the page was reached. The record of a device that is only imported, or has no such page, says so.
pub(super) fn has_begun(record: &Record) -> bool {
    let states = [record.deployment, record.device_setup, record.account_setup];
    let is_reported = record.deployment_started_at.is_some() || !record.items.is_empty();
    states.into_iter().any(DeploymentState::has_run)
        || (record.deployment == DeploymentState::NotReported && is_reported)
}

fn start(record: &Record) -> Option<Timestamp> {
    let counted_back = || Some(record.event_at? - record.total_length?);
    let reported = record.deployment_started_at.or(record.enrollment_started_at);
    reported.or_else(counted_back).or(record.event_at)
}

/// The end of a deployment that has one. A time before the start counts as missing.
fn end(record: &Record, start: Timestamp) -> Option<Timestamp> {
    if !record.deployment.is_success() && record.deployment != DeploymentState::Failure {
        return None;
    }
    let counted = record.total_length.map(|length| start + length);
    let ends = [record.deployment_ended_at, counted, record.event_at];
    Some(ends.into_iter().flatten().find(|end| *end >= start).unwrap_or(start))
}

/// How device preparation went. Graph does not report it; it is done once anything came after it.
fn preparation(record: &Record) -> DeploymentState {
    if record.device_setup.has_run() || record.account_setup.has_run() || record.deployment.is_success() {
        DeploymentState::Success
    } else if record.enrollment == EnrollmentState::Failed {
        DeploymentState::Failure
    } else {
        DeploymentState::InProgress
    }
}

/// The instants between phases, one more than there are phases: computed forward from the start and backward from the
/// end as far as lengths are known. A phase of unknown length takes what the others leave.
fn lay_out(start: Timestamp, lengths: &[Option<Millis>], end: Option<Timestamp>) -> Vec<Option<Timestamp>> {
    let mut bounds = vec![None; lengths.len() + 1];
    bounds[0] = Some(start);
    for (index, length) in lengths.iter().enumerate() {
        bounds[index + 1] = bounds[index].zip(*length).map(|(begun, length)| begun + length);
    }
    if let Some(end) = end {
        bounds[lengths.len()].get_or_insert(end);
    }
    for (index, length) in lengths.iter().enumerate().rev() {
        if bounds[index].is_none() {
            bounds[index] = bounds[index + 1].zip(*length).map(|(over, length)| over - length);
        }
    }
    bounds
}
