//! The table: the embedded engine, a replica that lags behind it, the stream, and requests that arrive late.

use super::faults::TABLE;
use dynoxide::Database;
use dynoxide::storage_backend::ManualClock;
use serde_json::{Value, json};
use std::collections::VecDeque;
use vestibule_host::dynamodb::Answer;

/// The table and its lagging parts.
pub struct Table {
    primary: Database,
    replica: Database,
    clock: ManualClock,
    /// Changes that the replica does not have yet: the time from which it has them, and the request.
    behind: VecDeque<(i64, &'static str, String)>,
    /// Requests under way whose sender gave up: the time at which they arrive.
    late: Vec<(i64, String, String)>,
    iterator: Option<String>,
    /// The stream's records as Lambda hands them on, oldest first.
    pub stream: Vec<Value>,
    /// How far the replica lags, in milliseconds.
    pub lag_ms: i64,
}

impl Table {
    /// An empty table as the deployment declares it.
    pub fn new(lag_ms: i64) -> Self {
        let clock = ManualClock::new(1_772_442_720);
        let primary = Database::memory_with_clock(clock.arc()).expect("the engine starts in memory");
        let replica = Database::memory_with_clock(clock.arc()).expect("the engine starts in memory");
        for (database, streams) in [(&primary, true), (&replica, false)] {
            let made = Answer::of(database, "CreateTable", &declared(streams).to_string());
            assert_eq!(made.status, 200, "{}", made.body);
        }
        let ttl = json!({"TableName": TABLE, "TimeToLiveSpecification": {"AttributeName": "x", "Enabled": true}});
        let set = Answer::of(&primary, "UpdateTimeToLive", &ttl.to_string());
        assert_eq!(set.status, 200, "{}", set.body);
        let mut table = Self {
            primary,
            replica,
            clock,
            behind: VecDeque::new(),
            late: Vec::new(),
            iterator: None,
            stream: Vec::new(),
            lag_ms,
        };
        table.iterator = table.first_iterator();
        table
    }

    fn first_iterator(&self) -> Option<String> {
        let ask = |operation: &str, body: Value| -> Value {
            let answer = Answer::of(&self.primary, operation, &body.to_string());
            serde_json::from_str(&answer.body).unwrap_or_default()
        };
        let streams = ask("ListStreams", json!({"TableName": TABLE}));
        let arn = &streams["Streams"][0]["StreamArn"];
        let stream = ask("DescribeStream", json!({"StreamArn": arn}));
        let shard = &stream["StreamDescription"]["Shards"][0]["ShardId"];
        let first = json!({"StreamArn": arn, "ShardId": shard, "ShardIteratorType": "TRIM_HORIZON"});
        ask("GetShardIterator", first)["ShardIterator"].as_str().map(str::to_owned)
    }

    /// Performs a request now; if `old`, the replica answers a read that may be outdated.
    pub fn perform(&mut self, now_ms: i64, operation: &str, body: &str, old: bool) -> Answer {
        self.arrive(now_ms);
        if old {
            return Answer::of(&self.replica, operation, body);
        }
        let answer = Answer::of(&self.primary, operation, body);
        if super::faults::writes(operation) {
            self.note(now_ms);
        }
        answer
    }

    /// Makes a request arrive at `at_ms`, when nobody waits for its answer any more.
    pub fn arrives_late(&mut self, at_ms: i64, operation: &str, body: &str) {
        self.late.push((at_ms, operation.to_owned(), body.to_owned()));
    }

    /// Performs everything that has arrived by now.
    pub fn arrive(&mut self, now_ms: i64) {
        let mut late: Vec<_> = std::mem::take(&mut self.late);
        late.sort();
        for (at_ms, operation, body) in late {
            if at_ms <= now_ms {
                let _nobody_waits = Answer::of(&self.primary, &operation, &body);
                self.note(now_ms);
            } else {
                self.late.push((at_ms, operation, body));
            }
        }
        while let Some((at_ms, operation, body)) = self.behind.pop_front() {
            if at_ms > now_ms {
                self.behind.push_front((at_ms, operation, body));
                break;
            }
            let done = Answer::of(&self.replica, operation, &body);
            assert_eq!(done.status, 200, "the replica takes what the table took: {}", done.body);
        }
    }

