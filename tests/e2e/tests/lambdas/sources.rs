//! Each product's webhook through the function that takes it: bytes as that product sends them, to the status page.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use serde_json::json;
use std::collections::BTreeSet;
use vestibule_domain::TenantSettings;
use vestibule_e2e::{Stack, Tenancy};
use vestibule_webhook::proof::hmac;

const SECRET: &str = "5e3c1f9a7b2d4e6f8091a2b3c4d5e6f7";
const FUNCTION: &str = "enrollment-events";

/// How a product proves itself.
enum By {
    Path,
    Basic,
    Header,
    HmacBase64,
    HmacHex,
}

/// Source, proof, sample, what the status page counts of it, and the status that the product wants to see.
type Case = (&'static str, By, &'static [u8], &'static str, u16);

macro_rules! sample {
    ($file:literal) => {
        include_bytes!(concat!("../../../../shared/webhook/src/sources/samples/", $file))
    };
}

const CASES: [Case; 10] = [
    ("micromdm", By::Path, sample!("micromdm-authenticate.json"), "devices", 200),
    ("nanomdm", By::HmacBase64, sample!("nanomdm-authenticate.json"), "devices", 200),
    ("fleet", By::Path, sample!("fleet-mdm-enrolled.json"), "enrolled", 200),
    ("jamf", By::Basic, sample!("jamf-mobile-device-enrolled.json"), "enrolled", 200),
    ("jamf", By::Header, sample!("jamf-computer-added.xml"), "enrolled", 200),
    ("workspace-one", By::Basic, sample!("workspace-one-mdm-enrollment-complete.json"), "enrolled", 200),
    ("android-management", By::Path, sample!("android-management-enrollment.json"), "enrolled", 200),
    ("intune-operational-logs", By::Path, sample!("intune-operational-logs-records.json"), "devices", 200),
    ("graph-troubleshooting-events", By::Path, sample!("graph-troubleshooting-events-list.json"), "devices", 200),
    ("github-style", By::HmacHex, sample!("cloudevents-enrollment.json"), "devices", 202),
];

fn proved(
    tenancy: &Tenancy,
    source: &str,
    by: &By,
    secret: &str,
    body: &[u8],
) -> (String, Vec<(&'static str, String)>) {
    let path = format!("/hooks/{}/{source}", tenancy.tenant.id);
    match by {
        By::Path => (format!("{path}/{secret}"), Vec::new()),
        By::Header => (path, vec![("x-vestibule-secret", secret.to_owned())]),
        By::Basic => {
            let pair = STANDARD.encode(format!("vestibule:{secret}"));
            (path, vec![("authorization", format!("Basic {pair}"))])
        }
        By::HmacBase64 => (path, vec![("x-hmac-signature", STANDARD.encode(hmac(secret, body)))]),
        By::HmacHex => {
            let hex: String = hmac(secret, body).iter().map(|byte| format!("{byte:02x}")).collect();
            (path, vec![("x-hub-signature-256", format!("sha256={hex}"))])
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_product_is_understood_once_it_has_proved_itself() {
    let stack = Stack::start().await;
    let settings = TenantSettings { retention_days: 400, ..TenantSettings::default() };
    let mut tenancy = stack.tenant("contoso", settings).await;
    let names: BTreeSet<&str> = CASES.iter().map(|(source, ..)| *source).collect();
    for source in names {
        stack.add_source(&mut tenancy, source, SECRET).await;
    }
    let status = async || {
        let answer = stack.ask("admin-api", Method::GET, &tenancy, "/api/devices/enrollment-status").await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()
    };
    for (source, by, body, counted, wanted) in &CASES {
        let before = status().await[*counted].as_u64().unwrap();
        for wrong in ["", "5e3c1f9a7b2d4e6f8091a2b3c4d5e6f8"] {
            let (path, headers) = proved(&tenancy, source, by, wrong, body);
            let answer = stack.post_as(FUNCTION, &path, &headers, body).await;
            assert_eq!(answer.status, 401, "{source}: {}", answer.text());
            assert!(!answer.text().contains(SECRET));
        }
        let (path, headers) = proved(&tenancy, source, by, SECRET, body);
        let first = stack.post_as(FUNCTION, &path, &headers, body).await;
        assert_eq!(first.status.as_u16(), *wanted, "{source}: {}", first.text());
        let accepted = first.json()["accepted"].as_u64().unwrap();
        assert!(accepted > 0, "{source}: {}", first.text());
        let again = stack.post_as(FUNCTION, &path, &headers, body).await.json();
        assert_eq!((&again["accepted"], &again["duplicates"]), (&json!(0), &json!(accepted)), "{source}: {again}");
        let after = status().await[*counted].as_u64().unwrap();
        assert!(after > before, "{source}: {after} after {before}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_news_is_acknowledged_and_what_is_malformed_is_not() {
    let stack = Stack::start().await;
    let mut tenancy = stack.tenant("contoso", TenantSettings::default()).await;
    stack.add_source(&mut tenancy, "fleet", SECRET).await;
    let post = async |body: &[u8]| {
        let (path, headers) = proved(&tenancy, "fleet", &By::Path, SECRET, body);
        stack.post_as(FUNCTION, &path, &headers, body).await
    };
    let ignored = post(sample!("fleet-edited-saved-query.json")).await;
    assert_eq!((ignored.status.as_u16(), &ignored.json()["ignored"]), (200, &json!(1)), "{}", ignored.text());
    assert_eq!(post(b"{\"type\"").await.status, 400);
}
