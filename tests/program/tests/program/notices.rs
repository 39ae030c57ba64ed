//! `notices`: rules and channels as an operator makes them, a test that arrives, and the link that mutes, at a `serve`.

use crate::reach::certificate;
use reqwest::Method;
use serde_json::{Value, json};
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::Stdio;
use vestibule_program_tests::{Answer, Client, Folder, eventually};
use vestibule_test_tools::MailServer;

/// Runs a command with this on its standard input.
fn with_input(folder: &Folder, arguments: &[&str], input: &str) -> Value {
    let mut command = folder.command(arguments);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let shown = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {shown}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Answers one request with 200, and returns what it was.
fn takes_one(listener: TcpListener) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let (mut request, mut part) = (Vec::new(), [0_u8; 4_096]);
        loop {
            let read = stream.read(&mut part).unwrap();
            request.extend_from_slice(&part[..read]);
            let text = String::from_utf8_lossy(&request);
            let length =
                text.lines().find_map(|line| line.strip_prefix("content-length: ")?.trim().parse::<usize>().ok());
            let body = text.split_once("\r\n\r\n").map(|(_, body)| body.len());
            if read == 0 || length.zip(body).is_some_and(|(length, body)| body >= length) {
                break;
            }
        }
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").unwrap();
        String::from_utf8(request).unwrap()
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_and_channels_are_made_tried_listed_and_removed() {
    let folder = Folder::new();
    folder.add_tenant("contoso");
    let serve = folder.serve();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let secret = format!("http://{}/services/very-secret", listener.local_addr().unwrap());
    let kind = |kind: &'static str| ["--kind", kind];
    let [option, hook] = kind("webhook");
    let added =
        with_input(&folder, &["notices", "add-channel", "contoso", "itsm", option, hook], &format!("{secret}\n"));
    assert!(added["signingKey"].as_str().unwrap().starts_with("whsec_"), "{added}");
    assert!(!added.to_string().contains("very-secret"), "{added}");
    let mail = ["--server", "127.0.0.1", "--from", "a@contoso.example", "--to", "b@contoso.example", "--without-tls"];
    let [_, email] = kind("email");
    folder.json(&[&["notices", "add-channel", "contoso", "mail", option, email][..], &mail].concat());
    assert!(folder.fails(&["notices", "add-rule", "contoso", "x", "--watch", "file", "--to", "none"]).contains("none"));
    let ends = ["--end", "sessionFailed", "--esp-profile", "kiosk", "--to", "itsm"];
    folder.json(&[&["notices", "add-rule", "contoso", "kiosks", "--watch", "ends"][..], &ends].concat());
    folder.json(&["notices", "add-rule", "contoso", "files", "--watch", "file", "--to", "mail"]);
    let policy = folder.json(&["notices", "set", "contoso", "--quiet", "22:00-07:00", "--names", "yes"]);
    assert_eq!(policy["policy"]["quiet"], json!({"from": 1_320, "to": 420}));
    assert!(folder.fails(&["notices", "set", "contoso", "--quiet", "late"]).contains("22:00-07:00"));

    let request = takes_one(listener);
    assert_eq!(folder.json(&["notices", "test", "contoso", "itsm"])["sent"], true);
    let request = request.join().unwrap();
    assert!(request.contains("webhook-signature: v1,") && request.contains("\"test\":true"), "{request}");
    let history = folder.json(&["notices", "history", "contoso"]);
    assert_eq!((&history["sent"][0]["channel"], &history["givenUp"]), (&json!("itsm"), &json!([])));

    assert!(folder.json(&["notices", "mute", "contoso", "files", "--days", "2"])["mutedUntil"].is_string());
    assert!(folder.json(&["notices", "mute", "contoso", "files", "--days", "0"])["mutedUntil"].is_null());
    let listed = folder.json(&["notices", "list", "contoso"]);
    assert_eq!(
        listed["rules"][0]["watch"],
        json!({"kind": "outcomes", "of": ["sessionFailed"], "profiles": ["kiosk"]})
    );
    assert_eq!(listed["channels"][0]["to"], json!({"kind": "webhook", "host": "127.0.0.1"}));
    assert!(listed["policy"]["address"].as_str().unwrap().starts_with("http"), "{listed}");
    let words = folder.words(&["notices", "list", "contoso"]).stdout;
    assert!(words.contains("rule files: fileMade to mail") && !words.contains("very-secret"), "{words}");
    // Nobody has a link yet, and none can be guessed.
    let stranger = Client::new(&serve.url, "");
    for method in [Method::GET, Method::POST] {
        let answer = stranger.request(method, "/notices/mute/contoso.files.4102444800.AAAA").send().await.unwrap();
        assert_eq!(answer.status(), 404);
    }
    assert_eq!(folder.json(&["notices", "remove-rule", "contoso", "files"])["removed"], true);
    assert_eq!(folder.json(&["notices", "remove-channel", "contoso", "mail"])["removed"], true);
    assert_eq!(folder.json(&["notices", "remove-channel", "contoso", "mail"])["removed"], false);
}

/// The answer to a change by an administrator.
async fn changes(client: &Client, method: Method, path: &str, body: &Value) -> Answer {
    Answer::of(client.request(method, path).json(body).send().await.unwrap()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_does_the_same_by_the_api_and_reads_no_secret() {
    let folder = Folder::new();
    let tenant = folder.add_tenant("contoso");
    let serve = folder.serve_by(&["--local-channels"]);
    let admin = Client::new(&serve.url, &tenant.admin);
    let (put, post) = (Method::PUT, Method::POST);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let hook = json!({"kind": "webhook", "url": format!("http://{}/very-secret", listener.local_addr().unwrap())});
    let made = changes(&admin, put.clone(), "/api/notices/channels/itsm", &hook).await.ok(200);
    assert!(made["signingKey"].as_str().unwrap().starts_with("whsec_"), "{made}");
    // A password stays with its server.
    let mail = |server: &str, password: Option<&str>| {
        let mut mail = json!({"kind": "email", "server": server, "user": "vestibule", "from": "v@contoso.example",
            "to": ["it@contoso.example"]});
        if let Some(password) = password {
            mail["password"] = json!(password);
        }
        mail
    };
    let path = "/api/notices/channels/mail";
    changes(&admin, put.clone(), path, &mail("smtp.contoso.example", Some("very-secret"))).await.ok(200);
    changes(&admin, put.clone(), path, &mail("smtp.contoso.example", None)).await.ok(200);
    let refused = changes(&admin, put.clone(), path, &mail("smtp.elsewhere.example", None)).await.ok(400);
    assert_eq!(refused["errors"], json!([{"field": "password", "problem": "is missing"}]));

    let watch = json!({"kind": "outcomes", "of": ["sessionFailed"], "groups": ["Sales laptops"]});
    let rule = json!({"watch": watch, "channels": ["itsm"]});
    changes(&admin, put.clone(), "/api/notices/rules/sales", &rule).await.ok(200);
    let muted = changes(&admin, post.clone(), "/api/notices/rules/sales/mute", &json!({"days": 7})).await.ok(200);
    assert!(muted["rule"]["mutedUntil"].is_string(), "{muted}");
    // Whoever replaces a rule does not end that.
    assert_eq!(changes(&admin, put.clone(), "/api/notices/rules/sales", &rule).await.ok(200)["rule"], muted["rule"]);
    let quiet = json!({"quiet": "22:00-07:00", "names": true});
    let policy = changes(&admin, Method::PATCH, "/api/notices", &quiet).await.ok(200)["policy"].clone();
    assert_eq!((&policy["quiet"], &policy["limitAnHour"]), (&json!("22:00-07:00"), &json!(6)));

    let request = takes_one(listener);
    changes(&admin, post, "/api/notices/channels/itsm/test", &json!({})).await.ok(202);
    assert!(request.join().unwrap().contains("\"test\":true"));
    let (listed, words) = (admin.json("/api/notices").await, folder.words(&["notices", "list", "contoso"]).stdout);
    assert_eq!((&listed["rules"][0]["watch"], &listed["policy"]), (&watch, &policy));
    assert!(!listed.to_string().contains("very-secret") && !listed.to_string().contains("whsec_"), "{listed}");
    assert!(words.contains("rule sales: outcomes to itsm, muted until"), "{words}");
    // The note of it is written after the receiver has answered.
    let history = eventually("the history has the test", async || {
        let history = admin.json("/api/notices/history").await;
        history["sent"][0].is_object().then_some(history)
    });
    let history = history.await;
    assert_eq!((&history["sent"][0]["isTest"], &history["givenUp"]), (&json!(true), &json!([])));
}

/// The answer to a test of the channel `mail`, sent by a process that trusts this certificate.
fn tested(folder: &Folder, trusted: &Path) -> Value {
    let mut command = folder.command(&["notices", "test", "contoso", "mail"]);
    let output = command.env("SSL_CERT_FILE", trusted).output().unwrap();
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"))
}

#[test]
fn a_password_goes_only_over_tls_to_a_server_whose_certificate_is_trusted() {
    let folder = Folder::new();
    folder.add_tenant("contoso");
    let [[ours, key], [other, _]] = ["ours", "other"].map(|name| certificate(&folder, name));
    let channel = |port: u16| {
        let (port, mail) = (port.to_string(), ["--kind", "email", "--server", "127.0.0.1", "--user", "vestibule"]);
        let ends = ["--port", &port, "--from", "a@contoso.example", "--to", "b@contoso.example"];
        let arguments = [&["notices", "add-channel", "contoso", "mail"][..], &mail, &ends].concat();
        with_input(&folder, &arguments, "correct horse\n");
    };
    let mut server = MailServer::start(Some([&ours, &key]));
    channel(server.port);
    assert_eq!(tested(&folder, &ours)["sent"], true);
    let [given, taken] = [server.line(), server.line()].map(|line| serde_json::from_str::<Value>(&line).unwrap());
    assert_eq!(given["password"], json!(["vestibule", "correct horse"]));
    assert_eq!((&taken["to"], &taken["tls"]), (&json!(["b@contoso.example"]), &json!("TLSv1.3")));

    // Somebody else's certificate: the server sees neither the password nor the message.
    let problem = tested(&folder, &other)["problem"].as_str().unwrap().to_owned();
    assert!(problem.contains("certificate is not trusted"), "{problem}");
    assert_eq!(server.end(), Vec::<String>::new());

    // A server that offers no TLS is asked for nothing either.
    let server = MailServer::start(None);
    channel(server.port);
    let problem = tested(&folder, &ours)["problem"].as_str().unwrap().to_owned();
    assert!(problem.contains("offers no TLS"), "{problem}");
    assert_eq!(server.end(), Vec::<String>::new());
}
