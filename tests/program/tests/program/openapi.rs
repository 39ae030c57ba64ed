//! Compares the API's description with the deployment's routes, with real answers, and with the answers to requests
//! that are generated from it.

use crate::description::Document;
use crate::operations::{BEFOREHAND, Operation, PAGE, Sample, Who, table, template_routes};
use crate::page::Page;
use reqwest::Method;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::process::Command;
use vestibule_program_tests::Answer;
use vestibule_test_tools::venv;
use vestibule_words::List;

/// The package that pip installs to generate requests from the description.
const TOOLS: [&str; 1] = ["schemathesis==4.32.5"];
impl Document {
    /// Compares an answer with the described answers of the operation.
    fn assert_described(&self, route: &str, answer: &Answer) {
        let described = &self.operation(route)["responses"][answer.status.to_string()];
        assert!(described.is_object(), "{route} answers {}, which is not described", answer.status);
        let described = self.at(described);
        for (name, header) in described["headers"].as_object().into_iter().flatten() {
            let is_sent = answer.headers.contains_key(name.as_str());
            assert!(is_sent || self.at(header)["required"] != true, "{route} {}: no {name}", answer.status);
        }
        let Some(kind) = answer.headers.get("content-type") else {
            assert!(described.get("content").is_none() && answer.body.is_empty(), "{route} answers nothing");
            return;
        };
        if route.starts_with("HEAD ") {
            return;
        }
        let kind = kind.to_str().unwrap().split(';').next().unwrap();
        let content = &described["content"][kind];
        assert!(content.is_object(), "{route} {} answers {kind}, which is not described", answer.status);
        if kind.ends_with("json") {
            self.assert_valid(&content["schema"], &answer.json(), &format!("{route} {}", answer.status));
        }
    }
}

/// The concrete paths of one path: one for each value of a parameter that has a list of values.
fn spelled_out(document: &Document, path: &str) -> Vec<String> {
    let mut paths = vec![path.to_owned()];
    for parameter in document.0["paths"][path]["parameters"].as_array().into_iter().flatten() {
        let parameter = document.at(parameter);
        let Some(values) = parameter["schema"]["enum"].as_array() else { continue };
        let name = format!("{{{}}}", parameter["name"].as_str().unwrap());
        let values: Vec<&str> = values.iter().map(|value| value.as_str().unwrap()).collect();
        paths = paths.iter().flat_map(|path| values.iter().map(|value| path.replace(&name, value))).collect();
    }
    paths
}

#[test]
fn the_description_and_the_deployment_have_the_same_operations() {
    let document = Document::read();
    assert_eq!(document.0["info"]["version"], env!("CARGO_PKG_VERSION"));
    let is_described = |route: &str| !PAGE.contains(&route) && !BEFOREHAND.contains(&route);
    let routes: BTreeSet<String> = template_routes().into_iter().filter(|route| is_described(route)).collect();
    let described: BTreeSet<String> = document
        .operations()
        .flat_map(|(method, path, _)| {
            spelled_out(&document, path).into_iter().map(move |path| format!("{method} {path}"))
        })
        .collect();
    assert_eq!(routes, described);
    let mut names = BTreeMap::<&str, u32>::new();
    for (method, path, operation) in document.operations() {
        *names.entry(operation["operationId"].as_str().unwrap_or_else(|| panic!("{method} {path}"))).or_default() += 1;
        assert!(operation["summary"].is_string(), "{method} {path}");
        // Each name in the path's braces is one of its parameters.
        for name in path.split(['{', '}']).skip(1).step_by(2) {
            let parameters = document.0["paths"][path]["parameters"].as_array().unwrap();
            assert!(parameters.iter().any(|one| document.at(one)["name"] == name), "{path}: {name}");
        }
    }
    assert!(names.values().all(|count| *count == 1), "{names:?}");
}

