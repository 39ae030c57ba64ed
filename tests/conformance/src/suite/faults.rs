//! Faults on the way to the table: what was acknowledged is stored, and a repeat is not a second event.

use crate::fixtures::{Device, by_serial, by_udid, history, minute, settings, tenant, writes};
use crate::proxy::{Fault, Proxy};
use crate::{Engine, Table};
use tokio::sync::oneshot;
use vestibule_domain::Kind;
use vestibule_domain::event::Event;
use vestibule_store::{Image, StoreError};

/// Sends events one by one while the first `faults` of an operation are injected, like a sender: until they are
/// acknowledged. Returns how often it was asked to come back.
async fn send(table: &Table, operation: &str, faults: Vec<Fault>, attempts: u32, events: &[Event]) -> usize {
    let most = faults.len();
    let proxy = Proxy::start(&table.endpoint, operation, faults).await;
    let store = table.store_via(proxy.endpoint(), attempts);
    let mut retries = 0;
    for event in events {
        loop {
            match store.add_events(&tenant(), &settings(), vec![event.clone()], minute(15)).await {
                Ok(added) => {
                    assert_eq!(added.len(), 1);
                    break;
                }
                Err(error) => {
                    assert!(error.is_transient(), "{error}");
                    retries += 1;
                    assert!(retries <= most);
                }
            }
        }
        // What is acknowledged is stored.
        let name = event.about.identifiers().next().unwrap();
        let stored = table.store.find(&tenant(), &name, minute(15)).await.unwrap().unwrap();
        assert!(stored.history.events().any(|stored| stored == event));
    }
    assert_eq!(proxy.left(), 0);
    retries
}

/// The faults of one kind at an operation, with a client that tries once and with one that tries three times.
async fn survives(engine: &Engine, operation: &str, fault: fn() -> Fault) {
    let table = engine.table().await;
    for attempts in [1, 3] {
        for spoilt in [1, 2, 5] {
            let run = format!("{attempts}-{spoilt}");
            let (serial, udid) = (format!("serial-{run}"), format!("udid-{run}"));
            // A first event, one that links, one by the other name, and a batch of others.
            let both = Device::serial(&serial).and_udid(&udid);
            let mut events = vec![
                Device::serial(&serial).reports("1", Kind::Started, minute(0)),
                both.reports("2", Kind::StepEntered, minute(1)),
                Device::udid(&udid).reports("3", Kind::StepEntered, minute(2)),
            ];
            events.extend((4..9).map(|index| both.reports(index.to_string(), Kind::StepEntered, minute(index))));
            let faults = (0..spoilt).map(|_| fault()).collect();
            let returns = send(&table, operation, faults, attempts, &events).await;
            if attempts == 1 {
                assert!(returns > 0);
            }
            for name in [by_serial(&serial), by_udid(&udid)] {
                let stored = table.store.find(&tenant(), &name, minute(15)).await.unwrap().unwrap();
                assert_eq!(stored.history, history(&events));
                // Each event was written once.
                assert_eq!(writes(&stored, minute(15)), events.len());
            }
        }
    }
    table.drop().await;
}

/// Throttled writes.
pub async fn throttled_writes_are_not_acknowledged(engine: &Engine) {
    survives(engine, "PutItem", || Fault::Throttle).await;
}

/// Writes that the table made, but whose answer was lost.
pub async fn writes_whose_answer_is_lost_count_once(engine: &Engine) {
    survives(engine, "PutItem", || Fault::LoseAnswer).await;
}

/// Writes that fail inside the table.
pub async fn failed_writes_are_not_acknowledged(engine: &Engine) {
    survives(engine, "PutItem", || Fault::Fail).await;
}

/// Reads that fail.
pub async fn failed_reads_are_no_empty_enrollments(engine: &Engine) {
    survives(engine, "GetItem", || Fault::Fail).await;
    survives(engine, "GetItem", || Fault::LoseAnswer).await;
}

