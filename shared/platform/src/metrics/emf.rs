//! The same metrics as log lines in CloudWatch's embedded metric format, for deployed functions.
//!
//! A line for each request would cost more than the request. So what is counted is written as its growth since the last
//! time: by functions that run by a schedule after each run, by those that answer requests or follow the stream at most
//! once a minute. A process that is frozen for good in between loses that minute's growth: the counts are lower limits.
//! What is rare is written at once.
//!
//! A histogram becomes two metrics, `…_sum` and `…_count`, which are also two of the series that Prometheus reads.
//!
//! Which tenants send most is no metric: each tenant would be one, and cost as such. [`count_events`] counts for lines that
//! a query of the log adds up.

use super::{REGISTRY, labels_of, list};
use prometheus::proto::MetricType;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, HashMap};
use std::io::Write as _;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

/// The variable that names the namespace of all metrics. Each stack has its own: a sweep of one must not make up for a
/// missing sweep of another in the same account.
pub const NAMESPACE_VARIABLE: &str = "METRICS_NAMESPACE";
/// The namespace if the variable is not set.
const NAMESPACE: &str = "Vestibule";
static NAMED: OnceLock<String> = OnceLock::new();
/// How often a function that runs often writes.
const EVERY_MILLIS: i64 = 60_000;

/// How many tenants have a line of their own each time; the others share one without a name.
const TENANTS_NAMED: usize = 20;

static IN_USE: AtomicBool = AtomicBool::new(false);
static WRITTEN_AT: AtomicI64 = AtomicI64::new(i64::MIN);
/// What counters were when they were last written.
static WRITTEN: Mutex<Option<HashMap<String, f64>>> = Mutex::new(None);
/// Events by tenant since they were last written.
static EVENTS_OF: Mutex<BTreeMap<String, u64>> = Mutex::new(BTreeMap::new());

fn namespace() -> &'static str {
    NAMED.get_or_init(|| std::env::var(NAMESPACE_VARIABLE).unwrap_or_else(|_| NAMESPACE.to_owned()))
}

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
    put(&grown(now_millis));
}

/// The lines of what changed since they were last taken, whoever writes them.
pub fn grown(now_millis: i64) -> Vec<String> {
    // Each change completes before anything can panic.
    let mut written = WRITTEN.lock().unwrap_or_else(PoisonError::into_inner);
    let mut grown = lines(written.get_or_insert_default(), now_millis);
    let events_of = std::mem::take(&mut *EVENTS_OF.lock().unwrap_or_else(PoisonError::into_inner));
    grown.extend(lines_of_tenants(events_of));
    grown
}

/// Counts events of a tenant, whatever became of them.
pub fn count_events(tenant: &str, events: u64) {
    if !IN_USE.load(Ordering::Relaxed) || events == 0 {
        return;
    }
    let mut events_of = EVENTS_OF.lock().unwrap_or_else(PoisonError::into_inner);
    match events_of.get_mut(tenant) {
        Some(counted) => *counted += events,
        None => drop(events_of.insert(tenant.to_owned(), events)),
    }
}

/// The lines of the tenants that sent most; the others' events are in one line of the tenant `-`.
fn lines_of_tenants(events_of: BTreeMap<String, u64>) -> Vec<String> {
    let mut most: Vec<(String, u64)> = events_of.into_iter().collect();
    most.sort_by_key(|(_, events)| std::cmp::Reverse(*events));
    let others: u64 = most.iter().skip(TENANTS_NAMED).map(|(_, events)| events).sum();
    most.truncate(TENANTS_NAMED);
    most.extend((others > 0).then(|| ("-".to_owned(), others)));
    let line =
        |(tenant, events): (String, u64)| json!({"message": "events of a tenant", "tenant": tenant, "events": events});
    most.into_iter().map(|one| line(one).to_string()).collect()
}

/// Writes a rare count at once; `false` if this process does not use the format.
pub(super) fn write_rare(name: &'static str, tenant: &str, value: u64, now_millis: i64) -> bool {
    let is_used = IN_USE.load(Ordering::Relaxed);
    if is_used {
        let members = Map::from_iter([("tenant".to_owned(), tenant.into()), (name.to_owned(), value.into())]);
        put(&[line(&json!([[]]), &[(name.to_owned(), "Count")], members, now_millis)]);
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
        let names: Vec<&str> =
            labels.iter().map(|(name, _)| name.as_str()).filter(|name| list::is_dimension(name)).collect();
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
        "CloudWatchMetrics": [{"Namespace": namespace(), "Dimensions": dimensions, "Metrics": metrics}],
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
        // The reason is a member of the line, and no dimension.
        assert_eq!(about["Dimensions"], json!([[]]));
        assert_eq!(about["Metrics"], json!([{"Name": "vestibule_refusals_total", "Unit": "Count"}]));
        let refreshed = first.iter().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let refreshed = refreshed.into_iter().find(|line| line["kind"] == "a test of lines").unwrap();
        assert_eq!(refreshed["_aws"]["CloudWatchMetrics"][0]["Dimensions"], json!([[], ["kind"]]));
        assert_eq!(
            (&refreshed["vestibule_refresh_seconds_sum"], &refreshed["vestibule_refresh_seconds_count"]),
            (&json!(1.5), &json!(1.0))
        );
        REFUSALS.add(["a test of lines"], 3);
        let again = lines(&mut written, 8);
        assert_eq!(of(&again, "vestibule_refusals_total").unwrap()["vestibule_refusals_total"], 3.0);
        assert!(!again.iter().any(|line| line.contains("refresh_seconds") && line.contains("a test of lines")));
    }

    #[test]
    fn the_tenants_that_send_most_are_named_and_no_event_is_missing() {
        assert!(lines_of_tenants(BTreeMap::new()).is_empty());
        let events_of = (1..=30).map(|number| (format!("tenant-{number}"), number)).collect();
        let lines = lines_of_tenants(events_of);
        let read: Vec<Value> = lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(read.len(), TENANTS_NAMED + 1);
        assert_eq!((&read[0]["tenant"], &read[0]["events"]), (&json!("tenant-30"), &json!(30)));
        assert_eq!(read[TENANTS_NAMED]["tenant"], "-");
        assert_eq!(read.iter().map(|line| line["events"].as_u64().unwrap()).sum::<u64>(), 465);
        // None is a metric.
        assert!(read.iter().all(|line| line.get("_aws").is_none()));
    }
}
