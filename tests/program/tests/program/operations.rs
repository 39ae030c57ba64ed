//! Every operation of the API with a valid call, over a served sample. Other tests check security and the description
//! with these.
//!
//! Must stay true: each route of the deployment that is not a webhook is called. A call follows from the description;
//! only what the description does not say is written here.

use crate::description::Document;
use reqwest::Method;
use serde_json::{Value, json};
use std::path::Path;
use std::sync::LazyLock;
use vestibule_program_tests::{Answer, Client, Folder, Sender, Serve, Tenant};
use vestibule_webhook::sources::SENDERS;

/// Routes of the page, which the description leaves out.
pub const PAGE: [&str; 4] =
    ["GET /", "HEAD /", "GET /assets/{version}/{folder}/{name}", "HEAD /assets/{version}/{folder}/{name}"];
/// Preflights, which browsers send, and handshakes, which delivery services send; and the links of messages, for people.
/// They are not described either, and have their own tests, since their answers depend on the origin, or on the link.
pub const BEFOREHAND: [&str; 4] =
    ["OPTIONS /api/{proxy+}", "OPTIONS /hooks/{proxy+}", "GET /notices/mute/{token}", "POST /notices/mute/{token}"];

/// Who may call an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    Anybody,
    Readers,
    Admins,
}

/// A row of the table.
pub struct Operation {
    /// As in the deployment: `GET /api/attempts/{id}`.
    pub route: String,
    /// The path to call. Names in braces are replaced by values of the sample.
    pub call: String,
    /// A valid body.
    pub body: Option<Value>,
    pub who: Who,
    /// The status of the answer to a valid call.
    pub status: u16,
    /// The status of the answer to the same call by another credential of the tenant, which may only read.
    pub readers: u16,
    /// The status of the answer to the same call with the token of another tenant's administrator.
    pub theirs: u16,
    /// Invalid queries, and the invalid parameter.
    pub bad_queries: Vec<(String, String)>,
    /// Invalid bodies, and the invalid member.
    pub bad_bodies: Vec<(Value, &'static str)>,
}

impl Operation {
    pub fn method(&self) -> Method {
        self.route.split(' ').next().unwrap().parse().unwrap()
    }
}

/// A served sample, and a client of each kind.
pub struct Sample {
    pub folder: Folder,
    pub serve: Serve,
    pub admin: Client,
    pub reader: Client,
    pub nobody: Client,
    /// The administrator of another tenant.
    pub theirs: Client,
    /// The tenant's sender, and that of the other tenant.
    pub senders: [Sender; 2],
    /// The values for the names in braces in the table.
    names: Vec<(&'static str, String)>,
}

impl Sample {
    pub async fn serve() -> Self {
        Self::serve_with(&[]).await
    }

