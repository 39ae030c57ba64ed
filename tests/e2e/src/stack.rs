//! The services of this machine, an emulator of Lambda and the functions' binaries; each test has its own.
//!
//! Each function calls the services over a wire of its own, and every test ends by holding what it asked against the policy
//! of its role.

use crate::http::{Answer, request, send};
use crate::process::Child;
use crate::tools::{FUNCTIONS, binaries, tool};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};
use tempfile::TempDir;
use vestibule_domain::{Event, Millis, TenantId, TenantSettings, Timestamp};
use vestibule_host::{Endpoint, Functions, Host, Names};
use vestibule_permissions::{Judged, KEY, Kms, Policy, Wire};
use vestibule_platform::Clock;
use vestibule_platform::credentials::{new_token, new_webhook_secret, token_hash};
use vestibule_store::{ApiToken, Role, Secret, SettingsHistory, SourceSecret, Store, Tenant};
use vestibule_test_tools::free_port;
use vestibule_vault::KmsVault;
use vestibule_webhook::cloudevents::{Parsed, parse_event};
use vestibule_webhook::{Received, signature};

const NAME: &str = "vestibule";
/// The source that the local machine reads from the template, whose rules name it.
const SOURCE: &str = "vestibule";
/// The namespace of the functions' metrics, as the template names it.
pub const METRICS: &str = "Vestibule/AWS::StackName";
/// Names under which a test may start a function a second time.
const OTHERS: [&str; 4] = ["another", "one-more", "a-third", "a-fourth"];
/// Number of attempts to get a free port.
const TRIES: u32 = 5;

/// Everything that runs. Fields are dropped in order: callers before what they call.
pub struct Stack {
    functions: Vec<Child>,
    /// By function, also of those that were started a second time.
    wires: Vec<(String, Wire)>,
    _emulator: Child,
    port: u16,
    pub host: Host,
    /// Has the key of the tenants' secrets.
    pub kms: Kms,
    pub store: Store,
    folder: TempDir,
}

/// A tenant, with the secrets of its senders and administrators.
pub struct Tenancy {
    pub tenant: Tenant,
    pub secret: String,
    pub token: String,
}

impl Stack {
    /// Starts everything.
    pub async fn start() -> Self {
        let (folder, table) = (tempfile::tempdir().unwrap(), NAME.to_owned());
        let names = Names { table: table.clone(), bucket: "vestibule-reports".to_owned(), bus: NAME.to_owned() };
        let host = Host::start(&folder.path().join("data"), &names).await.unwrap();
        let kms = Kms::start();
        let vault = KmsVault::new(&kms.sdk(), &table, Some(KEY), Clock::system());
        let store = Store::new(host.clients.dynamodb.clone(), table).with_vault(Arc::new(vault));
        let (emulator, port) = emulator(&folder).await;
        let (functions, wires) = (Vec::new(), Vec::new());
        let mut stack = Self { functions, wires, _emulator: emulator, port, host, kms, store, folder };
        for function in FUNCTIONS {
            stack.add(function, function, &[]);
        }
        stack
    }

    /// Starts `function` under its own name or one of `OTHERS`, with some changes to its environment.
    pub fn add(&mut self, name: &str, function: &str, changed: &[(&str, &str)]) {
        self.start_under(Command::new(binaries().join(function)), name, function, changed);
    }

    /// The same with a folder for temporary files of its own that holds so many KiB; `false` if this machine does not
    /// let us make one.
    pub fn add_with_small_tmp(&mut self, name: &str, function: &str, kib: u32) -> bool {
        let folder = self.folder.path().join(format!("tmp-of-{name}"));
        std::fs::create_dir(&folder).unwrap();
        let mut unshare = vec!["--mount"];
        if !rustix::process::geteuid().is_root() {
            unshare.push("--map-root-user");
        }
        let can = Command::new("unshare").args(&unshare).args(["mount", "-t", "tmpfs", "none"]).arg(&folder).output();
        if !can.is_ok_and(|can| can.status.success()) {
            return false;
        }
        let mut command = Command::new("unshare");
        command.args(unshare).args(["sh", "-c", "mount -t tmpfs -o size=\"$1\"k none \"$2\" && exec \"$3\"", "sh"]);
        command.args([kib.to_string().as_str(), folder.to_str().unwrap()]).arg(binaries().join(function));
        let path = std::env::var("PATH").unwrap();
        self.start_under(command, name, function, &[("TMPDIR", folder.to_str().unwrap()), ("PATH", path.as_str())]);
        true
    }

