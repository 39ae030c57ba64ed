//! A minimal EventBridge: `PutEvents`, an append-only log, and delivery to the rules' functions.
//!
//! An event is in the log, on disk, before it is acknowledged. A cursor marks how far the log was delivered, and moves
//! after each delivery. So every event is delivered at least once, however the process dies. An event that a function
//! keeps refusing becomes a dead letter.

mod log;

use crate::HostError;
use crate::durable::{append_line, private, private_folder, read_number, sync_folder_of, write_whole};
use crate::functions::Functions;
use crate::gate::{amz_json, failed};
use crate::stop::Stop;
use crate::template::{Rule, fits};
use bytes::Bytes;
use http::{Response, StatusCode};
use log::{Log, overwrite, read_lines};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

/// Largest number of entries in one call, and of bytes in them; both are EventBridge's limits.
const MOST_ENTRIES: usize = 10;
/// See [`MOST_ENTRIES`].
const MOST_BYTES: usize = 256 << 10;
/// Largest body of a request: JSON may write an entry several times as long.
pub(crate) const MOST_BYTES_RECEIVED: usize = MOST_BYTES * 8;
/// The operation that is served, as the header of a request names it.
pub(crate) const PUT_EVENTS: &str = "AWSEvents.PutEvents";
/// Number of deliveries of one event to one function before it becomes a dead letter.
const TRIES: u32 = 4;
/// The wait before the second delivery; each further one takes twice as long.
const BACKOFF: Duration = Duration::from_millis(500);
/// Largest number of bytes of the log read at once.
const AT_ONCE: u64 = 1 << 20;
/// A log of this length is put away once all of it is delivered; the previous one is removed.
const LONGEST_LOG: u64 = 64 << 20;

/// The log's file in its folder.
pub(crate) const LOG: &str = "events.ndjson";
const PUT_AWAY: &str = "events.1.ndjson";
const CURSOR: &str = "delivered";
const DEAD_LETTERS: &str = "dead-letters.ndjson";

/// The bus.
#[derive(Clone)]
pub struct Bus {
    shared: Arc<Shared>,
}

struct Shared {
    folder: PathBuf,
    name: String,
    log: Mutex<Log>,
    put: Notify,
    backoff: Duration,
    longest_log: u64,
}

impl Bus {
    /// Opens the bus called `name` in a folder.
    ///
    /// # Errors
    /// When the folder cannot be used.
    pub fn open(folder: &Path, name: &str) -> Result<Self, HostError> {
        Self::open_with(folder, name, BACKOFF, LONGEST_LOG)
    }

    fn open_with(folder: &Path, name: &str, backoff: Duration, longest_log: u64) -> Result<Self, HostError> {
        let named = |error| HostError::file(folder, error);
        private_folder(folder).map_err(named)?;
        let log = Log::open(&folder.join(LOG)).map_err(named)?;
        let cursor = folder.join(CURSOR);
        if read_number(&cursor)?.is_some_and(|delivered| delivered > log.length) {
            // It belongs to the previous log, which was put away.
            write_whole(&cursor, b"0")?;
        }
        let shared = Shared {
            folder: folder.to_owned(),
            name: name.to_owned(),
            log: Mutex::new(log),
            put: Notify::new(),
            backoff,
            longest_log,
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// The published events, oldest first, as far back as the log goes.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn events(&self) -> Result<Vec<Value>, HostError> {
        let mut events = match read_lines(&self.shared.folder.join(PUT_AWAY), 0, u64::MAX) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            read => read?.0,
        };
        events.extend(read_lines(&self.shared.folder.join(LOG), 0, u64::MAX)?.0);
        Ok(events.into_iter().map(|(event, _)| event).collect())
    }

