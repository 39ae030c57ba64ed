//! Functions whose folder for temporary files is full.

use reqwest::Method;
use serde_json::{Value, json};
use vestibule_domain::TenantSettings;
use vestibule_e2e::{Stack, Tenancy, event_at, now};

const STATUS: &str = "/api/devices/enrollment-status";

async fn tenants(stack: &Stack, number: usize) -> Vec<Tenancy> {
    let mut tenants = Vec::new();
    for number in 0..number {
        let tenancy = stack.tenant(&format!("tenant-{number}"), TenantSettings::default()).await;
        let event = event_at("enrollment.started", &format!("C02{number:04}"), 1, &json!({"platform": "ios"}));
        let answer = stack.post("enrollment-events", "enrollment-events", &tenancy, &event).await;
        assert_eq!(answer.status, 202, "{}", answer.text());
        tenants.push(tenancy);
    }
    tenants
}

async fn export(stack: &Stack, function: &str, tenancy: &Tenancy) -> (u16, Value) {
    let detail = json!({"tenant": tenancy.tenant.id, "asOf": now().to_string(), "reason": "asked"});
    let answer = stack.invoke_raw(function, &json!({"detail": detail})).await;
    (answer.status.as_u16(), serde_json::from_slice(&answer.body).unwrap_or_default())
}

/// More tenants ask than there is room for; then one asks for whom there is none at all.
#[tokio::test(flavor = "multi_thread")]
async fn the_api_survives_a_full_disk_and_answers_all_for_whom_there_is_room() {
    let mut stack = Stack::start().await;
    let tenants = tenants(&stack, 8).await;
    let (status, exported) = export(&stack, "report-export", &tenants[0]).await;
    assert_eq!(status, 200, "{exported}");
    let kib = u32::try_from(exported["sizeBytes"].as_u64().unwrap() / 1024).unwrap();
    // Room for some copies, and for less than one.
    let some = stack.add_with_small_tmp("another", "admin-api", kib * 4);
    if !some || !stack.add_with_small_tmp("one-more", "admin-api", kib / 2) {
        eprintln!("this machine does not let us mount a small disk, so this is not tested");
        return;
    }
    for round in 0..2 {
        for tenancy in &tenants {
            let answer = stack.ask("another", Method::GET, tenancy, STATUS).await;
            assert_eq!(answer.status, 200, "round {round}, {}: {}", tenancy.tenant.id, answer.text());
        }
    }
    for _ in 0..2 {
        let answer = stack.ask("one-more", Method::GET, &tenants[0], STATUS).await;
        assert_eq!(answer.status, 503, "{}", answer.text());
        assert!(!answer.header("retry-after").is_empty());
    }
    let complaints = stack.complaints("one-more");
    assert_eq!(complaints.len(), 2, "one line a question: {complaints:?}");
    // What needs no copy is still answered.
    let answer = stack.ask("one-more", Method::GET, &tenants[0], "/api/tenant").await;
    assert_eq!(answer.status, 200, "{}", answer.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_without_room_fails_with_one_line_that_says_how_much_is_missing() {
    let mut stack = Stack::start().await;
    let tenants = tenants(&stack, 1).await;
    let (status, exported) = export(&stack, "report-export", &tenants[0]).await;
    assert_eq!(status, 200, "{exported}");
    let bytes = exported["sizeBytes"].as_u64().unwrap();
    if !stack.add_with_small_tmp("a-third", "report-export", u32::try_from(bytes * 2 / 1024).unwrap()) {
        eprintln!("this machine does not let us mount a small disk, so this is not tested");
        return;
    }
    let (status, answer) = export(&stack, "a-third", &tenants[0]).await;
    assert_ne!(status, 200, "{answer}");
    let complaints = stack.complaints("a-third");
    let [complaint] = &complaints[..] else { panic!("{complaints:?}") };
    let text = complaint.to_string();
    assert!(text.contains("an export needs ") && text.contains(" are free"), "{text}");
}
