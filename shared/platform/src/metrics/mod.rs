//! What is measured for operators: one list of metrics, kept in memory, in two forms.
//!
//! One machine shows them as Prometheus reads them ([`text`]); a deployed function writes what changed into its log in
//! CloudWatch's embedded metric format ([`emf`]), under the same names and labels. `docs/METRICS.md` is made from
//! [`list::ALL`].
//!
//! Must stay true: a label has few values, all ours (a sender's name, an operation, a status): never a path, an address,
//! a person or a tenant. A tenant is no dimension in CloudWatch either, where a thousand of them would cost 300 dollars a
//! month; the log's lines name it. What nobody measured yet is absent, not 0. Measuring never fails and never delays what it
//! measures.

pub mod emf;
pub mod list;

pub use list::*;

use prometheus::{GaugeVec, HistogramOpts, HistogramVec, IntCounterVec, Opts, Registry, TextEncoder};
use serde_json::Value;
use std::sync::{LazyLock, OnceLock};

static REGISTRY: LazyLock<Registry> = LazyLock::new(Registry::new);

/// The kinds of metrics.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// Only grows while the process lives.
    Counter,
    /// A counter of what is rare. For CloudWatch it is written at once, in a line that names the tenant.
    Rare,
    /// A value of now.
    Gauge,
    /// Counts values by upper limits, in the metric's unit.
    Histogram(&'static [f64]),
}

/// A metric as it is described.
#[derive(Clone, Copy, Debug)]
pub struct Description {
    /// Its name, in both forms.
    pub name: &'static str,
    /// Its kind.
    pub kind: Kind,
    /// The names of its labels.
    pub labels: &'static [&'static str],
    /// What it measures.
    pub help: &'static str,
    /// What an operator does about it.
    pub act: &'static str,
}

/// A metric with `N` labels, registered when it is first used.
#[derive(Debug)]
struct Registered<T>(OnceLock<Option<T>>);

impl<T: prometheus::core::Collector + Clone + 'static> Registered<T> {
    const fn new() -> Self {
        Self(OnceLock::new())
    }

    /// `None` if its description is invalid, which a test excludes.
    fn get(&self, make: impl FnOnce() -> prometheus::Result<T>) -> Option<&T> {
        let register = || make().and_then(|made| REGISTRY.register(Box::new(made.clone())).map(|()| made)).ok();
        self.0.get_or_init(register).as_ref()
    }
}

impl Description {
    fn opts(&self) -> Opts {
        Opts::new(self.name, self.help)
    }
}

/// A counter with `N` labels.
#[derive(Debug)]
pub struct Counter<const N: usize> {
    about: &'static Description,
    vec: Registered<IntCounterVec>,
}

impl<const N: usize> Counter<N> {
    const fn new(about: &'static Description) -> Self {
        Self { about, vec: Registered::new() }
    }

    /// Adds to it.
    pub fn add(&self, labels: [&str; N], value: u64) {
        let vec = self.vec.get(|| IntCounterVec::new(self.about.opts(), self.about.labels));
        if let Some(counter) = vec.and_then(|vec| vec.get_metric_with_label_values(&labels).ok()) {
            counter.inc_by(value);
        }
    }

    fn begin(&self) {
        if let Ok(none) = <[&str; N]>::try_from(&[] as &[&str]) {
            self.add(none, 0);
        }
    }
}

/// A counter of what is rare, and concerns one tenant.
#[derive(Debug)]
pub struct Rare(Counter<0>);

impl Rare {
    const fn new(about: &'static Description) -> Self {
        Self(Counter::new(about))
    }

    /// Counts something that happened to a tenant.
    pub fn count(&self, tenant: &str, value: u64, now_millis: i64) {
        if value == 0 {
            return;
        }
        self.0.add([], value);
        let name = self.0.about.name;
        if !emf::write_rare(name, tenant, value, now_millis) {
            tracing::info!(target: "metrics", name, tenant, value, "counted");
        }
    }

    fn begin(&self) {
        self.0.begin();
    }
}

/// A value of now with `N` labels. It is absent until it is set.
#[derive(Debug)]
pub struct Gauge<const N: usize> {
    about: &'static Description,
    vec: Registered<GaugeVec>,
}

impl<const N: usize> Gauge<N> {
    const fn new(about: &'static Description) -> Self {
        Self { about, vec: Registered::new() }
    }

    /// Sets it.
    pub fn set(&self, labels: [&str; N], value: f64) {
        let vec = self.vec.get(|| GaugeVec::new(self.about.opts(), self.about.labels));
        if let Some(gauge) = vec.and_then(|vec| vec.get_metric_with_label_values(&labels).ok()) {
            gauge.set(value);
        }
    }

