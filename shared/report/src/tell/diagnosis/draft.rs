//! Building a finding.

use super::{Device, Finding, Severity};
use crate::ask::reader::Advice;

/// A finding before it has its rank.
pub(super) struct Draft {
    pub finding: Finding,
}

/// Begins a finding.
pub(super) fn found(id: &'static str, severity: Severity, title: impl Into<String>) -> Draft {
    Draft {
        finding: Finding {
            id,
            rank: 0,
            enrollment_key: None,
            device_name: None,
            session_id: None,
            severity,
            title: title.into(),
            evidence: Vec::new(),
            cause: String::new(),
            steps: Vec::new(),
            who: Vec::new(),
            advice: Vec::new(),
            others: None,
        },
    }
}

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

impl Draft {
    pub(super) fn evidence(mut self, evidence: Vec<String>) -> Self {
        self.finding.evidence = evidence;
        self
    }

    /// The device that it is about.
    pub(super) fn about(mut self, device: &Device) -> Self {
        self.finding.enrollment_key = Some(device.enrollment_key.clone());
        self.finding.device_name.clone_from(&device.device_name);
        self
    }

    /// The session of the Enrollment Status Page that the evidence is from.
    pub(super) fn session(mut self, id: &str) -> Self {
        self.finding.session_id = Some(id.to_owned());
        self
    }

    /// Cause, steps and who can do them, if the catalogue has no entry.
    pub(super) fn otherwise(mut self, cause: &str, steps: &[&str], who: &[&str]) -> Self {
        self.finding.cause = cause.to_owned();
        (self.finding.steps, self.finding.who) = (owned(steps), owned(who));
        self
    }

    /// The catalogue's entries: cause and steps are from the first.
    pub(super) fn advice(mut self, advice: Vec<Advice>) -> Self {
        if let Some(first) = advice.first() {
            self.finding.cause.clone_from(&first.cause);
            self.finding.steps.clone_from(&first.steps);
            self.finding.who.clone_from(&first.who);
        }
        self.finding.advice = advice;
        self
    }

    pub(super) fn others(mut self, others: Option<super::Others>) -> Self {
        self.finding.others = others;
        self
    }
}
