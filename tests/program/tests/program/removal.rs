//! A tenant of a stack is removed with all that the stack has of it, by the command alone.
//!
//! The stack is what a `serve` serves of its folder over HTTP, with signatures.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{BehaviorVersion, Config, Credentials, Region};
use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::Stdio;
use vestibule_domain::Millis;
use vestibule_program_tests::{Folder, Stack, enrollment, eventually, now};

/// The stack's table, as its owner sees it.
fn table(stack: &Stack) -> Client {
    let [url, key, secret] =
        ["AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"].map(|name| stack.variable(name));
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new(key, secret, None, None, "test"))
        .endpoint_url(url);
    Client::from_conf(config.build())
}

/// The items that name a tenant.
async fn items_of(table: &Client, tenant: &str) -> Vec<String> {
    let mut pages = table.scan().table_name("vestibule").consistent_read(true).into_paginator().items().send();
    let mut found = Vec::new();
    while let Some(item) = pages.next().await {
        let item = format!("{:?}", item.unwrap());
        found.extend(Some(item).filter(|item| item.contains(tenant)));
    }
    found
}

/// The files below a folder that are a tenant's objects: each begins with its key.
fn files_of(folder: &Path, tenant: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_of(&path, tenant));
        } else {
            let key = format!("reports/{tenant}/");
            let is_theirs = memchr::memmem::find(&std::fs::read(&path).unwrap(), key.as_bytes()).is_some();
            found.extend(is_theirs.then(|| path.display().to_string()));
        }
    }
    found
}

/// Lets the five minutes pass that the command waits for what was under way.
async fn let_time_pass(table: &Client) {
    let text = |text: &str| AttributeValue::S(text.to_owned());
    let get = table.get_item().table_name("vestibule").consistent_read(true);
    let get = get.key("pk", text("erasing")).key("sk", text("contoso#tenant")).send();
    let mut item = get.await.unwrap().item.unwrap();
    let mut job: Value = serde_json::from_str(item["c"].as_s().unwrap()).unwrap();
    assert_eq!((&job["of_tenant"], &job["files_done"]), (&json!(true), &json!(true)));
    job["at"] = json!(job["at"].as_i64().unwrap() - Millis::from_minutes(10).get());
    item.insert("c".to_owned(), text(&job.to_string()));
    table.put_item().table_name("vestibule").set_item(Some(item)).send().await.unwrap();
}

#[tokio::test]
async fn a_tenant_of_a_stack_is_removed_though_the_command_is_killed() {
    let folder = Folder::new();
    let serve = folder.serve();
    let [contoso, fabrikam] = ["contoso", "fabrikam"].map(|name| folder.add_tenant(name));
    for tenant in [&contoso, &fabrikam] {
        let started = |number: usize| {
            enrollment(
                &format!("a{number}"),
                "enrollment.started",
                now() - Millis::from_minutes(5),
                &format!("S{number:04}"),
            )
        };
        serve.sender(tenant).post(&json!((0..20).map(started).collect::<Vec<_>>())).await.ok(202);
    }
    folder.json(&["export", "contoso"]);
    folder.json(&["export", "fabrikam"]);
    let stack = Stack::of_served(&folder.data());
    let (table, files) = (table(&stack), folder.data().join("files"));
    assert!(!files_of(&files, "contoso").is_empty());
    let others = (items_of(&table, "fabrikam").await.len(), files_of(&files, "fabrikam").len());

    let mut command = stack.command(&["tenant", "remove", "contoso", "--yes"]);
    let mut command = command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let lines = BufReader::new(command.stderr.take().unwrap()).lines();
    let said = lines.map(Result::unwrap).find(|line| line.contains("looks once more")).unwrap();
    assert!(said.starts_with("Nothing of contoso is left."), "{said}");
    command.kill().unwrap();
    command.wait().unwrap();
    assert_eq!(files_of(&files, "contoso"), Vec::<String>::new());
    assert_eq!(stack.json(&["tenant", "list"])["tenants"].as_array().unwrap().len(), 1);
    let refused = eventually("its secret is worth nothing", async || {
        let answer = serve.sender(&contoso).post(&enrollment("z", "enrollment.started", now(), "S9999")).await;
        (answer.status == 401).then_some(answer)
    });
    refused.await;
    let seen = stack.run(&["doctor"]).stdout;
    assert!(seen.contains("the removal of contoso") && seen.contains("vestibule tenant remove contoso"), "{seen}");

    let_time_pass(&table).await;
    let removed = stack.json(&["tenant", "remove", "contoso", "--yes"]);
    assert_eq!(removed["tenant"], "contoso", "{removed}");
    assert_eq!(items_of(&table, "contoso").await, Vec::<String>::new());
    assert_eq!(files_of(&files, "contoso"), Vec::<String>::new());
    // What was received of it is counted meanwhile, in other items.
    assert!(items_of(&table, "fabrikam").await.len() >= others.0);
    assert_eq!(files_of(&files, "fabrikam").len(), others.1);
    assert!(stack.fails(&["tenant", "remove", "contoso", "--yes"]).contains("there is no tenant contoso"));
}
