//! Serves the page and the API's description, which are static files and the same for everybody, and the page's
//! configuration.
//!
//! Must stay true: nothing here needs a credential or reveals anything about a tenant; the Content-Security-Policy
//! limits what the page may load and request, and nothing in the page is inline.

use crate::Api;
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, ETAG, IF_NONE_MATCH, REFERRER_POLICY};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri};
use include_dir::{Dir, include_dir};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use std::sync::LazyLock;
use vestibule_domain::Timestamp;
use vestibule_platform::problem::{empty, json as answer, whole};
use vestibule_platform::{HttpRequest, HttpResponse, Problem};
use vestibule_webhook::sources::SENDERS;

/// The words of names, as a module of the page. They come from the lexicon, as do those of the mailed page and the
/// terminal.
static LEXICON: LazyLock<String> = LazyLock::new(vestibule_words::module);
/// The operations of the API's description, as a module of the page: method, path and question by name.
pub const OPERATIONS_MODULE: &str = include_str!(concat!(env!("OUT_DIR"), "/operations.js"));
/// The paths from which the page's other modules import these.
const LEXICON_PATH: &str = "assets/kit/lexicon.js";
const OPERATIONS_PATH: &str = "assets/kit/operations.js";
static WEB: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/web");
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

    /// A file of the page; the page itself is `index.html`.
    pub(crate) async fn page_file(
        &self,
        request: &HttpRequest,
        path: &str,
        now: Timestamp,
    ) -> Result<HttpResponse, Problem> {
        let content = match path {
            LEXICON_PATH => LEXICON.as_bytes(),
            OPERATIONS_PATH => OPERATIONS_MODULE.as_bytes(),
            _ => WEB.get_file(path).ok_or_else(Problem::not_found)?.contents(),
        };
        let mut response = fixed(request, content_type(path), content)?;
        let headers = response.headers_mut();
        if content_type(path).starts_with("text/html") {
            let policy = self.policy(now).await?;
            headers.insert(CONTENT_SECURITY_POLICY, policy);
            headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
            headers
                .insert(HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin"));
        }
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
    fixed(request, "application/json", OPENAPI.as_bytes())
}

/// Answers with content that is part of the binary.
fn fixed(request: &HttpRequest, content_type: &'static str, content: &[u8]) -> Result<HttpResponse, Problem> {
    let tag: String = Sha256::digest(content)[..16].iter().map(|byte| format!("{byte:02x}")).collect();
    let tag = format!("\"{tag}\"");
    let mut response = match is_known(request.headers(), &tag) {
        true => empty(StatusCode::NOT_MODIFIED),
        false => whole(StatusCode::OK, content_type, content.to_vec()),
    };
    let headers = response.headers_mut();
    // Clients must ask each time, since the next deployment may change the content of a name.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
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