    pub async fn serve_with(environment: &[(&str, &str)]) -> Self {
        let folder = Folder::new();
        let demo = folder.json(&["demo", "--exit", "--listen", "127.0.0.1:0", "--enrollments", "90"]);
        let fabrikam = folder.add_tenant("fabrikam");
        // Everything that is not allowed is tried of every operation, within a minute.
        let mut command = folder.command(&["serve", "--listen", "127.0.0.1:0", "--refusals-a-minute", "0"]);
        command.envs(environment.iter().copied());
        let serve = folder.start(command);
        let token = |role| text(&folder.json(&["token", "add", "contoso", "--role", role]), "/token");
        let client = |token: &str| Client::new(&serve.url, token);
        let (admin, reader) = (client(&token("admin")), client(&token("reader")));
        let contoso = Tenant {
            name: "contoso".to_owned(),
            secret: demo["webhookSecret"].as_str().unwrap().to_owned(),
            admin: String::new(),
        };
        let session = &admin.json("/api/reports/esp/sessions?limit=1").await;
        let attempt = &admin.json("/api/reports/incomplete-enrollments/attempts?outcome=abandoned&limit=1").await;
        let profiles = &admin.json("/api/devices/esp-profiles").await;
        let browser = Self::post(&admin, "/api/browser-sessions", &json!({})).await.ok(201);
        let spare = Self::post(&admin, "/api/devices/esp-profiles", &json!({"displayName": "Spare"})).await.ok(201);
        let annotation = json!({"from": "2026-11-15", "text": "Terms of use changed"});
        let annotation = Self::post(&admin, "/api/annotations", &annotation).await.ok(201);
        // Nobody listens at these addresses, so a test is given up at once.
        let channel = json!({"kind": "teams", "url": "https://127.0.0.1:9/hush"});
        for name in ["mail", "spare-channel"] {
            let path = format!("/api/notices/channels/{name}");
            Answer::of(admin.request(Method::PUT, &path).json(&channel).send().await.unwrap()).await.ok(200);
        }
        let rule = json!({"watch": {"kind": "weekly"}, "channels": ["mail"]});
        let rule = admin.request(Method::PUT, "/api/notices/rules/spare-rule").json(&rule).send().await.unwrap();
        Answer::of(rule).await.ok(200);
        let token = Self::post(&admin, "/api/tokens", &json!({"name": "Spare", "role": "reader"})).await.ok(201);
        let names = vec![
            ("spare-tokens", text(&token, "/token/id")),
            ("spare-sources", "nanomdm".to_owned()),
            ("spare-channels", "spare-channel".to_owned()),
            ("spare-rules", "spare-rule".to_owned()),
            ("spare-annotations", text(&annotation, "/annotation/id")),
            ("devices", text(session, "/sessions/0/enrollmentKey")),
            ("sessions", text(session, "/sessions/0/sessionId")),
            ("attempts", text(attempt, "/attempts/0/attemptId")),
            ("esp-profiles", text(profiles, "/value/0/id")),
            ("spare-esp-profiles", text(&spare, "/id")),
            ("files", text(&admin.json("/api/reports/files").await, "/files/0/id")),
            ("advice", "0x80cf0437".to_owned()),
            ("spare-browser-sessions", text(&browser, "/session/id")),
            ("asset", ASSET.to_owned()),
        ];
        let (nobody, theirs) = (client(""), client(&fabrikam.admin));
        let senders = [serve.sender(&contoso), serve.sender(&fabrikam)];
        Self { admin, reader, nobody, theirs, senders, names, folder, serve }
    }

    async fn post(client: &Client, path: &str, body: &Value) -> Answer {
        Answer::of(client.request(Method::POST, path).json(body).send().await.unwrap()).await
    }

    /// A text whose names in braces are replaced by values of the sample; `{code}` is a new sign-in code each time.
    pub fn fill(&self, text: &str) -> String {
        let mut filled = text.to_owned();
        for (name, value) in &self.names {
            filled = filled.replace(&format!("{{{name}}}"), value);
        }
        if filled.contains("{code}") { filled.replace("{code}", &code(&self.folder, "contoso")) } else { filled }
    }

    /// Texts that only the tenant's own people may read.
    pub fn secrets(&self) -> impl Iterator<Item = &str> {
        let own = ["devices", "attempts", "esp-profiles", "files"];
        self.names.iter().filter(move |(name, _)| own.contains(name)).map(|(_, value)| value.as_str())
    }

    /// Makes the valid call of an operation.
    pub async fn call(&self, client: &Client, operation: &Operation) -> Answer {
        let path = self.fill(&operation.call);
        assert!(!path.contains('{'), "{}: the sample has no value for {path}", operation.route);
        let request = client.request(operation.method(), &path);
        let request = match &operation.body {
            None => request,
            Some(body) => request.header("content-type", "application/json").body(self.fill(&body.to_string())),
        };
        Answer::of(request.send().await.unwrap()).await
    }
}

/// A new code to sign in with.
pub fn code(folder: &Folder, tenant: &str) -> String {
    let made = folder.json(&["token", "link", tenant]);
    made["url"].as_str().unwrap().split_once("code=").unwrap().1.to_owned()
}

/// The routes of the deployment, as written in its template.
pub fn template_routes() -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().join("infra/template.yaml");
    let template = std::fs::read_to_string(path).unwrap();
    let routes = template.lines().filter_map(|line| line.trim().strip_prefix("RouteKey: "));
    let routes: Vec<&str> = routes.map(|route| route.trim_matches('"')).collect();
    let spelled_out = |route: &&str| match route.split_once("{source}") {
        None => vec![(*route).to_owned()],
        // The shared route is replaced by the senders that have no route of their own.
        Some((before, after)) => {
            let senders = senders_without(&routes, Some(after).filter(|after| !after.is_empty()));
            senders.map(|name| format!("{before}{name}{after}")).collect()
        }
    };
    routes.iter().flat_map(spelled_out).collect()
}

/// The senders that post with a secret in the path, or those that post without one, whose names are not in `paths`.
pub fn senders_without(paths: &[&str], path_secret: Option<&str>) -> impl Iterator<Item = &'static str> {
    let is_apart = |name: &str| paths.iter().any(|path| path.ends_with(&format!("/hooks/{{tenant}}/{name}")));
    let senders = SENDERS.iter().filter(move |sender| sender.takes(path_secret) && !is_apart(sender.name));
    senders.map(|sender| sender.name).collect::<Vec<_>>().into_iter()
}

