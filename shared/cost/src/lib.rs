//! What a deployment costs a month: units of work, each with a dated price, and their sum.
//!
//! The data file `costs.json` is the only place where units and prices stand. `vestibule cost` adds them up, the
//! documentation is made of it, and `tests/benches` measures the units again and fails if the program needs more.
//!
//! Must stay true: no figure without what it stands on. Each unit says whether it was measured, counted or assumed, and
//! how; each price has its date and where it was read.

mod data;

pub use data::{Addresses, Basis, Costs, Line, Per, Price, Stream, Unit};

/// The data file.
const DATA: &str = include_str!("costs.json");
/// The deployment, in which resources are counted.
const TEMPLATE: &str = include_str!("../../../infra/template.yaml");
/// A month of 30 days, in seconds.
pub const MONTH_SECONDS: f64 = 30.0 * 86_400.0;
/// What prices are compared by.
const MILLION: f64 = 1_000_000.0;

/// What to add up.
#[derive(Clone, Copy, Debug)]
pub struct Question {
    /// Enrollments a month.
    pub enrollments: f64,
    /// Tenants, among whom they are evenly divided.
    pub tenants: f64,
    /// Events of an enrollment.
    pub events_per_enrollment: f64,
    /// Events that senders post in one request.
    pub events_per_request: f64,
    /// How long the publisher's records are gathered, in seconds.
    pub gathered_seconds: f64,
    /// Where senders post to.
    pub addresses: Addresses,
}

/// A month's cost.
#[derive(Clone, Debug)]
pub struct Estimate {
    /// Events a month.
    pub events: f64,
    /// Each unit's amount, in the order of the data.
    pub amounts: Vec<Amount>,
}

/// What one unit comes to.
#[derive(Clone, Debug)]
pub struct Amount {
    /// The unit's name.
    pub id: String,
    /// Its line.
    pub line: Line,
    /// How much, in the price's unit.
    pub quantity: f64,
    /// Dollars.
    pub usd: f64,
}

impl Costs {
    /// The data file.
    ///
    /// # Errors
    /// If the file was built in with an error, which a test would have found.
    pub fn embedded() -> Result<Self, serde_json::Error> {
        serde_json::from_str(DATA)
    }

    /// A unit by its name.
    pub fn unit(&self, id: &str) -> Option<&Unit> {
        self.units.iter().find(|unit| unit.id == id)
    }

    /// The question about so many enrollments a month of so many tenants, as the sample has them.
    pub const fn question(&self, enrollments: f64, tenants: f64) -> Question {
        Question {
            enrollments,
            tenants,
            events_per_enrollment: self.events_per_enrollment,
            events_per_request: 1.0,
            gathered_seconds: self.stream.gathered_seconds,
            addresses: Addresses::Api,
        }
    }

    /// Adds up a month.
    pub fn estimate(&self, question: &Question) -> Estimate {
        let events = question.enrollments * question.events_per_enrollment;
        let records = events * self.stream.records_per_event;
        let batches = after_pauses(records, self.stream.shards, question.gathered_seconds);
        let amounts = self.units.iter().map(|unit| {
            let times = match &unit.per {
                _ if unit.only.is_some_and(|only| only != question.addresses) => 0.0,
                Per::Event => events,
                Per::Request => events / question.events_per_request.max(1.0),
                Per::Enrollment => question.enrollments,
                Per::Tenant => question.tenants,
                Per::Month => 1.0,
                Per::Resource(kind) => resources(kind, question.addresses) as f64,
                Per::TenantPause(seconds) => after_pauses(events, question.tenants, *seconds),
                Per::StackPause(seconds) => after_pauses(events, 1.0, *seconds),
                Per::Batch => batches,
            };
            let quantity = unit.quantity * times;
            let usd = self.prices.get(&unit.price).map_or(0.0, |price| quantity * price.usd / price.per);
            Amount { id: unit.id.clone(), line: unit.line, quantity, usd }
        });
        Estimate { events, amounts: amounts.collect() }
    }
}

impl Estimate {
    /// Dollars of a line.
    pub fn line(&self, line: Line) -> f64 {
        self.amounts.iter().filter(|amount| amount.line == line).map(|amount| amount.usd).sum()
    }

    /// Dollars of events on their way in and out.
    pub fn of_events(&self) -> f64 {
        self.amounts.iter().filter(|amount| amount.line.is_of_events()).map(|amount| amount.usd).sum()
    }

    /// All dollars.
    pub fn total(&self) -> f64 {
        self.amounts.iter().map(|amount| amount.usd).sum()
    }

    /// Dollars for a million events, of these dollars.
    pub fn a_million(&self, usd: f64) -> f64 {
        if self.events > 0.0 { usd * MILLION / self.events } else { 0.0 }
    }
}

/// How often in a month something is done that is done at one of so many things, unless it was done within a pause
/// before. Things that come at random leave, after each time, the pause and then the wait for the next.
fn after_pauses(things: f64, places: f64, pause_seconds: f64) -> f64 {
    let in_a_pause = things / places.max(1.0) / MONTH_SECONDS * pause_seconds;
    things / (1.0 + in_a_pause)
}

