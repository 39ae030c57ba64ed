//! Serves the page and the API's description, which are static files and the same for everybody, and the page's
//! configuration.
//!
//! Must stay true: nothing here needs a credential or reveals anything about a tenant; the Content-Security-Policy
//! limits what the page may load and request, and nothing in the page is inline.

use crate::Api;
use crate::encoding::Encoding;
use bytes::Bytes;
use http::header::{
    CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, ETAG, IF_NONE_MATCH, REFERRER_POLICY, VARY,
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use std::sync::{LazyLock, OnceLock};
use vestibule_domain::Timestamp;
use vestibule_platform::problem::{empty, json as answer, whole};
use vestibule_platform::{HttpRequest, HttpResponse, Problem};
use vestibule_webhook::sources::SENDERS;

/// The words of names, as a module of the page. They come from the lexicon, as do those of the mailed page and the
/// terminal.
pub const LEXICON_MODULE: &str = include_str!(concat!(env!("OUT_DIR"), "/lexicon.js"));
/// The operations of the API's description, as a module of the page: method, path and question by name.
pub const OPERATIONS_MODULE: &str = include_str!(concat!(env!("OUT_DIR"), "/operations.js"));

include!(concat!(env!("OUT_DIR"), "/page.rs"));

/// A file of the page.
struct File {
    /// Its path, without the version.
    path: &'static str,
    /// A digest of its content.
    tag: &'static str,
    /// As browsers ask for it over TLS, and of which its other forms are made: both of each would take more room in the
    /// program, and time at each of its starts, than they save.
    brotli: &'static [u8],
    /// Compressed by gzip, once somebody asked for that.
    gzip: OnceLock<Bytes>,
}

/// How a file in gzip begins that says nothing about itself.
const GZIP_HEAD: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
/// How hard it is tried, of ten.
const GZIP_LEVEL: u8 = 9;

/// `openapi.yaml` as JSON, with the names of senders filled in.
static OPENAPI: LazyLock<String> = LazyLock::new(|| {
    let text = include_str!(concat!(env!("OUT_DIR"), "/openapi.json"));
    let names = |path_secret: Option<&str>| {
        let is_apart = |name: &str| text.contains(&format!("\"/hooks/{{tenant}}/{name}\""));
        let senders = SENDERS.iter().filter(|sender| sender.takes(path_secret) && !is_apart(sender.name));
        json!(senders.map(|sender| sender.name).collect::<Vec<_>>()).to_string()
    };
    // They are replaced in the text, since a JSON value would lose the order of the members.
    text.replace("[\"SENDERS\"]", &names(None)).replace("[\"SENDERS_WITH_SECRET\"]", &names(Some("")))
});

static OPENAPI_TAG: LazyLock<String> = LazyLock::new(|| {
    let tag: String = Sha256::digest(OPENAPI.as_bytes())[..16].iter().map(|byte| format!("{byte:02x}")).collect();
    format!("\"{tag}\"")
});

/// For what has another content under the same address after the next deployment.
const NOT_KEPT: &str = "no-cache";
/// For what never changes under its address.
const KEPT: &str = "public, max-age=31536000, immutable";

impl Api {
    /// `GET /config.json`: the addresses of the API and, if there is one, of the issuer where people sign in.
    pub(crate) fn page_config(&self) -> HttpResponse {
        let oidc = self
            .access
            .oidc
            .as_ref()
            .map(|oidc| json!({"issuer": oidc.issuer, "clientId": oidc.client_id, "scope": oidc.scope}));
        answer(StatusCode::OK, &json!({"api": "", "oidc": oidc}))
    }

    /// The page itself. Clients must ask for it each time, since it names the version of everything else.
    pub(crate) async fn page(&self, request: &HttpRequest, now: Timestamp) -> Result<HttpResponse, Problem> {
        let mut response = File::named("index.html")?.answer(request)?;
        let policy = self.policy(now).await?;
        let headers = response.headers_mut();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static(NOT_KEPT));
        headers.insert(CONTENT_SECURITY_POLICY, policy);
        headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        headers.insert(HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin"));
        Ok(response)
    }

    /// A file that the page loads, by the version and the path that it has there. A page of another version, left open
    /// over an upgrade, gets the file as it is now, but does not keep it.
    pub(crate) fn page_part(&self, request: &HttpRequest, version: &str, path: &str) -> Result<HttpResponse, Problem> {
        let mut response = File::named(path)?.answer(request)?;
        let kept = if version == PAGE_VERSION { KEPT } else { NOT_KEPT };
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static(kept));
        Ok(response)
    }

    /// The origins from which the page may load and request: its own, that of the files if it is another, that of the issuer
    /// and that of the issuer's token endpoint, which some have elsewhere.
    async fn policy(&self, now: Timestamp) -> Result<HeaderValue, Problem> {
        let tokens = match &self.issuer {
            Some(issuer) => issuer.token_origin(now).await,
            None => None,
        };
        let issuer = self.access.oidc.as_ref().and_then(|oidc| origin(&oidc.issuer));
        let files = self.archive.files_origin().await.map_err(|error| crate::problem(&error))?;
        let origins = [Some("'self'".to_owned()), files.as_deref().and_then(origin), issuer, tokens];
        let mut connect: Vec<String> = Vec::new();
        for origin in origins.into_iter().flatten() {
            if !connect.contains(&origin) {
                connect.push(origin);
            }
        }
        let policy = format!(
            "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' data:; \
             connect-src {}; worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
            connect.join(" ")
        );
        HeaderValue::try_from(policy).map_err(|_| Problem::internal())
    }
}

