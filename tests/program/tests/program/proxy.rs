//! Behind the proxies of docs/OPERATIONS.md: nginx and Caddy, as they stand there, from Debian's packages. Only addresses,
//! ports and the certificate are others.

use crate::page::Page;
use crate::reach::certificate;
use serde_json::Value;
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use vestibule_program_tests::{Folder, Serve, Tenant, enrollment, eventually, now};
use vestibule_test_tools::{free_port, has_debian, unpacked};
use vestibule_webhook::signature;

/// A proxy that ends with the test.
struct Proxy(Child);

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ended_already = self.0.kill();
        let _ended_already = self.0.wait();
    }
}

/// The block of a language in the page about operations.
fn configuration(language: &str) -> String {
    let page = Page::open("docs/OPERATIONS.md").text;
    let fence = format!("```{language}\n");
    let block = page.split(&fence).nth(1).and_then(|block| block.split("\n```").next());
    block.unwrap_or_else(|| panic!("docs/OPERATIONS.md has no configuration of {language}")).to_owned()
}

/// A text in which each part that must be there is another.
fn with(text: &str, others: &[(&str, &str)]) -> String {
    others.iter().fold(text.to_owned(), |text, (part, other)| {
        assert!(text.contains(part), "{part} is not in {text}");
        text.replace(part, other)
    })
}

struct Asked {
    status: u16,
    body: String,
}

/// Asks with curl, which trusts this certificate alone.
fn curl(trusted: &Path, arguments: &[&str]) -> Asked {
    let output = Command::new("curl")
        .args(["-sS", "--max-time", "20", "-w", "\n%{http_code}", "--cacert"])
        .arg(trusted)
        .args(arguments)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let (body, status) = said.rsplit_once('\n').unwrap_or_default();
    let problem = String::from_utf8_lossy(&output.stderr);
    Asked { status: status.parse().unwrap_or_else(|_| panic!("{said}{problem}")), body: body.to_owned() }
}

/// What people and senders do, through the proxy at `url`.
async fn is_served(folder: &Folder, contoso: &Tenant, url: &str, port: u16, trusted: &Path) {
    eventually("the proxy listens", async || TcpStream::connect(("127.0.0.1", port)).ok()).await;
    let page = curl(trusted, &[&format!("{url}/")]);
    assert!(
        page.status == 200 && page.body.to_lowercase().contains("<!doctype html>"),
        "{}: {}",
        page.status,
        page.body
    );

    let body = serde_json::to_string(&enrollment("p1", "enrollment.started", now(), "PROXY0001")).unwrap();
    let (id, at) = ("msg_proxy", now());
    let signature = signature::sign(&contoso.secret, id, at, body.as_bytes()).unwrap();
    let headers = [
        format!("webhook-id: {id}"),
        format!("webhook-timestamp: {}", at.seconds()),
        format!("webhook-signature: {signature}"),
    ];
    let hook = format!("{url}/hooks/contoso/enrollment-events");
    let posted = curl(trusted, &["-H", &headers[0], "-H", &headers[1], "-H", &headers[2], "-d", &body, &hook]);
    assert!(posted.status == 202 && posted.body.contains("\"accepted\":1"), "{}: {}", posted.status, posted.body);

    let exported = folder.json(&["export", "contoso"]);
    let token = format!("authorization: Bearer {}", contoso.admin);
    let link = curl(trusted, &["-H", &token, &format!("{url}/api/reports/files/latest/link")]);
    let link: Value = serde_json::from_str(&link.body).unwrap();
    let link = format!("{url}{}", link["url"].as_str().unwrap());
    let file = folder.beside("downloaded");
    let whole = curl(trusted, &["-o", file.to_str().unwrap(), &link]);
    let path = exported["path"].as_str().unwrap();
    assert_eq!((whole.status, std::fs::read(&file).unwrap()), (200, std::fs::read(path).unwrap()));
    assert_eq!(curl(trusted, &["-o", "/dev/null", "-r", "0-15", &link]).status, 206);

    let large = folder.beside("large");
    std::fs::write(&large, vec![b'x'; 2 << 20]).unwrap();
    assert_eq!(curl(trusted, &["--data-binary", &format!("@{}", large.display()), &hook]).status, 413);
    assert_eq!(curl(trusted, &[&format!("{url}/metrics")]).status, 404, "numbers have an address of their own");
}

