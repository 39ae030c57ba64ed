//! The rules by which alarms are evaluated here are those of CloudWatch's guide, and each alarm has its place in the
//! template, in the list of metrics and in the documentation.

use std::collections::BTreeSet;
use vestibule_e2e::{METRICS, Point, Template, workspace};
use vestibule_platform::metrics::{ALL, Kind};

const MINUTE: i64 = 60_000;

/// The examples of the guide ("Configuring how CloudWatch alarms treat missing data"), the newest datapoint last: `0` does
/// not breach, `X` breaches, `-` is missing. With how many datapoints of three periods the alarm is raised, and whether it
/// is if missing data is treated as breaching, and as not breaching.
const EXAMPLES: [(&str, usize, bool, bool); 10] = [
    ("0-X-X", 3, false, false),
    ("0----", 3, false, false),
    ("-----", 3, true, false),
    ("0XX-X", 3, true, true),
    ("--X--", 3, true, false),
    ("0-X-X", 2, true, true),
    ("00X0X", 2, true, true),
    ("0-X--", 2, true, false),
    ("----0", 2, true, false),
    ("---X-", 2, true, false),
];

#[test]
fn missing_data_is_treated_as_the_guide_says() {
    for (row, datapoints, breaching, not_breaching) in EXAMPLES {
        for (missing, expected) in [("breaching", breaching), ("notBreaching", not_breaching)] {
            let about = [("EvaluationPeriods", "3"), ("DatapointsToAlarm", &datapoints.to_string())];
            let about = [&about[..], &[("TreatMissingData", missing), ("Threshold", "1")]].concat();
            // An alarm of the template on a sum of a minute, with these rules in the place of its own.
            let alarm = Template::read(&[]).alarm_with("TableWritesThrottled", &about);
            let measured = |(back, shown): (i64, char)| {
                let value = match shown {
                    '0' => 0.0,
                    'X' => 1.0,
                    _ => return None,
                };
                let (namespace, metric) = (alarm.namespace.clone(), alarm.metric.clone());
                let at = 1_000 * MINUTE - back * MINUTE;
                Some(Point { namespace, metric, dimensions: alarm.dimensions.clone(), at, value })
            };
            let points: Vec<Point> = (0..).zip(row.chars().rev()).filter_map(measured).collect();
            assert_eq!(alarm.is_raised(&points, 1_000 * MINUTE), expected, "{row}, {datapoints} of 3, {missing}");
        }
    }
}

/// What the functions measure is written under the names of the list; an alarm on another would be silent for ever.
#[test]
fn alarms_and_the_dashboard_watch_metrics_of_the_list() {
    let template = Template::read(&[]);
    let is_listed = |name: &str| {
        ALL.iter().any(|one| match one.kind {
            Kind::Histogram(_) => name.strip_suffix("_sum").or(name.strip_suffix("_count")) == Some(one.name),
            _ => name == one.name,
        })
    };
    let watched = template.alarms().into_iter().filter(|alarm| alarm.namespace == METRICS);
    let watched: Vec<_> = watched.collect();
    assert_eq!(watched.len(), 3);
    for alarm in &watched {
        let about = ALL.iter().find(|one| alarm.metric.starts_with(one.name)).unwrap();
        assert!(about.act.contains(&format!("the alarm `{}`", alarm.name)), "{}", about.act);
    }
    let alarms: BTreeSet<String> = template.alarms().into_iter().map(|alarm| alarm.name).collect();
    for named in ALL.iter().flat_map(|one| one.act.split("the alarm `").skip(1)) {
        assert!(alarms.contains(named.split('`').next().unwrap()), "{named}");
    }
    let mut watched: Vec<String> = watched.into_iter().map(|alarm| alarm.metric).collect();
    let dashboards = template.of_type("AWS::CloudWatch::Dashboard");
    for dashboard in dashboards.values() {
        let body = template.text_of_sub(&dashboard["DashboardBody"]);
        let read: serde_json::Value = serde_json::from_str(&body).unwrap_or_else(|error| panic!("{error}: {body}"));
        assert!(read["widgets"].as_array().unwrap().len() > 10);
        let words = body.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        watched.extend(words.filter(|word| word.starts_with("vestibule_")).map(str::to_owned));
    }
    assert!(watched.len() > 15, "{watched:?}");
    // The functions write to the namespace that the alarms watch, and it is the stack's own.
    assert_eq!(template.text(template.variable("METRICS_NAMESPACE")), METRICS);
    for metric in watched {
        assert!(is_listed(&metric), "{metric}");
    }
}

/// Whoever is woken finds the section by the alarm's name; a section of an alarm that is gone would mislead.
#[test]
fn each_alarm_has_its_section_in_the_documentation() {
    let page = std::fs::read_to_string(workspace().join("docs/OPERATIONS.md")).unwrap();
    let (_, page) = page.split_once("\n## Alarms on AWS\n").unwrap();
    let page = page.split("\n## ").next().unwrap();
    let mut explained = BTreeSet::new();
    for section in page.split("\n### ").skip(1) {
        let (heading, text) = section.split_once('\n').unwrap();
        for name in heading.split(", ") {
            assert!(explained.insert(name.trim_matches('`').to_owned()), "{name} stands twice");
        }
        for part in ["**Means:** ", "**Look:** ", "**Act:** "] {
            assert!(text.contains(part), "{heading} lacks {part}");
        }
    }
    let template = Template::read(&[]);
    let alarms: BTreeSet<String> = template.alarms().into_iter().map(|alarm| alarm.name).collect();
    let mut all = alarms.clone();
    all.extend(template.of_type("AWS::Budgets::Budget").into_keys().map(str::to_owned));
    assert_eq!(all, explained);
    // What they cost: ten cents a month each. Two are there only if the webhooks have addresses of their own.
    let is_of_addresses = |name: &&String| template.condition(name) == Some("HasFunctionUrls");
    let always = alarms.len() - alarms.iter().filter(is_of_addresses).count();
    assert_eq!(alarms.len() - always, 2);
    let dollars = always as f64 / 10.0;
    let words = page.replace('\n', " ");
    assert!(words.contains(&format!("{always} alarms cost {dollars:.2} $ a month")), "{dollars:.2}");
}

/// Every tenant that were a dimension would cost a metric for each name.
#[test]
fn no_alarm_goes_by_tenant_and_each_goes_to_the_topic() {
    let template = Template::read(&[]);
    for (name, alarm) in template.of_type("AWS::CloudWatch::Alarm") {
        for actions in ["AlarmActions", "OKActions"] {
            assert!(alarm[actions] == alarm["AlarmActions"] && !alarm[actions].is_null(), "{name}");
        }
    }
    assert!(template.alarms().iter().all(|alarm| !alarm.dimensions.contains_key("tenant")));
}