    /// Whether a function begins to work with these changes to its environment: a process that ends instead does not.
    pub fn starts(&self, function: &str, changed: &[(&str, &str)]) -> bool {
        let mut command = Command::new(binaries().join(function));
        self.set_environment(&mut command, OTHERS[0], &self.host.endpoint, changed);
        Child::start(&mut command, &self.folder.path().join("not-started.log")).stays()
    }

    fn start_under(&mut self, mut command: Command, name: &str, function: &str, changed: &[(&str, &str)]) {
        assert!(FUNCTIONS.contains(&name) || OTHERS.contains(&name), "{name} is not declared");
        let wire = Wire::before(&self.host.endpoint.url);
        let over_wire = Endpoint { url: wire.url.clone(), keys: self.host.endpoint.keys.clone() };
        self.wires.push((function.to_owned(), wire));
        // As the template gives it to those alone whose policies let them use it.
        let uses_key = Policy::of_functions()[function].grants().iter().any(|(_, what)| what.starts_with("kms:"));
        let to_key = Wire::before(&self.kms.url);
        let mut changed = changed.to_vec();
        if uses_key {
            changed.extend([("AWS_ENDPOINT_URL_KMS", to_key.url.as_str()), ("SECRETS_KEY", KEY)]);
        }
        self.set_environment(&mut command, name, &over_wire, &changed);
        self.wires.push((function.to_owned(), to_key));
        let log = self.folder.path().join(format!("{name}.log"));
        self.functions.push(Child::start(&mut command, &log));
    }

    fn set_environment(&self, command: &mut Command, name: &str, services: &Endpoint, changed: &[(&str, &str)]) {
        let mut environment: BTreeMap<&str, String> = services.environment().into();
        let runtime_api = format!("http://127.0.0.1:{}/.rt/{name}", self.port);
        for (key, value) in [
            ("AWS_LAMBDA_RUNTIME_API", runtime_api.as_str()),
            ("AWS_LAMBDA_FUNCTION_NAME", name),
            ("AWS_LAMBDA_FUNCTION_VERSION", "1"),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512"),
            ("AWS_EC2_METADATA_DISABLED", "true"),
            ("TABLE_NAME", NAME),
            ("BUCKET_NAME", "vestibule-reports"),
            ("EVENT_BUS_NAME", NAME),
            ("METRICS_NAMESPACE", METRICS),
            ("EVENT_SOURCE", SOURCE),
            ("RUST_LOG", "info"),
            ("TMPDIR", self.folder.path().to_str().unwrap()),
        ]
        .iter()
        .chain(changed)
        {
            environment.insert(*key, (*value).to_owned());
        }
        // Nothing of the developer's own accounts reaches a function, except a profile for coverage.
        command.env_clear().envs(environment);
        command.envs(std::env::var_os("LLVM_PROFILE_FILE").map(|file| ("LLVM_PROFILE_FILE", file)));
    }

    /// What the functions asked of the services so far, under the policies of their roles.
    pub fn permissions(&self) -> BTreeMap<String, Judged> {
        let policies = Policy::of_functions();
        let mut judged: BTreeMap<String, Judged> = BTreeMap::new();
        for (function, wire) in &self.wires {
            let calls = wire.asked();
            let one = Judged::of(&policies[function], calls.iter().map(|(_, call)| call));
            let all = judged.entry(function.clone()).or_default();
            all.used.extend(one.used);
            all.refused.extend(one.refused);
        }
        judged
    }

    /// Adds a tenant that was created two days ago.
    pub async fn tenant(&self, name: &str, settings: TenantSettings) -> Tenancy {
        Tenancy::add(&self.store, name, settings).await
    }

    /// Posts signed events to a hook.
    pub async fn post(&self, function: &str, hook: &str, tenancy: &Tenancy, events: &Value) -> Answer {
        let body = events.to_string();
        let url = self.url(function, &format!("/hooks/{}/{hook}", tenancy.tenant.id));
        let mut post = request(Method::POST, &url).header("content-type", "application/cloudevents+json");
        for (name, value) in tenancy.sign(body.as_bytes()) {
            post = post.header(name, value);
        }
        send(post.body(body)).await
    }

    /// Posts a body as a product does.
    pub async fn post_as(&self, function: &str, path: &str, headers: &[(&str, String)], body: &[u8]) -> Answer {
        let mut post = request(Method::POST, &self.url(function, path));
        for (name, value) in headers {
            post = post.header(*name, value);
        }
        send(post.body(body.to_vec())).await
    }

