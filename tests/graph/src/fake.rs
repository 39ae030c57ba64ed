//! The fake Graph: tokens, lists in pages, and faults.

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};
use std::collections::{BTreeMap, VecDeque};
use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::net::TcpListener;
use vestibule_graph::Addresses;

const SIGN_INS: &str = "signIns";

/// The bytes that are sent. The end may be missing.
type Sent = BoxBody<Bytes, std::io::Error>;

/// A fault that prevents or changes an answer.
#[derive(Clone, Debug)]
pub enum Fault {
    /// This status, with this `Retry-After` and body, for every request for the list until the fault is removed.
    Always(u16, Option<&'static str>, &'static str),
    /// The same, but only once.
    Once(u16, Option<&'static str>, &'static str),
    /// A request with a filter is refused.
    NoFilter,
    /// A request with a filter by anything other than date is refused.
    OnlyByDate,
    /// The next link leads to this address.
    ForeignLink(&'static str),
    /// The next link leads to the same page.
    Circle,
    /// The connection ends in the middle of the body, once.
    Cut,
    /// The answer has so many bytes.
    Large(usize),
    /// The body is not JSON.
    Garbage,
    /// Every link to a further page is too old, once.
    OldLink,
}

/// A function that is called at each request for a list.
type Heard = Arc<dyn Fn(&Asked) + Send + Sync>;

/// A received request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Its path.
    pub path: String,
    /// Its query, decoded.
    pub query: String,
    /// Its bearer token.
    pub token: String,
}

#[derive(Default)]
struct State {
    /// Accepted app registrations: directory, client, secret.
    apps: Vec<(String, String, String)>,
    /// Records by path and directory. Records without a directory are in every directory.
    lists: BTreeMap<String, Vec<Value>>,
    faults: Vec<(String, Fault)>,
    /// The answer for the next request for a token, in place of the usual one.
    token_faults: VecDeque<(u16, String)>,
    asked: Vec<Asked>,
    tokens_given: usize,
    /// Tokens that are no longer valid.
    ended: Vec<String>,
    page_size: usize,
    token_seconds: i64,
    base: String,
    /// Called at each request for a list, so that a test can advance its clock.
    on_asked: Option<Heard>,
}

/// A fake Graph, which ends with the process.
#[derive(Clone)]
pub struct Fake(Arc<Mutex<State>>);