/// Merges that fail, are throttled, or succeed without an answer.
pub async fn a_merge_counts_once(engine: &Engine) {
    let table = engine.table().await;
    let faults: [fn() -> Fault; 3] = [|| Fault::Throttle, || Fault::LoseAnswer, || Fault::Fail];
    for (run, (fault, attempts)) in faults.into_iter().flat_map(|fault| [(fault, 1), (fault, 3)]).enumerate() {
        let (serial, udid) = (format!("serial-{run}"), format!("udid-{run}"));
        let events = vec![
            Device::serial(&serial).reports("1", Kind::Started, minute(0)),
            Device::udid(&udid).reports("2", Kind::StepEntered, minute(1)),
            Device::serial(&serial).and_udid(&udid).reports("3", Kind::StepEntered, minute(2)),
            Device::udid(&udid).reports("4", Kind::StepEntered, minute(3)),
        ];
        send(&table, "TransactWriteItems", vec![fault()], attempts, &events).await;
        for name in [by_serial(&serial), by_udid(&udid)] {
            let stored = table.store.find(&tenant(), &name, minute(15)).await.unwrap().unwrap();
            assert_eq!(stored.history, history(&events));
        }
        assert_eq!(table.heads().await.len(), run + 1);
    }
    table.drop().await;
}

/// If a segment can't be written, the head stays as it was; a segment written in vain belongs to no head.
pub async fn sealing_survives_every_fault(engine: &Engine) {
    let table = engine.table().await;
    let faults: [fn() -> Fault; 3] = [|| Fault::Throttle, || Fault::LoseAnswer, || Fault::Fail];
    for (run, fault) in faults.into_iter().enumerate() {
        for position in 0..2_usize {
            let serial = format!("serial-{run}-{position}");
            let device = Device::serial(&serial);
            let long =
                |index: u64, length| device.reports_at_length(index, length, minute(i64::try_from(index).unwrap()));
            let mut events: Vec<Event> = (0..5).map(|index| long(index, 20)).collect();
            table.store.add_events(&tenant(), &settings(), events.clone(), minute(15)).await.unwrap();
            assert_eq!(table.segments(minute(15)).await, run * 2 + position);
            // The next one seals: first the segment is written, then the head. Each of the two fails once.
            let batch: Vec<Event> = (5..9).map(|index| long(index, 2_000)).collect();
            events.extend(batch.clone());
            let (arrived, _) = oneshot::channel();
            let (_, released) = oneshot::channel();
            let mut faults = vec![fault()];
            if position == 1 {
                faults.insert(0, Fault::Hold(arrived, released));
            }
            let proxy = Proxy::start(&table.endpoint, "PutItem", faults).await;
            let store = table.store_via(proxy.endpoint(), 1);
            let failed = store.add_events(&tenant(), &settings(), batch.clone(), minute(15)).await.unwrap_err();
            assert!(failed.is_transient(), "{failed}");
            store.add_events(&tenant(), &settings(), batch, minute(15)).await.unwrap();
            let stored = table.store.find(&tenant(), &by_serial(&serial), minute(15)).await.unwrap().unwrap();
            assert_eq!(stored.history, history(&events));
        }
    }
    table.drop().await;
}

