//! Requests for files, over real services without the function that makes the files.

use admin_api::Api;
use bytes::Bytes;
use http::{Method, StatusCode};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use vestibule_archive::Archive;
use vestibule_domain::{Millis, TenantId, TenantSettings, Timestamp};
use vestibule_host::{Host, Names};
use vestibule_platform::credentials::{new_token, token_hash};
use vestibule_platform::{Access, Bus, Clock, Config};
use vestibule_store::{ApiToken, Role, Secret, SettingsHistory, Store, Tenant};

const BEGIN: Timestamp = Timestamp::from_millis(1_800_000_000_000);

fn at(minutes: i64) -> Timestamp {
    BEGIN + Millis::from_minutes(minutes)
}

#[tokio::test]
async fn a_file_requested_twice_is_made_once() {
    let folder = tempfile::tempdir().unwrap();
    let names = Names { table: "table".into(), bucket: "reports".into(), bus: "bus".into() };
    let host = Host::start(&folder.path().join("data"), &names).await.unwrap();
    let store = Store::new(host.clients.dynamodb.clone(), "table");
    let token = new_token("contoso").unwrap();
    let mut tenant = Tenant {
        id: TenantId::parse("contoso").unwrap(),
        created_at: BEGIN,
        settings: TenantSettings::default(),
        webhook_secrets: Vec::new(),
        sources: Vec::new(),
        tokens: vec![ApiToken {
            id: "t".into(),
            name: "test".into(),
            role: Role::Admin,
            sha256: token_hash(&token),
            created_at: BEGIN,
            scope_tags: Vec::new(),
            expires_at: None,
        }],
        sign_in_codes: Vec::new(),
        pseudonym_key: Secret::new("00".repeat(32)).into(),
        settings_history: SettingsHistory::default(),
        source_settings: std::collections::BTreeMap::new(),
        feed: None,
        sealing: vestibule_store::Sealing::default(),
        version: 0,
    };
    store.create_tenant(&mut tenant).await.unwrap();
    let config = Config {
        table: "table".into(),
        bucket: "reports".into(),
        bus: "bus".into(),
        source: "vestibule".into(),
        advice: None,
        staleness_ms: 0,
    };
    let advice = vestibule_archive::advice(None).unwrap();
    let scratch = folder.path().join("scratch");
    let archive = Archive::new(store, host.clients.s3.clone(), "reports".into(), scratch, advice);
    let minutes = Arc::new(AtomicI64::new(0));
    let driven = minutes.clone();
    let clock = Clock::driven(move || at(driven.load(Ordering::SeqCst)).millis());
    let bus = Bus::new(host.clients.events.clone(), &config);
    let api = Api::new(archive, bus, clock, Access::default()).unwrap();
    let ask = async |method: Method, path: &str, body: &Value, minute: i64| {
        minutes.store(minute, Ordering::SeqCst);
        let request = http::Request::builder().method(method).uri(path);
        let request = request.header("authorization", format!("Bearer {token}"));
        let answer = api.handle(request.body(Bytes::from(body.to_string())).unwrap()).await;
        (answer.status(), serde_json::from_slice::<Value>(answer.body()).unwrap())
    };
    let files = "/api/reports/files";
    let requested = |minute: i64| (StatusCode::ACCEPTED, json!({"requestedAt": at(minute).to_string()}));
    let sent = || host.published().unwrap().len();

    assert_eq!((ask(Method::POST, files, &json!({}), 0).await, sent()), (requested(0), 1));
    assert_eq!((ask(Method::POST, files, &json!({}), 1).await, sent()), (requested(0), 1));
    let event = host.published().unwrap().remove(0);
    let detail = json!({"tenant": "contoso", "asOf": at(0).to_string(), "reason": "asked"});
    assert_eq!((&event["detail-type"], &event["detail"]), (&json!("ReportExportRequested"), &detail));

    // After a change of settings that changes the past, a new file is needed.
    let (status, _) = ask(Method::PATCH, "/api/tenant", &json!({"requireCompliance": false}), 2).await;
    assert_eq!((status, sent()), (StatusCode::OK, 2));
    assert_eq!((ask(Method::POST, files, &json!({}), 3).await, sent()), (requested(2), 2));
    // A file that is not made in time is requested again.
    assert_eq!((ask(Method::POST, files, &json!({}), 17).await, sent()), (requested(17), 3));
}