    fn begin(&self) {}
}

/// A histogram with `N` labels.
#[derive(Debug)]
pub struct Histogram<const N: usize> {
    about: &'static Description,
    vec: Registered<HistogramVec>,
}

impl<const N: usize> Histogram<N> {
    const fn new(about: &'static Description) -> Self {
        Self { about, vec: Registered::new() }
    }

    /// Counts a value.
    pub fn observe(&self, labels: [&str; N], value: f64) {
        if let Some(histogram) = self.vec().and_then(|vec| vec.get_metric_with_label_values(&labels).ok()) {
            histogram.observe(value);
        }
    }

    fn vec(&self) -> Option<&HistogramVec> {
        self.vec.get(|| {
            let Kind::Histogram(limits) = self.about.kind else {
                return Err(prometheus::Error::Msg("no histogram".to_owned()));
            };
            let opts = HistogramOpts::new(self.about.name, self.about.help).buckets(limits.to_vec());
            HistogramVec::new(opts, self.about.labels)
        })
    }

    fn begin(&self) {
        let Ok(none) = <[&str; N]>::try_from(&[] as &[&str]) else { return };
        // Making it is enough: it then shows that nothing was counted.
        drop(self.vec().map(|vec| vec.get_metric_with_label_values(&none)));
    }
}

/// All metrics in Prometheus' text form (version 0.0.4). Counters without labels begin at 0; everything else is absent
/// until it was measured.
pub fn text() -> String {
    list::begin();
    TextEncoder::new().encode_to_string(&REGISTRY.gather()).unwrap_or_default()
}

/// The media type of [`text`].
pub const TEXT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Counts an answer to a request. Whatever is unknown about the operation has been written into the answer by who
/// answered.
pub fn count_answer(operation: &str, status: u16, seconds: f64) {
    ANSWERS.add([operation, three_digits(status, &mut [0; 3])], 1);
    ANSWER_SECONDS.observe([operation], seconds);
}

/// A status as a text, without an allocation.
fn three_digits(status: u16, digits: &mut [u8; 3]) -> &str {
    *digits = [status / 100 % 10, status / 10 % 10, status % 10].map(|digit| b'0' + digit as u8);
    std::str::from_utf8(digits).unwrap_or("000")
}

/// What a gathered metric has in common, whatever its kind: its labels.
fn labels_of(metric: &prometheus::proto::Metric) -> Vec<(String, Value)> {
    metric.get_label().iter().map(|pair| (pair.name().to_owned(), pair.value().into())).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_metric_can_be_registered_and_its_name_says_its_unit() {
        list::begin();
        let mut names = BTreeSet::new();
        for one in list::ALL {
            assert!(names.insert(one.name), "{} stands twice", one.name);
            assert!(one.name.starts_with("vestibule_") && one.help.ends_with('.') && one.act.ends_with('.'), "{one:?}");
            let made = match one.kind {
                Kind::Histogram(limits) => {
                    assert!(limits.is_sorted() && !limits.is_empty(), "{one:?}");
                    let opts = HistogramOpts::new(one.name, one.help).buckets(limits.to_vec());
                    HistogramVec::new(opts, one.labels).map(drop)
                }
                _ => IntCounterVec::new(one.opts(), one.labels).map(drop),
            };
            made.unwrap();
            let is_counter = matches!(one.kind, Kind::Counter | Kind::Rare);
            assert_eq!(is_counter, one.name.ends_with("_total"), "{one:?}");
            let unit = ["_seconds", "_total", "_bytes", "_tenants"].iter().any(|end| one.name.ends_with(end));
            assert!(unit, "{} has no unit", one.name);
            for label in one.labels {
                assert!(list::LABELS.iter().any(|(name, _, _)| name == label), "{label} is not explained");
            }
        }
    }

    #[test]
    fn the_text_has_what_was_measured_and_nothing_else() {
        EVENTS.add(["jamf", "accepted"], 3);
        EVENTS.add(["jamf", "accepted"], 1);
        let text = text();
        let events = text.lines().find(|line| line.starts_with("vestibule_events_total{")).unwrap();
        assert_eq!(events, r#"vestibule_events_total{result="accepted",source="jamf"} 4"#);
        assert!(text.contains("# TYPE vestibule_events_total counter\n"));
        // A counter without labels begins at 0; a gauge that nobody set is not there.
        assert!(text.contains("\nvestibule_files_lost_total 0\n"));
        assert!(!text.contains("vestibule_export_overdue_seconds"), "{text}");
        assert_eq!(three_digits(404, &mut [0; 3]), "404");
    }
}
