//! An emulator of AWS that enforces policies, and a stack that `infra/deploy` puts there.
//!
//! The template is the deployed one but for one thing: the bucket's policy demands TLS, which the emulator does not
//! speak. It does not know `dynamodb:LeadingKeys` either: statements with that condition neither allow nor deny there, so
//! what only they allow can't be tried. The programs are those that the test's own build made, without their symbols.

use crate::http::{Answer, request, send};
use crate::process::{Child, free_port};
use crate::tools::{FUNCTIONS, binaries, cloud_tools, workspace};
use reqwest::{Method, RequestBuilder};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use vestibule_host::{Clients, Endpoint, REGION};

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
    path: std::ffi::OsString,
    folder: TempDir,
    pub clients: Clients,
}

impl Cloud {
    /// Starts the emulator and makes the zips.
    pub async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let [sam, aws, cloud] = cloud_tools();
        let (emulator, url) = emulator(&cloud, &folder).await;
        let endpoint = folder.path().join("endpoint.json");
        std::fs::write(&endpoint, format!(r#"{{"url":"{url}","accessKey":"{OWNER}","secretKey":"{OWNER}"}}"#)).unwrap();
        let clients = Clients::new(&Endpoint::read(&endpoint).unwrap());
        let others = std::env::var_os("PATH").unwrap_or_default();
        let path = std::env::join_paths([sam, aws].into_iter().chain(std::env::split_paths(&others))).unwrap();
        let cloud = Self { _emulator: emulator, url, path, folder, clients };
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

    fn run(&self, program: &Path, arguments: &[&str]) -> Output {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(self.folder.path()).env_clear().env("PATH", &self.path);
        command.env("HOME", self.folder.path()).env("AWS_ENDPOINT_URL", &self.url).env("AWS_REGION", REGION);
        command.env("AWS_DEFAULT_REGION", REGION).env("AWS_EC2_METADATA_DISABLED", "true").env("LC_ALL", "C.UTF-8");
        command.env("AWS_ACCESS_KEY_ID", OWNER).env("AWS_SECRET_ACCESS_KEY", OWNER);
        command.output().unwrap()
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
        let query = format!("Stacks[0].Outputs[?OutputKey=='{name}'].OutputValue | [0]");
        let value = self.aws(&["cloudformation", "describe-stacks", "--stack-name", stack, "--query", &query]);
        value.as_str().unwrap_or_else(|| panic!("{stack} has no output {name}")).to_owned()
    }

    /// A request to a stack's API.
    pub fn request(&self, stack: &str, method: Method, path: &str) -> RequestBuilder {
        let host = self.output(stack, "Url").rsplit('/').next().unwrap_or_default().to_owned();
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

    /// Calls a stack's function as its schedule does.
    pub fn tick(&self, stack: &str, logical_id: &str, at: &str) -> Value {
        let (folder, query) = (self.folder.path(), "StackResourceDetail.PhysicalResourceId");
        let of = ["cloudformation", "describe-stack-resource", "--stack-name", stack, "--logical-resource-id"];
        let name = self.aws(&[&of[..], &[logical_id, "--query", query]].concat());
        let event = serde_json::json!({
            "version": "0", "id": "00000000-0000-4000-8000-000000000000", "detail-type": "Scheduled Event",
            "source": "aws.events", "account": "000000000000", "time": at, "region": REGION, "resources": [],
            "detail": {},
        });
        std::fs::write(folder.join("event.json"), event.to_string()).unwrap();
        let call = ["lambda", "invoke", "--function-name", name.as_str().unwrap(), "--payload", "fileb://event.json"];
        let called = self.aws(&[&call[..], &["answer.json"]].concat());
        let answer = std::fs::read_to_string(folder.join("answer.json")).unwrap();
        assert!(called["FunctionError"].is_null(), "{answer}");
        serde_json::from_str(&answer).unwrap()
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

async fn emulator(tools: &Path, folder: &TempDir) -> (Child, String) {
    for _ in 0..TRIES {
        let port = free_port();
        let url = format!("http://127.0.0.1:{port}");
        let mut command = Command::new(tools.join("ministack"));
        command.current_dir(folder.path()).env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("HOME", folder.path()).env("BIND_HOST", "127.0.0.1").env("GATEWAY_PORT", port.to_string());
        // The functions' programs too are unpacked into the folder. They end when the emulator no longer answers.
        command.env("AUTH", "true").env("AWS_ENDPOINT_URL", &url).env("TMPDIR", folder.path());
        let mut child = Child::start(&mut command, &folder.path().join("emulator.log"));
        if child.listens(port).await {
            return (child, url);
        }
    }
    panic!("the emulator does not start")
}