/// A row for each operation except webhooks: its request, its answer, and who may call it.
fn table_of(document: &Document) -> String {
    let mut table = "| operation | answers |\n|---|---|\n".to_owned();
    for (method, path, operation) in document.operations().filter(|(method, ..)| method != Method::HEAD) {
        if path.starts_with("/hooks/") {
            continue;
        }
        let parameters = operation["parameters"].as_array().into_iter().flatten().map(|one| document.at(one));
        let query = parameters.filter(|one| one["in"] == "query");
        let query: Vec<String> = query.map(|one| format!("{}=", one["name"].as_str().unwrap())).collect();
        let query = if query.is_empty() { String::new() } else { format!("?{}", query.join("&")) };
        let who = match (operation["security"].as_array(), operation["x-role"].as_str()) {
            (Some(schemes), _) if schemes.is_empty() => " (no token)".to_owned(),
            (_, Some(role)) => format!(" ({role})"),
            (_, None) => String::new(),
        };
        let summary = operation["summary"].as_str().unwrap();
        writeln!(table, "| `{method} {path}{query}` | {summary}{who} |").unwrap();
    }
    table
}

#[test]
fn the_readme_lists_the_operations() {
    let readme = Page::open("README.md");
    readme.holds("<!-- operations: begin -->", "<!-- operations: end -->", &table_of(&Document::read()));
}

#[test]
fn every_setting_can_be_changed() {
    let document = Document::read();
    let names = |schema: &str| -> BTreeSet<String> {
        document.0["components"]["schemas"][schema]["properties"].as_object().unwrap().keys().cloned().collect()
    };
    assert_eq!(names("SettingsIn"), names("Settings"));
}

#[test]
fn examples_match_their_schemas() {
    let document = Document::read();
    for (method, path, operation) in document.operations() {
        let what = format!("{method} {path}");
        let responses = operation["responses"].as_object().unwrap();
        let bodies = responses.iter().map(|(status, response)| (status.as_str(), document.at(response)));
        for (status, body) in bodies.chain(operation.get("requestBody").map(|body| ("body", document.at(body)))) {
            for (kind, content) in body["content"].as_object().into_iter().flatten() {
                let examples = content["examples"].as_object();
                for (name, example) in examples.into_iter().flatten() {
                    let value = &document.at(example)["value"];
                    document.assert_valid(&content["schema"], value, &format!("{what} {status} {name}"));
                }
                let needs_one = kind == "application/json"
                    && !path.starts_with("/hooks/")
                    && path != "/openapi.json"
                    && !status.starts_with('4');
                assert!(!needs_one || examples.is_some(), "{what} {status} has no example");
            }
        }
    }
    let text = document.0["components"]["examples"].to_string();
    for secret in ["whsec_", "vst_", "vsc_", "Bearer "] {
        assert!(!text.contains(secret), "an example has a secret: {secret}");
    }
}

/// Removes the words of enums' names, which the server adds to the written description.
fn take_words(value: &mut Value) -> Vec<Value> {
    match value {
        Value::Object(members) => {
            let own = members.remove("x-enumDescriptions");
            own.into_iter().chain(members.values_mut().flat_map(take_words)).collect()
        }
        Value::Array(all) => all.iter_mut().flat_map(take_words).collect(),
        _ => Vec::new(),
    }
}

#[tokio::test]
async fn real_answers_match_the_description() {
    let sample = Sample::serve().await;
    let document = Document::read();
    let mut served = sample.nobody.json("/openapi.json").await;
    let words = take_words(&mut served);
    assert_eq!(served, document.0);
    let lexicon: Value = serde_json::from_str(vestibule_words::LEXICON).unwrap();
    for list in [List::Section, List::Outcome, List::SessionState, List::Phase, List::Verdict, List::Cause, List::Who] {
        assert!(words.contains(&lexicon[list.key()]), "{list:?}");
    }
    for operation in table() {
        let Operation { route, who, .. } = operation;
        if PAGE.contains(&route.as_str()) {
            continue;
        }
        if *who != Who::Anybody {
            document.assert_described(route, &sample.call(&sample.nobody, operation).await);
        }
        document.assert_described(route, &sample.call(&sample.theirs, operation).await);
        document.assert_described(route, &sample.call(&sample.reader, operation).await);
        let answer = sample.call(&sample.admin, operation).await;
        document.assert_described(route, &answer);
        assert_eq!(answer.headers.contains_key("ratelimit"), *who != Who::Anybody, "{route}");
        if let Some(tag) = answer.headers.get("etag").filter(|_| operation.method() == Method::GET) {
            let again = sample.admin.request(Method::GET, &sample.fill(&operation.call)).header("if-none-match", tag);
            let again = Answer::of(again.send().await.unwrap()).await;
            assert_eq!(again.status, 304, "{route}");
            document.assert_described(route, &again);
        }
        let path = sample.fill(&operation.call);
        let bare = path.split('?').next().unwrap();
        for (query, _) in &operation.bad_queries {
            let request = sample.admin.request(operation.method(), &format!("{bare}?{query}"));
            document.assert_described(route, &Answer::of(request.send().await.unwrap()).await);
        }
        for (body, _) in &operation.bad_bodies {
            let request = sample.admin.request(operation.method(), &path).json(body);
            document.assert_described(route, &Answer::of(request.send().await.unwrap()).await);
        }
    }
    every_page_and_session(&sample, &document).await;
}

