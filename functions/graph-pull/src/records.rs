//! Records of a list: which of them are new, and in which bodies they are passed to their sender's module.
//!
//! Must stay true: a record that is passed on again changes nothing, since its events have the same ids. Only a group tag
//! makes an event each week, which says the same again. Digests only save work.

use crate::lists::Records;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use vestibule_domain::{Millis, Timestamp};
use vestibule_store::Digest;
use vestibule_webhook::MAX_BODY_BYTES;

/// Raise this when an upgrade must pass on the same records again.
const FORMAT: u8 = 1;
/// A record is passed on again after so many days even if it did not change. Otherwise the events of a device that
/// nobody sets up would expire with the retention of the first one.
const DAYS: i64 = 7;
/// Records that are older than this are stored as backfill.
const BACKFILL: Millis = Millis::from_minutes(12 * 60);
/// Bytes of a body besides its records.
const AROUND: usize = 64;

/// The digest of a record at an instant. It also changes once in `DAYS` days, on a day that depends on the record, so
/// that a list is not passed on again all at once.
pub fn digest(record: &Value, of: &Records, now: Timestamp) -> Digest {
    let mut record = record.clone();
    if let Value::Object(members) = &mut record {
        of.passing.iter().for_each(|name| drop(members.remove(*name)));
    }
    let content = Sha256::digest(record.to_string());
    let week = (now.millis().div_euclid(86_400_000) + i64::from(content[0]) % DAYS).div_euclid(DAYS);
    let mut hash = Sha256::new();
    hash.update([FORMAT]);
    hash.update(week.to_be_bytes());
    hash.update(content);
    let hash = hash.finalize();
    hash.iter().take(size_of::<Digest>()).fold(0, |digest, byte| (digest << 8) | Digest::from(*byte))
}

/// A record's time, if it has a meaningful one.
pub fn dated(record: &Value, of: &Records) -> Option<Timestamp> {
    let text = record.get(of.dated)?.as_str()?;
    Timestamp::parse(text.trim()).ok().filter(|time| *time > Timestamp::MIN)
}

/// A body for a sender's module.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Body {
    /// Its records, as Graph's list has them.
    pub bytes: Vec<u8>,
    /// Whether it is backfill.
    pub backfill: bool,
    /// The digests of its records.
    pub digests: Vec<Digest>,
}

/// The records in bodies that are no larger than a module accepts. A record that alone is larger becomes a body of its
/// own, which the module refuses.
pub fn bodies(records: &[(Digest, Value)], of: &Records, now: Timestamp) -> Vec<Body> {
    let mut bodies = Vec::new();
    for backfill in [true, false] {
        let mut texts: Vec<String> = Vec::new();
        let (mut digests, mut bytes) = (Vec::new(), AROUND);
        let is_old = |record: &Value| dated(record, of).is_some_and(|time| now - time > BACKFILL);
        for (digest, record) in records.iter().filter(|(_, record)| is_old(record) == backfill) {
            let text = record.to_string();
            let is_full = texts.len() >= of.in_body || bytes + text.len() + 1 > MAX_BODY_BYTES;
            if is_full && !texts.is_empty() {
                bodies.push(body(&std::mem::take(&mut texts), backfill, std::mem::take(&mut digests)));
                bytes = AROUND;
            }
            bytes += text.len() + 1;
            texts.push(text);
            digests.push(*digest);
        }
        if !texts.is_empty() {
            bodies.push(body(&texts, backfill, digests));
        }
    }
    bodies
}

fn body(texts: &[String], backfill: bool, digests: Vec<Digest>) -> Body {
    Body { bytes: format!("{{\"value\":[{}]}}", texts.join(",")).into_bytes(), backfill, digests }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;
    use crate::lists::{Becomes, List};
    use serde_json::json;
    use std::collections::BTreeMap;

    fn devices() -> &'static Records {
        let Becomes::Events(records) = &List::named("managed-devices").unwrap().becomes else { panic!("events") };
        records
    }

    fn at(days: i64) -> Timestamp {
        Timestamp::parse("2026-11-01T12:00:00Z").unwrap() + Millis::from_days(days)
    }

    fn device(number: usize) -> Value {
        json!({"id": format!("device-{number}"), "enrolledDateTime": "2026-11-01T08:00:00Z", "complianceState": "unknown",
            "lastSyncDateTime": "2026-11-01T09:00:00Z"})
    }

    #[test]
    fn a_digest_changes_when_the_record_changes_and_once_a_week() {
        let (mut record, of) = (device(1), devices());
        let first = digest(&record, of, at(0));
        record["lastSyncDateTime"] = json!("2026-11-02T09:00:00Z");
        assert_eq!(digest(&record, of, at(0)), first, "a later sync alone is not a change");
        record["complianceState"] = json!("compliant");
        assert_ne!(digest(&record, of, at(0)), first);
        // Each day about a seventh of the thousand digests changes.
        let mut changes = BTreeMap::<i64, usize>::new();
        for number in 0..1_000 {
            let of_day: Vec<Digest> = (0..=7).map(|day| digest(&device(number), of, at(day))).collect();
            let changed: Vec<i64> =
                (1..=7).filter(|day| of_day[*day] != of_day[*day - 1]).map(|day| day as i64).collect();
            assert_eq!(changed.len(), 1, "{number}");
            *changes.entry(changed[0]).or_default() += 1;
        }
        assert!(changes.len() == 7 && changes.values().all(|count| (80..230).contains(count)), "{changes:?}");
    }

    #[test]
    fn bodies_are_no_larger_than_a_module_takes() {
        let of = devices();
        let mut records: Vec<(Digest, Value)> = (0..450).map(|number| (number as Digest, device(number))).collect();
        records.push((450, json!({"id": "new", "enrolledDateTime": at(0).to_string()})));
        records.push((451, json!({"id": "none", "enrolledDateTime": "0001-01-01T00:00:00Z"})));
        records.push((452, json!({"id": "large", "deviceName": "x".repeat(2 * MAX_BODY_BYTES)})));
        let bodies = bodies(&records, of, at(1));
        let sizes: Vec<(bool, usize)> = bodies.iter().map(|body| (body.backfill, body.digests.len())).collect();
        assert_eq!(sizes, [(true, 200), (true, 200), (true, 51), (false, 1), (false, 1)]);
        let all: Vec<Digest> = bodies.iter().flat_map(|body| body.digests.clone()).collect();
        assert_eq!(all.len(), 453);
        assert!(bodies.iter().filter(|body| body.bytes.len() > MAX_BODY_BYTES).all(|body| body.digests == [452]));
        let read: Value = serde_json::from_slice(&bodies[3].bytes).unwrap();
        assert_eq!(read["value"][0]["id"], "none");
    }
}
