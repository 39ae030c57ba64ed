//! A stack as an operator deploys it, on an emulator of AWS that enforces each function's policy. It takes minutes, so it
//! runs only when it is asked for: `cargo test -p vestibule-e2e -- --ignored deployed`.

use reqwest::Method;
use serde_json::json;
use std::time::Duration;
use vestibule_domain::{Millis, TenantSettings};
use vestibule_e2e::{Cloud, Tenancy, event_at, now, reading};
use vestibule_store::Store;

/// The longest until a schedule of a minute has run and what it wrote has passed the stream.
const MINUTES: Duration = Duration::from_secs(240);

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes"]
async fn deployed_the_whole_job_runs() {
    let cloud = Cloud::start().await;
    let said = cloud.up("one", &[]);
    assert!(said.contains("address: "), "{said}");
    let store = Store::new(cloud.clients.dynamodb.clone(), cloud.output("one", "TableName"));
    let export_at = now().to_string()[11..16].to_owned().try_into().unwrap();
    let settings = TenantSettings { export_at, ..TenantSettings::default() };
    let tenancy = Tenancy::add(&store, "contoso", settings).await;

    let events = event_at("enrollment.started", "c02open", 1, &json!({"platform": "ios"})).to_string();
    let mut post = cloud.request("one", Method::POST, "/hooks/contoso/enrollment-events");
    for (name, value) in tenancy.sign(events.as_bytes()) {
        post = post.header(name, value);
    }
    let answer = cloud.send(post.header("content-type", "application/cloudevents+json").body(events)).await;
    assert_eq!((answer.status.as_u16(), &answer.json()["accepted"]), (202, &json!(1)), "{}", answer.text());

    // As the hook stored it an hour ago; the stack's own schedule finds it.
    let then = now() - Millis::from_minutes(60);
    let silent = reading(&event_at("enrollment.started", "c02silent", 61, &json!({"platform": "ios"})), then);
    store.add_events(&tenancy.tenant.id, &tenancy.tenant.settings, vec![silent], then).await.unwrap();
    cloud
        .wait("the abandoned enrollment is reported", MINUTES, async || {
            let asked =
                cloud.request("one", Method::GET, "/api/reports/incomplete-enrollments").bearer_auth(&tenancy.token);
            let answer = cloud.send(asked).await;
            assert_eq!(answer.status, 200, "{}", answer.text());
            (answer.json()["abandoned"] == 1).then_some(())
        })
        .await;

    cloud.tick("one", "ReportTick", &now().to_string());
    let link = cloud
        .wait("the file is published", MINUTES, async || {
            let asked = cloud.request("one", Method::GET, "/api/reports/files/latest").bearer_auth(&tenancy.token);
            let answer = cloud.send(asked).await;
            (answer.status == 302).then(|| answer.header("location").to_owned())
        })
        .await;
    let file = cloud.follow(&link).await;
    assert_eq!(file.status, 200, "{}", file.text());
    assert!(file.body.starts_with(b"SQLite format 3\0"));

    let table = cloud.output("one", "TableName");
    let said = cloud.deploy(&["down", "--stack", "one"]);
    assert!(said.contains(&format!("kept: the table {table} ")), "{said}");
    let kept = cloud.aws(&["dynamodb", "describe-table", "--table-name", &table]);
    assert_eq!(kept["Table"]["DeletionProtectionEnabled"], true);

    // A new stack goes on with the data of the old one.
    let bucket = said.split_once("ExistingBucket=").unwrap().1.split_whitespace().next().unwrap();
    cloud.up("again", &[&format!("ExistingTable={table}"), &format!("ExistingBucket={bucket}")]);
    let asked = cloud.request("again", Method::GET, "/api/reports/files/latest").bearer_auth(&tenancy.token);
    assert_eq!(cloud.send(asked).await.status, 302);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes"]
async fn deployed_what_cannot_work_is_refused_and_leaves_nothing() {
    let cloud = Cloud::start().await;
    let names = async || cloud.clients.dynamodb.list_tables().send().await.unwrap().table_names().to_vec();
    let architecture = format!("Architecture={}", Cloud::architecture());
    let other = if Cloud::architecture() == "arm64" { "x86_64" } else { "arm64" };
    let topic = "AlarmTopicArn=arn:aws:sns:us-east-1:000000000000:none";
    for (parameters, why) in [
        (vec![format!("Architecture={other}")], "is built for"),
        (vec![architecture.clone(), "Nonsense=1".into()], "there is no parameter Nonsense"),
        (vec![architecture.clone(), "EspStatusConcurrency=100000".into()], "must keep 100"),
        (vec![architecture.clone(), topic.into()], "the alarm topic can't be read"),
        (vec![architecture.clone(), "ExistingTable=none".into()], "the table none can't be read"),
        (vec![architecture.clone(), "DomainName=a.example".into()], "DomainName needs CertificateArn"),
        // Only AWS itself finds out.
        (
            vec![architecture, "AdviceLayerArn=arn:aws:lambda:us-east-1:000000000000:layer:none:1".into()],
            "what had been created was deleted",
        ),
    ] {
        let parameters: Vec<&str> = parameters.iter().map(String::as_str).collect();
        let said = cloud.refused(&[&["up", "--stack", "bad"][..], &parameters].concat());
        assert!(said.contains(why), "{parameters:?}: {said}");
        assert_eq!(names().await, Vec::<String>::new(), "{parameters:?}");
    }
    cloud.up("one", &[]);
    cloud.up("two", &[]);
    assert_eq!(names().await.len(), 2);
}
