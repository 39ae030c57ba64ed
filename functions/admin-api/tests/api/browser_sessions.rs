//! Sessions of browsers by a driven clock: when they end, and what ends with what.

use admin_api::Api;
use bytes::Bytes;
use http::{Method, StatusCode, header};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use vestibule_advice::Catalogue;
use vestibule_archive::Archive;
use vestibule_conformance::fixtures::{minute, tenant};
use vestibule_conformance::{Engine, Table};
use vestibule_domain::{Millis, TenantId, TenantSettings, Timestamp};
use vestibule_platform::bus::Bus;
use vestibule_platform::credentials::{new_browser_session, new_token, token_hash};
use vestibule_platform::{Access, Clock, Config, HttpResponse};
use vestibule_store::{ApiToken, BrowserSession, Credential, Role, Secret, SettingsHistory, Store, Tenant};

/// An API over a table, with a clock that the test drives, in seconds since the beginning.
pub struct Setup {
    table: Table,
    pub api: Api,
    seconds: Arc<AtomicI64>,
}

fn api(store: Store, seconds: &Arc<AtomicI64>, access: Access) -> Api {
    let s3 = aws_sdk_s3::Client::from_conf(
        aws_sdk_s3::Config::builder().behavior_version(aws_sdk_s3::config::BehaviorVersion::latest()).build(),
    );
    let events = aws_sdk_eventbridge::Client::from_conf(
        aws_sdk_eventbridge::Config::builder()
            .behavior_version(aws_sdk_eventbridge::config::BehaviorVersion::latest())
            .build(),
    );
    let config = Config {
        table: String::new(),
        bucket: String::new(),
        bus: String::new(),
        source: String::new(),
        advice: None,
        staleness_ms: 0,
    };
    let advice = Arc::new(Catalogue::built_in().clone());
    let archive = Archive::new(store, s3, String::new(), std::env::temp_dir(), advice);
    let driven = Arc::clone(seconds);
    let clock = Clock::driven(move || at(driven.load(Ordering::SeqCst)).millis());
    Api::new(archive, Bus::new(events, &config), clock, access).unwrap()
}

fn at(seconds: i64) -> Timestamp {
    minute(0) + Millis::from_seconds(seconds)
}

const HOUR: i64 = 3_600;

impl Setup {
    pub async fn new(access: Access) -> Self {
        let table = Engine::embedded().table().await;
        let seconds = Arc::new(AtomicI64::new(0));
        let api = api(table.store.clone(), &seconds, access);
        Self { table, api, seconds }
    }

    /// A tenant with a token that ends after so many hours.
    pub async fn tenant(&self, name: &str, hours: Option<i64>) -> String {
        let token = new_token(name).unwrap();
        let mut added = Tenant {
            id: TenantId::parse(name).unwrap(),
            created_at: at(0),
            settings: TenantSettings::default(),
            webhook_secrets: Vec::new(),
            sources: Vec::new(),
            tokens: vec![ApiToken {
                id: token_hash(&token).chars().take(12).collect(),
                name: "desk".to_owned(),
                role: Role::Admin,
                sha256: token_hash(&token),
                created_at: at(0),
                scope_tags: Vec::new(),
                expires_at: hours.map(|hours| at(hours * HOUR)),
            }],
            sign_in_codes: Vec::new(),
            pseudonym_key: Secret::new("key").into(),
            settings_history: SettingsHistory::default(),
            source_settings: std::collections::BTreeMap::new(),
            feed: None,
            sealing: vestibule_store::Sealing::default(),
            version: 0,
        };
        self.table.store.create_tenant(&mut added).await.unwrap();
        token
    }

    async fn ask(&self, method: Method, path: &str, headers: &[(header::HeaderName, &str)], now: i64) -> HttpResponse {
        self.seconds.store(now, Ordering::SeqCst);
        let request =
            headers.iter().fold(http::Request::builder().method(method).uri(path), |request, (name, value)| {
                request.header(name, *value)
            });
        self.api.handle(request.body(Bytes::new()).unwrap()).await
    }

    /// The cookie of a new session, as a browser sends it back.
    async fn begin(&self, token: &str, now: i64) -> (String, HttpResponse) {
        let bearer = format!("Bearer {token}");
        let begun = self.ask(Method::POST, "/api/browser-sessions", &[(header::AUTHORIZATION, &bearer)], now).await;
        assert_eq!(begun.status(), StatusCode::CREATED, "{:?}", begun.body());
        let set = begun.headers()[header::SET_COOKIE].to_str().unwrap();
        (set.split(';').next().unwrap().to_owned(), begun)
    }

    async fn status(&self, cookie: &str, now: i64) -> StatusCode {
        self.ask(Method::GET, "/api/tenant", &[(header::COOKIE, cookie)], now).await.status()
    }

    async fn is_in(&self, cookie: &str, now: i64) -> bool {
        let status = self.status(cookie, now).await;
        assert!([StatusCode::OK, StatusCode::UNAUTHORIZED].contains(&status), "{status}");
        status == StatusCode::OK
    }
}