    /// Everything arrives: nothing is under way any more, and the replica is complete.
    pub fn catch_up(&mut self) {
        self.arrive(i64::MAX);
    }

    /// Time-to-live removes what has expired by now; returns the number of items.
    pub fn expire(&mut self, now_ms: i64) -> usize {
        self.clock.set(u64::try_from(now_ms / 1_000).unwrap_or(0));
        let taken = self.primary.sweep_ttl().unwrap_or(0);
        self.note(now_ms);
        taken
    }

    /// Reads on in the stream; the records go to the publisher and the replica.
    fn note(&mut self, now_ms: i64) {
        while let Some(iterator) = self.iterator.clone() {
            let answer = Answer::of(&self.primary, "GetRecords", &json!({"ShardIterator": iterator}).to_string());
            let mut answer: Value = serde_json::from_str(&answer.body).unwrap_or_default();
            let Some(next) = answer["NextShardIterator"].as_str() else { break };
            self.iterator = Some(next.to_owned());
            let Value::Array(records) = answer["Records"].take() else { break };
            if records.is_empty() {
                break;
            }
            for mut record in records {
                let change = &record["dynamodb"];
                let (operation, body) = match change.get("NewImage") {
                    Some(item) => ("PutItem", json!({"TableName": TABLE, "Item": item})),
                    None => ("DeleteItem", json!({"TableName": TABLE, "Key": change["Keys"]})),
                };
                self.behind.push_back((now_ms.saturating_add(self.lag_ms), operation, body.to_string()));
                record["eventVersion"] = "1.1".into();
                record["eventSource"] = "aws:dynamodb".into();
                record["awsRegion"] = "us-east-1".into();
                self.stream.push(record);
            }
        }
    }

    /// Every item as it is stored.
    pub fn items(&self) -> Vec<Value> {
        let mut items = Vec::new();
        let mut start = Value::Null;
        loop {
            let mut scan = json!({"TableName": TABLE, "ConsistentRead": true});
            if !start.is_null() {
                scan["ExclusiveStartKey"] = start;
            }
            let answer = Answer::of(&self.primary, "Scan", &scan.to_string());
            let mut answer: Value = serde_json::from_str(&answer.body).unwrap_or_default();
            if let Value::Array(page) = answer["Items"].take() {
                items.extend(page);
            }
            start = answer["LastEvaluatedKey"].take();
            if start.is_null() {
                return items;
            }
        }
    }

    /// Writes an item directly.
    pub fn put(&mut self, now_ms: i64, item: &Value) {
        let done = self.perform(now_ms, "PutItem", &json!({"TableName": TABLE, "Item": item}).to_string(), false);
        assert_eq!(done.status, 200, "{}", done.body);
    }
}

/// The table as the template declares it; `tests/conformance` and the local program check that it matches.
fn declared(streams: bool) -> Value {
    let key = |partition: &str, sort: &str| json!([{"AttributeName": partition, "KeyType": "HASH"}, {"AttributeName": sort, "KeyType": "RANGE"}]);
    let index = |name: &str, partition: &str, sort: &str| json!({"IndexName": name, "KeySchema": key(partition, sort), "Projection": {"ProjectionType": "KEYS_ONLY"}});
    let attributes = [("pk", "S"), ("sk", "S"), ("ds", "S"), ("da", "N"), ("cp", "S"), ("cb", "N")];
    let attributes = attributes.map(|(name, kind)| json!({"AttributeName": name, "AttributeType": kind}));
    json!({
        "TableName": TABLE,
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": attributes,
        "KeySchema": key("pk", "sk"),
        "GlobalSecondaryIndexes": [
            index(vestibule_store::DUE_INDEX, "ds", "da"),
            index(vestibule_store::CHANGES_INDEX, "cp", "cb"),
        ],
        "StreamSpecification": if streams {
            json!({"StreamEnabled": true, "StreamViewType": "NEW_AND_OLD_IMAGES"})
        } else {
            json!({"StreamEnabled": false})
        },
    })
}
