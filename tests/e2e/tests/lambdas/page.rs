//! The page as a Lambda function serves it, a code for a token, and diagnostics.

use reqwest::Method;
use serde_json::json;
use vestibule_domain::{Millis, TenantSettings};
use vestibule_e2e::{Stack, event_at, now};
use vestibule_platform::credentials::{new_sign_in_code, token_hash};
use vestibule_store::{Role, SignInCode};

const FUNCTION: &str = "admin-api";

#[tokio::test]
async fn the_page_is_served_signed_in_to_and_answers_for_a_device() {
    let mut stack = Stack::start().await;
    for function in ["enrollment-events", FUNCTION] {
        stack.add(function, function, &[]);
    }
    let mut tenancy = stack.tenant("contoso", TenantSettings::default()).await;
    let page = stack.ask(FUNCTION, Method::GET, &tenancy, "/").await;
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8", "{}", page.text());
    let policy = page.header("content-security-policy");
    assert!(
        policy.contains("script-src 'self'") && policy.contains("connect-src 'self' http://127.0.0.1:"),
        "{policy}"
    );
    let text = page.text();
    let version = text.split("\"assets/").nth(1).unwrap().split('/').next().unwrap().to_owned();
    let at = |path: &str| format!("/assets/{version}/{path}");
    let script = stack.ask(FUNCTION, Method::GET, &tenancy, &at("shell/page.js")).await;
    assert_eq!(script.header("content-type"), "text/javascript; charset=utf-8");
    assert!(script.header("cache-control").contains("immutable"), "{}", script.header("cache-control"));
    // Bytes that are not text arrive unchanged.
    let wasm = stack.ask(FUNCTION, Method::GET, &tenancy, &at("vendor/sqlite3.wasm")).await;
    assert_eq!((wasm.header("content-type"), &wasm.body[..4]), ("application/wasm", &b"\0asm"[..]));
    // Compressed ones, too: API Gateway gets them in base64.
    let link = stack.url(FUNCTION, &at("vendor/sqlite3.wasm"));
    let small = stack.follow(Method::GET, &link, |request| request.header("accept-encoding", "br")).await;
    assert_eq!((small.header("content-encoding"), small.header("content-type")), ("br", "application/wasm"));
    let mut again = Vec::new();
    brotli_decompressor::BrotliDecompress(&mut &small.body[..], &mut again).unwrap();
    assert!(again == wasm.body && small.body.len() * 2 < wasm.body.len(), "{} bytes", small.body.len());

    let code = new_sign_in_code("contoso").unwrap();
    let expires_at = now() + Millis::from_minutes(5);
    tenancy.tenant.sign_in_codes.push(SignInCode { sha256: token_hash(&code), role: Role::Reader, expires_at });
    stack.store.update_tenant(&mut tenancy.tenant).await.unwrap();
    let body = json!({"code": code});
    let signed_in = stack.change(FUNCTION, Method::POST, &tenancy, "/api/session", &body).await;
    assert_eq!(signed_in.status, 200, "{}", signed_in.text());
    let again = stack.change(FUNCTION, Method::POST, &tenancy, "/api/session", &body).await;
    assert_eq!(again.status, 401, "{}", again.text());
    signed_in.json()["token"].as_str().unwrap().clone_into(&mut tenancy.token);
    // As deployed, people come by https alone, and the page's cookie is for that.
    let begun = stack.change(FUNCTION, Method::POST, &tenancy, "/api/browser-sessions", &json!({})).await;
    assert_eq!(begun.status, 201, "{}", begun.text());
    let set = begun.header("set-cookie").to_owned();
    assert!(set.starts_with("__Host-vestibule=vss_contoso_") && set.ends_with("; Secure"), "{set}");
    let url = stack.url(FUNCTION, "/api/tenant");
    let cookie = set.split(';').next().unwrap().to_owned();
    let seen = stack.follow(Method::GET, &url, |request| request.header("cookie", &cookie)).await;
    assert_eq!((seen.status.as_u16(), &seen.json()["role"]), (200, &json!("reader")), "{}", seen.text());

    let failed = json!({"platform": "ios", "failure": {"code": "0x801c0003"}});
    let events = json!([
        event_at("enrollment.started", "c02page", 6, &json!({"platform": "ios"})),
        event_at("enrollment.failed", "c02page", 5, &failed),
    ]);
    let answer = stack.post("enrollment-events", "enrollment-events", &tenancy, &events).await;
    assert_eq!(answer.status, 202, "{}", answer.text());
    let found = stack.ask(FUNCTION, Method::GET, &tenancy, "/api/diagnostics?device=c02page").await.json();
    assert_eq!((&found["verdict"], &found["findings"][0]["id"]), (&json!("failing"), &json!("failure")), "{found}");
    assert!(found["findings"][0]["advice"].as_array().is_some_and(|meanings| meanings.len() > 1), "{found}");
}
