//! The same metrics as log lines in CloudWatch's embedded metric format, for deployed functions.
//!
//! A line for each request would cost more than the request. So what is counted is written as its growth since the last
//! time: by functions that handle events after each invocation, by those that answer requests at most once a minute. A
//! process that is frozen for good in between loses that minute's growth: the counts are lower limits. What is rare is
//! written at once.
//!
//! A histogram becomes two metrics, `…_sum` and `…_count`, which are also two of the series that Prometheus reads.

use super::{REGISTRY, labels_of, list};
use prometheus::proto::MetricType;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, HashMap};
use std::io::Write as _;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Mutex, PoisonError};

/// The namespace of all metrics.
pub const NAMESPACE: &str = "Vestibule";
/// How often a function that answers requests writes.
const EVERY_MILLIS: i64 = 60_000;

static IN_USE: AtomicBool = AtomicBool::new(false);
static WRITTEN_AT: AtomicI64 = AtomicI64::new(i64::MIN);
/// What counters were when they were last written.
static WRITTEN: Mutex<Option<HashMap<String, f64>>> = Mutex::new(None);

/// From now on, this process writes its metrics to standard output.
pub fn begin() {
    IN_USE.store(true, Ordering::Relaxed);
}

/// Writes what changed, unless this was done within the last minute.
pub fn write_due(now_millis: i64) {
    let last = WRITTEN_AT.load(Ordering::Relaxed);
    if IN_USE.load(Ordering::Relaxed) && (last == i64::MIN || now_millis.abs_diff(last) >= EVERY_MILLIS.unsigned_abs())
    {
        write(now_millis);
    }
}

/// Writes what changed.
pub fn write(now_millis: i64) {
    if !IN_USE.load(Ordering::Relaxed) {
        return;
    }
    WRITTEN_AT.store(now_millis, Ordering::Relaxed);
    // Each change completes before anything can panic.
    let mut written = WRITTEN.lock().unwrap_or_else(PoisonError::into_inner);
    put(&lines(written.get_or_insert_default(), now_millis));
}

/// Writes a rare count at once; `false` if this process does not use the format.
pub(super) fn write_rare(name: &'static str, tenant: &str, value: u64, now_millis: i64) -> bool {
    let is_used = IN_USE.load(Ordering::Relaxed);
    if is_used {
        let members = Map::from_iter([("tenant".to_owned(), tenant.into()), (name.to_owned(), value.into())]);
        put(&[line(&json!([[], ["tenant"]]), &[(name.to_owned(), "Count")], members, now_millis)]);
    }
    is_used
}

fn put(lines: &[String]) {
    let mut out = std::io::stdout().lock();
    for line in lines {
        // A count that cannot be written is no reason to fail what was counted.
        let _unwritten = writeln!(out, "{line}");
    }
}

