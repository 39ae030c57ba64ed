//! Every operation of the API with a valid call, over a served sample. Other tests check security and the description
//! with these.
//!
//! Must stay true: each route of the deployment that is not a webhook has a row. Rows that remove something come after
//! those that need it.

use reqwest::Method;
use serde_json::{Value, json};
use std::path::Path;
use vestibule_program_tests::{Answer, Client, Folder, Sender, Serve, Tenant};
use vestibule_webhook::sources::SENDERS;

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
    pub route: &'static str,
    /// The path to call. Names in braces are replaced by values of the sample.
    pub call: &'static str,
    /// A valid body.
    pub body: Option<Value>,
    pub who: Who,
    /// The status of the answer to a valid call.
    pub status: u16,
    /// The status of the answer to the same call with the token of another tenant's administrator.
    pub theirs: u16,
    /// Invalid queries, and the invalid parameter.
    pub bad_queries: &'static [(&'static str, &'static str)],
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
        let serve = folder.serve_with(environment);
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
        let spare = Self::post(&admin, "/api/devices/esp-profiles", &json!({"displayName": "Spare"})).await.ok(201);
        let names = vec![
            ("device", text(session, "/sessions/0/enrollmentKey")),
            ("session", text(session, "/sessions/0/sessionId")),
            ("attempt", text(attempt, "/attempts/0/attemptId")),
            ("profile", text(profiles, "/value/0/id")),
            ("spare", text(&spare, "/id")),
            ("file", text(&admin.json("/api/reports/files").await, "/files/0/id")),
            ("asset", asset()),
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
        let own = ["device", "attempt", "profile", "file"];
        self.names.iter().filter(move |(name, _)| own.contains(name)).map(|(_, value)| value.as_str())
    }

    /// Makes the valid call of an operation.
    pub async fn call(&self, client: &Client, operation: &Operation) -> Answer {
        let request = client.request(operation.method(), &self.fill(operation.call));
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

/// Any file of the page.
fn asset() -> String {
    let web = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().join("functions/admin-api/web");
    let files = std::fs::read_dir(web.join("assets/shell")).unwrap();
    let mut names: Vec<String> = files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    format!("shell/{}", names.first().unwrap())
}

/// An operation that all tokens of a tenant may call.
fn ask(
    route: &'static str,
    call: &'static str,
    theirs: u16,
    bad: &'static [(&'static str, &'static str)],
) -> Operation {
    let (body, bad_bodies) = (None, Vec::new());
    Operation { route, call, body, who: Who::Readers, status: 200, theirs, bad_queries: bad, bad_bodies }
}

/// An operation that only administrators may call.
fn change(route: &'static str, call: &'static str, body: Value, status: u16, theirs: u16) -> Operation {
    let body = Some(body).filter(|body| !body.is_null());
    Operation { route, call, body, who: Who::Admins, status, theirs, bad_queries: &[], bad_bodies: Vec::new() }
}

/// An operation that needs no token.
fn public(route: &'static str, call: &'static str) -> Operation {
    Operation { who: Who::Anybody, ..ask(route, call, 200, &[]) }
}

/// The table.
pub fn table() -> Vec<Operation> {
    let mut rows = questions();
    rows.extend(changes());
    rows
}

fn questions() -> Vec<Operation> {
    const DAYS: [(&str, &str); 5] = [
        ("from=hush", "from"),
        ("to=2026-02-30", "to"),
        ("from=", "from"),
        ("to=-0001-01-01", "to"),
        ("limit=0", "limit"),
    ];
    const PAGES: [(&str, &str); 3] = [("cursor=hush", "cursor"), ("limit=%2B5", "limit"), ("limit=1001", "limit")];
    let profiles = "/api/devices/esp-profiles";
    vec![
        ask("GET /api/devices/enrollment-status", "/api/devices/enrollment-status", 200, &[]),
        ask("GET /api/devices/enrollment-status/active", "/api/devices/enrollment-status/active?limit=2", 200, &PAGES),
        ask(
            "GET /api/devices/enrollment-status/failures",
            "/api/devices/enrollment-status/failures?platform=ios&limit=5",
            200,
            &[("platform=hush", "platform"), DAYS[0], DAYS[1], DAYS[4]],
        ),
        ask(
            "GET /api/devices/limbo",
            "/api/devices/limbo?afterDays=3&limit=5",
            200,
            &[("afterDays=-1", "afterDays"), ("why=hush", "why"), PAGES[0], PAGES[1]],
        ),
        ask(
            "GET /api/reports/web-enrollment",
            "/api/reports/web-enrollment?os=ios",
            200,
            &[("os=windows", "os"), DAYS[0], DAYS[1]],
        ),
        ask("GET /api/reports/coverage", "/api/reports/coverage?os=all", 200, &[("os=hush", "os"), DAYS[0]]),
        ask(
            "GET /api/reports/incomplete-enrollments",
            "/api/reports/incomplete-enrollments?section=platformScreens",
            200,
            &[
                ("os=hush", "os"),
                ("os=ios&os=android", "os"),
                ("section=hush", "section"),
                DAYS[0],
                DAYS[1],
                DAYS[2],
                DAYS[3],
            ],
        ),
        ask(
            "GET /api/reports/incomplete-enrollments/attempts",
            "/api/reports/incomplete-enrollments/attempts?outcome=abandoned&limit=3",
            200,
            &[
                ("cause=hush", "cause"),
                ("outcome=hush", "outcome"),
                ("catalogueRow=20", "catalogueRow"),
                ("user=%FF", "user"),
                ("os=hush", "os"),
                DAYS[0],
                PAGES[0],
                PAGES[1],
            ],
        ),
        ask("GET /api/attempts/{id}", "/api/attempts/{attempt}", 404, &[]),
        ask("GET /api/reports/esp", "/api/reports/esp?limit=3", 200, &DAYS),
        ask(
            "GET /api/reports/esp/sessions",
            "/api/reports/esp/sessions?limit=3",
            200,
            &[("state=hush", "state"), ("stuck=hush", "stuck"), ("user=%FF", "user"), DAYS[0], PAGES[0], PAGES[2]],
        ),
        ask("GET /api/reports/esp/sessions/{id}", "/api/reports/esp/sessions/{session}", 404, &[]),
        ask("GET /api/devices/{id}/esp", "/api/devices/{device}/esp", 404, &[("format=hush", "format")]),
        ask("GET /api/devices/{id}/esp-profile", "/api/devices/{device}/esp-profile", 404, &[]),
        ask("GET /api/devices/esp-profiles", profiles, 200, &[]),
        ask("GET /api/devices/esp-profiles/{id}", "/api/devices/esp-profiles/{profile}", 404, &[]),
        Operation {
            body: Some(json!({"deploymentMode": "userDriven", "groups": {"device": ["g"]}, "model": "ThinkPad"})),
            bad_bodies: vec![
                (json!({"deploymentMode": "hush"}), "deploymentMode"),
                (json!({"groups": {"user": [{"name": "hush"}]}}), "groups.user"),
                (json!({"groups": {"user": [{"id": "g", "name": 5}]}}), "groups.user"),
                (json!({"targetedApps": [{"id": "a", "context": "hush"}]}), "targetedApps.context"),
                (json!({"targetedApps": [{"id": "a", "context": 5}]}), "targetedApps.context"),
                (json!({"hybridJoin": "hush"}), "hybridJoin"),
            ],
            ..ask("POST /api/devices/esp-profiles/resolve", "/api/devices/esp-profiles/resolve", 200, &[])
        },
        ask("GET /api/reports/files", "/api/reports/files", 200, &[]),
        Operation { status: 302, ..ask("GET /api/reports/files/{id}", "/api/reports/files/{file}", 404, &[]) },
        Operation { status: 302, ..ask("HEAD /api/reports/files/{id}", "/api/reports/files/{file}", 404, &[]) },
        ask(
            "GET /api/reports/files/{id}/link",
            "/api/reports/files/{file}/link?part=summary",
            404,
            &[("part=hush", "part")],
        ),
        ask(
            "GET /api/diagnostics",
            "/api/diagnostics?device={device}",
            200,
            &[("user=hush&device=hush", "device"), ("user=", "user"), ("device=%FF", "device")],
        ),
        ask("GET /api/advice/{code}", "/api/advice/0x80cf0437", 200, &[]),
        ask("GET /api/sources", "/api/sources", 200, &[]),
        ask("GET /api/tenant", "/api/tenant", 200, &[]),
        public("GET /", "/"),
        public("HEAD /", "/"),
        public("GET /assets/{folder}/{name}", "/assets/{asset}"),
        public("HEAD /assets/{folder}/{name}", "/assets/{asset}"),
        public("GET /config.json", "/config.json"),
        public("GET /openapi.json", "/openapi.json"),
    ]
}

fn changes() -> Vec<Operation> {
    let all_devices = json!({"target": {"@odata.type": "#microsoft.graph.allDevicesAssignmentTarget"}});
    let bad_profiles = vec![
        (json!({"description": "hush"}), "displayName"),
        (json!({"displayName": "x", "installProgressTimeoutInMinutes": 1441}), "installProgressTimeoutInMinutes"),
        (json!({"displayName": "x", "enabled": "hush"}), "enabled"),
        (json!({"displayName": "x", "colour": "hush"}), "colour"),
    ];
    vec![
        Operation {
            bad_bodies: bad_profiles.clone(),
            ..change(
                "POST /api/devices/esp-profiles",
                "/api/devices/esp-profiles",
                json!({"displayName": "Kiosk", "assignments": [all_devices]}),
                201,
                201,
            )
        },
        Operation {
            bad_bodies: bad_profiles,
            ..change(
                "PUT /api/devices/esp-profiles/{id}",
                "/api/devices/esp-profiles/{spare}",
                json!({"displayName": "Spare", "description": "For nobody."}),
                200,
                404,
            )
        },
        Operation {
            bad_bodies: vec![(json!({"priority": 0}), "priority"), (json!({"priority": "hush"}), "priority")],
            ..change(
                "POST /api/devices/esp-profiles/{id}/set-priority",
                "/api/devices/esp-profiles/{spare}/set-priority",
                json!({"priority": 1}),
                200,
                404,
            )
        },
        Operation {
            bad_bodies: vec![
                (json!({"assignments": []}), "enrollmentConfigurationAssignments"),
                (
                    json!({"enrollmentConfigurationAssignments": [{"target": {"@odata.type": "hush"}}]}),
                    "enrollmentConfigurationAssignments[0].target.@odata.type",
                ),
            ],
            ..change(
                "POST /api/devices/esp-profiles/{id}/assign",
                "/api/devices/esp-profiles/{spare}/assign",
                json!({"enrollmentConfigurationAssignments": [all_devices]}),
                200,
                404,
            )
        },
        change("DELETE /api/devices/esp-profiles/{id}", "/api/devices/esp-profiles/{spare}", Value::Null, 204, 404),
        change("POST /api/reports/files", "/api/reports/files", Value::Null, 202, 202),
        Operation {
            bad_bodies: vec![
                (json!({"retentionDays": 29}), "retentionDays"),
                (json!({"timeZone": "hush"}), "timeZone"),
                (json!({"colour": "hush"}), "colour"),
                (json!(["hush"]), "body"),
            ],
            ..change("PATCH /api/tenant", "/api/tenant", json!({"deviceLimit": 5}), 200, 200)
        },
        Operation {
            bad_bodies: vec![
                (json!({"code": 5}), "code"),
                (json!({"key": "hush"}), "code"),
                (json!({"code": "hush", "more": "hush"}), "body"),
                (json!(["hush"]), "body"),
            ],
            who: Who::Anybody,
            ..change("POST /api/session", "/api/session", json!({"code": "{code}"}), 200, 200)
        },
        // This uses a token that an operator made, so that it goes on working.
        Operation { who: Who::Readers, ..change("DELETE /api/session", "/api/session", Value::Null, 204, 204) },
    ]
}