impl Fake {
    /// Starts one.
    pub async fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let state = State { page_size: 100, token_seconds: 3_599, base, ..State::default() };
        let fake = Self(Arc::new(Mutex::new(state)));
        let serving = fake.clone();
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let fake = serving.clone();
                tokio::spawn(async move { fake.serve(socket).await });
            }
        });
        fake
    }

    /// One that accepts this app registration.
    pub async fn with_app(directory: &str, client: &str, secret: &str) -> Self {
        let fake = Self::start().await;
        fake.accept(directory, client, secret);
        fake
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// Its address.
    pub fn url(&self) -> String {
        self.state().base.clone()
    }

    /// Its addresses, for the client.
    pub fn addresses(&self) -> Addresses {
        Addresses::new(&self.url(), &self.url()).unwrap()
    }

    /// Accepts another app registration.
    pub fn accept(&self, directory: &str, client: &str, secret: &str) {
        self.state().apps.push((directory.to_owned(), client.to_owned(), secret.to_owned()));
    }

    /// Accepts no app registration any more.
    pub fn accept_none(&self) {
        self.state().apps.clear();
    }

    /// Sets the records of a list, which is named by the last part of its path.
    pub fn set(&self, list: &str, records: Vec<Value>) {
        self.state().lists.insert(list.to_owned(), records);
    }

    /// Changes the records of a list.
    pub fn change(&self, list: &str, change: impl FnOnce(&mut Vec<Value>)) {
        change(self.state().lists.entry(list.to_owned()).or_default());
    }

    /// Answers in pages of so many records.
    pub fn page_size(&self, records: usize) {
        self.state().page_size = records;
    }

    /// Issues tokens that are valid for so long.
    pub fn token_seconds(&self, seconds: i64) {
        self.state().token_seconds = seconds;
    }

    /// Adds a fault to a list.
    pub fn fault(&self, list: &str, fault: Fault) {
        self.state().faults.push((list.to_owned(), fault));
    }

    /// Removes all faults.
    pub fn mend(&self) {
        let mut state = self.state();
        state.faults.clear();
        state.token_faults.clear();
    }

    /// Gives this answer to the next request for a token.
    pub fn refuse_token(&self, status: u16, body: &str) {
        self.state().token_faults.push_back((status, body.to_owned()));
    }

    /// Ends all issued tokens.
    pub fn end_tokens(&self) {
        let mut state = self.state();
        let given = state.tokens_given;
        state.ended = (1..=given).map(|number| format!("token-{number}")).collect();
    }

    /// Calls `heard` at each request for a list.
    pub fn on_asked(&self, heard: impl Fn(&Asked) + Send + Sync + 'static) {
        self.state().on_asked = Some(Arc::new(heard));
    }

    /// The requests for lists since the last time.
    pub fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut self.state().asked)
    }

    /// How many tokens were issued.
    pub fn tokens_given(&self) -> usize {
        self.state().tokens_given
    }

    async fn serve(&self, socket: tokio::net::TcpStream) {
        let fake = self.clone();
        let service = service_fn(move |request| {
            let fake = fake.clone();
            async move { Ok::<_, Infallible>(fake.answer(request).await) }
        });
        // A connection that a fault cuts ends with an error.
        let _cut = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(socket), service).await;
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<Sent> {
        let (parts, body) = request.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let path = parts.uri.path().to_owned();
        if path.ends_with("/oauth2/v2.0/token") {
            return self.give_token(&path, &body);
        }
        let query = percent_decode_str(parts.uri.query().unwrap_or_default()).decode_utf8().unwrap().into_owned();
        let bearer = parts.headers.get("authorization").and_then(|value| value.to_str().ok()).unwrap_or_default();
        let token = bearer.strip_prefix("Bearer ").unwrap_or_default().to_owned();
        let asked = Asked { path: path.clone(), query: query.clone(), token: token.clone() };
        let heard = self.state().on_asked.clone();
        if let Some(heard) = heard {
            heard(&asked);
        }
        let mut state = self.state();
        state.asked.push(asked);
        if !token.starts_with("token-") || state.ended.contains(&token) {
            return plain(401, None, r#"{"error":{"code":"InvalidAuthenticationToken"}}"#);
        }
        let list = path.rsplit('/').next().unwrap_or_default().to_owned();
        let is_further = query.contains("$skiptoken=");
        let (mut next_at, mut circle) = (None, false);
        let faults: Vec<(usize, Fault)> = state
            .faults
            .iter()
            .enumerate()
            .filter(|(_, (of, _))| *of == list)
            .map(|(at, (_, fault))| (at, fault.clone()))
            .collect();
        for (at, fault) in faults {
            match fault {
                Fault::Always(status, after, body) => return plain(status, after, body),
                Fault::Once(status, after, body) => {
                    state.faults.remove(at);
                    return plain(status, after, body);
                }
                Fault::NoFilter if query.contains("$filter") => {
                    return plain(400, None, r#"{"error":{"code":"BadRequest","message":"Invalid filter clause"}}"#);
                }
                Fault::OnlyByDate if query.contains(" eq ") => {
                    return plain(400, None, r#"{"error":{"code":"BadRequest","message":"Invalid filter clause"}}"#);
                }
                Fault::NoFilter | Fault::OnlyByDate => {}
                Fault::ForeignLink(link) => next_at = Some(link.to_owned()),
                Fault::Circle => circle = true,
                Fault::Cut => {
                    state.faults.remove(at);
                    let begun = Ok(Frame::data(Bytes::from_static(b"{\"value\":[{\"id\":")));
                    let cut = Err(std::io::Error::other("cut"));
                    return Response::new(StreamBody::new(futures::stream::iter([begun, cut])).boxed());
                }
                Fault::Large(bytes) => {
                    let body = format!("{{\"value\":[],\"x\":\"{}\"}}", "x".repeat(bytes));
                    return whole(200, body.into_bytes());
                }
                Fault::Garbage => return plain(200, None, "<html>A proxy of the organisation's</html>"),
                Fault::OldLink if is_further => {
                    state.faults.remove(at);
                    return plain(400, None, r#"{"error":{"code":"BadRequest","message":"Skip token is expired"}}"#);
                }
                Fault::OldLink => {}
            }
        }
        let Some(records) = state.lists.get(&list) else { return plain(404, None, "") };
        let mut records = filtered(records, &query);
        if list == SIGN_INS {
            sort_sign_ins(&mut records, &query);
        }
        let skip: usize = query.split("$skiptoken=").nth(1).and_then(|text| text.parse().ok()).unwrap_or(0);
        let page: Vec<&Value> = records.iter().skip(skip).take(state.page_size).collect();
        let mut body = json!({"@odata.context": "x", "value": page});
        let end = skip + state.page_size;
        if end < records.len() || circle {
            let kept = query.split("&$skiptoken").next().unwrap_or_default().replace(' ', "%20");
            let at = if circle { 0 } else { end };
            let own = format!("{}{path}?{kept}&$skiptoken={at}", state.base);
            body["@odata.nextLink"] = json!(own);
        }
        if let Some(link) = next_at {
            body["@odata.nextLink"] = json!(link);
        }
        whole(200, body.to_string().into_bytes())
    }

    fn give_token(&self, path: &str, body: &[u8]) -> Response<Sent> {
        let mut state = self.state();
        if let Some((status, body)) = state.token_faults.pop_front() {
            return whole(status, body.into_bytes());
        }
        let text = String::from_utf8_lossy(body).into_owned();
        let pairs: BTreeMap<String, String> = text
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .map(|(name, value)| (name.to_owned(), percent_decode_str(value).decode_utf8().unwrap().into_owned()))
            .collect();
        let directory = path.trim_start_matches('/').split('/').next().unwrap_or_default();
        let get = |name: &str| pairs.get(name).map(String::as_str).unwrap_or_default();
        assert_eq!(get("grant_type"), "client_credentials");
        assert_eq!(get("scope"), format!("{}/.default", state.base));
        let is_known = state.apps.iter().any(|(of, client, secret)| {
            of == directory && client == get("client_id") && secret == get("client_secret")
        });
        if !is_known {
            let error = json!({"error": "invalid_client", "error_description": "AADSTS7000215: Invalid client secret provided."});
            return whole(401, error.to_string().into_bytes());
        }
        state.tokens_given += 1;
        let token = format!("token-{}", state.tokens_given);
        let given = json!({"token_type": "Bearer", "expires_in": state.token_seconds, "access_token": token});
        whole(200, given.to_string().into_bytes())
    }
}

/// The records that match a filter: clauses joined by `and`, of which one may be alternatives in parentheses.
fn filtered(records: &[Value], query: &str) -> Vec<Value> {
    let Some(filter) = query.split('&').find_map(|pair| pair.strip_prefix("$filter=")) else { return records.to_vec() };
    let clauses: Vec<&str> = filter.split(" and ").collect();
    assert!(clauses[0].contains(" ge "), "a filter by date comes first: {filter}");
    records.iter().filter(|record| clauses.iter().all(|clause| has(record, clause))).cloned().collect()
}

fn has(record: &Value, clause: &str) -> bool {
    if clause.starts_with("signInEventTypes/") {
        return true;
    }
    if let Some(any) = clause.strip_prefix('(').and_then(|clause| clause.strip_suffix(')')) {
        return any.split(" or ").any(|clause| has(record, clause));
    }
    let time = |text: &str| vestibule_domain::Timestamp::parse(text).ok();
    let member = |path: &str| path.split('/').fold(record, |value, name| &value[name]);
    if let Some((path, since)) = clause.split_once(" ge ") {
        return member(path).as_str().and_then(time) >= Some(time(since).unwrap());
    }
    let (path, value) = clause.split_once(" eq ").expect("a clause");
    let value = value
        .strip_prefix('\'')
        .and_then(|value| value.strip_suffix('\''))
        .map_or_else(|| Value::from(value.parse::<i64>().expect("a number")), Value::from);
    *member(path) == value
}

/// Sign-ins are listed newest first, and those that people did not make themselves only if they are requested.
fn sort_sign_ins(records: &mut Vec<Value>, query: &str) {
    let silent = query.contains("signInEventTypes/any(t: t eq 'nonInteractiveUser')");
    records.retain(|record| record["isInteractive"] == json!(!silent));
    records.sort_by_key(|record| std::cmp::Reverse(record["createdDateTime"].as_str().unwrap_or_default().to_owned()));
}

fn plain(status: u16, after: Option<&str>, body: &'static str) -> Response<Sent> {
    let mut response = whole(status, body.as_bytes().to_vec());
    if let Some(after) = after {
        response.headers_mut().insert("retry-after", after.parse().unwrap());
    }
    response
}

fn whole(status: u16, body: Vec<u8>) -> Response<Sent> {
    let body = Full::new(Bytes::from(body)).map_err(|never| match never {}).boxed();
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    response
}
