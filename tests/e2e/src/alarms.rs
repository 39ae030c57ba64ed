//! The template's alarms, and whether what was measured raises them.
//!
//! The rules are those of CloudWatch's user guide ("Alarm evaluation", "Configuring how CloudWatch alarms treat missing
//! data"): an alarm is raised if enough of its last periods breach its threshold. CloudWatch looks at some periods more than
//! the alarm has, and fills in what is missing only as far as fewer were measured. The emulator of AWS can't be asked: it
//! knows neither dimensions nor periods nor missing data when it evaluates an alarm.

use crate::tools::workspace;
use serde_yaml_ng::Value;
use std::collections::{BTreeMap, BTreeSet};

/// How many periods CloudWatch looks at beyond those of an alarm, as in the guide's examples.
const LOOKED_BEYOND: i64 = 2;

/// A measurement, as CloudWatch has it.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    pub namespace: String,
    pub metric: String,
    pub dimensions: BTreeMap<String, String>,
    /// Milliseconds since 1970.
    pub at: i64,
    pub value: f64,
}

/// An alarm.
#[derive(Clone, Debug)]
pub struct Alarm {
    pub name: String,
    pub namespace: String,
    pub metric: String,
    pub dimensions: BTreeMap<String, String>,
    statistic: String,
    period: i64,
    periods: i64,
    datapoints: i64,
    threshold: f64,
    comparison: String,
    missing: String,
}

impl Alarm {
    /// Whether it is raised at an instant.
    pub fn is_raised(&self, points: &[Point], at: i64) -> bool {
        let newest_first = (0..self.periods + LOOKED_BEYOND).map(|back| self.measured(points, at - back * self.period));
        let measured: Vec<f64> = newest_first.flatten().take(usize::try_from(self.periods).unwrap()).collect();
        let breaching = measured.iter().filter(|value| self.breaches(**value)).count();
        let missing = usize::try_from(self.periods).unwrap() - measured.len();
        let filled = match self.missing.as_str() {
            "breaching" => missing,
            "notBreaching" => 0,
            other => panic!("{}: {other} is not understood here", self.name),
        };
        breaching + filled >= usize::try_from(self.datapoints).unwrap()
    }

    /// The statistic of the period that ends at an instant.
    fn measured(&self, points: &[Point], until: i64) -> Option<f64> {
        let is_of = |point: &&Point| {
            (&point.namespace, &point.metric, &point.dimensions) == (&self.namespace, &self.metric, &self.dimensions)
                && point.at <= until
                && point.at > until - self.period
        };
        let values: Vec<f64> = points.iter().filter(is_of).map(|point| point.value).collect();
        match self.statistic.as_str() {
            _ if values.is_empty() => None,
            "Sum" => Some(values.iter().sum()),
            "Maximum" => values.into_iter().reduce(f64::max),
            other => panic!("{}: {other} is not understood here", self.name),
        }
    }

    fn breaches(&self, value: f64) -> bool {
        match self.comparison.as_str() {
            "GreaterThanThreshold" => value > self.threshold,
            "GreaterThanOrEqualToThreshold" => value >= self.threshold,
            "LessThanThreshold" => value < self.threshold,
            other => panic!("{}: {other} is not understood here", self.name),
        }
    }
}

/// The deployed template, with some parameters set and the others at their defaults.
pub struct Template {
    root: Value,
    set: BTreeMap<String, String>,
}

impl Template {
    pub fn read(set: &[(&str, &str)]) -> Self {
        let text = std::fs::read_to_string(workspace().join("infra/template.yaml")).unwrap();
        let set = set.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Self { root: serde_yaml_ng::from_str(&text).unwrap(), set }
    }

    /// Resources of a type, by name.
    pub fn of_type(&self, kind: &str) -> BTreeMap<&str, &Value> {
        let all = self.root["Resources"].as_mapping().unwrap().iter();
        let named = all.map(|(name, resource)| (name.as_str().unwrap(), resource));
        named.filter(|(_, resource)| resource["Type"] == kind).map(|(name, one)| (name, &one["Properties"])).collect()
    }

    /// The condition of a resource, if it has one.
    pub fn condition(&self, name: &str) -> Option<&str> {
        self.root["Resources"][name].get("Condition")?.as_str()
    }

    pub fn alarms(&self) -> Vec<Alarm> {
        let alarms = self.of_type("AWS::CloudWatch::Alarm").into_iter();
        alarms.map(|(name, alarm)| self.alarm(name, alarm)).collect()
    }

    /// The names of the alarms that these measurements raise.
    pub fn raised(&self, points: &[Point], at: i64) -> BTreeSet<String> {
        self.alarms().into_iter().filter(|alarm| alarm.is_raised(points, at)).map(|alarm| alarm.name).collect()
    }

