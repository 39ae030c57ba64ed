//! Changes whose acknowledgement from the table was lost: the caller gets the same answer as if it had been received.

use admin_api::Api;
use bytes::Bytes;
use http::{Method, StatusCode, header};
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::sync::oneshot;
use vestibule_advice::Catalogue;
use vestibule_archive::Archive;
use vestibule_conformance::fixtures::{minute, tenant};
use vestibule_conformance::proxy::{Fault, Proxy};
use vestibule_conformance::{Engine, Table};
use vestibule_domain::TenantSettings;
use vestibule_platform::bus::Bus;
use vestibule_platform::credentials::{new_sign_in_code, new_token, token_hash};
use vestibule_platform::{Access, Clock, Config};
use vestibule_store::{ApiToken, Role, Secret, SettingsHistory, SignInCode, Store, Tenant};

/// A tenant with a code and an administrator's token.
pub(crate) struct Contoso {
    pub table: Table,
    code: String,
    pub token: String,
}

impl Contoso {
    pub(crate) async fn new() -> Self {
        let table = Engine::embedded().table().await;
        let (code, token) = (new_sign_in_code("contoso").unwrap(), new_token("contoso").unwrap());
        let mut contoso = Tenant {
            id: tenant(),
            created_at: minute(0),
            settings: TenantSettings::default(),
            webhook_secrets: vec![Secret::new("whsec_new")],
            sources: Vec::new(),
            tokens: vec![ApiToken {
                id: "admin".to_owned(),
                name: "admin".to_owned(),
                role: Role::Admin,
                sha256: token_hash(&token),
                created_at: minute(0),
                scope_tags: Vec::new(),
                expires_at: None,
            }],
            sign_in_codes: vec![SignInCode { sha256: token_hash(&code), role: Role::Admin, expires_at: minute(15) }],
            pseudonym_key: Secret::new("key").into(),
            settings_history: SettingsHistory::default(),
            source_settings: std::collections::BTreeMap::new(),
            feed: None,
            sealing: vestibule_store::Sealing::default(),
            version: 0,
        };
        table.store.create_tenant(&mut contoso).await.unwrap();
        Self { table, code, token }
    }

    pub(crate) async fn stored(&self) -> Tenant {
        self.table.store.tenant(&tenant()).await.unwrap().unwrap()
    }
}

/// The API over a store. No test here needs a file or the bus.
pub(crate) fn api(store: Store) -> Api {
    api_at(store, Clock::driven(|| minute(1).millis()))
}

/// The same by a clock.
pub(crate) fn api_at(store: Store, clock: Clock) -> Api {
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
    Api::new(archive, Bus::new(events, &config), clock, Access::default()).unwrap()
}

pub(crate) async fn ask(
    api: &Api,
    method: Method,
    path: &str,
    token: Option<&str>,
    body: &Value,
) -> (StatusCode, Value) {
    let mut request = http::Request::builder().method(method).uri(path);
    if let Some(token) = token {
        request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
    }
    let answer = api.handle(request.body(Bytes::from(body.to_string())).unwrap()).await;
    (answer.status(), serde_json::from_slice(answer.body()).unwrap_or_default())
}

async fn sign_in(api: &Api, code: &str) -> (StatusCode, Value) {
    ask(api, Method::POST, "/api/session", None, &json!({"code": code})).await
}

#[tokio::test]
async fn a_code_is_not_lost_when_the_answer_to_its_use_was_lost() {
    // With an SDK that tries again itself, and with one that gives up.
    for attempts in [3, 1] {
        let contoso = Contoso::new().await;
        let proxy = Proxy::start(&contoso.table.endpoint, "UpdateItem", [Fault::LoseAnswer]).await;
        let api = api(contoso.table.store_via(proxy.endpoint(), attempts));
        let (status, session) = sign_in(&api, &contoso.code).await;
        assert_eq!((status, proxy.left()), (StatusCode::OK, 0), "{session}");
        // The token is valid, and the code is used up.
        let (status, _) = ask(&api, Method::GET, "/api/tenant", session["token"].as_str(), &Value::Null).await;
        assert_eq!(status, StatusCode::OK);
        assert_eq!(sign_in(&api, &contoso.code).await.0, StatusCode::UNAUTHORIZED);
        let stored = contoso.stored().await;
        assert_eq!((stored.tokens.len(), stored.sign_in_codes.len()), (2, 0));
    }
}

