//! What the data file says: units of work, their prices, and what each stands on.
//!
//! Must stay true: an unknown member is an error, so that no figure is written that nobody adds up.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Units and prices.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Costs {
    /// The region whose prices these are.
    pub region: String,
    /// The processor of the functions.
    pub architecture: String,
    /// Prices by name.
    pub prices: BTreeMap<String, Price>,
    /// The events of an enrollment, on average, each counted once.
    pub events_per_enrollment: f64,
    /// The table's stream, which decides how often the publisher runs.
    pub stream: Stream,
    /// The units.
    pub units: Vec<Unit>,
}

/// A price.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Price {
    /// What is paid for.
    pub what: String,
    /// Dollars.
    pub usd: f64,
    /// So many units for these dollars.
    pub per: f64,
    /// The unit.
    pub unit: String,
    /// When it was read: a year and a month.
    pub as_of: String,
    /// Where it was read.
    pub source: String,
    /// Whether it was read there, or is only known.
    pub how: String,
}

/// What the publisher gets.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Stream {
    /// Records that reach the publisher, for each event: those that pass the filter of the template.
    pub records_per_event: f64,
    /// Shards: those of a new table on demand.
    pub shards: f64,
    /// How long records of one shard are gathered, in seconds: the pause between two looks at a shard, with the
    /// template's window.
    pub gathered_seconds: f64,
}

/// Work that is paid for.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Unit {
    /// Its name, by which the benchmark finds it.
    pub id: String,
    /// The line of the account that it belongs to.
    pub line: Line,
    /// What it is.
    pub what: String,
    /// Its price, by name.
    pub price: String,
    /// How much of what the price is for.
    pub quantity: f64,
    /// How often.
    pub per: Per,
    /// Where senders post to, if it is needed only there.
    pub only: Option<Addresses>,
    /// What the quantity stands on.
    pub basis: Basis,
    /// How it was found.
    pub how: String,
}

/// Where senders post to: the values of the template's parameter `WebhookAddresses`.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub enum Addresses {
    /// The HTTP API.
    #[default]
    Api,
    /// The functions' own addresses.
    FunctionUrls,
}

/// How often a unit is needed.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase")]
pub enum Per {
    /// For each event.
    Event,
    /// For each request of a sender.
    Request,
    /// For each enrollment.
    Enrollment,
    /// For each tenant and month.
    Tenant,
    /// Each month, whatever happens.
    Month,
    /// Each month, for each resource of this type in the template.
    Resource(String),
    /// At a tenant's event, unless it was done within so many seconds before.
    TenantPause(f64),
    /// At an event of any tenant, unless it was done within so many seconds before.
    StackPause(f64),
    /// For each run of the publisher.
    Batch,
}

/// The lines of the account, in their order.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "camelCase")]
pub enum Line {
    /// Writing into the table.
    Writes,
    /// The HTTP API.
    HttpApi,
    /// Logs of requests and functions.
    Logs,
    /// Running the publisher.
    Publisher,
    /// Running the webhooks.
    Hooks,
    /// The bus.
    Bus,
    /// Reading the table.
    Reads,
    /// Nightly files.
    Exports,
    /// What is kept: the table, its backups, files.
    Kept,
    /// What a stack costs before its first event.
    Stack,
}

impl Line {
    /// All, in their order.
    pub const ALL: [Self; 10] = [
        Self::Writes,
        Self::HttpApi,
        Self::Logs,
        Self::Publisher,
        Self::Hooks,
        Self::Bus,
        Self::Reads,
        Self::Exports,
        Self::Kept,
        Self::Stack,
    ];

    /// Its title.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Writes => "table: writes",
            Self::HttpApi => "HTTP API",
            Self::Logs => "logs",
            Self::Publisher => "publisher",
            Self::Hooks => "webhooks",
            Self::Bus => "bus",
            Self::Reads => "table: reads",
            Self::Exports => "nightly files",
            Self::Kept => "what is kept",
            Self::Stack => "the stack itself",
        }
    }

    /// Whether it is what events cost on their way in and out; the others are paid for tenants, time and what is kept.
    pub const fn is_of_events(self) -> bool {
        !matches!(self, Self::Exports | Self::Kept | Self::Stack)
    }
}

/// What a quantity stands on.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub enum Basis {
    /// A test of every day measures it.
    Measured,
    /// The benchmark measures it; it depends on the machine, or on all that the process did before.
    Benchmark,
    /// Arithmetic over what is measured, with assumptions that it names.
    Derived,
    /// It follows from the template.
    Counted,
    /// Nobody measured it.
    Assumed,
}

impl Basis {
    /// Its word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Measured => "measured",
            Self::Benchmark => "benchmark",
            Self::Derived => "derived",
            Self::Counted => "counted",
            Self::Assumed => "assumed",
        }
    }
}
