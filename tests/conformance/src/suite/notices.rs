//! Messages to people: what is stored is read, of repeated news one is kept, and one run works on a tenant at a time.

use crate::Engine;
use crate::fixtures::{minute, second, tenant};
use crate::suite::tenants::new;
use std::collections::BTreeSet;
use vestibule_domain::TenantId;
use vestibule_notices::{Bad, Channel, Event, Keys, Rule, Seen, Stands, To, Verdict, Watch};
use vestibule_store::{News, Secret, SentNotice};

fn channel() -> Channel {
    Channel {
        name: "team".to_owned(),
        to: To::Teams { host: "example.com".to_owned() },
        added_at: minute(0),
        by_administrator: false,
    }
}

fn rule() -> Rule {
    Rule {
        name: "stuck".to_owned(),
        watch: Watch::Stuck { minutes: 10 },
        channels: BTreeSet::from(["team".to_owned()]),
        muted_until: None,
    }
}

fn failed() -> News {
    let stands = Stands { bad: Some(Bad::Failed), outcome: "failed".to_owned(), step: None, code: None };
    let event =
        Event { subject: "ab".to_owned(), revision: "1".to_owned(), stands, profile: None, group: None, at: minute(1) };
    News::Ended(event)
}

/// Rules, channels and their secrets are read as they were written; a channel that goes takes its secrets along.
pub async fn what_a_tenant_chose_is_read(engine: &Engine) {
    let table = engine.table().await;
    let store = &table.store;
    assert!(store.all_notices().await.unwrap().is_empty());
    let keys = Keys { url: Some("https://example.com/secret".to_owned()), ..Keys::default() };
    store.set_channel_keys(&tenant(), "team", &keys).await.unwrap();
    store
        .change_notices(&tenant(), |notices| {
            notices.channels = vec![channel()];
            notices.rules = vec![rule()];
        })
        .await
        .unwrap();
    let all = store.all_notices().await.unwrap();
    assert_eq!(all, [(tenant(), store.notices(&tenant()).await.unwrap())]);
    assert_eq!((&all[0].1.rules, &all[0].1.channels), (&vec![rule()], &vec![channel()]));
    assert!(!format!("{all:?} {keys:?}").contains("secret"));
    assert_eq!(store.channel_keys(&tenant(), "team").await.unwrap(), Some(keys));
    let other = TenantId::parse("another").unwrap();
    assert_eq!(store.channel_keys(&other, "team").await.unwrap(), None);
    assert_eq!(store.mute_key(&tenant()).await.unwrap(), None);
    store.set_mute_key(&tenant(), &Secret::new("k")).await.unwrap();
    assert_eq!(store.mute_key(&tenant()).await.unwrap(), Some(Secret::new("k")));
    for was_there in [true, false] {
        assert_eq!(store.remove_channel(&tenant(), "team").await.unwrap(), was_there);
        assert_eq!(store.channel_keys(&tenant(), "team").await.unwrap(), None);
    }
    assert!(store.notices(&tenant()).await.unwrap().rules[0].channels.is_empty());
    table.drop().await;
}

/// News that the bus repeats are one, and stay until they were taken; the state is what its last writer left.
pub async fn news_are_kept_once_until_taken(engine: &Engine) {
    let table = engine.table().await;
    let store = &table.store;
    for _ in 0..2 {
        store.note_news(&tenant(), "e1", &failed(), minute(1)).await.unwrap();
    }
    store.note_news(&tenant(), "e2", &News::File("2026-01-05T00:00:00Z".to_owned()), minute(1)).await.unwrap();
    let news = store.news(&tenant(), 10).await.unwrap();
    assert_eq!(news.iter().map(|(_, news)| news.clone()).collect::<Vec<_>>()[0], failed());
    assert_eq!((news.len(), store.news(&tenant(), 1).await.unwrap().len()), (2, 1));
    let seen = || {
        let facts =
            vestibule_notices::Facts::Stuck { step: None, platform: "iOS".to_owned(), since: minute(0), minutes: 10 };
        vec![Seen { subject: "ab".to_owned(), verdict: Verdict::Holds, facts }]
    };
    store
        .change_notice_state(&tenant(), |state| state.observe(&rule(), seen(), Verdict::Fine, minute(2)))
        .await
        .unwrap();
    assert_eq!(store.notice_state(&tenant()).await.unwrap().standing().count(), 1);
    for (taken, _) in news {
        store.forget_news(&tenant(), &taken).await.unwrap();
    }
    assert!(store.news(&tenant(), 10).await.unwrap().is_empty());
    table.drop().await;
}

/// Of two runs one works on a tenant, until it leaves or its time is over.
pub async fn one_run_works_on_a_tenants_messages(engine: &Engine) {
    let table = engine.table().await;
    let store = &table.store;
    assert!(store.take_notices(&tenant(), "one", second(0)).await.unwrap().is_some());
    assert!(store.take_notices(&tenant(), "other", second(64)).await.unwrap().is_none());
    assert!(store.take_notices(&tenant(), "one", second(1)).await.unwrap().is_some());
    store.leave_notices(&tenant(), "other").await.unwrap();
    assert!(store.take_notices(&tenant(), "other", second(2)).await.unwrap().is_none());
    store.leave_notices(&tenant(), "one").await.unwrap();
    assert!(store.take_notices(&tenant(), "other", second(3)).await.unwrap().is_some());
    assert!(store.take_notices(&tenant(), "one", second(68)).await.unwrap().is_some(), "it has ended by itself");
    table.drop().await;
}

/// What was sent and what was given up is listed newest first; with its tenant all of it goes.
pub async fn what_was_sent_is_kept_and_goes_with_the_tenant(engine: &Engine) {
    let table = engine.table().await;
    let store = &table.store;
    store.create_tenant(&mut new(tenant().as_str())).await.unwrap();
    store.change_notices(&tenant(), |notices| notices.rules = vec![rule()]).await.unwrap();
    store.set_channel_keys(&tenant(), "team", &Keys::default()).await.unwrap();
    store.set_mute_key(&tenant(), &Secret::new("k")).await.unwrap();
    store.note_news(&tenant(), "e1", &failed(), minute(1)).await.unwrap();
    let sent = |number: u64, problem: Option<&str>| SentNotice {
        number: Some(number),
        channel: "team".to_owned(),
        at: minute(i64::try_from(number).unwrap()),
        text: "text".to_owned(),
        problem: problem.map(str::to_owned),
    };
    for notice in [sent(1, None), sent(2, Some("410")), sent(3, None), sent(10, None)] {
        store.keep_notice(&tenant(), &notice).await.unwrap();
    }
    assert_eq!(store.sent_notices(&tenant(), 2).await.unwrap(), [sent(10, None), sent(3, None)]);
    assert_eq!(store.dead_notices(&tenant(), 9).await.unwrap(), [sent(2, Some("410"))]);
    store.begin_removal(&tenant(), minute(20)).await.unwrap();
    store.remove_tenant(&tenant(), minute(20)).await.unwrap();
    assert!(store.all_notices().await.unwrap().is_empty());
    assert_eq!(store.mute_key(&tenant()).await.unwrap(), None);
    assert_eq!(store.channel_keys(&tenant(), "team").await.unwrap(), None);
    assert!(store.sent_notices(&tenant(), 9).await.unwrap().is_empty());
    assert!(store.news(&tenant(), 9).await.unwrap().is_empty());
    table.drop().await;
}