/// The template's resources of a type. Those of other conditions than the senders' addresses are counted: by default most
/// of them are there.
fn resources(kind: &str, addresses: Addresses) -> usize {
    let (kind, condition) = (format!("    Type: {kind}"), "    Condition: HasFunctionUrls");
    let lines = TEMPLATE.lines().zip(TEMPLATE.lines().skip(1));
    lines.filter(|(line, next)| *line == kind && (*next != condition || addresses == Addresses::FunctionUrls)).count()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_unit_has_a_price_and_every_price_a_date_a_source_and_a_use() {
        let costs = Costs::embedded().unwrap();
        let used: BTreeSet<&str> = costs.units.iter().map(|unit| unit.price.as_str()).collect();
        let known: BTreeSet<&str> = costs.prices.keys().map(String::as_str).collect();
        assert_eq!(used, known);
        for price in costs.prices.values() {
            let (year, month) = price.as_of.split_once('-').unwrap();
            assert!(year.len() == 4 && (1..=12).contains(&month.parse::<u8>().unwrap()), "{price:?}");
            assert!(price.source.starts_with("https://") && price.usd > 0.0 && price.per >= 1.0, "{price:?}");
        }
        let names: BTreeSet<&str> = costs.units.iter().map(|unit| unit.id.as_str()).collect();
        assert_eq!(names.len(), costs.units.len());
        assert!(costs.units.iter().all(|unit| unit.quantity > 0.0 && !unit.how.is_empty()));
        for line in Line::ALL {
            assert!(costs.units.iter().any(|unit| unit.line == line), "nothing is on the line {line:?}");
        }
    }

    #[test]
    fn what_is_counted_in_the_template_is_there() {
        let [few, more] = [Addresses::Api, Addresses::FunctionUrls].map(|at| resources("AWS::CloudWatch::Alarm", at));
        assert!(few > 0);
        assert_eq!(few + resources("AWS::Lambda::Url", Addresses::FunctionUrls), more, "an alarm for each of them");
        assert_eq!(resources("AWS::CloudWatch::Alar", Addresses::Api), 0);
        let costs = Costs::embedded().unwrap();
        let counted = costs.units.iter().filter(|unit| matches!(unit.per, Per::Resource(_)));
        assert!(counted.into_iter().all(|unit| unit.basis == Basis::Counted));
    }

    #[test]
    fn what_pauses_is_done_at_each_thing_if_they_are_rare_and_once_a_pause_if_they_are_many() {
        let rare = after_pauses(100.0, 1.0, 60.0);
        assert!((99.0..100.0).contains(&rare), "{rare}");
        let minutes = MONTH_SECONDS / 60.0;
        let many = after_pauses(1e9, 1.0, 60.0);
        assert!((0.99 * minutes..minutes).contains(&many), "{many}");
        // Ten tenants share the same things, so each has fewer, and more of them find nothing done.
        assert!(after_pauses(1e6, 10.0, 60.0) > after_pauses(1e6, 1.0, 60.0));
        assert_eq!(after_pauses(0.0, 0.0, 60.0), 0.0);
    }

    /// What the documentation promises of a tenant with a hundred thousand enrollments a month.
    #[test]
    fn a_million_events_at_the_functions_own_addresses_cost_no_more_than_two_dollars_thirty() {
        let costs = Costs::embedded().unwrap();
        let question = Question { addresses: Addresses::FunctionUrls, ..costs.question(100_000.0, 1.0) };
        let month = costs.estimate(&question);
        let usd = month.a_million(month.of_events());
        assert!(usd <= 2.30, "{usd}");
    }

    #[test]
    fn the_sum_is_that_of_its_lines_and_grows_with_enrollments_and_tenants() {
        let costs = Costs::embedded().unwrap();
        let of = |enrollments, tenants| costs.estimate(&costs.question(enrollments, tenants));
        let (small, large) = (of(1_000.0, 1.0), of(100_000.0, 1.0));
        for estimate in [&small, &large] {
            let sum: f64 = Line::ALL.into_iter().map(|line| estimate.line(line)).sum();
            assert!((sum - estimate.total()).abs() < 1e-9);
        }
        assert!(large.total() > small.total());
        assert!(of(100_000.0, 100.0).total() > large.total());
        assert_eq!(small.line(Line::Stack), large.line(Line::Stack));
        assert_eq!((of(0.0, 1.0).of_events(), of(0.0, 1.0).a_million(1.0)), (0.0, 0.0));
        // Where senders post to the functions themselves, a request costs nothing but its run.
        let direct = Question { addresses: Addresses::FunctionUrls, ..costs.question(100_000.0, 1.0) };
        let direct = costs.estimate(&direct);
        assert_eq!(direct.line(Line::HttpApi), 0.0);
        let line = costs.unit("accessLog").unwrap().quantity * costs.prices["log"].usd;
        let saved = (large.of_events() - direct.of_events()) / large.events;
        assert!((saved - line - costs.prices["httpRequest"].usd / MILLION).abs() < 1e-12, "{saved}");
        assert!(direct.line(Line::Stack) > large.line(Line::Stack), "two alarms more");
        // Whoever sends ten events in a request pays a tenth for the HTTP API.
        let batched = costs.estimate(&Question { events_per_request: 10.0, ..costs.question(100_000.0, 1.0) });
        assert!((batched.line(Line::HttpApi) * 10.0 - large.line(Line::HttpApi)).abs() < 1e-9);
    }
}
