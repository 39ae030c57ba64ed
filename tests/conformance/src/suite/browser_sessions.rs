//! Sessions of browsers: begun once, ended by the clock and for good.

use crate::Engine;
use crate::engine::{number, text};
use crate::fixtures::{minute, second, tenant};
use crate::proxy::{Fault, Proxy};
use vestibule_domain::{Millis, TenantId, Timestamp};
use vestibule_store::{BrowserSession, Cause, Credential, Role, SESSION_IDLE, SESSION_LASTS, StoreError};

fn token(name: &str) -> Credential {
    Credential::Token { sha256: format!("{name:0>64}") }
}

fn session(digit: char, credential: Credential, ends: Option<Timestamp>) -> BrowserSession {
    let hash = digit.to_string().repeat(64);
    BrowserSession::new(hash, credential, ends, Some("Firefox on Windows".to_owned()), minute(0))
}

/// What is stored is read, of the same name only one is stored, and what was ended is not there any more.
pub async fn a_session_begins_once_and_ends_for_good(engine: &Engine) {
    let table = engine.table().await;
    let store = &table.store;
    let person = Credential::Person {
        subject: "ada".to_owned(),
        role: Role::Reader,
        issuer: "https://issuer.example page roles".to_owned(),
        key_id: Some("k1".to_owned()),
    };
    let (one, other) = (session('a', token("1"), None), session('b', person, Some(minute(60))));
    for begun in [&one, &other] {
        store.begin_browser_session(&tenant(), begun).await.unwrap();
        assert_eq!(store.browser_session(&tenant(), begun.id()).await.unwrap().as_ref(), Some(begun));
        assert!(begun.sha256.starts_with(begun.id()) && begun.id().len() < begun.sha256.len());
    }
    let mut same_name = session('a', token("2"), None);
    same_name.sha256.replace_range(60.., "ffff");
    assert_eq!(same_name.id(), one.id());
    let refused = store.begin_browser_session(&tenant(), &same_name).await;
    assert!(matches!(refused, Err(StoreError::Conflict)), "{refused:?}");
    assert_eq!(store.browser_sessions(&tenant(), minute(1)).await.unwrap(), [other.clone(), one.clone()]);
    assert_eq!(store.browser_session(&tenant(), "none").await.unwrap(), None);

    for _ in 0..2 {
        store.end_browser_session(&tenant(), one.id()).await.unwrap();
        assert_eq!(store.browser_session(&tenant(), one.id()).await.unwrap(), None);
    }
    // A use that is noted after the end brings nothing back.
    store.note_browser_session(&tenant(), &one, minute(5)).await.unwrap();
    assert_eq!(store.browser_sessions(&tenant(), minute(5)).await.unwrap(), [other]);
    table.drop().await;
}

/// By its longest time, its idle time, or its credential's end, whichever comes first, although the item is still
/// there; and not later because a clock was ahead.
pub async fn a_session_ends_by_the_clock(engine: &Engine) {
    let table = engine.table().await;
    let (long, short) = (session('a', token("1"), None), session('b', token("2"), Some(minute(30))));
    for begun in [&long, &short] {
        table.store.begin_browser_session(&tenant(), begun).await.unwrap();
    }
    let last = Millis::new(1);
    assert_eq!((long.ends_at, short.ends_at), (minute(0) + SESSION_LASTS, minute(30)));
    assert!(short.is_good(minute(30) - last) && !short.is_good(minute(30)));
    assert!(long.is_good(minute(0) + SESSION_IDLE - last) && !long.is_good(minute(0) + SESSION_IDLE));
    let used = BrowserSession { used_at: long.ends_at - Millis::from_minutes(1), ..long.clone() };
    assert!(used.is_good(long.ends_at - last) && !used.is_good(long.ends_at));
    // Minutes of difference between clocks don't matter, hours do.
    assert!(long.is_good(minute(-5)) && !long.is_good(minute(-6)));
    assert_eq!(table.store.browser_sessions(&tenant(), minute(29)).await.unwrap().len(), 2);
    assert_eq!(table.store.browser_sessions(&tenant(), minute(30)).await.unwrap(), std::slice::from_ref(&long));
    assert_eq!(table.store.browser_sessions(&tenant(), minute(120)).await.unwrap(), []);
    // Both are still stored, until time-to-live removes them.
    let stored: Vec<_> = table.items().await.iter().map(|item| number(item, "x").unwrap()).collect();
    assert_eq!(stored.len(), 2);
    assert!(stored.contains(&long.ends_at.seconds()) && stored.contains(&short.ends_at.seconds()));
    table.drop().await;
}

/// A use is a write once a minute, and none sets an earlier one back.
pub async fn uses_are_noted_once_a_minute(engine: &Engine) {
    let table = engine.table().await;
    let store = &table.store;
    let begun = session('a', token("1"), None);
    store.begin_browser_session(&tenant(), &begun).await.unwrap();
    store.meter().reset();
    let noted = async |now: Timestamp| {
        let read = store.browser_session(&tenant(), begun.id()).await.unwrap().unwrap();
        store.note_browser_session(&tenant(), &read, now).await.unwrap();
        store.browser_session(&tenant(), begun.id()).await.unwrap().unwrap().used_at
    };
    assert_eq!((noted(second(59)).await, noted(second(60)).await), (second(0), second(60)));
    assert_eq!((noted(second(61)).await, noted(second(119)).await), (second(60), second(60)));
    let units = store.meter().by_cause()[&Cause::BrowserSessions];
    assert_eq!(units.write, 1.0, "{units:?}");
    assert_eq!(noted(second(500)).await, second(500));
    // Somebody who read it before the last use.
    store.note_browser_session(&tenant(), &begun, second(300)).await.unwrap();
    assert_eq!(noted(second(501)).await, second(500));
    table.drop().await;
}

/// The same name is another session at another tenant.
pub async fn tenants_do_not_share_sessions(engine: &Engine) {
    let table = engine.table().await;
    let fabrikam = TenantId::parse("fabrikam").unwrap();
    let ours = session('a', token("1"), None);
    table.store.begin_browser_session(&tenant(), &ours).await.unwrap();
    assert_eq!(table.store.browser_session(&fabrikam, ours.id()).await.unwrap(), None);
    let theirs = session('a', token("2"), None);
    table.store.begin_browser_session(&fabrikam, &theirs).await.unwrap();
    table.store.end_browser_session(&fabrikam, ours.id()).await.unwrap();
    assert_eq!(table.store.browser_sessions(&fabrikam, minute(1)).await.unwrap(), []);
    assert_eq!(table.store.browser_sessions(&tenant(), minute(1)).await.unwrap(), [ours]);
    let partitions: Vec<_> = table.items().await.iter().map(|item| text(item, "pk").unwrap().to_owned()).collect();
    assert_eq!(partitions, ["s#contoso"]);
    table.drop().await;
}

/// A session begins, though the answer was lost and the SDK repeats the request.
pub async fn a_session_begins_though_nobody_heard(engine: &Engine) {
    let table = engine.table().await;
    let proxy = Proxy::start(&table.endpoint, "PutItem", [Fault::LoseAnswer]).await;
    let begun = session('a', token("1"), None);
    table.store_via(proxy.endpoint(), 3).begin_browser_session(&tenant(), &begun).await.unwrap();
    assert_eq!(proxy.left(), 0);
    assert_eq!(table.store.browser_sessions(&tenant(), minute(1)).await.unwrap(), [begun]);
    table.drop().await;
}