/// Between the reads of a head and of its segments, retention may have replaced both: the head is read again.
pub async fn segments_that_move_under_a_writer_are_no_error(engine: &Engine) {
    let table = engine.table().await;
    let device = Device::serial("serial-1");
    let long = |index: u64| device.reports_at_length(index, 2_000, minute(i64::try_from(index).unwrap() * 60));
    let now = minute(30 * 60);
    table.store.add_events(&tenant(), &settings(), (0..20).map(long).collect(), now).await.unwrap();
    let stored = table.store.find(&tenant(), &by_serial("serial-1"), now).await.unwrap().unwrap();
    let image = Image::decode(&table.item(&stored.key).await.unwrap()).unwrap().unwrap();
    assert!(!image.segments.is_empty());
    let (arrived, has_arrived) = oneshot::channel();
    let (go_on, may_go_on) = oneshot::channel();
    let proxy = Proxy::start(&table.endpoint, "BatchGetItem", [Fault::Hold(arrived, may_go_on)]).await;
    let store = table.store_via(proxy.endpoint(), 1);
    let pruning = async {
        has_arrived.await.unwrap();
        assert!(table.store.prune(&stored.key, &settings(), minute(15 * 60 - 1), now).await.unwrap());
        // As long as a stream holds the earlier image, it can be completed.
        assert_eq!(table.store.complete_image(&image).await.unwrap(), stored.history);
        table.expire_segments(now).await;
        go_on.send(()).unwrap();
    };
    let event = long(21);
    let (id, chosen) = (tenant(), settings());
    let ((), added) = tokio::join!(pruning, store.add_events(&id, &chosen, vec![event.clone()], now));
    added.unwrap();
    let after = table.store.find(&tenant(), &by_serial("serial-1"), now).await.unwrap().unwrap();
    assert!(after.history.events().any(|stored| *stored == event));
    assert!(after.history.len() < 10);
    // The earlier image can't be completed after its segments are gone, and a process that doesn't hold them reports
    // that.
    assert!(matches!(table.another_store().complete_image(&image).await, Err(StoreError::MissingSegment(_))));
    table.drop().await;
}

/// Retention left a link to nothing, and two writers find out at once, in different ways, that names belong together.
/// Their links must not form a circle.
pub async fn links_written_at_once_make_no_circle(engine: &Engine) {
    let table = engine.table().await;
    let store = &table.store;
    for device in [Device::udid("udid-1"), Device::serial("serial-1").and_udid("udid-1")] {
        let event = device.reports("1", Kind::Started, minute(0));
        store.add_events(&tenant(), &settings(), vec![event], minute(0)).await.unwrap();
    }
    for key in table.heads().await {
        table.delete(&key).await;
    }
    assert_eq!((table.heads().await.len(), table.links().await), (0, 1));
    // One has seen that the key is free, and writes its link only when the other has written its link too.
    let (arrived, one_has_looked) = oneshot::channel();
    let (other_has_linked, may_go_on) = oneshot::channel();
    let one = Proxy::start(&table.endpoint, "PutItem", [Fault::Hold(arrived, may_go_on)]).await;
    let (first_arrived, other_has_looked) = oneshot::channel();
    let (go_on, first_may_go_on) = oneshot::channel();
    let (second_arrived, link_is_written) = oneshot::channel();
    let (one_is_done, second_may_go_on) = oneshot::channel();
    let holds = [Fault::Hold(first_arrived, first_may_go_on), Fault::Hold(second_arrived, second_may_go_on)];
    let other = Proxy::start(&table.endpoint, "PutItem", holds).await;
    let events = [
        Device::serial("serial-1").reports("2", Kind::StepEntered, minute(1)),
        Device::serial("serial-2").reports("3", Kind::StepEntered, minute(1)),
        Device::serial("serial-2").and_udid("udid-1").reports("4", Kind::StepEntered, minute(1)),
    ];
    let (id, chosen) = (tenant(), settings());
    let by_one = table.store_via(one.endpoint(), 1);
    let by_other = table.store_via(other.endpoint(), 1);
    let conducting = async {
        one_has_looked.await.unwrap();
        other_has_looked.await.unwrap();
        go_on.send(()).unwrap();
        link_is_written.await.unwrap();
        other_has_linked.send(()).unwrap();
    };
    let writing_one = async {
        let added = by_one.add_events(&id, &chosen, events[..2].to_vec(), minute(2)).await;
        // The other one may have gone on alone if it had nothing to wait for.
        let _gone = one_is_done.send(());
        added
    };
    let writing_other = by_other.add_events(&id, &chosen, events[2..].to_vec(), minute(2));
    let ((), one, other) = tokio::join!(conducting, writing_one, writing_other);
    one.unwrap();
    other.unwrap();
    for name in [by_serial("serial-1"), by_serial("serial-2"), by_udid("udid-1")] {
        let stored = store.find(&tenant(), &name, minute(3)).await.unwrap().unwrap();
        assert_eq!(stored.history, history(&events));
    }
    table.drop().await;
}
