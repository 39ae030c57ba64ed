//! A simulator of people who enroll devices, determined by a seed.
//!
//! A [`Scenario`] says how many devices enroll over how many days. [`simulate`] returns everything that a server would
//! receive, in that order: people walk through the screens of their platform, stop, wait, come back and fail; senders
//! report it in their own ways; events arrive late, twice or out of order. The same scenario gives the same sample, to
//! the byte, in every build.
//!
//! The first enrollments are scripted. So from 200 enrollments on, every row of the catalogue (the places at which
//! people stop), every outcome and every cause occurs, whatever the seed. The rest is drawn at random.
//!
//! ```
//! let scenario = vestibule_simulator::Scenario {
//!     seed: 1,
//!     enrollments: 200,
//!     days: 30,
//!     until_ms: 1_780_000_000_000,
//! };
//! let deliveries = vestibule_simulator::simulate(&scenario);
//! let summary = vestibule_simulator::Summary::of(&scenario, &deliveries);
//! assert_eq!(summary.enrollments, 200);
//! let first = deliveries.first().map(|delivery| delivery.event.to_json());
//! assert!(first.is_some_and(|event| event["specversion"] == "1.0"));
//! ```

mod delivery;
mod event;
pub mod feeds;
mod journey;
mod people;
mod plan;
mod rhythm;
mod rng;
mod summary;
mod troubles;

pub use event::{
    Data, Device, Esp, EspDetail, Event, EventId, Failure, Groups, Item, ItemName, ItemState, Kind, Platform,
    TargetedApp, User,
};
pub use summary::Summary;
pub use troubles::failures;

use people::Identity;
use plan::Plan;
use rng::{Purpose, Rng};

/// Number of scripted enrollments; with fewer, some row or outcome may be missing.
pub const SCRIPTED: usize = plan::SCRIPTED;

/// The settings of a simulation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scenario {
    /// Another seed gives other people on other days.
    pub seed: u64,
    /// Number of devices.
    pub enrollments: usize,
    /// Number of days that the sample spans, at least one.
    pub days: u32,
    /// The instant at which the sample ends, in milliseconds since 1970.
    pub until_ms: i64,
}

impl Scenario {
    /// The first and last instant at which people enroll, limited to what a calendar can express.
    fn window(&self) -> (i64, i64) {
        // From 1980 to 2200.
        let until = self.until_ms.clamp(315_532_800_000, 7_258_118_400_000);
        let days = i64::from(self.days.clamp(1, 3_650));
        (until - days * rhythm::DAY, until)
    }
}

/// One post in the order a server would receive it.
#[derive(Debug, Clone, PartialEq)]
pub struct Delivery {
    /// The instant of delivery, in milliseconds since 1970; never after the sample's end.
    pub at_ms: i64,
    /// The enrollment it belongs to: its index in the scenario.
    pub enrollment: u32,
    /// What happened to it on its way.
    pub mark: Mark,
    /// The event.
    pub event: Event,
}

/// What happened to an event on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mark {
    /// Nothing: it arrived within seconds.
    Prompt,
    /// It arrived some seconds late, so that later ones could overtake it.
    Overtaken,
    /// It arrived minutes to hours late.
    Late,
    /// It already arrived: the same source and id again.
    Duplicate,
}

/// Everything that a server receives in a scenario, in the order of delivery.
pub fn simulate(scenario: &Scenario) -> Vec<Delivery> {
    let mut deliveries: Vec<Delivery> =
        (0..scenario.enrollments).flat_map(|index| enrollment(scenario, index)).collect();
    // The sort is stable: at the same instant, the lower enrollment comes first.
    deliveries.sort_by_key(|delivery| delivery.at_ms);
    deliveries
}

/// What a server receives about one enrollment, in the order of delivery. It depends only on the scenario and the
/// index, so enrollments can be made one by one, in any order.
pub fn enrollment(scenario: &Scenario, index: usize) -> Vec<Delivery> {
    let stream = |purpose| Rng::new(scenario.seed, index as u64, purpose);
    let plan = Plan::new(index, &mut stream(Purpose::Plan));
    let identity = Identity::new(scenario.seed, index, scenario.enrollments, plan.way, plan.placeholder);
    let happened = journey::walk(scenario, &plan, &identity, &mut stream(Purpose::Journey));
    let (_, until_ms) = scenario.window();
    delivery::deliver(happened, plan.disturbance, index, until_ms, &mut stream(Purpose::Delivery))
}

/// People who sit in front of a screen when the sample ends and do nothing: `left_ms` after that, the half hour passes
/// after which they count as having given up. Their indexes follow those of the scenario.
pub fn waiting(scenario: &Scenario, left_ms: i64) -> Vec<Delivery> {
    let (_, until_ms) = scenario.window();
    let plans = Plan::waiting().into_iter().enumerate();
    plans
        .flat_map(|(number, plan)| {
            let index = scenario.enrollments + number;
            let stream = |purpose| Rng::new(scenario.seed, index as u64, purpose);
            let identity = Identity::new(scenario.seed, index, scenario.enrollments, plan.way, plan.placeholder);
            let walk = |plan: &Plan| journey::walk(scenario, plan, &identity, &mut stream(Purpose::Journey));
            // The time to reach that screen is random, so the walk is repeated with a beginning that is earlier by that
            // time.
            let ends_ms = walk(&plan.clone().beginning(0)).last().map_or(until_ms, |last| last.at_ms);
            let happened = walk(&plan.clone().beginning(ends_ms - until_ms + rhythm::PATIENCE - left_ms));
            delivery::deliver(happened, plan.disturbance, index, until_ms, &mut stream(Purpose::Delivery))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_who_wait_have_waited_for_almost_half_an_hour() {
        let scenario = Scenario { seed: 1, enrollments: 200, days: 30, until_ms: 1_780_000_000_000 };
        let deliveries = waiting(&scenario, 5_000);
        let devices: std::collections::BTreeSet<u32> = deliveries.iter().map(|delivery| delivery.enrollment).collect();
        assert_eq!(devices.into_iter().collect::<Vec<_>>(), [200, 201, 202]);
        for device in 200..203 {
            let own = deliveries.iter().filter(|delivery| delivery.enrollment == device);
            let last = own.map(|delivery| delivery.event.time_ms).max();
            assert_eq!(last, Some(scenario.until_ms - 30 * 60_000 + 5_000), "device {device}");
        }
    }

    #[test]
    fn a_million_deliveries_fit_in_memory() {
        assert!(size_of::<Delivery>() <= 288, "{}", size_of::<Delivery>());
    }
}