    /// Adds a secret of a source to a tenant.
    pub async fn add_source(&self, tenancy: &mut Tenancy, source: &str, secret: &str) {
        let (source, secret) = (source.to_owned(), Secret::new(secret));
        tenancy.tenant.sources.push(SourceSecret { source, secret, created_at: now() });
        self.store.update_tenant(&mut tenancy.tenant).await.unwrap();
    }

    /// Sends a question to the API.
    pub async fn ask(&self, function: &str, method: Method, tenancy: &Tenancy, path: &str) -> Answer {
        send(request(method, &self.url(function, path)).bearer_auth(&tenancy.token)).await
    }

    /// Sends a change to the API.
    pub async fn change(&self, function: &str, method: Method, tenancy: &Tenancy, path: &str, body: &Value) -> Answer {
        send(request(method, &self.url(function, path)).bearer_auth(&tenancy.token).json(body)).await
    }

    /// Requests a page as a browser does once the person has signed in.
    pub async fn browse(&self, function: &str, tenancy: &Tenancy, path: &str) -> Answer {
        let get = request(Method::GET, &self.url(function, path));
        send(get.header("accept", "text/html,*/*").basic_auth("token", Some(&tenancy.token))).await
    }

    /// A request to a link, such as one for a download.
    pub async fn follow(&self, method: Method, link: &str, with: impl Fn(RequestBuilder) -> RequestBuilder) -> Answer {
        send(with(request(method, link))).await
    }

    /// Invokes a function as `cargo lambda invoke` does.
    pub async fn invoke(&self, function: &str, event: &Value) -> Value {
        let file = self.folder.path().join(format!("{function}.json"));
        std::fs::write(&file, event.to_string()).unwrap();
        let mut invoke = tokio::process::Command::new(tool("cargo-lambda"));
        invoke.args(["lambda", "invoke", function, "-A", "127.0.0.1", "-P", &self.port.to_string(), "--data-file"]);
        invoke.arg(file).current_dir(self.folder.path()).kill_on_drop(true);
        let output = tokio::time::timeout(std::time::Duration::from_secs(60), invoke.output()).await.unwrap().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// Invokes a function with an event of any form, and returns the answer of the emulator: a function that fails or
    /// dies is an HTTP error there.
    pub async fn invoke_raw(&self, function: &str, event: &Value) -> Answer {
        let url = format!("http://127.0.0.1:{}/2015-03-31/functions/{function}/invocations", self.port);
        send(request(Method::POST, &url).json(event)).await
    }

    /// The lines that a function logged as warnings or errors so far.
    pub fn complaints(&self, function: &str) -> Vec<Value> {
        let lines = self.lines_of(function).into_iter();
        lines.filter(|line| line["level"] == "ERROR" || line["level"] == "WARN").collect()
    }

    /// The lines that a function wrote so far.
    pub fn lines_of(&self, function: &str) -> Vec<Value> {
        let log = std::fs::read_to_string(self.folder.path().join(format!("{function}.log"))).unwrap_or_default();
        log.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// The lines that all functions wrote so far.
    pub fn lines(&self) -> Vec<Value> {
        FUNCTIONS.into_iter().chain(OTHERS).flat_map(|name| self.lines_of(name)).collect()
    }

    /// Whether a function's process has panicked so far.
    pub fn has_panicked(&self, function: &str) -> bool {
        let log = std::fs::read_to_string(self.folder.path().join(format!("{function}.log"))).unwrap();
        log.contains("panicked")
    }

    /// The functions that receive events: the emulator's, each by its own name except those in `replaced`.
    pub fn functions(&self, replaced: &[(&str, &str)]) -> Functions {
        let mut functions = Functions::default();
        for name in FUNCTIONS {
            let target = replaced.iter().find(|(of, _)| *of == name).map_or(name, |(_, by)| by);
            let url = format!("http://127.0.0.1:{}/2015-03-31/functions/{target}/invocations", self.port);
            functions = functions.with_events(name, move |event| {
                let call = request(Method::POST, &url).json(&event);
                async move {
                    let answer = send(call).await;
                    // How the emulator marks a function's error.
                    if answer.status.is_success() { Ok(answer.json()) } else { Err(answer.text().into()) }
                }
            });
        }
        functions
    }

    /// Delivers the table's stream, and then the events that this puts on the bus.
    pub async fn settle(&self) {
        self.host.settle(&self.functions(&[])).await.unwrap();
    }

    /// The details published with a detail type, oldest first.
    pub fn published(&self, detail_type: &str) -> Vec<Value> {
        let events = self.host.published().unwrap().into_iter();
        events
            .filter(|event| event["detail-type"] == detail_type)
            .inspect(|event| assert_eq!(event["source"], SOURCE))
            .map(|event| event["detail"].clone())
            .collect()
    }

    /// A folder for the test's own files.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A function's HTTP address.
    pub fn url(&self, function: &str, path: &str) -> String {
        format!("http://127.0.0.1:{}/lambda-url/{function}{path}", self.port)
    }
}

/// A call that AWS would refuse fails every test in which it is made.
impl Drop for Stack {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            for (function, judged) in self.permissions() {
                assert!(judged.refused.is_empty(), "{function} may not do this: {:#?}", judged.refused);
            }
        }
    }
}

