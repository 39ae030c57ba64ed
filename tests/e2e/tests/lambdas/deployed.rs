//! A stack as an operator deploys it, on an emulator of AWS that enforces each function's policy. It takes minutes, so it
//! runs only when it is asked for: `cargo test -p vestibule-e2e -- --ignored deployed`. With `VESTIBULE_ZIPS=target/lambda`
//! it runs what `infra/deploy build` made.

use crate::job::{self, Place};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use std::time::Duration;
use vestibule_domain::{Millis, TenantId};
use vestibule_e2e::{Cloud, event_at, logical_id, now, program, reading, workspace};
use vestibule_store::{Store, StoreError};

/// The longest until a schedule of a minute has run and what it wrote has passed the stream.
const MINUTES: Duration = Duration::from_secs(240);

/// The stack `one`.
struct One {
    cloud: Cloud,
    store: Store,
}

impl Place for One {
    fn store(&self) -> &Store {
        &self.store
    }

    fn request(&self, _: &str, method: Method, path: &str) -> RequestBuilder {
        self.cloud.request("one", method, path)
    }

    async fn invoke(&self, function: &str, event: &Value) -> Value {
        self.cloud.invoke("one", &logical_id(function), event)
    }

    async fn settles<T>(&self, what: &str, found: impl AsyncFn() -> Option<T>) -> T {
        self.cloud.wait(what, MINUTES, found).await
    }

    fn reads_graph_at(&mut self, url: &str) {
        self.cloud.set_environment("one", "GraphPull", &[("GRAPH_URL", url), ("GRAPH_LOGIN_URL", url)]);
    }
}

/// Waits until a queue of the stack has a message.
async fn dead_letter(cloud: &Cloud, queue: &str) {
    let url = cloud.name("one", queue);
    let is_there = async || {
        // Without it, the program looks for SQS elsewhere.
        let names = ["--attribute-names", "ApproximateNumberOfMessages", "--endpoint-url", cloud.url()];
        let about = cloud.aws(&[&["sqs", "get-queue-attributes", "--queue-url", &url][..], &names].concat());
        (about["Attributes"]["ApproximateNumberOfMessages"] != "0").then_some(())
    };
    cloud.wait(queue, MINUTES, is_there).await;
}

