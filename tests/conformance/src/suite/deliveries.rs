//! The delivery log: what each source delivered, and what happened to it.

use crate::Engine;
use crate::fixtures::{T0, minute, second, tenant};
use crate::proxy::{Fault, Proxy};
use vestibule_domain::{Day, Millis};
use vestibule_store::{Cause, DayLog, Delivery, MOST_NAMES, NEWEST, OTHER, log_day};

const KEPT_FOR: Millis = Millis::from_days(90);
const SOURCE: &str = "nanomdm";

fn today() -> Day {
    log_day(T0)
}

/// A request at a second, with this many accepted events.
fn accepted(at: i64, events: u64) -> DayLog {
    let mut log = DayLog { accepted: events, last_accepted: Some(second(at)), ..DayLog::default() };
    log.hear(second(at));
    log.deliver(Delivery { accepted: events, ..Delivery::of(format!("body {at}").as_bytes(), second(at)) });
    log
}

/// Counts of two processes add up, the newest entries of both are kept, and a day takes a kilobyte.
pub async fn what_processes_add_is_added_up(engine: &Engine) {
    let table = engine.table().await;
    let (one, other) = (&table.store, table.another_store());
    let key = (&tenant(), SOURCE, today());
    let mut refused = accepted(10, 0);
    refused.known = 3;
    refused.pass_over(Some("mdm.Connect"));
    refused.refuse(second(10), "invalid", "data.device", "is required");
    let mut seen = one.add_deliveries(key, &accepted(5, 2), &DayLog::default(), KEPT_FOR).await.unwrap();
    assert_eq!(seen, DayLog::default());
    seen = other.add_deliveries(key, &refused, &seen, KEPT_FOR).await.unwrap();
    assert_eq!((seen.accepted, seen.known, seen.last_heard), (2, 0, Some(second(5))));
    one.add_deliveries(key, &accepted(70, 1), &seen, KEPT_FOR).await.unwrap();

    let log = one.delivery_day(&tenant(), SOURCE, today()).await.unwrap();
    assert_eq!((log.accepted, log.known, log.passed(), log.refusals()), (3, 3, 1, 1));
    assert_eq!((log.passed_over["mdm.Connect"], log.refused["invalid"]), (1, 1));
    assert_eq!((log.last_heard, log.last_accepted), (Some(second(70)), Some(second(70))));
    let refusal = log.last_refusal.clone().unwrap();
    assert_eq!((refusal.at, &*refusal.field, &*refusal.problem), (second(10), "data.device", "is required"));
    assert_eq!(log.newest[0], accepted(70, 1).newest[0]);
    let found = one.deliveries(&tenant(), today()).await.unwrap();
    assert_eq!(found[SOURCE][&today()], log);
    assert!(one.deliveries(&tenant(), today().plus(1)).await.unwrap().is_empty());
    let units = one.meter().by_cause()[&Cause::Deliveries];
    assert_eq!((units.write, units.index_write), (2.0, 0.0), "each write takes one unit");
    table.drop().await;
}

/// However many names a sender invents, and however much it sends, a day stays small.
pub async fn names_and_deliveries_are_bounded(engine: &Engine) {
    let table = engine.table().await;
    let key = (&tenant(), SOURCE, today());
    let mut there = DayLog::default();
    for round in 0..10 {
        let mut log = accepted(round, 1);
        for number in 0..30 {
            log.pass_over(Some(&format!("kind {round} {number} {}", "x".repeat(100))));
            log.refuse(second(round), &format!("reason {round} {number}"), &"f".repeat(500), &"ü".repeat(500));
            log.deliver(Delivery::of(&[0; 9], second(round * 30 + number)));
        }
        table.store.add_deliveries(key, &log, &there, KEPT_FOR).await.unwrap();
        // A process that has just started first reads the log.
        there = table.another_store().delivery_day(&tenant(), SOURCE, today()).await.unwrap();
    }
    assert_eq!((there.passed_over.len(), there.refused.len()), (MOST_NAMES + 1, MOST_NAMES + 1));
    assert_eq!((there.passed(), there.refusals(), there.passed_over[OTHER]), (300, 300, 300 - 8));
    assert_eq!(there.newest.len(), NEWEST);
    let refusal = there.last_refusal.unwrap();
    assert!(refusal.field.len() <= 100 && refusal.problem.len() <= 100, "{refusal:?}");
    table.drop().await;
}

/// An addition whose answer is lost is not repeated, and time-to-live deletes the item of a day.
pub async fn an_addition_is_made_at_most_once(engine: &Engine) {
    let table = engine.table().await;
    let key = (&tenant(), SOURCE, today());
    let proxy = Proxy::start(&table.endpoint, "UpdateItem", [Fault::LoseAnswer]).await;
    let store = table.store_via(proxy.endpoint(), 3);
    assert!(store.add_deliveries(key, &accepted(1, 5), &DayLog::default(), KEPT_FOR).await.is_err());
    assert_eq!(proxy.left(), 0);
    store.add_deliveries(key, &accepted(61, 1), &DayLog::default(), KEPT_FOR).await.unwrap();
    let log = store.delivery_day(&tenant(), SOURCE, today()).await.unwrap();
    assert_eq!(log.accepted, 6, "the lost one was counted once");
    let items = table.items().await;
    let expires = crate::engine::number(&items[0], "x").unwrap();
    assert!(expires > (minute(0) + Millis::from_days(89)).seconds() && expires <= (minute(0) + KEPT_FOR).seconds());
    table.drop().await;
}
