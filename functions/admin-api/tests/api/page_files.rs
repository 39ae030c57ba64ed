//! The page's files as clients get them: their forms, what is kept, and what must be asked for again.

use admin_api::{Api, PAGE_VERSION};
use bytes::Bytes;
use http::{Method, Response, StatusCode};
use std::io::Read as _;
use vestibule_archive::Archive;
use vestibule_host::{Host, Names};
use vestibule_platform::{Access, Bus, Clock, Config, Operation};
use vestibule_store::Store;

struct Page {
    api: Api,
    _host: Host,
    _folder: tempfile::TempDir,
}

impl Page {
    async fn serve() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let names = Names { table: "table".into(), bucket: "reports".into(), bus: "bus".into() };
        let host = Host::start(&folder.path().join("data"), &names).await.unwrap();
        let config = Config {
            table: "table".into(),
            bucket: "reports".into(),
            bus: "bus".into(),
            source: "vestibule".into(),
            advice: None,
            staleness_ms: 0,
        };
        let (store, clock) = (Store::new(host.clients.dynamodb.clone(), "table"), Clock::system());
        let advice = vestibule_archive::advice(None).unwrap();
        let scratch = folder.path().join("scratch");
        let archive = Archive::new(store, host.clients.s3.clone(), "reports".into(), scratch, advice);
        let bus = Bus::new(host.clients.events.clone(), &config);
        let api = Api::new(archive, bus, clock, Access::default()).unwrap();
        Self { api, _host: host, _folder: folder }
    }

    async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Response<Bytes> {
        let mut request = http::Request::builder().method(Method::GET).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.api.handle(request.body(Bytes::new()).unwrap()).await
    }
}

fn header<'r>(response: &'r Response<Bytes>, name: &str) -> &'r str {
    response.headers().get(name).map_or("", |value| value.to_str().unwrap())
}

fn plain(response: &Response<Bytes>) -> Vec<u8> {
    match header(response, "content-encoding") {
        "" => response.body().to_vec(),
        // It checks the sum and the length at the end, too.
        "gzip" => {
            let mut out = Vec::new();
            flate2::read::GzDecoder::new(&response.body()[..]).read_to_end(&mut out).unwrap();
            out
        }
        "br" => {
            let mut out = Vec::new();
            brotli_decompressor::BrotliDecompress(&mut &response.body()[..], &mut out).unwrap();
            out
        }
        other => unreachable!("{other}"),
    }
}

#[tokio::test]
async fn every_form_of_a_file_is_the_same_file() {
    let page = Page::serve().await;
    let at = |path: &str| format!("/assets/{PAGE_VERSION}/{path}");
    for (path, least) in [
        ("/".to_owned(), 1.2),
        (at("shell/page.js"), 2.0),
        (at("style/page.css"), 2.0),
        (at("file/worker.js"), 2.0),
        (at("vendor/sqlite3.wasm"), 2.0),
    ] {
        let whole = page.get(&path, &[]).await;
        assert_eq!((whole.status(), header(&whole, "content-encoding")), (StatusCode::OK, ""), "{path}");
        let mut tags = vec![header(&whole, "etag").to_owned()];
        for encoding in ["gzip", "br"] {
            let sent = [("accept-encoding", encoding)];
            let one = page.get(&path, &sent).await;
            assert_eq!((one.status(), header(&one, "content-encoding")), (StatusCode::OK, encoding), "{path}");
            assert_eq!(header(&one, "vary"), "accept-encoding");
            assert_eq!(header(&one, "content-type"), header(&whole, "content-type"));
            assert!(plain(&one) == whole.body()[..], "{path} {encoding}");
            let ratio = whole.body().len() as f64 / one.body().len() as f64;
            assert!(ratio > least, "{path} {encoding}: {ratio}");
            // A tag names one form, and stands for it alone.
            let tag = header(&one, "etag").to_owned();
            let again = page.get(&path, &[sent[0], ("if-none-match", &tag)]).await;
            assert_eq!((again.status(), again.body().len()), (StatusCode::NOT_MODIFIED, 0));
            assert_eq!((header(&again, "etag"), header(&again, "vary")), (tag.as_str(), "accept-encoding"));
            assert_eq!(page.get(&path, &[("if-none-match", &tag)]).await.status(), StatusCode::OK);
            tags.push(tag);
        }
        tags.sort();
        tags.dedup();
        assert_eq!(tags.len(), 3, "{path}");
        if path.ends_with("page.js") {
            assert!(std::str::from_utf8(whole.body()).unwrap().contains(vestibule_words::LEXICON.trim_end()));
        }
    }
}

#[tokio::test]
async fn what_has_its_version_in_its_address_is_kept_for_good() {
    let page = Page::serve().await;
    let index = page.get("/", &[]).await;
    assert_eq!(header(&index, "cache-control"), "no-cache");
    assert!(header(&index, "content-security-policy").contains("script-src 'self'"));
    let text = std::str::from_utf8(index.body()).unwrap();
    let named: Vec<&str> = text.split('"').filter(|part| part.starts_with("assets/")).collect();
    // A first visit must not start a function for each file.
    assert_eq!(named.len(), 2, "{named:?}");
    for path in named {
        assert!(path.starts_with(&format!("assets/{PAGE_VERSION}/")), "{path}");
        let part = page.get(&format!("/{path}"), &[("accept-encoding", "br")]).await;
        assert_eq!(part.status(), StatusCode::OK, "{path}");
        assert_eq!(header(&part, "cache-control"), "public, max-age=31536000, immutable", "{path}");
        assert_eq!(Operation::of(&part), Operation::PAGE);
    }
    // A page of another version gets the file, but does not keep it under that address.
    let other = page.get("/assets/0000000000000000/shell/page.js", &[]).await;
    assert_eq!((other.status(), header(&other, "cache-control")), (StatusCode::OK, "no-cache"));
    for absent in ["/assets/shell/page.js", "/assets/x/shell/app.js", "/assets/x/../page.js", "/assets/x/y/z/page.js"] {
        let answer = page.get(absent, &[]).await;
        assert!([StatusCode::NOT_FOUND, StatusCode::UNAUTHORIZED].contains(&answer.status()), "{absent}");
        assert!(!header(&answer, "cache-control").contains("immutable"), "{absent}");
    }
}