    /// An alarm with some of its properties replaced.
    pub fn alarm_with(&self, name: &str, properties: &[(&str, &str)]) -> Alarm {
        let mut alarm = self.of_type("AWS::CloudWatch::Alarm")[name].clone();
        for (property, value) in properties {
            alarm[*property] = Value::from(*value);
        }
        self.alarm(name, &alarm)
    }

    /// A text into which references are put, each by the name that it has here.
    pub fn text_of_sub(&self, value: &Value) -> String {
        let Value::Tagged(tagged) = value else { panic!("no text with references") };
        assert_eq!(tagged.tag, "Sub");
        let mut parts = tagged.value.as_str().unwrap().split("${");
        let mut text = parts.next().unwrap().to_owned();
        for part in parts {
            let (name, rest) = part.split_once('}').unwrap();
            text.push_str(name);
            text.push_str(rest);
        }
        text
    }

    fn alarm(&self, name: &str, alarm: &Value) -> Alarm {
        // The names that are read here; another property could change what they mean.
        let known = [
            "AlarmDescription",
            "Namespace",
            "MetricName",
            "Dimensions",
            "Statistic",
            "Period",
            "EvaluationPeriods",
            "DatapointsToAlarm",
            "Threshold",
            "ComparisonOperator",
            "TreatMissingData",
            "AlarmActions",
            "OKActions",
        ];
        for (property, _) in alarm.as_mapping().unwrap() {
            assert!(known.contains(&property.as_str().unwrap()), "{name}: {property:?} is not understood here");
        }
        let text = |property: &str| self.text(&alarm[property]);
        let number =
            |property: &str| -> f64 { text(property).parse().unwrap_or_else(|_| panic!("{name}: {property}")) };
        let periods = number("EvaluationPeriods") as i64;
        let dimensions = alarm["Dimensions"].as_sequence().into_iter().flatten();
        Alarm {
            name: name.to_owned(),
            namespace: text("Namespace"),
            metric: text("MetricName"),
            dimensions: dimensions.map(|one| (self.text(&one["Name"]), self.text(&one["Value"]))).collect(),
            statistic: text("Statistic"),
            period: number("Period") as i64 * 1_000,
            periods,
            datapoints: if alarm.get("DatapointsToAlarm").is_some() {
                number("DatapointsToAlarm") as i64
            } else {
                periods
            },
            threshold: number("Threshold"),
            comparison: text("ComparisonOperator"),
            missing: text("TreatMissingData"),
        }
    }

    /// A value as a text: a parameter's own, a resource by its name here. Where a condition decides, the side that
    /// creates a resource, which is the last, counts.
    pub fn text(&self, value: &Value) -> String {
        match value {
            Value::Tagged(tagged) if tagged.tag == "Ref" => {
                let name = tagged.value.as_str().unwrap();
                self.parameter(name).unwrap_or_else(|| name.to_owned())
            }
            Value::Tagged(tagged) if tagged.tag == "GetAtt" => {
                tagged.value.as_str().unwrap().split('.').next().unwrap().to_owned()
            }
            Value::Tagged(tagged) if tagged.tag == "If" => {
                self.text(tagged.value.as_sequence().unwrap().last().unwrap())
            }
            Value::Tagged(tagged) if tagged.tag == "Sub" => self.text_of_sub(value),
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            other => panic!("{other:?} is not understood here"),
        }
    }

    /// A variable that all functions have.
    pub fn variable(&self, name: &str) -> &Value {
        &self.root["Globals"]["Function"]["Environment"]["Variables"][name]
    }

    /// A parameter's value.
    pub fn parameter(&self, name: &str) -> Option<String> {
        let default = self.root["Parameters"].get(name).map(|parameter| self.text(&parameter["Default"]));
        default.map(|default| self.set.get(name).cloned().unwrap_or(default))
    }

    /// A function's name here, by the name of its package.
    pub fn function(&self, package: &str) -> String {
        let zip = format!("/{package}.zip");
        let functions = self.of_type("AWS::Serverless::Function").into_iter();
        let mut named = functions.filter(|(_, function)| self.text(&function["CodeUri"]).ends_with(&zip));
        named.next().unwrap_or_else(|| panic!("there is no function {package}")).0.to_owned()
    }

    /// How many executions at once are reserved for a function.
    pub fn reserved(&self, function: &str) -> Option<usize> {
        let reserved = self.of_type("AWS::Serverless::Function")[function].get("ReservedConcurrentExecutions")?;
        let Value::Tagged(decided) = reserved else { panic!("{function}: not by a condition") };
        let reserved = self.text(&decided.value.as_sequence().unwrap()[1]).parse().unwrap();
        (reserved > 0).then_some(reserved)
    }
}
