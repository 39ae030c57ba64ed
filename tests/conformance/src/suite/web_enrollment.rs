//! Web-based enrollment: sets only grow, and sums equal the count of the sets.

use super::tenants::new;
use crate::engine::{number, text};
use crate::fixtures::{T0, tenant};
use crate::proxy::{Fault, Proxy};
use crate::{Engine, Table};
use std::collections::BTreeMap;
use vestibule_domain::web_enrollment::{CountedSteps, SignIn, WebDays, WebStep, WebSteps};
use vestibule_domain::{Day, Millis, Platform};
use vestibule_store::{Cause, Store, log_day};

const KEPT_FOR: Millis = Millis::from_days(90);

fn sign_in(user: usize, step: WebStep) -> (SignIn, Day) {
    let steps = WebSteps::of(step, true);
    (SignIn { user_id: format!("user {user}"), platform: Platform::Android, at: T0, steps }, log_day(T0))
}

async fn add(store: &Store, sign_ins: &[(SignIn, Day)]) -> Vec<bool> {
    store.add_sign_ins(&tenant(), sign_ins, KEPT_FOR).await.unwrap()
}

/// The sums stored in the table, and the sums counted from its sets.
async fn sums(table: &Table) -> (WebDays, WebDays) {
    let stored = table.store.consistently().web_days(&tenant(), log_day(T0)).await.unwrap();
    let mut counted: BTreeMap<(Platform, CountedSteps), u64> = BTreeMap::new();
    for item in table.items().await {
        if text(&item, "pk").is_some_and(|pk| pk.starts_with("w#")) {
            let set = WebSteps::from_bits(u16::try_from(number(&item, "m").unwrap()).unwrap()).counted();
            if !set.is_empty() {
                *counted.entry((Platform::Android, set)).or_default() += 1;
            }
        }
    }
    let counted = if counted.is_empty() { WebDays::new() } else { WebDays::from([(log_day(T0), counted)]) };
    (stored, counted)
}

async fn table(engine: &Engine) -> Table {
    let table = engine.table().await;
    table.store.create_tenant(&mut new("contoso")).await.unwrap();
    table
}

/// More people than one transaction takes, in any order and by several processes.
pub async fn sums_are_what_counting_the_sets_gives(engine: &Engine) {
    let table = table(engine).await;
    let stores: Vec<Store> = (0..3).map(|_| table.another_store()).collect();
    let steps = [WebStep::AccessBlocked, WebStep::MfaSetup, WebStep::PortalSignIn];
    let writes = stores.iter().zip(steps).map(|(store, step)| async move {
        // For a third of the people nobody reports a step that opens an enrollment.
        let of = |user: usize| step == WebStep::MfaSetup || !user.is_multiple_of(3);
        let all: Vec<_> = (0..90).filter(|user| of(*user)).map(|user| sign_in(user, step)).collect();
        add(store, &all).await
    });
    for grew in futures::future::join_all(writes).await {
        assert!(grew.into_iter().all(|grew| grew));
    }
    let (stored, counted) = sums(&table).await;
    assert_eq!(stored, counted);
    assert_eq!(stored[&log_day(T0)].values().sum::<u64>(), 60);
    assert_eq!(stored[&log_day(T0)].len(), 1, "all sixty have the same set: {stored:?}");
    table.drop().await;
}

/// A repeat costs no write and, if this process has seen it, no read either.
pub async fn what_does_not_grow_is_not_written(engine: &Engine) {
    let table = table(engine).await;
    let both = [sign_in(1, WebStep::AccessBlocked), sign_in(2, WebStep::PortalSignIn)];
    assert_eq!(add(&table.store, &both).await, [true, true]);
    let units = |store: &Store| store.meter().by_cause().get(&Cause::WebEnrollment).copied().unwrap_or_default();
    let before = units(&table.store);
    assert_eq!(add(&table.store, &both).await, [false, false]);
    assert_eq!(units(&table.store), before, "a repeat is remembered");
    let other = table.another_store();
    assert_eq!(add(&other, &both).await, [false, false]);
    assert_eq!((units(&other).write, units(&other).calls), (0.0, 1), "one read");
    // New steps in a set that this process does not know are written beside the stored ones.
    assert_eq!(add(&other, &[sign_in(1, WebStep::MfaSetup), sign_in(1, WebStep::AccessBlocked)]).await, [true, false]);
    let (stored, counted) = sums(&table).await;
    assert_eq!(stored, counted);
    table.drop().await;
}

/// A write whose answer is lost counts once, whoever repeats it.
pub async fn a_set_whose_answer_is_lost_counts_once(engine: &Engine) {
    for attempts in [1, 3] {
        let table = table(engine).await;
        let proxy = Proxy::start(&table.endpoint, "TransactWriteItems", [Fault::LoseAnswer]).await;
        let store = table.store_via(proxy.endpoint(), attempts);
        let one = [sign_in(1, WebStep::AccessBlocked)];
        let first = store.add_sign_ins(&tenant(), &one, KEPT_FOR).await;
        assert_eq!((first.is_ok(), proxy.left()), (attempts > 1, 0));
        // A sender that received no answer sends again.
        assert_eq!(add(&store, &one).await, [false]);
        let (stored, counted) = sums(&table).await;
        assert_eq!(stored, counted);
        assert_eq!(stored[&log_day(T0)].values().sum::<u64>(), 1);
        table.drop().await;
    }
}