fn text(value: &Value, pointer: &str) -> String {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_else(|| panic!("no {pointer}: {value}")).to_owned()
}

/// A file of the page, under the version of another page.
const ASSET: &str = "any-version/shell/page.js";

/// The table: each operation of the description with the call that follows from it, and the page. Calls that remove
/// something come last.
pub fn table() -> &'static [Operation] {
    static TABLE: LazyLock<Vec<Operation>> = LazyLock::new(|| {
        let mut rows = Document::read().calls();
        rows.extend(PAGE.map(of_page));
        let mut special = special();
        for row in &mut rows {
            if let Some(at) = special.iter().position(|one| one.route == row.route) {
                special.swap_remove(at).change(row);
            }
        }
        let unknown: Vec<_> = special.iter().map(|one| one.route).collect();
        assert!(unknown.is_empty(), "no such operations: {unknown:?}");
        let order = [Method::HEAD, Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];
        rows.sort_by_key(|row| order.iter().position(|method| *method == row.method()));
        rows
    });
    &TABLE
}

fn of_page(route: &str) -> Operation {
    Operation {
        route: route.to_owned(),
        call: route.split(' ').nth(1).unwrap().replace("{version}/{folder}/{name}", "{asset}"),
        body: None,
        who: Who::Anybody,
        status: 200,
        readers: 200,
        theirs: 200,
        bad_queries: Vec::new(),
        bad_bodies: Vec::new(),
    }
}

