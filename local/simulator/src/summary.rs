//! The contents of a sample in numbers.

use serde::Serialize;

use crate::{Delivery, Mark, Scenario};

/// The contents of a sample.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// Enrollments in the scenario.
    pub enrollments: usize,
    /// Deliveries, including repetitions.
    pub deliveries: usize,
    /// Events, each counted once.
    pub events: usize,
    /// Events of an enrollment, on average.
    pub events_per_enrollment: f64,
    /// Deliveries that repeat an event.
    pub duplicates: usize,
    /// Events that arrived minutes to hours late.
    pub late: usize,
    /// Events that arrived some seconds late, so that later ones could overtake them.
    pub overtaken: usize,
    /// Events of the Enrollment Status Page, which have their own webhook.
    pub esp_events: usize,
}

impl Summary {
    /// Counts the deliveries of a scenario.
    pub fn of(scenario: &Scenario, deliveries: &[Delivery]) -> Self {
        let marked = |mark| deliveries.iter().filter(|d| d.mark == mark).count();
        let duplicates = marked(Mark::Duplicate);
        let events = deliveries.len() - duplicates;
        Self {
            enrollments: scenario.enrollments,
            deliveries: deliveries.len(),
            events,
            events_per_enrollment: events as f64 / scenario.enrollments.max(1) as f64,
            duplicates,
            late: marked(Mark::Late),
            overtaken: marked(Mark::Overtaken),
            esp_events: deliveries.iter().filter(|d| d.mark != Mark::Duplicate && d.event.kind.is_esp()).count(),
        }
    }
}