impl Tenancy {
    /// A tenant that was created two days ago.
    pub async fn add(store: &Store, name: &str, settings: TenantSettings) -> Self {
        let (secret, token) = (new_webhook_secret().unwrap(), new_token(name).unwrap());
        let created_at = now() - Millis::from_days(2);
        let sha256 = token_hash(&token);
        let tokens = vec![ApiToken {
            id: "t".into(),
            name: "test".into(),
            role: Role::Admin,
            sha256,
            created_at,
            scope_tags: Vec::new(),
            expires_at: None,
        }];
        let mut tenant = Tenant {
            id: TenantId::parse(name).unwrap(),
            created_at,
            settings,
            webhook_secrets: vec![Secret::new(secret.clone())],
            sources: Vec::new(),
            tokens,
            sign_in_codes: Vec::new(),
            pseudonym_key: Secret::new("00".repeat(32)).into(),
            settings_history: SettingsHistory::default(),
            source_settings: std::collections::BTreeMap::new(),
            version: 0,
            feed: None,
            sealing: vestibule_store::Sealing::default(),
        };
        store.create_tenant(&mut tenant).await.unwrap();
        Self { tenant, secret, token }
    }

    /// The headers that prove a body to be the tenant's.
    pub fn sign(&self, body: &[u8]) -> [(&'static str, String); 3] {
        let at = now();
        let signature = signature::sign(&self.secret, "msg_1", at, body).unwrap();
        [
            ("webhook-id", "msg_1".to_owned()),
            ("webhook-timestamp", at.seconds().to_string()),
            ("webhook-signature", signature),
        ]
    }
}

/// A package that declares the functions' names: the emulator accepts calls for binaries of the project in which it
/// starts.
fn declare_functions(folder: &Path) {
    let mut manifest = "[package]\nname = \"functions\"\nedition = \"2024\"\n".to_owned();
    for name in FUNCTIONS.into_iter().chain(OTHERS) {
        manifest.push_str(&format!("[[bin]]\nname = \"{name}\"\npath = \"main.rs\"\n"));
    }
    std::fs::write(folder.join("Cargo.toml"), manifest).unwrap();
    std::fs::write(folder.join("main.rs"), "fn main() {}\n").unwrap();
}

async fn emulator(folder: &TempDir) -> (Child, u16) {
    declare_functions(folder.path());
    for _ in 0..TRIES {
        let port = free_port();
        let mut watch = Command::new(tool("cargo-lambda"));
        watch.args(["lambda", "watch", "--only-lambda-apis", "-A", "127.0.0.1", "-P", &port.to_string()]);
        watch.current_dir(folder.path());
        let mut child = Child::start(&mut watch, &folder.path().join("emulator.log"));
        if child.listens(port).await {
            return (child, port);
        }
    }
    panic!("the emulator does not start")
}

/// Now.
pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap())
}

/// A CloudEvent of a device, this many minutes ago.
pub fn event_at(kind: &str, device: &str, minutes_ago: i64, data: &Value) -> Value {
    let mut all = json!({"device": {"serialNumber": device}});
    all.as_object_mut().unwrap().extend(data.as_object().unwrap().clone());
    json!({
        "specversion": "1.0",
        "id": format!("{kind}-{device}-{minutes_ago}"),
        "source": "https://mdm.example/e2e",
        "type": kind,
        "time": (now() - Millis::from_minutes(minutes_ago)).to_string(),
        "data": all,
    })
}

/// The event that a hook stores for one received at `at`.
pub fn reading(event: &Value, at: Timestamp) -> Event {
    match parse_event(event, Received::native(at, false)) {
        Parsed::Event(event) => event.stored(),
        other => panic!("{other:?}"),
    }
}
