//! Checks each route with all kinds of callers and requests: credentials, roles, tenants, malformed requests, other
//! methods.

use crate::operations::{BEFOREHAND, Operation, Sample, Who, table, template_routes};
use reqwest::Method;
use serde_json::json;
use std::collections::BTreeSet;
use vestibule_host::Template;
use vestibule_program_tests::{Answer, Client, now};
use vestibule_webhook::sources::SENDERS;

const HOOKS: &str = "POST /hooks/";

/// The problem, which must not repeat what was sent.
fn silent_problem(answer: &Answer, status: u16) -> serde_json::Value {
    let problem = answer.problem(status);
    assert!(!problem.to_string().contains("hush"), "{problem}");
    problem
}

async fn send(client: &Client, operation: &Operation, path: &str, body: Option<String>) -> Answer {
    let request = client.request(operation.method(), path);
    let request = match body {
        Some(body) => request.header("content-type", "application/json").body(body),
        None => request,
    };
    Answer::of(request.send().await.unwrap()).await
}

/// Whether a route of the deployment matches a path.
fn fits(route: &str, path: &str) -> bool {
    let (route, path): (Vec<_>, Vec<_>) = (route.split('/').collect(), path.split('/').collect());
    route.len() == path.len()
        && route.iter().zip(&path).all(|(route, path)| route == path || (route.starts_with('{') && !path.is_empty()))
}

/// Where webhooks have addresses of their own, senders get that of the function to which the API leads them.
#[test]
fn each_sender_posts_to_the_function_of_its_route() {
    let routes = Template::embedded().unwrap().routes;
    for sender in SENDERS {
        for end in [("", None), ("/{secret}", Some(""))].into_iter().filter(|(_, secret)| sender.takes(*secret)) {
            let (end, _) = end;
            let leads = |name: &str| {
                let path = format!("/hooks/{{tenant}}/{name}{end}");
                routes.iter().find(|route| route.method == "POST" && route.path == path).map(|route| &route.function)
            };
            let function = leads(sender.name).or_else(|| leads("{source}")).unwrap();
            assert_eq!(sender.function(), function, "{}{end}", sender.name);
        }
    }
}

#[test]
fn every_route_of_the_deployment_is_called() {
    let routes: BTreeSet<String> = template_routes()
        .into_iter()
        .filter(|route| !route.starts_with(HOOKS) && !BEFOREHAND.contains(&route.as_str()))
        .collect();
    let rows: BTreeSet<String> = table().iter().map(|operation| operation.route.clone()).collect();
    assert_eq!(routes, rows);
}

#[tokio::test]
async fn credentials_roles_and_tenants() {
    let sample = Sample::serve().await;
    let nobodys = Client::new(&sample.serve.url, "vst_contoso_hush");
    for operation in table() {
        let route = &operation.route;
        for client in [&sample.nobody, &nobodys] {
            let answer = sample.call(client, operation).await;
            match operation.who {
                Who::Anybody => assert_eq!(answer.status, operation.status, "{route}"),
                _ if operation.method() == Method::HEAD => assert_eq!(answer.status, 401, "{route}"),
                _ => {
                    silent_problem(&answer, 401);
                    assert!(answer.headers.contains_key("www-authenticate"), "{route}");
                }
            }
        }
        let to_reader = sample.call(&sample.reader, operation).await;
        match operation.who {
            Who::Admins => drop(silent_problem(&to_reader, 403)),
            _ => assert_eq!(to_reader.status, operation.readers, "{route}"),
        }
        let to_them = sample.call(&sample.theirs, operation).await;
        assert_eq!(to_them.status, operation.theirs, "{route}");
        if operation.who != Who::Anybody {
            let text = String::from_utf8(to_them.body).unwrap();
            assert!(sample.secrets().all(|secret| !text.contains(secret)), "{route}: {text}");
        }
        let answer = sample.call(&sample.admin, operation).await;
        assert_eq!(answer.status, operation.status, "{route}: {}", String::from_utf8_lossy(&answer.body));
    }
    let settings = |tenant: serde_json::Value| tenant["settings"]["deviceLimit"].clone();
    assert_eq!(settings(sample.admin.json("/api/tenant").await), 5);
    let files = sample.theirs.json("/api/reports/files").await;
    assert!(sample.secrets().all(|secret| !files.to_string().contains(secret)));
}