#[tokio::test]
async fn a_change_after_the_lost_answer_removes_no_token() {
    let contoso = Contoso::new().await;
    let (arrived, asked_again) = oneshot::channel();
    let (go_on, may_go_on) = oneshot::channel();
    let faults = [Fault::LoseAnswer, Fault::Hold(arrived, may_go_on)];
    let proxy = Proxy::start(&contoso.table.endpoint, "UpdateItem", faults).await;
    let api = api(contoso.table.store_via(proxy.endpoint(), 3));
    let another = async {
        asked_again.await.unwrap();
        let mut changed = contoso.stored().await;
        changed.settings.device_limit = 7;
        contoso.table.store.update_tenant(&mut changed).await.unwrap();
        go_on.send(()).unwrap();
    };
    let ((status, session), ()) = tokio::join!(sign_in(&api, &contoso.code), another);
    assert_eq!(status, StatusCode::OK, "{session}");
    let stored = contoso.stored().await;
    let hash = token_hash(session["token"].as_str().unwrap());
    assert_eq!(stored.tokens.iter().filter(|token| token.sha256 == hash).count(), 1);
    assert_eq!((stored.tokens.len(), stored.settings.device_limit), (2, 7));
}

#[tokio::test]
async fn one_of_many_concurrent_users_of_a_code_signs_in_whatever_is_lost() {
    for lost in [0, 1, 3] {
        let contoso = Contoso::new().await;
        let faults = (0..lost).map(|_| Fault::LoseAnswer);
        let proxy = Proxy::start(&contoso.table.endpoint, "UpdateItem", faults).await;
        let api = api(contoso.table.store_via(proxy.endpoint(), 9));
        let answers = futures_of(&api, &contoso.code).await;
        let signed_in: Vec<&Value> =
            answers.iter().filter(|(status, _)| *status == StatusCode::OK).map(|(_, session)| session).collect();
        assert_eq!(signed_in.len(), 1, "{answers:?}");
        let stored = contoso.stored().await;
        assert_eq!((stored.tokens.len(), stored.sign_in_codes.len()), (2, 0));
        let hash = token_hash(signed_in[0]["token"].as_str().unwrap());
        assert!(stored.tokens.iter().any(|token| token.sha256 == hash));
    }
}

/// Two times four people use the same code concurrently.
async fn futures_of(api: &Api, code: &str) -> Vec<(StatusCode, Value)> {
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let (api, code) = (api.clone(), code.to_owned());
            tokio::spawn(async move { sign_in(&api, &code).await })
        })
        .collect();
    let mut answers = Vec::new();
    for task in tasks {
        answers.push(task.await.unwrap());
    }
    answers
}

#[tokio::test]
async fn a_change_whose_answer_was_lost_is_not_a_conflict() {
    let contoso = Contoso::new().await;
    let proxy = Proxy::start(&contoso.table.endpoint, "UpdateItem", [Fault::LoseAnswer]).await;
    let api = api(contoso.table.store_via(proxy.endpoint(), 3));
    let patch = json!({"deviceLimit": 7});
    let (status, answer) = ask(&api, Method::PATCH, "/api/tenant", Some(&contoso.token), &patch).await;
    assert_eq!((status, proxy.left()), (StatusCode::OK, 0), "{answer}");
    assert_eq!(answer["settings"]["deviceLimit"], 7);
    assert_eq!(contoso.stored().await.settings.device_limit, 7);
}