/// `GET /openapi.json`: the description of the API.
pub(crate) fn document(request: &HttpRequest) -> Result<HttpResponse, Problem> {
    fixed(request, "application/json", &OPENAPI_TAG, || Ok(Bytes::from_static(OPENAPI.as_bytes())))
}

impl File {
    const fn new(path: &'static str, tag: &'static str, brotli: &'static [u8]) -> Self {
        Self { path, tag, brotli, gzip: OnceLock::new() }
    }

    fn named(path: &str) -> Result<&'static Self, Problem> {
        FILES.iter().find(|file| file.path == path).ok_or_else(Problem::not_found)
    }

    fn in_form(&self, form: Encoding) -> Result<Bytes, Problem> {
        match form {
            Encoding::Brotli => Ok(Bytes::from_static(self.brotli)),
            Encoding::Identity => self.plain().map(Bytes::from),
            Encoding::Gzip => match self.gzip.get() {
                Some(made) => Ok(made.clone()),
                None => {
                    let plain = self.plain()?;
                    Ok(self.gzip.get_or_init(|| gzip(&plain)).clone())
                }
            },
        }
    }

    fn plain(&self) -> Result<Vec<u8>, Problem> {
        let (mut brotli, mut plain) = (self.brotli, Vec::new());
        brotli_decompressor::BrotliDecompress(&mut brotli, &mut plain).map_err(|_| Problem::internal())?;
        Ok(plain)
    }

    /// Answers with the form of the file that the client prefers, each of which has a tag of its own.
    fn answer(&self, request: &HttpRequest) -> Result<HttpResponse, Problem> {
        let encoding = Encoding::preferred(request.headers(), true, true);
        let ending = encoding.name().map(|name| format!("-{name}")).unwrap_or_default();
        let tag = format!("\"{}{ending}\"", self.tag);
        let mut response = fixed(request, content_type(self.path), &tag, || self.in_form(encoding))?;
        let headers = response.headers_mut();
        headers.append(VARY, HeaderValue::from_static("accept-encoding"));
        if let Some(name) = encoding.name() {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static(name));
        }
        Ok(response)
    }
}

fn gzip(plain: &[u8]) -> Bytes {
    let mut made = GZIP_HEAD.to_vec();
    made.extend(miniz_oxide::deflate::compress_to_vec(plain, GZIP_LEVEL));
    made.extend(crc32fast::hash(plain).to_le_bytes());
    // Of its length the format has the lower half.
    made.extend((plain.len() as u32).to_le_bytes());
    Bytes::from(made)
}

/// Answers with content that is part of the binary, or that it has not changed since the client got it.
fn fixed(
    request: &HttpRequest,
    content_type: &'static str,
    tag: &str,
    content: impl FnOnce() -> Result<Bytes, Problem>,
) -> Result<HttpResponse, Problem> {
    let mut response = match is_known(request.headers(), tag) {
        true => empty(StatusCode::NOT_MODIFIED),
        false => {
            let mut response = whole(StatusCode::OK, content_type, Vec::new());
            *response.body_mut() = content()?;
            response
        }
    };
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(NOT_KEPT));
    headers.insert(ETAG, HeaderValue::try_from(tag).map_err(|_| Problem::internal())?);
    Ok(response)
}

/// Whether a client already has the content that `tag` names.
pub(crate) fn is_known(headers: &HeaderMap, tag: &str) -> bool {
    let strong = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    let known = headers.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    known.flat_map(|value| value.split(',')).any(|known| known.trim() == "*" || strong(known) == strong(tag))
}

/// The origin of an address.
pub(crate) fn origin(address: &str) -> Option<String> {
    let uri: Uri = address.parse().ok()?;
    Some(format!("{}://{}", uri.scheme_str()?, uri.authority()?))
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("js" | "mjs") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("wasm") => "application/wasm",
        Some("json") => "application/json",
        _ => "text/plain; charset=utf-8",
    }
}