#[tokio::test]
async fn answers_to_malformed_requests_name_the_field_and_never_repeat_what_was_sent() {
    let sample = Sample::serve().await;
    for operation in table() {
        let (route, path) = (&operation.route, sample.fill(&operation.call));
        let bare = path.split('?').next().unwrap();
        if !bare.starts_with("/api/") || operation.method() == Method::HEAD {
            continue;
        }
        let body = || operation.body.as_ref().map(|body| sample.fill(&body.to_string()));
        let unknown = send(&sample.admin, operation, &format!("{bare}?shadow=hush"), body()).await;
        assert!(silent_problem(&unknown, 400)["detail"].is_string(), "{route}");
        for (query, field) in &operation.bad_queries {
            let problem =
                silent_problem(&send(&sample.admin, operation, &format!("{bare}?{query}"), body()).await, 400);
            assert_eq!(problem["errors"][0]["field"], *field, "{route}?{query}: {problem}");
        }
        if operation.body.is_some() {
            for text in ["{hush", "", "\"hush\""] {
                silent_problem(&send(&sample.admin, operation, bare, Some(text.to_owned())).await, 400);
            }
            let large = send(&sample.admin, operation, bare, Some(" ".repeat((1 << 20) + 1))).await;
            large.problem(413);
        }
        for (body, field) in &operation.bad_bodies {
            let problem = silent_problem(&send(&sample.admin, operation, bare, Some(body.to_string())).await, 400);
            assert_eq!(problem["errors"][0]["field"], *field, "{route} {body}: {problem}");
        }
    }
}

#[tokio::test]
async fn other_methods_are_refused_with_a_list_of_the_served_ones() {
    let sample = Sample::serve().await;
    let routes = template_routes();
    for operation in table() {
        let path = sample.fill(&operation.call);
        let bare = path.split('?').next().unwrap();
        let served: Vec<&str> = routes
            .iter()
            .filter_map(|route| route.split_once(' '))
            .filter(|(_, route)| fits(route, bare))
            .map(|(method, _)| method)
            .collect();
        assert!(served.contains(&operation.method().as_str()), "{}", operation.route);
        for method in [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
            if served.contains(&method.as_str()) {
                continue;
            }
            let request = sample.admin.request(method.clone(), bare).body("{}");
            let answer = Answer::of(request.send().await.unwrap()).await;
            answer.problem(405);
            let allowed = answer.headers["allow"].to_str().unwrap();
            assert!(allowed.split(", ").any(|one| one == operation.method().as_str()), "{method} {bare}: {allowed}");
        }
        if bare.starts_with("/api/") {
            let asked = Answer::of(sample.nobody.request(Method::OPTIONS, bare).send().await.unwrap()).await;
            asked.problem(405);
            let allowed = asked.headers["allow"].to_str().unwrap();
            assert!(allowed.split(", ").any(|one| one == operation.method().as_str()), "OPTIONS {bare}: {allowed}");
        }
    }
    for path in ["/api", "/api/secrets", "/api/tenant/contoso", "/assets/any-version/shell", "/openapi.yaml"] {
        sample.admin.get(path).await.problem(404);
    }
}

#[tokio::test]
async fn webhooks_accept_nothing_without_the_tenants_own_proof() {
    let sample = Sample::serve().await;
    let [ours, theirs] = &sample.senders;
    let event = serde_json::to_vec(&json!({"hush": 1})).unwrap();
    for route in template_routes().iter().filter_map(|route| route.strip_prefix(HOOKS)) {
        let hook = route.split_once('/').unwrap().1.replace("{secret}", "whsec_hush");
        silent_problem(&Answer::of(ours.unsigned(&hook, event.clone()).send().await.unwrap()).await, 401);
        // Another tenant's secret proves nothing here.
        let foreign = theirs.signed(&hook, event.clone(), now()).build().unwrap();
        let path = foreign.url().path().replace("fabrikam", "contoso");
        let mut request = sample.nobody.request(Method::POST, &path).body(event.clone());
        for (name, value) in foreign.headers() {
            request = request.header(name, value);
        }
        silent_problem(&Answer::of(request.send().await.unwrap()).await, 401);
        let answer = sample.nobody.get(&format!("/hooks/contoso/{hook}")).await;
        answer.problem(405);
        assert_eq!(answer.headers["allow"], "POST");
    }
    // No sender posts to these paths: without the secret that belongs there, with one that does not, or longer.
    for hook in ["fleet", "nanomdm/whsec_hush", "jamf/whsec_hush/hush", "hush"] {
        silent_problem(&Answer::of(ours.signed(hook, event.clone(), now()).send().await.unwrap()).await, 404);
    }
    for hook in ["enrollment-events", "esp-status"] {
        let refused = Answer::of(ours.signed(hook, event.clone(), now()).send().await.unwrap()).await;
        let problem = silent_problem(&refused, 400);
        assert!(problem["errors"].as_array().is_some_and(|errors| errors.iter().any(|one| one["field"] == "id")));
    }
}
