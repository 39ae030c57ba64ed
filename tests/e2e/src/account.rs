//! What AWS does around the functions, as far as its metrics show it, and what it counts of that under its own names.
//!
//! The functions are the real ones of a [`Stack`], and their own metrics are read from what they write. What is between
//! them and their callers on AWS is done here by AWS's documented rules with the template's own numbers: concurrency that is
//! reserved, retries and dead letters of asynchronous calls and of rules, the age of a stream's records.
//!
//! Must stay true: nothing is counted that did not happen in the run.

use crate::alarms::{Point, Template};
use crate::http::Answer;
use crate::stack::{Stack, now};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};

/// The part of AWS around a stack.
pub struct Account<'s> {
    pub stack: &'s Stack,
    pub template: Template,
    /// Executions at once that the account allows.
    limit: usize,
    points: Mutex<Vec<Point>>,
    running: Mutex<BTreeMap<String, usize>>,
    /// Messages in each queue.
    waiting: Mutex<BTreeMap<String, usize>>,
    /// Milliseconds by which what is counted is dated later, so that a test need not wait for the next minute.
    later: AtomicI64,
    /// Requests that an answer of 500 or more ended.
    pub failed: AtomicUsize,
}

impl<'s> Account<'s> {
    pub fn around(stack: &'s Stack, limit: usize, parameters: &[(&str, &str)]) -> Self {
        Self {
            stack,
            template: Template::read(parameters),
            limit,
            points: Mutex::default(),
            running: Mutex::default(),
            waiting: Mutex::default(),
            later: AtomicI64::default(),
            failed: AtomicUsize::default(),
        }
    }

    /// What happens from now on happens a minute later.
    pub fn next_minute(&self) {
        self.later.fetch_add(60_000, Ordering::SeqCst);
    }

    /// The instant at which something that happens now is dated.
    pub fn now(&self) -> i64 {
        now().millis() + self.later.load(Ordering::SeqCst)
    }

    /// Counts something under AWS's names.
    pub fn count(&self, namespace: &str, metric: &str, dimensions: &[(&str, &str)], value: f64) {
        let dimensions = dimensions.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let (namespace, metric) = (namespace.to_owned(), metric.to_owned());
        self.points.lock().unwrap().push(Point { namespace, metric, dimensions, at: self.now(), value });
    }

    /// Everything that was counted here, and that the functions measured themselves.
    pub fn points(&self) -> Vec<Point> {
        let mut points = self.points.lock().unwrap().clone();
        points.extend(self.stack.lines().iter().flat_map(measured));
        points
    }

    /// The alarms that are raised this many minutes from now.
    pub fn raised_in(&self, minutes: i64) -> std::collections::BTreeSet<String> {
        self.template.raised(&self.points(), self.now() + minutes * 60_000)
    }

    /// A request that API Gateway, or the function's own address, passes to a function if that may run once more, answered
    /// by `answering`.
    pub async fn pass(&self, package: &str, answering: impl Future<Output = Answer>) -> u16 {
        let function = self.template.function(package);
        let status = if self.begins(&function) {
            let answer = answering.await;
            *self.running.lock().unwrap().get_mut(&function).unwrap() -= 1;
            answer.status.as_u16()
        } else {
            self.count("AWS/Lambda", "Throttles", &[("FunctionName", &function)], 1.0);
            if self.has_address(package) { 429 } else { 503 }
        };
        self.answered(package, status);
        status
    }

    /// Whether a function may run once more; then it does.
    fn begins(&self, function: &str) -> bool {
        let mut running = self.running.lock().unwrap();
        let of_function = running.get(function).copied().unwrap_or_default();
        let all: usize = running.values().sum();
        if all >= self.limit || self.template.reserved(function).is_some_and(|reserved| of_function >= reserved) {
            return false;
        }
        running.insert(function.to_owned(), of_function + 1);
        drop(running);
        self.count("AWS/Lambda", "ConcurrentExecutions", &[], (all + 1) as f64);
        true
    }

    /// Whether requests come to a function by an address of its own.
    fn has_address(&self, package: &str) -> bool {
        let function = self.template.function(package);
        let addresses = self.template.of_type("AWS::Lambda::Url");
        let mut targets = addresses.values().map(|address| self.template.text(&address["TargetFunctionArn"]));
        self.template.parameter("WebhookAddresses").as_deref() == Some("FunctionUrls")
            && targets.any(|to| to == function)
    }

    fn answered(&self, package: &str, status: u16) {
        if status < 500 {
            return;
        }
        self.failed.fetch_add(1, Ordering::SeqCst);
        if self.has_address(package) {
            let function = self.template.function(package);
            self.count("AWS/Lambda", "Url5xxCount", &[("FunctionName", &function)], 1.0);
        } else {
            self.count("AWS/ApiGateway", "5xx", &[("ApiId", "Api")], 1.0);
        }
    }

