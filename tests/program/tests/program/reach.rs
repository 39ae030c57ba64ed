//! How people reach `serve`: downloads under its own origin, printed addresses, TLS.

use reqwest::{Method, StatusCode};
use std::path::PathBuf;
use std::process::{Command, Output};
use vestibule_program_tests::{Client, Folder, enrollment, now};

#[tokio::test]
async fn files_are_downloaded_from_where_the_api_is() {
    let folder = Folder::new();
    let (contoso, fabrikam) = (folder.add_tenant("contoso"), folder.add_tenant("fabrikam"));
    let serve = folder.serve();
    let event = enrollment("e1", "enrollment.started", now(), "SERIAL0001");
    serve.sender(&contoso).post(&event).await.ok(202);
    let exported = folder.json(&["export", "contoso"]);
    let content = std::fs::read(exported["path"].as_str().unwrap()).unwrap();
    let api = Client::new(&serve.url, &contoso.admin);

    // As behind a proxy that passes on another name: nothing in the answer names a host or a port.
    let behind = api.request(Method::GET, "/api/reports/files/latest").header("host", "vestibule.example");
    let location = behind.send().await.unwrap().headers()["location"].to_str().unwrap().to_owned();
    let link = api.json("/api/reports/files/latest/link").await["url"].as_str().unwrap().to_owned();
    for link in [&location, &link] {
        assert!(link.starts_with("/files/reports/contoso/"), "{link}");
    }
    let page = Client::new(&serve.url, "").get("/").await;
    let policy = page.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("connect-src 'self';") && !policy.contains("http"), "{policy}");

    // The link is the only credential.
    let nobody = reqwest::Client::new();
    let url = format!("{}{link}", serve.url);
    let send = async |request: reqwest::RequestBuilder| request.send().await.unwrap();
    let whole = send(nobody.get(&url)).await;
    assert_eq!(whole.status(), StatusCode::OK);
    let header = |answer: &reqwest::Response, name: &str| answer.headers()[name].to_str().unwrap().to_owned();
    let named = header(&whole, "content-disposition");
    assert!(named.starts_with("attachment; filename=\"vestibule-contoso-") && named.ends_with(".sqlite\""), "{named}");
    assert_eq!(header(&whole, "content-security-policy"), "default-src 'none'; sandbox");
    assert_eq!(header(&whole, "x-content-type-options"), "nosniff");
    assert_eq!(header(&whole, "content-length"), content.len().to_string());
    let tag = header(&whole, "etag");
    assert_eq!(whole.bytes().await.unwrap(), content);

    let part = send(nobody.get(&url).header("range", "bytes=16-99")).await;
    assert_eq!(
        (part.status(), header(&part, "content-range")),
        (StatusCode::PARTIAL_CONTENT, format!("bytes 16-99/{}", content.len()))
    );
    assert_eq!(part.bytes().await.unwrap(), content[16..100]);
    let end = send(nobody.get(&url).header("range", "bytes=-16").header("if-range", &tag)).await;
    assert_eq!(end.bytes().await.unwrap(), content[content.len() - 16..]);
    // Of another file, or of no one range: the whole.
    for (name, value) in [("if-range", "\"other\""), ("range", "bytes=0-1,5-9"), ("range", "nonsense")] {
        let range = nobody.get(&url).header("range", "bytes=0-15");
        let request = if name == "range" { nobody.get(&url) } else { range };
        let answer = send(request.header(name, value)).await;
        assert_eq!((answer.status(), answer.content_length()), (StatusCode::OK, Some(content.len() as u64)), "{value}");
    }
    let beyond = send(nobody.get(&url).header("range", "bytes=999999999-")).await;
    assert_eq!(
        (beyond.status(), header(&beyond, "content-range")),
        (StatusCode::RANGE_NOT_SATISFIABLE, format!("bytes */{}", content.len()))
    );
    assert_eq!(send(nobody.get(&url).header("if-none-match", &tag)).await.status(), StatusCode::NOT_MODIFIED);
    let head = send(nobody.head(&url)).await;
    assert_eq!((head.status(), header(&head, "content-length")), (StatusCode::OK, content.len().to_string()));
    assert_eq!(header(&head, "accept-ranges"), "bytes");

    // Nobody makes a link, and a link opens nothing else.
    let other = folder.json(&["export", "fabrikam"]);
    let theirs = other["sha256"].as_str().unwrap();
    let ours = exported["sha256"].as_str().unwrap();
    let (path, query) = link.split_once('?').unwrap();
    for forged in [
        path.to_owned(),
        format!("{path}?"),
        link.replace("/contoso/", "/fabrikam/").replace(ours, theirs),
        link.replace(".sqlite?", ".html?"),
        link.replace("&until=", "&until=9"),
        format!("/files/?{query}"),
    ] {
        let refused = send(nobody.get(format!("{}{forged}", serve.url))).await;
        assert_eq!(refused.status(), StatusCode::FORBIDDEN, "{forged}");
        assert_eq!(header(&refused, "content-type"), "application/problem+json");
    }
    assert_eq!(send(nobody.delete(&url)).await.status(), StatusCode::METHOD_NOT_ALLOWED);
    Client::new(&serve.url, &fabrikam.admin).get(&format!("/api/reports/files/{ours}")).await.problem(404);
    // A link ends with the process that made it.
    serve.terminate();
    let serve = folder.serve();
    assert_eq!(send(nobody.get(format!("{}{link}", serve.url))).await.status(), StatusCode::FORBIDDEN);
}

