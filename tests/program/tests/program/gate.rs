//! The one other port that `serve` opens: it does nothing for anybody but the program's own commands.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::collections::HashSet;
use vestibule_program_tests::{Folder, Serve, now};

/// Where commands find the services of a running `serve`, and the keys.
struct Gate {
    url: String,
    access_key: String,
    secret_key: String,
}

fn gate(folder: &Folder) -> Gate {
    let text = std::fs::read_to_string(folder.data().join("endpoint.json")).unwrap();
    let read: Value = serde_json::from_str(&text).unwrap();
    let text = |name: &str| read[name].as_str().unwrap().to_owned();
    Gate { url: text("url"), access_key: text("accessKey"), secret_key: text("secretKey") }
}

/// Sends a request to the table, or to the files without a `target`; nothing about it may be readable by a page.
async fn refused(gate: &Gate, method: Method, path: &str, target: Option<&str>, headers: &[(&str, &str)]) {
    let mut request = reqwest::Client::new().request(method.clone(), format!("{}{path}", gate.url));
    if let Some(target) = target {
        request = request.header("x-amz-target", target).body(json!({"TableName": "vestibule"}).to_string());
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer = request.send().await.unwrap();
    let what = format!("{method} {path} {target:?} {headers:?}");
    assert_eq!(answer.status(), StatusCode::FORBIDDEN, "{what}");
    assert!(answer.headers().keys().all(|name| !name.as_str().starts_with("access-control-")), "{what}");
    let text = answer.text().await.unwrap();
    assert!(!text.contains("whsec_") && !text.contains("contoso"), "{what}: {text}");
}

#[tokio::test]
async fn neither_a_page_nor_a_neighbour_gets_in() {
    let folder = Folder::new();
    folder.add_tenant("contoso");
    folder.json(&["export", "contoso"]);
    let serve = folder.serve();
    let gate = gate(&folder);
    let date = now().to_string().replace(['-', ':'], "");
    let date = format!("{}Z", &date[..15]);
    let signed = |key: &str, service: &str, covered: &str| {
        let scope = format!("{key}/{}/us-east-1/{service}/aws4_request", &date[..8]);
        format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders={covered}, Signature={}", "0".repeat(64))
    };
    let of_table = |key: &str| signed(key, "dynamodb", "host;x-amz-date;x-amz-target");
    let of_files = |key: &str| signed(key, "s3", "host;x-amz-content-sha256;x-amz-date");
    let (unknown, guessed) = (of_table("vestibule-local"), of_table(&gate.access_key));
    let scan = Some("DynamoDB_20120810.Scan");
    for headers in [
        &[][..],
        &[("origin", "https://example.com")],
        &[("origin", "null"), ("content-type", "text/plain")],
        &[("sec-fetch-site", "cross-site")],
        &[("host", "rebound.example")],
        &[("authorization", unknown.as_str()), ("x-amz-date", &date)],
        &[("authorization", guessed.as_str()), ("x-amz-date", &date)],
        &[("authorization", guessed.as_str()), ("x-amz-date", "20200101T000000Z")],
    ] {
        refused(&gate, Method::POST, "/", scan, headers).await;
        refused(&gate, Method::POST, "/", Some("AWSEvents.PutEvents"), headers).await;
    }
    let (unknown, guessed) = (of_files("vestibule-local"), of_files(&gate.access_key));
    let content = ("x-amz-content-sha256", "UNSIGNED-PAYLOAD");
    for headers in [
        &[][..],
        &[("origin", "https://example.com")],
        &[("sec-fetch-site", "cross-site")],
        &[("host", "rebound.example")],
        &[("authorization", unknown.as_str()), ("x-amz-date", &date), content],
        &[("authorization", guessed.as_str()), ("x-amz-date", &date), content],
        &[("authorization", guessed.as_str()), ("x-amz-date", "20200101T000000Z"), content],
    ] {
        refused(&gate, Method::GET, "/vestibule-reports?list-type=2", None, headers).await;
    }
    let asks = [("origin", "https://example.com"), ("access-control-request-method", "POST")];
    refused(&gate, Method::OPTIONS, "/", None, &asks).await;
    // The program's own commands get in, all the same.
    assert_eq!(folder.json(&["tenant", "list"])["tenants"][0]["tenant"], "contoso");
    for said in [serve.first.to_string(), serve.log()] {
        assert!(!said.contains(&gate.secret_key) && !said.contains(&gate.access_key), "{said}");
    }
    assert_eq!(serve.terminate().code(), Some(0));
    assert!(!folder.data().join("endpoint.json").exists());
}

#[test]
fn the_keys_are_new_with_each_start() {
    let folder = Folder::new();
    let keys = |_: Serve| {
        let Gate { access_key, secret_key, .. } = gate(&folder);
        [access_key, secret_key]
    };
    let (first, second) = (keys(folder.serve()), keys(folder.serve()));
    let all: HashSet<_> = first.iter().chain(&second).collect();
    assert_eq!(all.len(), 4, "{all:?}");
    assert!(all.iter().all(|key| key.len() >= 32), "{all:?}");
}

/// Linux says who listens where.
#[cfg(target_os = "linux")]
#[test]
fn nothing_listens_that_need_not() {
    let folder = Folder::new();
    let serve = folder.serve();
    let files = std::fs::read_dir(format!("/proc/{}/fd", serve.id())).unwrap();
    let files = files.filter_map(|file| std::fs::read_link(file.unwrap().path()).ok());
    let sockets: HashSet<String> = files.filter_map(|file| Some(file.to_str()?.to_owned())).collect();
    let listening = |table: &str| -> Vec<String> {
        let text = std::fs::read_to_string(format!("/proc/{}/net/{table}", serve.id())).unwrap_or_default();
        let fields = text.lines().map(|line| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>());
        // 0A: it listens.
        let ours = fields.filter(|fields| fields.len() > 9 && fields[3] == "0A");
        ours.filter(|fields| sockets.contains(&format!("socket:[{}]", fields[9])))
            .map(|fields| fields[1].clone())
            .collect()
    };
    let found = [listening("tcp"), listening("tcp6")].concat();
    assert_eq!(found.len(), 2, "the front, and the gate for commands: {found:?}");
    assert!(found.iter().all(|address| address.starts_with("0100007F:")), "on the loopback interface: {found:?}");
}
