//! `--stack NAME`: CloudFormation, DynamoDB, S3 and EventBridge of an emulator, with a stack of the deployment's own
//! template, without its functions.

use serde_json::json;
use vestibule_program_tests::{Emulator, FUNCTION_URLS, enrollment, now};

#[tokio::test]
async fn commands_find_a_stack_by_its_name() {
    let emulator = Emulator::start().await;
    emulator.deploy("vestibule-test", "Api").await;
    let stack = emulator.stack("vestibule-test");

    let added = stack.json(&["tenant", "add", "contoso"]);
    assert!(added["webhookSecret"].as_str().unwrap().starts_with("whsec_"), "{added}");
    assert_eq!(stack.json(&["tenant", "list"])["tenants"][0]["tenant"], "contoso");
    let found = ("Stack".to_owned(), "cloudformation:DescribeStacks".to_owned());
    assert!(stack.permissions().used.contains(&found));
    // The stack's own key seals what is secret.
    let seals = ("Secrets".to_owned(), "kms:GenerateDataKey".to_owned());
    assert!(stack.permissions().used.contains(&seals));
    // The address is that of the stack's API.
    let link = stack.json(&["token", "link", "contoso"]);
    assert!(link["url"].as_str().unwrap().contains("execute-api"), "{link}");
    let nanomdm = stack.json(&["source", "add", "contoso", "nanomdm"]);
    assert!(nanomdm["url"].as_str().unwrap().contains("execute-api"), "{nanomdm}");

    let file = stack.folder().join("events.ndjson");
    let line = enrollment("d1", "enrollment.started", now(), "NAMED0001").to_string();
    std::fs::write(&file, format!("{line}\n")).unwrap();
    assert_eq!(stack.json(&["import", "contoso", file.to_str().unwrap()])["accepted"], 1);
    let exported = stack.json(&["export", "contoso"]);
    assert_eq!(exported["rows"]["attempts"], 1, "{exported}");
    assert!(
        exported["path"].as_str().unwrap().contains(".vestibule/stacks/eu-central-1/vestibule-test/reports/contoso")
    );
    let verified = stack.json(&["verify"]);
    assert_eq!((&verified["ok"], &verified["stack"]["name"]), (&json!(true), &json!("vestibule-test")), "{verified}");

    // The emulator describes a table with a text where DynamoDB has a boolean, and the SDK reads that of no table. So what
    // `doctor` says of tables, the sweep and files is tried on the services of a `serve` only.
    let doctor: serde_json::Value = serde_json::from_str(&stack.run(&["doctor"]).stdout).unwrap();
    let grade = |check: &str| {
        let findings = doctor["findings"].as_array().unwrap();
        findings.iter().find(|finding| finding["check"] == check).map(|finding| finding["grade"].clone())
    };
    for check in ["bucket", "bus"] {
        assert_eq!(grade(check), Some(json!("ok")), "{check}: {doctor}");
    }

    // Where the webhooks have addresses of their own, each sender gets that of its function, and people the API's.
    emulator.deploy("other", "FunctionUrls").await;
    let other = emulator.stack("other");
    other.json(&["tenant", "add", "contoso"]);
    let at = |source: &str, more: &[&str]| {
        other.json(&[&["source", "add", "contoso", source][..], more].concat())["url"].as_str().unwrap().to_owned()
    };
    let [events, sessions] = FUNCTION_URLS.map(|url| format!("{url}hooks/contoso/"));
    assert!(at("nanomdm", &[]).starts_with(&format!("{events}nanomdm")));
    assert_eq!(at("esp-status", &[]), format!("{sessions}esp-status"));
    assert_eq!(at("esp-status", &["--url", "https://hooks.example"]), "https://hooks.example/hooks/contoso/esp-status");
    let link = other.json(&["token", "link", "contoso"]);
    assert!(link["url"].as_str().unwrap().contains("execute-api"), "{link}");

    // A stack of another name, or in another region, is none.
    let unknown = emulator.stack("vestibule-tset").fails(&["tenant", "list"]);
    assert!(unknown.contains("there is no stack vestibule-tset in eu-central-1"), "{unknown}");
    let elsewhere = stack.fails(&["tenant", "list", "--region", "eu-west-1"]);
    assert!(elsewhere.contains("there is no stack vestibule-test in eu-west-1"), "{elsewhere}");
}