    /// A request for which the function does not start in this environment.
    pub fn does_not_start(&self, package: &str, environment: &[(&str, &str)]) {
        assert!(!self.stack.starts(package, environment), "{package} starts");
        self.failed_to_run(package);
        self.answered(package, 502);
    }

    fn failed_to_run(&self, package: &str) {
        self.count("AWS/Lambda", "Errors", &[("FunctionName", &self.template.function(package))], 1.0);
    }

    /// An asynchronous call of `process`, which is one of the function's. What fails for good becomes a dead letter.
    pub async fn call(&self, process: &str, package: &str, event: &Value) {
        let function = self.template.function(package);
        let configs = self.template.of_type("AWS::Lambda::EventInvokeConfig");
        let config = configs.values().find(|config| self.template.text(&config["FunctionName"]) == function).unwrap();
        let retries = config["MaximumRetryAttempts"].as_u64().unwrap();
        for _ in 0..=retries {
            if self.stack.invoke_raw(process, event).await.status.is_success() {
                return;
            }
            self.failed_to_run(package);
        }
        self.dead_letter(&self.template.text(&config["DestinationConfig"]["OnFailure"]["Destination"]));
    }

    /// An event for a rule whose function is not there.
    pub async fn rule_finds_nobody(&self, rule: &str, event: &Value) {
        let rules = self.template.of_type("AWS::Events::Rule");
        let target = &rules[rule]["Targets"][0];
        for _ in 0..=target["RetryPolicy"]["MaximumRetryAttempts"].as_u64().unwrap() {
            assert!(!self.stack.invoke_raw("nobody", event).await.status.is_success());
        }
        self.dead_letter(&self.template.text(&target["DeadLetterConfig"]["Arn"]));
    }

    /// A batch of the stream that is read when its records are this old. Returns whether all of it was handled.
    pub async fn deliver(&self, process: &str, records: &[Value], age_seconds: i64) -> bool {
        let mappings = self.template.of_type("AWS::Lambda::EventSourceMapping");
        let mapping = mappings.values().next().unwrap();
        let function = self.template.text(&mapping["FunctionName"]);
        let mut records = records.to_vec();
        for record in &mut records {
            record["dynamodb"]["ApproximateCreationDateTime"] = (now().seconds() - age_seconds).into();
        }
        let age = age_seconds as f64 * 1_000.0;
        self.count("AWS/Lambda", "IteratorAge", &[("FunctionName", &function)], age);
        let answer = self.stack.invoke_raw(process, &serde_json::json!({"Records": records})).await;
        if !answer.status.is_success() {
            self.failed_to_run("event-publisher");
        }
        let is_handled = answer.status.is_success() && answer.json()["batchItemFailures"] == serde_json::json!([]);
        if !is_handled && age_seconds > mapping["MaximumRecordAgeInSeconds"].as_i64().unwrap() {
            self.dead_letter(&self.template.text(&mapping["DestinationConfig"]["OnFailure"]["Destination"]));
        }
        is_handled
    }

    fn dead_letter(&self, queue: &str) {
        let mut waiting = self.waiting.lock().unwrap();
        let of_queue = waiting.entry(queue.to_owned()).or_default();
        *of_queue += 1;
        let now = *of_queue as f64;
        drop(waiting);
        self.count("AWS/SQS", "NumberOfMessagesSent", &[("QueueName", queue)], 1.0);
        self.count("AWS/SQS", "ApproximateNumberOfMessagesVisible", &[("QueueName", queue)], now);
    }
}

/// What a line of a function's log measures, if it is in CloudWatch's embedded metric format.
fn measured(line: &Value) -> Vec<Point> {
    let mut points = Vec::new();
    let text = |value: &Value| value.as_str().unwrap_or_else(|| panic!("no text: {line}")).to_owned();
    for directive in line["_aws"]["CloudWatchMetrics"].as_array().into_iter().flatten() {
        for names in directive["Dimensions"].as_array().unwrap() {
            let names = names.as_array().unwrap().iter().map(text);
            let dimensions: BTreeMap<String, String> =
                names.map(|name| (name.clone(), text(&line[name.as_str()]))).collect();
            for metric in directive["Metrics"].as_array().unwrap() {
                let name = text(&metric["Name"]);
                points.push(Point {
                    namespace: text(&directive["Namespace"]),
                    dimensions: dimensions.clone(),
                    at: line["_aws"]["Timestamp"].as_i64().unwrap(),
                    value: line[name.as_str()].as_f64().unwrap_or_else(|| panic!("no {name}: {line}")),
                    metric: name,
                });
            }
        }
    }
    points
}
