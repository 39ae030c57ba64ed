//! An emulator of AWS that enforces policies, and a stack that `infra/deploy` puts there.
//!
//! The template is the deployed one but for one thing: the bucket's policy demands TLS, which the emulator does not
//! speak. `emulator.py` adds what else it lacks. The zips are those of the folder that
//! `VESTIBULE_ZIPS` names, as `infra/deploy build` leaves them in `target/lambda`; without it, the programs are those that
//! the test's own build made, without their symbols.
//!
//! The functions reach the emulator over a wire, so that what they asked can be held against their policies.

use crate::http::{Answer, request, send};
use crate::process::Child;
use crate::tools::{FUNCTIONS, binaries, cloud_tools, workspace};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use vestibule_host::{Clients, Endpoint, REGION};
use vestibule_permissions::{Asked, Judged, Policy, Wire, sdk_as, sdk_at};
use vestibule_platform::Clock;
use vestibule_store::Store;
use vestibule_test_tools::free_port;
use vestibule_vault::KmsVault;

/// The emulator's keys of the account's owner.
const OWNER: &str = "test";
/// Number of attempts to get a free port.
const TRIES: u32 = 5;
/// How often a wait looks.
const LOOK: Duration = Duration::from_secs(2);

/// The emulator, with the project's files from which a stack is deployed.
pub struct Cloud {
    _emulator: Child,
    url: String,
    wire: Wire,
    path: std::ffi::OsString,
    folder: TempDir,
    /// Names that AWS gave to what stacks have. A stack that was deleted is not made again under its name.
    names: Mutex<BTreeMap<(String, String), String>>,
    pub clients: Clients,
}