    /// Overwrites texts in the logs: `which` names those of an event that must go. The length of a line stays, and so do
    /// the places of all events.
    ///
    /// # Errors
    /// When a log cannot be read or written.
    pub fn overwrite(&self, which: impl Fn(&Value) -> Vec<String>) -> Result<(), HostError> {
        // Nobody may put a log away meanwhile.
        let _log = self.shared.log.lock().unwrap_or_else(PoisonError::into_inner);
        for name in [LOG, PUT_AWAY, DEAD_LETTERS] {
            let path = self.shared.folder.join(name);
            match overwrite(&path, &which) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(HostError::file(&path, error));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Answers [`PUT_EVENTS`].
    pub(crate) async fn answer(&self, body: &[u8]) -> Response<Bytes> {
        let entries = match serde_json::from_slice::<Value>(body) {
            Ok(Value::Object(mut map)) => map.remove("Entries"),
            _ => None,
        };
        let Some(Value::Array(entries)) = entries else {
            return failed(StatusCode::BAD_REQUEST, "ValidationException", "there are no Entries");
        };
        let size: usize = entries.iter().map(size).sum();
        if entries.is_empty() || entries.len() > MOST_ENTRIES || size > MOST_BYTES {
            return failed(StatusCode::BAD_REQUEST, "ValidationException", "1 to 10 entries of 256 KB in all");
        }
        match self.put(entries).await {
            Ok(answer) => amz_json(StatusCode::OK, answer.to_string().into()),
            Err(problem) => {
                tracing::error!(error = %problem, "events could not be logged");
                failed(StatusCode::INTERNAL_SERVER_ERROR, "InternalException", "the log could not be written")
            }
        }
    }

    async fn put(&self, entries: Vec<Value>) -> Result<Value, HostError> {
        let mut lines = String::new();
        let mut results = Vec::with_capacity(entries.len());
        for entry in &entries {
            match self.event(entry) {
                Ok((id, event)) => {
                    lines.push_str(&event.to_string());
                    lines.push('\n');
                    results.push(json!({"EventId": id}));
                }
                Err((code, problem)) => results.push(json!({"ErrorCode": code, "ErrorMessage": problem})),
            }
        }
        if !lines.is_empty() {
            let shared = Arc::clone(&self.shared);
            let written = tokio::task::spawn_blocking(move || {
                let mut log = shared.log.lock().unwrap_or_else(PoisonError::into_inner);
                log.append(lines.as_bytes())?;
                // Here, since the caller may have gone away meanwhile.
                shared.put.notify_one();
                std::io::Result::Ok(())
            });
            written.await.map_err(|error| HostError::Engine(error.to_string()))??;
        }
        let failed = results.iter().filter(|result| result.get("ErrorCode").is_some()).count();
        Ok(json!({"FailedEntryCount": failed, "Entries": results}))
    }

    /// The event made from an entry, as rules and their targets see it.
    fn event(&self, entry: &Value) -> Result<(String, Value), (&'static str, &'static str)> {
        let text = |name: &str| entry.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        let invalid = |problem| ("InvalidArgument", problem);
        let source = text("Source").ok_or(invalid("Source is missing"))?;
        let detail_type = text("DetailType").ok_or(invalid("DetailType is missing"))?;
        let detail: Value = serde_json::from_str(text("Detail").ok_or(invalid("Detail is missing"))?)
            .ok()
            .filter(Value::is_object)
            .ok_or(("MalformedDetail", "Detail is not a JSON object"))?;
        let bus = text("EventBusName").unwrap_or("default");
        if bus != self.shared.name && !bus.ends_with(&format!("/{}", self.shared.name)) {
            return Err(invalid("there is no such bus"));
        }
        // The SDK writes seconds since the epoch, possibly with a fraction; an event has no fraction.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let second = entry.get("Time").and_then(Value::as_f64).map_or_else(crate::schedules::now, |time| time as u64);
        let id = uuid::Uuid::new_v4().to_string();
        let event = json!({
            "version": "0",
            "id": id,
            "detail-type": detail_type,
            "source": source,
            "account": "000000000000",
            "time": crate::schedules::iso(second),
            "region": crate::REGION,
            "resources": entry.get("Resources").cloned().unwrap_or_else(|| json!([])),
            "detail": detail,
        });
        Ok((id, event))
    }

    /// Delivers to `rules` what was published but not delivered yet, and continues as more arrives, until it must stop.
    pub(crate) async fn deliver(&self, rules: &[Rule], functions: &Functions, stop: &Stop) {
        while !stop.is_set() {
            if let Err(error) = self.deliver_until(rules, functions, stop).await {
                tracing::error!(%error, "events could not be delivered for now");
                stop.sleep(self.shared.backoff).await;
                continue;
            }
            tokio::select! {
                () = self.shared.put.notified() => {}
                () = stop.wait() => {}
            }
        }
    }

    /// Delivers events that were published but not delivered yet.
    ///
    /// # Errors
    /// When the log or the cursor cannot be read or written.
    pub async fn deliver_pending(&self, rules: &[Rule], functions: &Functions) -> Result<(), HostError> {
        self.deliver_until(rules, functions, &Stop::never()).await
    }

    async fn deliver_until(&self, rules: &[Rule], functions: &Functions, stop: &Stop) -> Result<(), HostError> {
        let cursor = self.shared.folder.join(CURSOR);
        loop {
            let from = read_number(&cursor)?.unwrap_or(0);
            let (events, end) = read_lines(&self.shared.folder.join(LOG), from, AT_ONCE)?;
            if end == from {
                return self.put_away(end);
            }
            for (event, behind) in &events {
                let mut delivered = false;
                for rule in rules.iter().filter(|rule| fits(&rule.pattern, event)) {
                    if stop.is_set() || !self.deliver_one(rule, event, functions, stop).await? {
                        return Ok(());
                    }
                    delivered = true;
                }
                if delivered {
                    write_whole(&cursor, behind.to_string().as_bytes())?;
                }
            }
            write_whole(&cursor, end.to_string().as_bytes())?;
        }
    }

    /// Delivers an event or makes it a dead letter; `false` if it must stop before either.
    async fn deliver_one(
        &self,
        rule: &Rule,
        event: &Value,
        functions: &Functions,
        stop: &Stop,
    ) -> Result<bool, HostError> {
        let mut wait = self.shared.backoff;
        for attempt in 1..=TRIES {
            match functions.call(&rule.function, event.clone()).await {
                Ok(_) => return Ok(true),
                Err(error) if attempt < TRIES => {
                    tracing::warn!(rule = rule.name, attempt, %error, "an event is delivered again");
                    stop.sleep(wait).await;
                    if stop.is_set() {
                        return Ok(false);
                    }
                    wait *= 2;
                }
                Err(error) => tracing::error!(rule = rule.name, %error, "an event is a dead letter"),
            }
        }
        let path = self.shared.folder.join(DEAD_LETTERS);
        let mut letters = private().create(true).append(true).open(&path)?;
        append_line(&mut letters, format!("{}\n", json!({"rule": rule.name, "event": event})).as_bytes())?;
        sync_folder_of(&path)?;
        Ok(true)
    }

    /// Begins a new log if this one is long and completely delivered, up to `delivered`.
    fn put_away(&self, delivered: u64) -> Result<(), HostError> {
        let mut log = self.shared.log.lock().unwrap_or_else(PoisonError::into_inner);
        if log.length != delivered || delivered < self.shared.longest_log {
            return Ok(());
        }
        let path = self.shared.folder.join(LOG);
        std::fs::rename(&path, self.shared.folder.join(PUT_AWAY))?;
        *log = Log::open(&path)?;
        // A crash before this leaves a cursor beyond the end of the new log; opening the bus notices that.
        write_whole(&self.shared.folder.join(CURSOR), b"0")?;
        Ok(())
    }
}

/// The size of an entry as EventBridge counts it.
fn size(entry: &Value) -> usize {
    let text = |name: &str| entry.get(name).and_then(Value::as_str).map_or(0, str::len);
    let time = if entry.get("Time").is_some() { 14 } else { 0 };
    let resources = entry.get("Resources").and_then(Value::as_array).into_iter().flatten();
    let resources: usize = resources.filter_map(Value::as_str).map(str::len).sum();
    time + text("Source") + text("DetailType") + text("Detail") + resources
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    fn open(folder: &Path, longest_log: u64) -> Bus {
        Bus::open_with(folder, "bus", Duration::ZERO, longest_log).unwrap()
    }

    fn entry(number: u32) -> Value {
        json!({"Source": "us", "DetailType": "Seen", "Detail": json!({"number": number}).to_string(), "EventBusName": "bus"})
    }

    fn rules() -> Vec<Rule> {
        vec![Rule { name: "Seen".into(), pattern: json!({"detail-type": ["Seen"]}), function: "see".into() }]
    }

    fn numbers(events: &[Value]) -> Vec<u64> {
        events.iter().filter_map(|event| event["detail"]["number"].as_u64()).collect()
    }

    /// A function that records its calls, and fails `failures` times.
    fn seeing(failures: u32) -> (Functions, Arc<Mutex<Vec<Value>>>) {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (keep, failures) = (Arc::clone(&seen), Arc::new(AtomicU32::new(failures)));
        let functions = Functions::default().with_events("see", move |event| {
            keep.lock().unwrap().push(event);
            let fails = failures.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok();
            async move { if fails { Err("not now".into()) } else { Ok(json!({})) } }
        });
        (functions, seen)
    }

    #[tokio::test]
    async fn a_torn_line_is_dropped_and_no_other() {
        let folder = tempfile::tempdir().unwrap();
        open(folder.path(), LONGEST_LOG).put(vec![entry(1)]).await.unwrap();
        let mut log = private().append(true).open(folder.path().join(LOG)).unwrap();
        append_line(&mut log, br#"{"detail":{"num"#).unwrap();

        let bus = open(folder.path(), LONGEST_LOG);
        bus.put(vec![entry(2)]).await.unwrap();
        assert_eq!(numbers(&bus.events().unwrap()), [1, 2]);
    }

    #[tokio::test]
    async fn delivery_continues_and_repeats_failed_events() {
        let folder = tempfile::tempdir().unwrap();
        let bus = open(folder.path(), LONGEST_LOG);
        bus.put(vec![entry(1), entry(2)]).await.unwrap();
        let (functions, seen) = seeing(1);
        bus.deliver_pending(&rules(), &functions).await.unwrap();
        assert_eq!(numbers(&seen.lock().unwrap()), [1, 1, 2]);

        let bus = open(folder.path(), LONGEST_LOG);
        bus.put(vec![entry(3)]).await.unwrap();
        bus.deliver_pending(&rules(), &functions).await.unwrap();
        assert_eq!(numbers(&seen.lock().unwrap()), [1, 1, 2, 3]);
    }

    #[tokio::test]
    async fn an_event_refused_for_good_is_a_dead_letter_and_delays_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let bus = open(folder.path(), LONGEST_LOG);
        bus.put(vec![entry(1), entry(2)]).await.unwrap();
        let (functions, seen) = seeing(TRIES);
        bus.deliver_pending(&rules(), &functions).await.unwrap();
        assert_eq!(numbers(&seen.lock().unwrap()), [1, 1, 1, 1, 2]);
        let letters = std::fs::read_to_string(folder.path().join("dead-letters.ndjson")).unwrap();
        let letters: Vec<Value> = letters.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!((letters.len(), &letters[0]["event"]["detail"]["number"]), (1, &json!(1)));
    }

    #[tokio::test]
    async fn a_long_log_is_put_away_once_delivered() {
        let folder = tempfile::tempdir().unwrap();
        let bus = open(folder.path(), 1);
        let (functions, seen) = seeing(0);
        for number in 1..=3 {
            bus.put(vec![entry(number)]).await.unwrap();
            bus.deliver_pending(&rules(), &functions).await.unwrap();
        }
        assert_eq!(numbers(&seen.lock().unwrap()), [1, 2, 3]);
        assert_eq!(numbers(&bus.events().unwrap()), [3], "the current log and one before it are kept");

        // The state after a crash between the two steps of putting a log away.
        write_whole(&folder.path().join(CURSOR), b"999").unwrap();
        let bus = open(folder.path(), LONGEST_LOG);
        bus.put(vec![entry(4)]).await.unwrap();
        bus.deliver_pending(&rules(), &functions).await.unwrap();
        assert_eq!(numbers(&seen.lock().unwrap()), [1, 2, 3, 4]);
    }

    #[tokio::test]
    async fn bad_entries_fail_one_by_one() {
        let folder = tempfile::tempdir().unwrap();
        let bus = open(folder.path(), LONGEST_LOG);
        let other = |name: &str, value: &str| {
            let mut entry = entry(9);
            entry[name] = value.into();
            entry
        };
        let entries = vec![entry(1), other("Source", ""), other("Detail", "[]"), other("EventBusName", "another")];
        let answer = bus.put(entries).await.unwrap();
        assert_eq!(answer["FailedEntryCount"], 3);
        let codes: Vec<_> = answer["Entries"].as_array().unwrap().iter().map(|one| one["ErrorCode"].as_str()).collect();
        assert_eq!(codes, [None, Some("InvalidArgument"), Some("MalformedDetail"), Some("InvalidArgument")]);
        assert_eq!(numbers(&bus.events().unwrap()), [1]);
    }
}