/// Each role opens the kinds of secrets that its function needs, and no other, whatever it reads.
async fn opened_by_whoever_needs_it(cloud: &Cloud, id: &TenantId) {
    let settings = cloud.store("one").tenant(id).await.unwrap().unwrap().settings;
    for (function, opens) in [
        ("enrollment-events", [true, false, false, false, true]),
        ("esp-status", [true, false, false, false, true]),
        ("admin-api", [true, false, true, false, true]),
        ("notify", [false, true, true, false, true]),
        ("graph-pull", [false, false, false, true, true]),
        ("abandonment-sweep", [false, false, false, false, true]),
        ("event-publisher", [false; 5]),
        ("report-export", [false, false, false, false, true]),
        ("report-tick", [false; 5]),
    ] {
        let store = cloud.store_under("one", function);
        let read = [
            store.tenant(id).await.map(|one| one.is_some()),
            store.channel_keys(id, "chat").await.map(|one| one.is_some()),
            store.mute_key(id).await.map(|one| one.is_some()),
            store.pull_secret(id).await.map(|one| one.is_some()),
            // Who was erased is remembered by the key of pseudonyms.
            store.tombstones(id, &settings).await.map(|one| one.is_some()),
        ];
        for (read, opens) in read.into_iter().zip(opens) {
            match read {
                Ok(is_there) => assert!(is_there && opens, "{function}"),
                Err(StoreError::Refused(why)) => assert!(why.contains("AccessDenied") && !opens, "{function}: {why}"),
                Err(other) => panic!("{function}: {other}"),
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes"]
async fn deployed_the_whole_job_runs() {
    let cloud = Cloud::start().await;
    let said = cloud.up("one", &["WebhookAddresses=FunctionUrls"]);
    assert!(said.contains("address: "), "{said}");
    let store = cloud.store("one");
    let tenancy = job::tenant(&store).await;

    let events = event_at("enrollment.started", "c02open", 1, &json!({"platform": "ios"})).to_string();
    let session = json!({"platform": "windows", "sessionId": "own-address"});
    let session = event_at("esp.started", "c02esp", 1, &session).to_string();
    // At the functions' own addresses, which it prints, and at the API's, which stays.
    for (output, hook, body, counted) in [
        ("EnrollmentEventsUrl", "enrollment-events", &events, "accepted"),
        ("EspStatusUrl", "esp-status", &session, "accepted"),
        ("Url", "enrollment-events", &events, "duplicates"),
        ("Url", "esp-status", &session, "duplicates"),
    ] {
        let address = cloud.output("one", output);
        assert!(said.contains(address.trim_end_matches('/')), "{address}: {said}");
        let path = format!("/hooks/contoso/{hook}");
        let mut post = cloud.request_at("one", output, Method::POST, &path);
        for (name, value) in tenancy.sign(body.as_bytes()) {
            post = post.header(name, value);
        }
        let answer = cloud.send(post.header("content-type", "application/cloudevents+json").body(body.clone())).await;
        assert_eq!((answer.status.as_u16(), &answer.json()[counted]), (202, &json!(1)), "{output}: {}", answer.text());
        let unsigned = cloud.request_at("one", output, Method::POST, &path).body(body.clone());
        assert_eq!(cloud.send(unsigned).await.status, 401, "{output}");
    }
    // The page gives them to whoever sets a sender up.
    let page = cloud.output("one", "Url");
    let asked = cloud.request("one", Method::POST, "/api/sources/esp-status/secrets").bearer_auth(&tenancy.token);
    let answer = cloud.send(asked.json(&json!({"url": page}))).await;
    let expected = format!("{}hooks/contoso/esp-status", cloud.output("one", "EspStatusUrl"));
    assert_eq!((answer.status.as_u16(), &answer.json()["url"]), (201, &json!(expected)), "{}", answer.text());

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

    let mut one = One { cloud, store };
    job::run(&mut one, &tenancy).await;
    job::check(&one.cloud.permissions("one"));
    let cloud = one.cloud;
    opened_by_whoever_needs_it(&cloud, &tenancy.tenant.id).await;

    // A request that can't be read fails, and Lambda keeps it.
    let function = cloud.name("one", "ReportExport");
    let call = ["lambda", "invoke", "--invocation-type", "Event", "--function-name", &function];
    cloud.aws(&[&call[..], &["--payload", r#"{"detail":1}"#, "answer.json"]].concat());
    dead_letter(&cloud, "ReportExportDeadLetters").await;

    let table = cloud.output("one", "TableName");
    let said = cloud.deploy(&["down", "--stack", "one"]);
    assert!(said.contains(&format!("kept: the table {table} ")), "{said}");
    let kept = cloud.aws(&["dynamodb", "describe-table", "--table-name", &table]);
    // The emulator has it as the template's parameter is written, in quotation marks.
    assert_eq!(kept["Table"]["DeletionProtectionEnabled"].to_string().trim_matches('"'), "true");

    // A new stack goes on with the data of the old one.
    let adopts = said.split_once("up --stack NAME ").unwrap().1.lines().next().unwrap();
    assert!(adopts.starts_with(&format!("ExistingTable={table} ExistingBucket=")), "{adopts}");
    assert!(adopts.contains(" SecretsKeyArn=arn:"), "{adopts}");
    cloud.up("again", &adopts.split(' ').collect::<Vec<_>>());
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

/// The checks that need AWS are skipped here.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes"]
async fn deployed_the_checks_of_a_real_account_run_as_far_as_they_go() {
    let cloud = Cloud::start().await;
    let script = cloud.folder().join("infra/real-account.sh");
    std::fs::copy(workspace().join("infra/real-account.sh"), &script).unwrap();
    let mut run = cloud.command(&script, &["run", "--arch", Cloud::architecture(), "--endpoint", cloud.url()]);
    // It must lead everything there by itself.
    run.env("VESTIBULE", program("vestibule")).env_remove("AWS_ENDPOINT_URL");
    let ran = run.output().unwrap();
    let (said, failed) = (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    assert!(ran.status.success(), "{said}\n{failed}");
    assert!(said.lines().filter(|line| line.starts_with("ok ")).count() > 30, "{said}");
    assert_eq!(cloud.clients.dynamodb.list_tables().send().await.unwrap().table_names(), [] as [String; 0]);
    let stacks = ["cloudformation", "describe-stacks", "--query", "Stacks[].StackName"];
    let left = cloud.aws(&stacks).to_string();
    assert!(!left.contains("vestibule-check"), "{left}");
}