#[tokio::test]
async fn a_session_ends_when_it_is_idle_and_after_twelve_hours_in_any_case() {
    let setup = Setup::new(Access::default()).await;
    let token = setup.tenant("contoso", None).await;
    let (idle, begun) = setup.begin(&token, 0).await;
    let body: Value = serde_json::from_slice(begun.body()).unwrap();
    assert_eq!(body["session"]["endsAt"], at(12 * HOUR).to_string());
    assert!(setup.is_in(&idle, 2 * HOUR - 1).await);
    // That was a use, so it goes on from there.
    assert!(setup.is_in(&idle, 4 * HOUR - 2).await);
    assert!(!setup.is_in(&idle, 6 * HOUR - 2).await);
    assert!(!setup.is_in(&idle, 6 * HOUR).await);

    let (used, _) = setup.begin(&token, 0).await;
    for hour in 1..12 {
        assert!(setup.is_in(&used, hour * HOUR).await, "{hour}");
    }
    assert!(setup.is_in(&used, 12 * HOUR - 1).await && !setup.is_in(&used, 12 * HOUR).await);
    // Time-to-live has removed nothing yet: the clock decides.
    assert_eq!(setup.table.items().await.iter().filter(|item| item["pk"].as_s().unwrap() == "s#contoso").count(), 2);
}

#[tokio::test]
async fn a_session_never_outlives_its_token() {
    let setup = Setup::new(Access::default()).await;
    let token = setup.tenant("contoso", Some(1)).await;
    let (cookie, begun) = setup.begin(&token, HOUR / 2).await;
    assert!(begun.headers()[header::SET_COOKIE].to_str().unwrap().contains("; Max-Age=1800;"));
    assert!(setup.is_in(&cookie, HOUR - 1).await && !setup.is_in(&cookie, HOUR).await);

    // Revoked, its role changed, and its tenant gone: as of the next request.
    let store = &setup.table.store;
    let token = setup.tenant("fabrikam", None).await;
    let fabrikam = TenantId::parse("fabrikam").unwrap();
    let (cookie, _) = setup.begin(&token, 0).await;
    let change = async |change: fn(&mut Tenant)| {
        store
            .change_tenant(&fabrikam, |tenant| {
                change(tenant);
                Ok::<_, vestibule_store::StoreError>(())
            })
            .await
            .unwrap();
    };
    change(|tenant| {
        tenant.tokens[0].role = Role::Reader;
        tenant.tokens[0].scope_tags = vec!["emea".to_owned()];
    })
    .await;
    let shown = setup.ask(Method::GET, "/api/tenant", &[(header::COOKIE, &cookie)], 1).await;
    let shown: Value = serde_json::from_slice(shown.body()).unwrap();
    assert_eq!((&shown["role"], &shown["scopeTags"]), (&json!("reader"), &json!(["emea"])));
    change(|tenant| tenant.tokens.clear()).await;
    assert!(!setup.is_in(&cookie, 2).await);
}

#[tokio::test]
async fn what_a_clock_that_was_ahead_made_does_not_last() {
    let setup = Setup::new(Access::default()).await;
    let token = setup.tenant("contoso", None).await;
    let (cookie, _) = setup.begin(&token, 365 * 24 * HOUR).await;
    assert!(setup.is_in(&cookie, 365 * 24 * HOUR + 1).await);
    assert!(!setup.is_in(&cookie, 0).await);
}

#[tokio::test]
async fn uses_at_the_same_time_are_noted_once_and_end_nothing() {
    let setup = Setup::new(Access::default()).await;
    let token = setup.tenant("contoso", None).await;
    let (cookie, _) = setup.begin(&token, 0).await;
    setup.seconds.store(90, Ordering::SeqCst);
    let asked: Vec<_> = (0..8)
        .map(|_| {
            let (api, cookie) = (setup.api.clone(), cookie.clone());
            tokio::spawn(async move {
                let request = http::Request::get("/api/tenant").header(header::COOKIE, cookie);
                api.handle(request.body(Bytes::new()).unwrap()).await.status()
            })
        })
        .collect();
    for one in asked {
        assert_eq!(one.await.unwrap(), StatusCode::OK);
    }
    let used = setup.table.store.browser_sessions(&tenant(), at(90)).await.unwrap();
    assert_eq!(used.iter().map(|session| session.used_at).collect::<Vec<_>>(), [at(90)]);
}

#[tokio::test]
async fn a_person_of_an_issuer_that_is_not_configured_is_nobody() {
    let setup = Setup::new(Access::default()).await;
    setup.tenant("contoso", None).await;
    let secret = new_browser_session("contoso").unwrap();
    let person = Credential::Person {
        subject: "ada".to_owned(),
        role: Role::Admin,
        issuer: "https://issuer.example page roles".to_owned(),
        key_id: None,
    };
    let session = BrowserSession::new(token_hash(&secret), person, None, None, at(0));
    setup.table.store.begin_browser_session(&tenant(), &session).await.unwrap();
    assert!(!setup.is_in(&format!("vestibule={secret}"), 1).await);
}

#[tokio::test]
async fn where_people_come_by_https_alone_no_request_says_otherwise() {
    let setup = Setup::new(Access::default().always_by_https()).await;
    let token = setup.tenant("contoso", None).await;
    let (cookie, begun) = setup.begin(&token, 0).await;
    assert!(cookie.starts_with("__Host-vestibule=vss_contoso_"), "{cookie}");
    assert!(begun.headers()[header::SET_COOKIE].to_str().unwrap().ends_with("; SameSite=Lax; Secure"));
    let proto = header::HeaderName::from_static("x-forwarded-proto");
    let by_http = setup.ask(Method::GET, "/api/tenant", &[(header::COOKIE, &cookie), (proto, "http")], 1).await;
    assert_eq!(by_http.status(), StatusCode::OK);
    let plain = cookie.replace("__Host-vestibule", "vestibule");
    assert!(!setup.is_in(&plain, 1).await);
}