#[test]
fn links_and_settings_are_printed_with_the_address_that_people_use() {
    let folder = Folder::new();
    folder.add_tenant("contoso");
    let links = |options: &[&str]| {
        let url = |command: &[&str]| {
            let made = folder.json(&[command, options].concat());
            made["url"].as_str().unwrap().split(['#', '?']).next().unwrap().to_owned()
        };
        [url(&["token", "link", "contoso"]), url(&["source", "add", "contoso", "nanomdm"])]
    };
    let begin = |urls: [String; 2], address: &str| {
        assert!(urls.iter().all(|url| url.starts_with(&format!("{address}/"))), "{address}: {urls:?}");
    };
    begin(links(&[]), "http://127.0.0.1:8740");
    let serve = folder.serve();
    begin(links(&[]), &serve.url);
    serve.terminate();
    let serve = folder.serve_by(&["--public-url", "https://vestibule.example/"]);
    assert_eq!(serve.first["publicUrl"], "https://vestibule.example");
    assert!(serve.url.starts_with("http://127.0.0.1:"), "{}", serve.url);
    begin(links(&[]), "https://vestibule.example");
    begin(links(&["--url", "https://other.example"]), "https://other.example");
    // Also while nothing serves.
    serve.terminate();
    begin(links(&[]), "https://vestibule.example");
    let path = folder.fails(&["serve", "--public-url", "https://vestibule.example/path"]);
    assert!(path.contains("without a path"), "{path}");
}

/// A new certificate of 127.0.0.1 that signs itself, and its key.
pub fn certificate(folder: &Folder, name: &str) -> [PathBuf; 2] {
    let [certificate, key] = ["crt", "key"].map(|kind| folder.beside(&format!("{name}.{kind}")));
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"])
        .args(["-subj", "/CN=vestibule", "-addext", "subjectAltName=IP:127.0.0.1"])
        // Rustls takes no certificate of an authority for a server's.
        .args(["-addext", "basicConstraints=critical,CA:FALSE", "-keyout"])
        .arg(&key)
        .arg("-out")
        .arg(&certificate)
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    [certificate, key]
}

#[test]
fn it_serves_https_with_a_certificate() {
    let folder = Folder::new();
    let contoso = folder.add_tenant("contoso");
    let [ours, key] = certificate(&folder, "ours");
    let [other, other_key] = certificate(&folder, "other");
    let [ours, key, other, other_key] = [&ours, &key, &other, &other_key].map(|path| path.to_str().unwrap());
    let serve = folder.serve_by(&["--tls-cert", ours, "--tls-key", key]);
    let host = serve.url.strip_prefix("https://").expect("no https");
    let curl = |trusted: &str, url: &str| -> Output {
        let token = format!("authorization: Bearer {}", contoso.admin);
        Command::new("curl").args(["-sS", "--max-time", "20", "--cacert", trusted, "-H", &token, url]).output().unwrap()
    };
    let asked = curl(ours, &format!("https://{host}/api/tenant"));
    assert!(asked.status.success(), "{}", String::from_utf8_lossy(&asked.stderr));
    let answer: serde_json::Value = serde_json::from_slice(&asked.stdout).unwrap();
    assert_eq!(answer["tenant"], "contoso");
    // Whoever signs in here gets a cookie for TLS alone.
    let begun = Command::new("curl")
        .args(["-sSi", "--max-time", "20", "--cacert", ours, "-X", "POST"])
        .args([
            "-H",
            &format!("authorization: Bearer {}", contoso.admin),
            &format!("https://{host}/api/browser-sessions"),
        ])
        .output()
        .unwrap();
    let begun = String::from_utf8_lossy(&begun.stdout).to_lowercase();
    assert!(begun.starts_with("http/1.1 201"), "{begun}");
    assert!(begun.contains("\r\nset-cookie: __host-vestibule=") && begun.contains("; secure\r\n"), "{begun}");
    assert!(!curl(other, &format!("https://{host}/api/tenant")).status.success(), "another's certificate");
    assert!(!curl(ours, &format!("http://{host}/api/tenant")).status.success(), "plain http");
    assert!(folder.json(&["token", "link", "contoso"])["url"].as_str().unwrap().starts_with(&serve.url));
    assert_eq!(serve.terminate().code(), Some(0));

    let listen = ["serve", "--listen", "127.0.0.1:0"];
    for (certificate, key, named) in
        [(ours, other_key, other_key), (ours, ours, ours), (key, key, key), ("none", key, "none")]
    {
        let options = ["--tls-cert", certificate, "--tls-key", key];
        let problem = folder.fails(&[listen.as_slice(), &options].concat());
        assert!(problem.contains(named), "{certificate} {key}: {problem}");
    }
    assert!(folder.fails(&[listen.as_slice(), &["--tls-cert", ours]].concat()).contains("--tls-key"));
}