/// What the call of an operation has besides what the description says.
#[derive(Default)]
struct Special {
    route: &'static str,
    /// The query of the valid call.
    query: Option<&'static str>,
    /// A valid body in place of the description's example.
    body: Option<Value>,
    /// The status of the answer to another credential of the tenant.
    readers: Option<u16>,
    /// The status of the answer to the other tenant's administrator.
    theirs: Option<u16>,
    bad_query: Option<(&'static str, &'static str)>,
    bad_bodies: Vec<(Value, &'static str)>,
}

impl Special {
    fn change(self, row: &mut Operation) {
        row.call.extend(self.query.into_iter().flat_map(|query| ["?", query]));
        row.body = self.body.or(row.body.take());
        row.readers = self.readers.unwrap_or(row.readers);
        row.theirs = self.theirs.unwrap_or(row.theirs);
        row.bad_queries.extend(self.bad_query.map(|(query, name)| (query.to_owned(), name.to_owned())));
        row.bad_bodies = self.bad_bodies;
    }
}

/// What is special: queries without which an answer would say little, combinations that a schema does not describe, and
/// invalid bodies.
fn special() -> Vec<Special> {
    let with = |route, query| Special { route, query: Some(query), ..Special::default() };
    let refuses = |route, bad_bodies| Special { route, bad_bodies, ..Special::default() };
    let bad_profiles = vec![
        (json!({"description": "hush"}), "displayName"),
        (json!({"displayName": "x", "installProgressTimeoutInMinutes": 1441}), "installProgressTimeoutInMinutes"),
        (json!({"displayName": "x", "enabled": "hush"}), "enabled"),
        (json!({"displayName": "x", "colour": "hush"}), "colour"),
    ];
    let bad_annotations = vec![
        (json!({"text": "hush"}), "from"),
        (json!({"from": "2026-11-15"}), "text"),
        (json!({"from": "hush", "text": "x"}), "from"),
        (json!({"from": "2026-11-15", "to": "2026-11-15", "text": "hush"}), "to"),
        (json!({"from": "2026-11-15", "text": "hush@contoso.example"}), "text"),
        (json!({"from": "2026-11-15", "text": 5}), "text"),
        (json!({"from": "2026-11-15", "text": "x", "colour": "hush"}), "body"),
        (json!(["hush"]), "body"),
    ];
    let bad_choices = vec![
        (json!({"digestMinutes": 1_441}), "digestMinutes"),
        (json!({"limitAnHour": 0}), "limitAnHour"),
        (json!({"quiet": "hush"}), "quiet"),
        (json!({"names": "hush"}), "names"),
        (json!({"address": "https://vestibule.example/hush"}), "address"),
        (json!({"colour": "hush"}), "body"),
    ];
    let mail = |changed: (&str, Value)| {
        let mut mail = json!({"kind": "email", "server": "smtp.example", "from": "a@b.example", "to": ["c@d.example"]});
        mail[changed.0] = changed.1;
        mail
    };
    let bad_channels = vec![
        (json!({"kind": "hush"}), "kind"),
        (json!({"kind": "teams"}), "url"),
        (json!({"kind": "slack", "url": "http://example.com/hush"}), "url"),
        (json!({"kind": "webhook", "url": "hush"}), "url"),
        (json!({"kind": "slack", "url": "https://example.com/hush", "server": "hush"}), "server"),
        (mail(("server", json!("hush hush"))), "server"),
        (mail(("port", json!(65_536))), "port"),
        (mail(("tls", json!("hush"))), "tls"),
        (mail(("password", json!("hush"))), "user"),
        (mail(("user", json!("hush"))), "password"),
        (mail(("from", json!("hush"))), "from"),
        (mail(("to", json!(["hush"]))), "to"),
        (mail(("to", json!([]))), "to"),
        (mail(("url", json!("https://example.com/hush"))), "url"),
        (mail(("colour", json!("hush"))), "body"),
    ];
    let rule = |watch: Value| json!({"watch": watch, "channels": ["mail"]});
    let bad_rules = vec![
        (json!({"channels": ["mail"]}), "watch"),
        (json!({"watch": {"kind": "weekly"}}), "channels"),
        (json!({"watch": {"kind": "weekly"}, "channels": ["hush"]}), "channels"),
        (rule(json!("hush")), "watch"),
        (rule(json!({"kind": "hush"})), "watch.kind"),
        (rule(json!({"kind": "weekly", "colour": "hush"})), "watch"),
        (rule(json!({"kind": "stepRate", "step": ""})), "watch.step"),
        (rule(json!({"kind": "appRate", "app": 5})), "watch.app"),
        (rule(json!({"kind": "silent", "source": "hush"})), "watch.source"),
        (rule(json!({"kind": "stuck", "minutes": 1_441})), "watch.minutes"),
        (rule(json!({"kind": "outcomes", "of": []})), "watch.of"),
        (rule(json!({"kind": "outcomes", "of": ["hush"]})), "watch.of"),
        (rule(json!({"kind": "outcomes", "of": ["failed"], "profiles": ["hush"]})), "watch.profiles"),
        (rule(json!({"kind": "outcomes", "of": ["timedOut"], "groups": ["hush"]})), "watch.groups"),
    ];
    vec![
        with("GET /api/devices/enrollment-status/active", "limit=2"),
        with("GET /api/devices/enrollment-status/failures", "platform=ios&limit=5"),
        with("GET /api/devices/limbo", "afterDays=3&limit=5"),
        with("GET /api/search", "text=contoso&limit=3"),
        with("GET /api/reports/slices", "by=osVersion&limit=3"),
        with("GET /api/reports/web-enrollment", "os=ios"),
        with("GET /api/reports/coverage", "os=all"),
        with("GET /api/reports/incomplete-enrollments", "section=platformScreens"),
        with("GET /api/reports/incomplete-enrollments/attempts", "outcome=abandoned&limit=3"),
        with("GET /api/reports/esp", "limit=3"),
        with("GET /api/reports/esp/sessions", "limit=3"),
        with("GET /api/reports/files/{id}/link", "part=summary"),
        Special {
            bad_query: Some(("user=hush&device=hush", "device")),
            ..with("GET /api/diagnostics", "device={devices}")
        },
        Special { route: "GET /api/advice/{code}", theirs: Some(200), ..Special::default() },
        // A session is seen by the credential alone that it was made from.
        Special { route: "DELETE /api/browser-sessions/{id}", readers: Some(404), ..Special::default() },
        refuses(
            "POST /api/devices/esp-profiles/resolve",
            vec![
                (json!({"deploymentMode": "hush"}), "deploymentMode"),
                (json!({"groups": {"user": [{"name": "hush"}]}}), "groups.user"),
                (json!({"groups": {"user": [{"id": "g", "name": 5}]}}), "groups.user"),
                (json!({"targetedApps": [{"id": "a", "context": "hush"}]}), "targetedApps.context"),
                (json!({"targetedApps": [{"id": "a", "context": 5}]}), "targetedApps.context"),
                (json!({"hybridJoin": "hush"}), "hybridJoin"),
            ],
        ),
        refuses("POST /api/devices/esp-profiles", bad_profiles.clone()),
        refuses("PUT /api/devices/esp-profiles/{id}", bad_profiles),
        refuses(
            "POST /api/devices/esp-profiles/{id}/set-priority",
            vec![(json!({"priority": 0}), "priority"), (json!({"priority": "hush"}), "priority")],
        ),
        refuses(
            "POST /api/devices/esp-profiles/{id}/assign",
            vec![
                (json!({"assignments": []}), "enrollmentConfigurationAssignments"),
                (
                    json!({"enrollmentConfigurationAssignments": [{"target": {"@odata.type": "hush"}}]}),
                    "enrollmentConfigurationAssignments[0].target.@odata.type",
                ),
            ],
        ),
        Special {
            // The example alters history, and later answers would come from a file that is being rebuilt.
            body: Some(json!({"deviceLimit": 5})),
            ..refuses(
                "PATCH /api/tenant",
                vec![
                    (json!({"retentionDays": 29}), "retentionDays"),
                    (json!({"timeZone": "hush"}), "timeZone"),
                    (json!({"colour": "hush"}), "colour"),
                    (json!(["hush"]), "body"),
                ],
            )
        },
        refuses(
            "POST /api/erasures",
            vec![
                (json!({}), "user"),
                (json!({"user": 5}), "user"),
                (json!({"user": "hush", "device": "hush"}), "device"),
                (json!({"user": "hush", "olderFiles": "hush"}), "olderFiles"),
                (json!({"user": "hush", "colour": "hush"}), "body"),
                (json!(["hush"]), "body"),
            ],
        ),
        Special {
            // Every organisation can have this sender.
            theirs: Some(201),
            ..refuses(
                "POST /api/sources/{id}/secrets",
                vec![
                    (json!({}), "url"),
                    (json!({"url": "hush"}), "url"),
                    (json!({"url": "https://vestibule.example/?hush"}), "url"),
                    (json!({"url": 5}), "url"),
                    (json!({"url": "https://vestibule.example", "colour": "hush"}), "body"),
                ],
            )
        },
        Special { route: "DELETE /api/sources/{id}/secrets", theirs: Some(204), ..Special::default() },
        refuses(
            "POST /api/tokens",
            vec![
                (json!({"role": "reader"}), "name"),
                (json!({"name": " ", "role": "reader"}), "name"),
                (json!({"name": "x", "role": "hush"}), "role"),
                (json!({"name": "x", "role": "reader", "scopeTags": "hush"}), "scopeTags"),
                (json!({"name": "x", "role": "reader", "scopeTags": [""]}), "scopeTags"),
                (json!({"name": "x", "role": "reader", "colour": "hush"}), "body"),
            ],
        ),
        refuses("PATCH /api/notices", bad_choices),
        // Every organisation can have channels and rules of these names; the other has no channel yet.
        Special { theirs: Some(200), ..refuses("PUT /api/notices/channels/{id}", bad_channels) },
        Special { theirs: Some(400), ..refuses("PUT /api/notices/rules/{id}", bad_rules) },
        // The one that the other has made.
        Special { route: "DELETE /api/notices/channels/{id}", theirs: Some(204), ..Special::default() },
        refuses(
            "POST /api/notices/rules/{id}/mute",
            vec![(json!({}), "days"), (json!({"days": 366}), "days"), (json!({"days": "hush"}), "days")],
        ),
        refuses("POST /api/annotations", bad_annotations.clone()),
        refuses("PUT /api/annotations/{id}", bad_annotations),
        Special { bad_query: Some(("user=hush&device=hush", "device")), ..with("GET /api/person", "device={devices}") },
        Special {
            body: Some(json!({"code": "{code}"})),
            ..refuses(
                "POST /api/session",
                vec![
                    (json!({"code": 5}), "code"),
                    (json!({"key": "hush"}), "code"),
                    (json!({"code": "hush", "more": "hush"}), "body"),
                    (json!(["hush"]), "body"),
                ],
            )
        },
    ]
}