/// A metric's name, its unit in CloudWatch, and its value.
type Measured = (String, &'static str, f64);
/// The labels of a line, and what was measured under them.
type Labelled = (Vec<(String, Value)>, Vec<Measured>);

/// A line for each set of labels: what grew since `written`, and gauges as they are.
fn lines(written: &mut HashMap<String, f64>, now_millis: i64) -> Vec<String> {
    let mut by_labels: BTreeMap<String, Labelled> = BTreeMap::new();
    for family in REGISTRY.gather() {
        let name = family.name().to_owned();
        // Those are written when they happen.
        if list::ALL.iter().any(|one| one.name == name && one.kind == super::Kind::Rare) {
            continue;
        }
        let unit = if name.ends_with("_seconds") { "Seconds" } else { "Count" };
        let unit = if name.contains("_bytes") { "Bytes" } else { unit };
        for metric in family.get_metric() {
            let labels = labels_of(metric);
            let key = Value::from_iter(labels.clone()).to_string();
            let mut grown = |name: String, unit, now: f64| {
                let before = written.insert(format!("{name}{key}"), now).unwrap_or(0.0);
                (now > before).then_some((name, unit, now - before))
            };
            let measured: Vec<Measured> = match family.get_field_type() {
                MetricType::GAUGE => vec![(name.clone(), unit, metric.get_gauge().get_value())],
                MetricType::COUNTER => {
                    grown(name.clone(), unit, metric.get_counter().get_value()).into_iter().collect()
                }
                MetricType::HISTOGRAM => {
                    let histogram = metric.get_histogram();
                    let count = histogram.get_sample_count() as f64;
                    let sum = grown(format!("{name}_sum"), unit, histogram.get_sample_sum());
                    sum.into_iter().chain(grown(format!("{name}_count"), "Count", count)).collect()
                }
                _ => Vec::new(),
            };
            if !measured.is_empty() {
                by_labels.entry(key).or_insert_with(|| (labels, Vec::new())).1.extend(measured);
            }
        }
    }
    let lines = by_labels.into_values().map(|(labels, measured)| {
        let names: Vec<&str> = labels.iter().map(|(name, _)| name.as_str()).collect();
        // Also without its labels, for alarms on the sum.
        let dimensions = if names.is_empty() { json!([[]]) } else { json!([[], names]) };
        let metrics: Vec<(String, &str)> = measured.iter().map(|(name, unit, _)| (name.clone(), *unit)).collect();
        let values = measured.into_iter().map(|(name, _, value)| (name, value.into()));
        let members = labels.iter().cloned().chain(values).collect();
        line(&dimensions, &metrics, members, now_millis)
    });
    lines.collect()
}

fn line(dimensions: &Value, metrics: &[(String, &str)], mut members: Map<String, Value>, now_millis: i64) -> String {
    let metrics: Vec<Value> = metrics.iter().map(|(name, unit)| json!({"Name": name, "Unit": unit})).collect();
    let about = json!({
        "Timestamp": now_millis,
        "CloudWatchMetrics": [{"Namespace": NAMESPACE, "Dimensions": dimensions, "Metrics": metrics}],
    });
    members.insert("_aws".to_owned(), about);
    Value::Object(members).to_string()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::metrics::{REFRESH_SECONDS, REFUSALS};

    fn of(lines: &[String], name: &str) -> Option<Value> {
        lines.iter().map(|line| serde_json::from_str::<Value>(line).unwrap()).find(|line| !line[name].is_null())
    }

    #[test]
    fn a_line_has_what_grew_under_the_names_of_the_list() {
        // Labels of this test alone, as others measure at the same time.
        let mut written = HashMap::new();
        REFUSALS.add(["a test of lines"], 2);
        REFRESH_SECONDS.observe(["a test of lines"], 1.5);
        let first = lines(&mut written, 7);
        let refused = first.iter().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let refused = refused.into_iter().find(|line| line["reason"] == "a test of lines").unwrap();
        assert_eq!(refused["vestibule_refusals_total"], 2.0);
        let about = &refused["_aws"]["CloudWatchMetrics"][0];
        assert_eq!(about["Namespace"], NAMESPACE);
        assert_eq!(about["Dimensions"], json!([[], ["reason"]]));
        assert_eq!(about["Metrics"], json!([{"Name": "vestibule_refusals_total", "Unit": "Count"}]));
        let refreshed = first.iter().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let refreshed = refreshed.into_iter().find(|line| line["kind"] == "a test of lines").unwrap();
        assert_eq!(
            (&refreshed["vestibule_refresh_seconds_sum"], &refreshed["vestibule_refresh_seconds_count"]),
            (&json!(1.5), &json!(1.0))
        );
        REFUSALS.add(["a test of lines"], 3);
        let again = lines(&mut written, 8);
        assert_eq!(of(&again, "vestibule_refusals_total").unwrap()["vestibule_refusals_total"], 3.0);
        assert!(!again.iter().any(|line| line.contains("refresh_seconds") && line.contains("a test of lines")));
    }
}
