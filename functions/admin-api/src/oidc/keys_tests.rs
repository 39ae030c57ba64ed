//! The keys of an issuer that answers, hangs and answers again, on a clock that the test drives.
#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;
use serde_json::json;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

/// How long a reading may take here, and more than somebody waits who does not wait for it.
const PATIENCE: Duration = Duration::from_secs(2);
const AT_ONCE: Duration = Duration::from_secs(1);

/// A small issuer with one key after another: `k1` at first.
#[derive(Default)]
struct Fake {
    hangs: AtomicBool,
    requests: AtomicUsize,
    newest: AtomicUsize,
}

fn key(id: usize) -> Value {
    // A point of the curve, as RFC 7517, A.1, has it.
    json!({"kty": "EC", "crv": "P-256", "kid": format!("k{id}"),
        "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4", "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"})
}

async fn begin() -> (Arc<Fake>, Keys, Arc<AtomicI64>) {
    let fake = Arc::new(Fake { newest: AtomicUsize::new(1), ..Fake::default() });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (served, own) = (Arc::clone(&fake), address.clone());
    tokio::spawn(async move {
        let mut hanging = Vec::new();
        while let Ok((mut socket, _)) = listener.accept().await {
            served.requests.fetch_add(1, Ordering::SeqCst);
            if served.hangs.load(Ordering::SeqCst) {
                hanging.push(socket);
                continue;
            }
            let mut request = vec![0; 4_096];
            let read = socket.read(&mut request).await.unwrap_or(0);
            let body = if String::from_utf8_lossy(&request[..read]).contains("openid-configuration") {
                json!({"issuer": own, "jwks_uri": format!("{own}/keys"), "token_endpoint": "https://tokens.example/t"})
            } else {
                let newest = served.newest.load(Ordering::SeqCst);
                // One of an unknown kind, and one that is not for signing.
                let mut odd = vec![json!({"kty": "OKP-2", "kid": "odd"}), key(99)];
                odd[1]["use"] = json!("enc");
                odd.extend((1..=newest).map(key));
                json!({"keys": odd})
            };
            let body = body.to_string();
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
            let _gone = socket.write_all(format!("{head}{body}").as_bytes()).await;
        }
    });
    let millis = Arc::new(AtomicI64::new(1_764_000_000_000));
    let clock = Arc::clone(&millis);
    let mut keys = Keys::new(address, Clock::driven(move || clock.load(Ordering::SeqCst))).unwrap();
    Arc::get_mut(&mut keys.source).unwrap().patience = PATIENCE;
    (fake, keys, millis)
}

#[tokio::test]
async fn whoever_has_a_known_key_does_not_wait_for_strangers() {
    let (fake, keys, millis) = begin().await;
    let now = || Timestamp::from_millis(millis.load(Ordering::SeqCst));
    let pass = |seconds: i64| millis.fetch_add(1_000 * seconds, Ordering::SeqCst);
    let ask = |id: &'static str| {
        let (keys, at) = (keys.clone(), now());
        async move { keys.key(Some(id), at).await.map(|found| found.is_some()) }
    };
    assert!(ask("k1").await.unwrap(), "a known key");
    assert!(!ask("odd").await.unwrap() && !ask("k99").await.unwrap(), "keys that are not for us");
    assert_eq!(fake.requests.load(Ordering::SeqCst), 2, "an unknown key makes nobody read again at once");

    pass(61);
    fake.hangs.store(true, Ordering::SeqCst);
    let strangers: Vec<_> = (0..6).map(|_| tokio::spawn(ask("k9"))).collect();
    // The strangers are under way once the issuer has the connection that hangs.
    while fake.requests.load(Ordering::SeqCst) < 3 {
        tokio::task::yield_now().await;
    }
    let known = tokio::time::timeout(AT_ONCE, ask("k1")).await;
    assert!(known.unwrap_or_else(|_| panic!("a known person waits for strangers")).unwrap());
    for stranger in strangers {
        assert!(stranger.await.unwrap().is_err(), "an unknown key while the issuer hangs");
    }
    assert_eq!(fake.requests.load(Ordering::SeqCst), 3, "one reading for all");

    // The failure is remembered, for a short time.
    let refused = tokio::time::timeout(AT_ONCE, ask("k9")).await;
    assert!(refused.unwrap_or_else(|_| panic!("somebody waits again")).is_err());
    assert_eq!(fake.requests.load(Ordering::SeqCst), 3);
    fake.hangs.store(false, Ordering::SeqCst);
    fake.newest.store(9, Ordering::SeqCst);
    pass(16);
    assert!(ask("k9").await.unwrap(), "a new key of an issuer that is back");
    assert_eq!(keys.token_origin(now()).await.as_deref(), Some("https://tokens.example"));
}

#[tokio::test]
async fn old_keys_are_read_beside_the_request_and_end_in_time() {
    let (fake, keys, millis) = begin().await;
    let now = || Timestamp::from_millis(millis.load(Ordering::SeqCst));
    assert!(keys.key(Some("k1"), now()).await.unwrap().is_some());
    fake.hangs.store(true, Ordering::SeqCst);
    millis.fetch_add(31 * 60_000, Ordering::SeqCst);
    let old = tokio::time::timeout(AT_ONCE, keys.key(Some("k1"), now())).await;
    assert!(old.unwrap_or_else(|_| panic!("it waits for an issuer that hangs")).unwrap().is_some());
    let mut ends = keys.reading(now()).unwrap();
    assert!(ends.changed().await.is_err(), "the reading ends by itself");
    millis.fetch_add(30 * 60_000, Ordering::SeqCst);
    assert!(keys.key(Some("k1"), now()).await.is_err(), "a withdrawn key would be valid for ever");
}

#[tokio::test]
async fn addresses_have_tls_or_are_on_this_machine() {
    for (address, may) in [
        ("https://login.example", true),
        ("http://localhost:8080/realm", true),
        ("http://login.example", false),
        ("http://127.0.0.1.example:1", false),
        ("ftp://login.example", false),
    ] {
        assert_eq!(may_ask(address), may, "{address}");
        assert_eq!(Keys::new(address.to_owned(), Clock::system()).is_ok(), may, "{address}");
    }
}