/// Checks the answers about all attempts and sessions of the sample, page by page, and their devices, since answers
/// differ.
async fn every_page_and_session(sample: &Sample, document: &Document) {
    for (route, list, id, detail) in [
        ("GET /api/reports/incomplete-enrollments/attempts", "attempts", "attemptId", "GET /api/attempts/{id}"),
        ("GET /api/reports/esp/sessions", "sessions", "enrollmentKey", "GET /api/devices/{id}/esp"),
    ] {
        let path = route.split_once(' ').unwrap().1;
        let (mut cursor, mut seen) = (String::new(), BTreeSet::new());
        loop {
            let answer = sample.admin.get(&format!("{path}?limit=20{cursor}")).await;
            document.assert_described(route, &answer);
            let page = answer.ok(200);
            for one in page[list].as_array().unwrap() {
                seen.insert(one[id].as_str().unwrap().to_owned());
            }
            match page["next"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        assert!(seen.len() > 5, "{route}");
        for id in seen.iter().take(30) {
            let path = detail.split_once(' ').unwrap().1.replace("{id}", id);
            document.assert_described(detail, &sample.admin.get(&path).await);
        }
        for key in seen.iter().take(10).filter(|_| list == "sessions") {
            let path = format!("/api/diagnostics?device={key}");
            document.assert_described("GET /api/diagnostics", &sample.admin.get(&path).await);
        }
    }
    for failure in sample.admin.json("/api/devices/enrollment-status/failures").await["failures"].as_array().unwrap() {
        if let Some(user) = failure["userPrincipalName"].as_str() {
            let path = format!("/api/diagnostics?user={user}");
            document.assert_described("GET /api/diagnostics", &sample.admin.get(&path).await);
        }
    }
}

#[tokio::test]
async fn generated_requests_find_no_fault() {
    let sample = Sample::serve_with(&[("REQUESTS_A_MINUTE", "0")]).await;
    let token =
        sample.folder.json(&["token", "add", "contoso", "--role", "admin"])["token"].as_str().unwrap().to_owned();
    let folder = sample.folder.beside("made-up");
    std::fs::create_dir(&folder).unwrap();
    let mut run = Command::new(venv("api", &TOOLS).join("schemathesis"));
    run.current_dir(&folder)
        .args(["run", &format!("{}/openapi.json", sample.serve.url)])
        .args(["--header", &format!("Authorization: Bearer {token}")])
        .args(["--seed", "1", "--max-examples", "20", "--max-redirects", "0", "--continue-on-failure", "--no-color"])
        // Slow or restricted generation is not a fault.
        .args(["--suppress-health-check", "all", "--warnings", "off"])
        .args([
            "--checks",
            "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,\
             response_schema_conformance,negative_data_rejection,unsupported_method,allow_header_conformance",
        ]);
    let output = tokio::task::spawn_blocking(move || run.output().unwrap()).await.unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    // The test must not pass because it sent no requests.
    let operations = Document::read().operations().filter(|(method, ..)| method != Method::HEAD).count();
    assert!(said.contains(&format!("Tested: {operations}")), "{said}");
}
