//! The way into the services from outside, as a browser, a neighbour on the machine and our own processes meet it.

use aws_sdk_dynamodb::config::Credentials;
use aws_sdk_dynamodb::error::ProvideErrorMetadata as _;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_s3::presigning::PresigningConfig;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use vestibule_host::{Clients, Endpoint, Host, Names};

fn names() -> Names {
    Names { table: "table".into(), bucket: "bucket".into(), bus: "vestibule".into() }
}

async fn started() -> (tempfile::TempDir, Host) {
    let folder = tempfile::tempdir().unwrap();
    let host = Host::start(&folder.path().join("data"), &names()).await.unwrap();
    let put = host.clients.s3.put_object().bucket("bucket").key("file");
    put.body(b"content".to_vec().into()).send().await.unwrap();
    (folder, host)
}

/// The status line and headers of the answer to these bytes, in lower case.
async fn send(endpoint: &Endpoint, request: &str) -> String {
    let mut socket = TcpStream::connect(endpoint.url.trim_start_matches("http://")).await.unwrap();
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).await.unwrap();
    let answer = String::from_utf8_lossy(&answer).to_lowercase();
    answer.split("\r\n\r\n").next().unwrap().to_owned()
}

/// What a page in a browser on this machine can send, to the table, the bus and the files.
#[tokio::test]
async fn a_page_reads_and_writes_nothing() {
    let (_folder, mut host) = started().await;
    let address = host.endpoint.url.trim_start_matches("http://").to_owned();
    let link = host.clients.s3.get_object().bucket("bucket").key("file");
    let link = link.presigned(PresigningConfig::expires_in(Duration::from_secs(60)).unwrap()).await.unwrap();
    let path = link.uri().trim_start_matches(&host.endpoint.url).to_owned();
    let scan = "content-type: text/plain\r\nx-amz-target: DynamoDB_20120810.Scan\r\ncontent-length: 21";
    let put = "x-amz-target: AWSEvents.PutEvents\r\ncontent-length: 0";
    let asks = "access-control-request-method: POST\r\naccess-control-request-headers: x-amz-target";
    for (what, line, host_name, headers, body) in [
        ("a scan", "POST / HTTP/1.1", address.as_str(), scan, r#"{"TableName":"table"}"#),
        ("an event", "POST / HTTP/1.1", &address, put, ""),
        ("a preflight", "OPTIONS / HTTP/1.1", &address, asks, ""),
        ("a file", "GET /bucket/file HTTP/1.1", &address, "accept: */*", ""),
        ("a list", "GET /bucket?list-type=2 HTTP/1.1", &address, "accept: */*", ""),
        ("a name that points here", &format!("GET {path} HTTP/1.1"), "rebound.example:80", "accept: */*", ""),
    ] {
        for browser in ["origin: https://example.com", "origin: null", "sec-fetch-site: same-origin", "x-none: 1"] {
            let request =
                format!("{line}\r\nhost: {host_name}\r\n{headers}\r\n{browser}\r\nconnection: close\r\n\r\n{body}");
            let answer = send(&host.endpoint, &request).await;
            assert!(answer.starts_with("http/1.1 403 "), "{what}, {browser}: {answer}");
            assert!(!answer.contains("access-control-"), "{what}, {browser}: {answer}");
        }
    }
    // Even with a link, which is a credential.
    let request =
        format!("GET {path} HTTP/1.1\r\nhost: {address}\r\norigin: {}\r\nconnection: close\r\n\r\n", host.endpoint.url);
    let answer = send(&host.endpoint, &request).await;
    assert!(answer.starts_with("http/1.1 403 ") && !answer.contains("access-control-"), "{answer}");
    assert!(host.published().unwrap().is_empty());
    host.stop().await.unwrap();
}

/// What another account on this machine can send: SDK clients with keys of its own, or ours by name.
#[tokio::test]
async fn a_neighbour_without_the_keys_is_refused() {
    let (_folder, mut host) = started().await;
    let id = host.endpoint.keys.credentials().access_key_id().to_owned();
    for credentials in [
        Credentials::new("vestibule-local", "vestibule-local-secret", None, None, "test"),
        Credentials::new(&id, "guess", None, None, "test"),
    ] {
        let clients = Clients::new(&host.endpoint);
        let dynamodb = clients.dynamodb.config().to_builder().credentials_provider(credentials.clone()).build();
        let dynamodb = aws_sdk_dynamodb::Client::from_conf(dynamodb);
        let error = dynamodb.scan().table_name("table").send().await.unwrap_err();
        assert_eq!(error.raw_response().unwrap().status().as_u16(), 403, "{error:?}");
        let text = |text: &str| AttributeValue::S(text.to_owned());
        let put = dynamodb.put_item().table_name("table").item("pk", text("p")).item("sk", text("s"));
        assert!(put.send().await.is_err());
        let streams = clients.streams.config().to_builder().credentials_provider(credentials.clone()).build();
        let streams = aws_sdk_dynamodbstreams::Client::from_conf(streams);
        assert!(streams.list_streams().send().await.is_err());
        let events = clients.events.config().to_builder().credentials_provider(credentials.clone()).build();
        let entry = aws_sdk_eventbridge::types::PutEventsRequestEntry::builder().event_bus_name("vestibule");
        let entry = entry.source("vestibule").detail_type("Forged").detail("{}").build();
        let put = aws_sdk_eventbridge::Client::from_conf(events).put_events().entries(entry).send().await;
        assert_eq!(put.unwrap_err().raw_response().unwrap().status().as_u16(), 403);
        let s3 = clients.s3.config().to_builder().credentials_provider(credentials).build();
        let get = aws_sdk_s3::Client::from_conf(s3).get_object().bucket("bucket").key("file").send().await;
        let get = get.unwrap_err();
        assert_eq!(get.raw_response().unwrap().status().as_u16(), 403, "{:?}", get.code());
    }
    let items = host.clients.dynamodb.scan().table_name("table").send().await.unwrap();
    assert_eq!((items.count(), host.published().unwrap().len()), (0, 0), "nothing was written");
    host.stop().await.unwrap();
}

#[tokio::test]
async fn a_process_that_read_the_keys_uses_every_service() {
    let (folder, mut host) = started().await;
    let file = folder.path().join("data").join("endpoint.json");
    let endpoint = Endpoint::read(&file).unwrap();
    assert_eq!(endpoint, host.endpoint);
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(!format!("{endpoint:?}").contains(endpoint.environment()[4].1.as_str()), "a log shows no secret");
    let clients = Clients::new(&endpoint);
    let text = |text: &str| AttributeValue::S(text.to_owned());
    let put = clients.dynamodb.put_item().table_name("table").item("pk", text("p")).item("sk", text("s"));
    put.send().await.unwrap();
    assert_eq!(host.clients.dynamodb.scan().table_name("table").send().await.unwrap().count(), 1);
    assert_eq!(clients.streams.list_streams().send().await.unwrap().streams().len(), 1);
    let got = clients.s3.get_object().bucket("bucket").key("file").send().await.unwrap();
    assert_eq!(got.body.collect().await.unwrap().into_bytes(), "content");
    let entry = aws_sdk_eventbridge::types::PutEventsRequestEntry::builder().event_bus_name("vestibule");
    let entry = entry.source("vestibule").detail_type("Seen").detail("{}").build();
    assert_eq!(clients.events.put_events().entries(entry).send().await.unwrap().failed_entry_count(), 0);
    assert_eq!(host.published().unwrap().len(), 1);

    // The next start has other keys.
    host.stop().await.unwrap();
    let mut next = Host::start(&folder.path().join("data"), &names()).await.unwrap();
    assert_ne!(next.endpoint.keys, endpoint.keys);
    let stale = Endpoint { url: next.endpoint.url.clone(), keys: endpoint.keys };
    assert!(Clients::new(&stale).dynamodb.scan().table_name("table").send().await.is_err());
    next.stop().await.unwrap();
}