/// A `serve` behind a proxy on this machine.
fn behind(folder: &Folder) -> (Serve, String) {
    let serve = folder.serve_by(&["--public-url", "https://vestibule.contoso.example", "--trusted-proxy", "127.0.0.1"]);
    let address = serve.url.strip_prefix("http://").unwrap().to_owned();
    (serve, address)
}

#[tokio::test(flavor = "multi_thread")]
async fn nginx_serves_it() {
    if !has_debian() {
        eprintln!("not tried: there are no packages of Debian here");
        return;
    }
    let folder = Folder::new();
    let contoso = folder.add_tenant("contoso");
    let (serve, address) = behind(&folder);
    let ([certificate, key], port) = (certificate(&folder, "proxy"), free_port());
    let server = with(
        &configuration("nginx"),
        &[
            ("listen 443 ssl;", &format!("listen 127.0.0.1:{port} ssl;")),
            ("/etc/ssl/vestibule/chain.pem", certificate.to_str().unwrap()),
            ("/etc/ssl/vestibule/key.pem", key.to_str().unwrap()),
            ("127.0.0.1:8740", &address),
        ],
    );
    let at = folder.beside("nginx");
    std::fs::create_dir(&at).unwrap();
    let shown = at.display();
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|name| format!("{name}_temp_path {shown}/{name};\n"))
        .concat();
    let whole = format!(
        "daemon off; master_process off; pid {shown}/pid; error_log stderr; events {{}}\n\
         http {{ access_log off; {temporary}{server} }}"
    );
    let file = at.join("nginx.conf");
    std::fs::write(&file, whole).unwrap();
    let mut nginx = unpacked("nginx", "usr/sbin/nginx");
    nginx.arg("-p").arg(&at).arg("-e").arg("stderr").arg("-c").arg(&file).stdin(Stdio::null());
    let _proxy = Proxy(nginx.spawn().unwrap());
    is_served(&folder, &contoso, &format!("https://127.0.0.1:{port}"), port, &certificate).await;
    assert_eq!(serve.terminate().code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn caddy_serves_it() {
    if !has_debian() {
        eprintln!("not tried: there are no packages of Debian here");
        return;
    }
    let folder = Folder::new();
    let contoso = folder.add_tenant("contoso");
    let (serve, address) = behind(&folder);
    let ([certificate, key], port) = (certificate(&folder, "proxy"), free_port());
    let url = format!("https://127.0.0.1:{port}");
    // Its own certificate would come from a public authority.
    let ours = format!("{url} {{\n    tls {} {}", certificate.display(), key.display());
    let site = with(&configuration("caddy"), &[("vestibule.contoso.example {", &ours), ("127.0.0.1:8740", &address)]);
    let file = folder.beside("Caddyfile");
    std::fs::write(&file, format!("{{\n    admin off\n    auto_https disable_redirects\n}}\n{site}\n")).unwrap();
    let mut caddy = unpacked("caddy", "usr/bin/caddy");
    caddy.args(["run", "--adapter", "caddyfile", "--config"]).arg(&file).stdin(Stdio::null());
    caddy.env("XDG_DATA_HOME", folder.beside("caddy")).env("XDG_CONFIG_HOME", folder.beside("caddy"));
    let _proxy = Proxy(caddy.spawn().unwrap());
    is_served(&folder, &contoso, &url, port, &certificate).await;
    assert_eq!(serve.terminate().code(), Some(0));
}