impl Cloud {
    /// Starts the emulator and makes the zips.
    pub async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let [sam, aws, cloud] = cloud_tools();
        let (emulator, url, wire) = emulator(&cloud, &folder).await;
        let endpoint = folder.path().join("endpoint.json");
        std::fs::write(&endpoint, format!(r#"{{"url":"{url}","accessKey":"{OWNER}","secretKey":"{OWNER}"}}"#)).unwrap();
        let clients = Clients::new(&Endpoint::read(&endpoint).unwrap());
        let others = std::env::var_os("PATH").unwrap_or_default();
        let path = std::env::join_paths([sam, aws].into_iter().chain(std::env::split_paths(&others))).unwrap();
        let cloud = Self { _emulator: emulator, url, wire, path, folder, names: Mutex::default(), clients };
        cloud.copy_project();
        cloud.pack();
        cloud
    }

    fn copy_project(&self) {
        let infra = self.folder.path().join("infra");
        std::fs::create_dir(&infra).unwrap();
        std::fs::copy(workspace().join("infra/deploy"), infra.join("deploy")).unwrap();
        let template = std::fs::read_to_string(workspace().join("infra/template.yaml")).unwrap();
        let demand = "aws:SecureTransport: \"false\"";
        assert_eq!(template.matches(demand).count(), 1);
        let template = template.replace(demand, "aws:SecureTransport: \"never\"");
        std::fs::write(infra.join("template.yaml"), template).unwrap();
    }

    fn pack(&self) {
        if let Some(zips) = std::env::var_os("VESTIBULE_ZIPS") {
            // Seen from the workspace, wherever the test was started.
            let zips = workspace().join(zips);
            let here = self.folder.path().join("target/lambda");
            std::fs::create_dir_all(&here).unwrap();
            for name in FUNCTIONS.map(|name| format!("{name}.zip")).iter().map(String::as_str).chain(["SHA256SUMS"]) {
                std::fs::copy(zips.join(name), here.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
            }
            return;
        }
        let programs = self.folder.path().join("programs");
        std::fs::create_dir(&programs).unwrap();
        for name in FUNCTIONS {
            let mut strip = Command::new("strip");
            strip.arg("-o").arg(programs.join(name)).arg(binaries().join(name));
            assert!(strip.status().unwrap().success());
        }
        self.deploy(&["pack", "--arch", Self::architecture(), programs.to_str().unwrap()]);
    }

    /// Lambda's name of this machine's processor.
    pub fn architecture() -> &'static str {
        if cfg!(target_arch = "aarch64") { "arm64" } else { "x86_64" }
    }

    /// A command in the project's folder, with the keys of the account's owner.
    pub fn command(&self, program: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(self.folder.path()).env_clear().env("PATH", &self.path);
        command.env("HOME", self.folder.path()).env("AWS_ENDPOINT_URL", &self.url).env("AWS_REGION", REGION);
        command.env("AWS_DEFAULT_REGION", REGION).env("AWS_EC2_METADATA_DISABLED", "true").env("LC_ALL", "C.UTF-8");
        command.env("AWS_ACCESS_KEY_ID", OWNER).env("AWS_SECRET_ACCESS_KEY", OWNER);
        command
    }

    fn run(&self, program: &Path, arguments: &[&str]) -> Output {
        self.command(program, arguments).output().unwrap()
    }

    /// A store over a stack's table, with its owner's keys, which may open and seal all secrets.
    pub fn store(&self, stack: &str) -> Store {
        let (table, key) = (self.output(stack, "TableName"), self.output(stack, "SecretsKeyArn"));
        let vault = KmsVault::new(&sdk_at(&self.url, OWNER), &table, Some(&key), Clock::system());
        Store::new(self.clients.dynamodb.clone(), table).with_vault(Arc::new(vault))
    }

    /// The same, but secrets are opened and sealed by what the role of a function may.
    pub fn store_under(&self, stack: &str, function: &str) -> Store {
        let (table, secrets_key) = (self.output(stack, "TableName"), self.output(stack, "SecretsKeyArn"));
        let Session { key, secret, token } = self.session_of(stack, function);
        let sdk = sdk_as(&self.url, (&key, &secret, Some(token)));
        let vault = KmsVault::new(&sdk, &table, Some(&secrets_key), Clock::system());
        Store::new(self.clients.dynamodb.clone(), table).with_vault(Arc::new(vault))
    }

    /// The session under which a function runs.
    fn session_of(&self, stack: &str, function: &str) -> Session {
        let name = self.name(stack, &logical_id(function));
        let about = self.aws(&["lambda", "get-function-configuration", "--function-name", &name]);
        Session::of(about["FunctionArn"].as_str().unwrap(), about["Role"].as_str().unwrap())
    }

    /// The emulator's address.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The folder that has the project's files for deploying.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Runs `infra/deploy`, which must succeed, and returns what it prints.
    pub fn deploy(&self, arguments: &[&str]) -> String {
        let output = self.run(&self.script(), arguments);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
        said
    }

    /// Runs `infra/deploy`, which must refuse, and returns why.
    pub fn refused(&self, arguments: &[&str]) -> String {
        let output = self.run(&self.script(), arguments);
        assert!(!output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        String::from_utf8_lossy(&output.stderr).into_owned()
    }

    fn script(&self) -> PathBuf {
        self.folder.path().join("infra/deploy")
    }

    /// Asks AWS by its own program; nothing printed is null.
    pub fn aws(&self, arguments: &[&str]) -> Value {
        let output = self.run(Path::new("aws"), &[arguments, &["--output", "json"]].concat());
        let (said, failed) = (&output.stdout, String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{arguments:?}: {failed}");
        if said.is_empty() { Value::Null } else { serde_json::from_slice(said).unwrap() }
    }

    /// Deploys a stack with these parameters beside the architecture.
    pub fn up(&self, stack: &str, parameters: &[&str]) -> String {
        let architecture = format!("Architecture={}", Self::architecture());
        self.deploy(&[&["up", "--stack", stack, &architecture][..], parameters].concat())
    }

    /// An output of a stack.
    pub fn output(&self, stack: &str, name: &str) -> String {
        self.known(stack, name, || self.look_output_up(stack, name))
    }

    fn known(&self, stack: &str, name: &str, look_up: impl FnOnce() -> String) -> String {
        let mut names = self.names.lock().unwrap();
        names.entry((stack.to_owned(), name.to_owned())).or_insert_with(look_up).clone()
    }

    fn look_output_up(&self, stack: &str, name: &str) -> String {
        let query = format!("Stacks[0].Outputs[?OutputKey=='{name}'].OutputValue | [0]");
        let value = self.aws(&["cloudformation", "describe-stacks", "--stack-name", stack, "--query", &query]);
        value.as_str().unwrap_or_else(|| panic!("{stack} has no output {name}")).to_owned()
    }

    /// A request to a stack's API.
    pub fn request(&self, stack: &str, method: Method, path: &str) -> RequestBuilder {
        self.request_at(stack, "Url", method, path)
    }

    /// A request to the address that an output of a stack has.
    pub fn request_at(&self, stack: &str, output: &str, method: Method, path: &str) -> RequestBuilder {
        let address = self.output(stack, output);
        let host = address.trim_end_matches('/').rsplit('/').next().unwrap_or_default().to_owned();
        request(method, &format!("{}{path}", self.url)).header("host", host)
    }

    /// Sends a request.
    pub async fn send(&self, request: RequestBuilder) -> Answer {
        send(request).await
    }

    /// Follows a link, such as one for a download.
    pub async fn follow(&self, link: &str) -> Answer {
        send(request(Method::GET, link)).await
    }

    /// The name that a resource of a stack has in AWS.
    pub fn name(&self, stack: &str, logical_id: &str) -> String {
        self.known(stack, logical_id, || self.look_name_up(stack, logical_id))
    }

    fn look_name_up(&self, stack: &str, logical_id: &str) -> String {
        let query = "StackResourceDetail.PhysicalResourceId";
        let of = ["cloudformation", "describe-stack-resource", "--stack-name", stack, "--logical-resource-id"];
        self.aws(&[&of[..], &[logical_id, "--query", query]].concat()).as_str().unwrap().to_owned()
    }

    /// Calls a stack's function, which must succeed.
    pub fn invoke(&self, stack: &str, logical_id: &str, event: &Value) -> Value {
        std::fs::write(self.folder.path().join("event.json"), event.to_string()).unwrap();
        let name = self.name(stack, logical_id);
        let call = ["lambda", "invoke", "--function-name", &name, "--payload", "fileb://event.json", "answer.json"];
        let called = self.aws(&call);
        let answer = std::fs::read_to_string(self.folder.path().join("answer.json")).unwrap();
        assert!(called["FunctionError"].is_null(), "{answer}");
        serde_json::from_str(&answer).unwrap()
    }

    /// Changes the environment of a stack's function, which no parameter of the template does.
    pub fn set_environment(&self, stack: &str, logical_id: &str, changed: &[(&str, &str)]) {
        let name = self.name(stack, logical_id);
        let configuration = self.aws(&["lambda", "get-function-configuration", "--function-name", &name]);
        let mut variables = configuration["Environment"]["Variables"].clone();
        for (key, value) in changed {
            variables[*key] = json!(value);
        }
        let file = self.folder.path().join("environment.json");
        std::fs::write(&file, json!({"Variables": variables}).to_string()).unwrap();
        let change = ["lambda", "update-function-configuration", "--function-name", &name, "--environment"];
        self.aws(&[&change[..], &["file://environment.json"]].concat());
    }

    /// What a stack's functions asked of AWS so far, under the policies of their roles.
    pub fn permissions(&self, stack: &str) -> BTreeMap<String, Judged> {
        let asked = self.wire.asked();
        let of = |(function, policy): (String, Policy)| {
            let key = self.session_of(stack, &function).key;
            let calls: Vec<&Asked> = asked.iter().filter(|(by, _)| *by == key).map(|(_, call)| call).collect();
            assert!(!calls.is_empty(), "{function}: no call under {key}");
            (function, Judged::of(&policy, calls))
        };
        Policy::of_functions().into_iter().map(of).collect()
    }

    /// Waits until `found` has something.
    pub async fn wait<T>(&self, what: &str, limit: Duration, found: impl AsyncFn() -> Option<T>) -> T {
        let began = Instant::now();
        loop {
            if let Some(one) = found().await {
                return one;
            }
            assert!(began.elapsed() < limit, "{what} does not happen");
            tokio::time::sleep(LOOK).await;
        }
    }
}

/// The template's name of a function: `EspStatus` of `esp-status`.
pub fn logical_id(function: &str) -> String {
    let capital = |word: &str| word[..1].to_uppercase() + &word[1..];
    function.split('-').map(capital).collect()
}

/// What the emulator gives a function that runs under a role.
struct Session {
    key: String,
    secret: String,
    token: String,
}

impl Session {
    fn of(function: &str, role: &str) -> Self {
        let hex = |text: &str| Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let digest = hex(&format!("{function}:{role}"));
        let key = format!("ASIA{}", digest[..16].to_uppercase());
        Self { key, secret: hex(&format!("secret:{digest}")), token: hex(&format!("token:{digest}")) }
    }
}

async fn emulator(tools: &Path, folder: &TempDir) -> (Child, String, Wire) {
    for _ in 0..TRIES {
        let port = free_port();
        let url = format!("http://127.0.0.1:{port}");
        let wire = Wire::before(&url);
        let mut command = Command::new(tools.join("python"));
        command.arg(workspace().join("tests/e2e/src/emulator.py"));
        command.current_dir(folder.path()).env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("HOME", folder.path()).env("BIND_HOST", "127.0.0.1").env("GATEWAY_PORT", port.to_string());
        // The functions' programs too are unpacked into the folder. They end when the emulator no longer answers.
        command.env("AUTH", "true").env("AWS_ENDPOINT_URL", &wire.url).env("TMPDIR", folder.path());
        let mut child = Child::start(&mut command, &folder.path().join("emulator.log"));
        if child.listens(port).await {
            return (child, url, wire);
        }
    }
    panic!("the emulator does not start")
}
