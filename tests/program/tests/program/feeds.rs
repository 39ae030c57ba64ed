//! The same enrollments through each product's own webhook: all that is shown is true, and what the product cannot
//! report is shown as not reported.
//!
//! Eleven enrollments: seven completed within twelve to fifteen minutes, three given up, one failed.

use reqwest::Method;
use serde_json::{Value, json};
use vestibule_domain::Millis;
use vestibule_program_tests::{Client, Folder, Serve, Tenant, now};
use vestibule_simulator::feeds::{Enrollment, Product, Truth};
use vestibule_webhook::proof::Proof;
use vestibule_webhook::sources::Sender;

const MINUTE_MS: i64 = 60_000;

/// What really happened, hours ago, so that everybody who is silent since then has given up.
fn truth() -> Vec<Enrollment> {
    let long_ago = now() - Millis::from_minutes(50 * 60);
    let completed = [12, 13, 14, 15, 12, 13, 14].map(|minutes| Truth::Completed(minutes * MINUTE_MS));
    let others = [Truth::GivenUp, Truth::GivenUp, Truth::GivenUp, Truth::Failed(6 * MINUTE_MS)];
    let all = completed.into_iter().chain(others).enumerate();
    all.map(|(number, truth)| Enrollment {
        serial: format!("F4X9Q2LM{number:02}"),
        began_ms: (long_ago + Millis::from_minutes(i64::try_from(number).unwrap() * 40)).millis(),
        truth,
    })
    .collect()
}

/// A tenant with the product as its only source, and the source's secret.
fn tenant_of(folder: &Folder, product: Product) -> (Tenant, String) {
    let tenant = folder.add_tenant(product.source());
    let added = folder.json(&["source", "add", &tenant.name, product.source()]);
    let secret = added["secret"].as_str().unwrap_or(&tenant.secret).to_owned();
    (tenant, secret)
}

/// Posts like the product: with its own proof, in its own form.
async fn post(serve: &Serve, tenant: &Tenant, secret: &str, product: Product, enrollments: &[Enrollment]) {
    let source = Sender::named(product.source()).unwrap();
    let proof = source.own_proof().unwrap_or(Proof::StandardWebhooks);
    for body in product.posts(enrollments) {
        let body = serde_json::to_vec(&body).unwrap();
        let url = format!("{}{}", serve.url, source.path(&tenant.name, proof, secret));
        let headers = proof.headers(secret, &body, now()).unwrap();
        let request = reqwest::Client::new().request(Method::POST, url).header("content-type", "application/json");
        let request = headers.into_iter().fold(request, |request, (name, value)| request.header(name, value));
        let answer = request.body(body).send().await.unwrap();
        assert!(answer.status().is_success(), "{}: {}", product.source(), answer.text().await.unwrap());
    }
}

/// The numbers of all platforms, and those of the only line of the status page that has attempts.
async fn shown(api: &Client) -> Value {
    let report = api.json("/api/reports/incomplete-enrollments?os=all").await;
    let status = api.json("/api/devices/enrollment-status").await;
    let lines = status["byPlatform"].as_array().unwrap();
    let line = lines.iter().find(|line| line["initiated"].as_u64() > Some(0));
    let line = line.unwrap_or_else(|| panic!("no attempt in {status} of {report}"));
    let numbers =
        ["initiated", "completed", "abandoned", "failed", "measured", "incompleteRate", "withSteps", "judged"];
    let mut shown: serde_json::Map<String, Value> =
        numbers.iter().map(|name| ((*name).to_owned(), report[*name].clone())).collect();
    shown.insert("successRate".to_owned(), line["successRate"].clone());
    shown.insert("timed".to_owned(), line["timed"].clone());
    shown.insert("averageMinutes".to_owned(), line["averageMinutes"].clone());
    shown.insert("firstTimeRight".to_owned(), status["firstTimeRight"]["rate"].clone());
    Value::Object(shown)
}

fn rounded(mut value: Value) -> Value {
    for (_, number) in value.as_object_mut().unwrap() {
        if let Some(float) = number.as_f64().filter(|_| !number.is_u64()) {
            *number = json!((float * 1000.0).round() / 1000.0);
        }
    }
    value
}

#[tokio::test]
async fn the_same_enrollments_are_shown_as_far_as_each_product_reports_them() {
    let folder = Folder::new();
    let serve = folder.serve();
    let truth = truth();
    // These products report only finished enrollments, so only their number is known.
    let only_ends = json!({
        "initiated": 7, "completed": 7, "abandoned": null, "failed": null, "measured": 0, "incompleteRate": null,
        "withSteps": 0, "judged": 0, "successRate": null, "timed": 0, "averageMinutes": null, "firstTimeRight": null,
    });
    for (product, expected, reports) in [
        (
            // A failed enrollment is silent, like one that was given up.
            Product::NanoMdm,
            json!({
                "initiated": 11, "completed": 7, "abandoned": 4, "failed": null, "measured": 11, "incompleteRate": 0.364,
                "withSteps": 0, "judged": 11, "successRate": 0.636, "timed": 7, "averageMinutes": 13.286,
                "firstTimeRight": 0.636,
            }),
            "only starts, ends",
        ),
        (Product::Jamf, only_ends.clone(), "only the end"),
        (Product::Fleet, only_ends.clone(), "only the end"),
        (Product::WorkspaceOne, only_ends.clone(), "only ends, compliance"),
        (Product::AndroidManagement, only_ends.clone(), "only ends, compliance"),
        (
            // Intune keeps deployments that ended, successful or failed.
            Product::AutopilotEvents,
            json!({
                "initiated": 8, "completed": 7, "abandoned": 0, "failed": 1, "measured": 8, "incompleteRate": 0.0,
                "withSteps": 0, "judged": 8, "successRate": 0.875, "timed": 7, "averageMinutes": 13.286,
                "firstTimeRight": 0.875,
            }),
            "only starts, failures, ends",
        ),
        (
            // The page's log has everything except a person's choice to stop: somebody who walks away is silent.
            Product::WindowsEsp,
            json!({
                "initiated": 11, "completed": 7, "abandoned": 3, "failed": 1, "measured": 11, "incompleteRate": 0.273,
                "withSteps": 0, "judged": 11, "successRate": 0.636, "timed": 7, "averageMinutes": 13.286,
                "firstTimeRight": 0.636,
            }),
            "only starts, failures, ends",
        ),
    ] {
        let (tenant, secret) = tenant_of(&folder, product);
        post(&serve, &tenant, &secret, product, &truth).await;
        let api = Client::new(&serve.url, &tenant.admin);
        assert_eq!(rounded(shown(&api).await), expected, "{}", product.source());
        let coverage = api.json("/api/reports/coverage?os=all").await;
        let source = &coverage["sources"][0];
        assert_eq!(
            (&source["reports"], coverage["sources"].as_array().unwrap().len()),
            (&json!(reports), 1),
            "{coverage}"
        );
        let name = source["source"].as_str().unwrap();
        assert!(source["sentence"].as_str().is_some_and(|said| said.contains(name)), "{coverage}");
    }
}

#[tokio::test]
async fn the_same_twice_is_the_same() {
    let folder = Folder::new();
    let serve = folder.serve();
    let truth = truth();
    for product in Product::ALL {
        let (tenant, secret) = tenant_of(&folder, product);
        post(&serve, &tenant, &secret, product, &truth).await;
        let api = Client::new(&serve.url, &tenant.admin);
        let before = shown(&api).await;
        post(&serve, &tenant, &secret, product, &truth).await;
        assert_eq!(shown(&api).await, before, "{}", product.source());
    }
}
