//! The program's commands on a stack instead of a folder: with the SDK's own variables for credentials, region and
//! addresses, in an empty folder.
//!
//! Must stay true: no credentials of the machine are used, and nobody else's services are asked. Whatever a command asks of
//! AWS is in the policy that docs/DEPLOY.md gives operators.

use crate::program::{Ran, binary};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use vestibule_permissions::{Asked, Judged, KEY, Kms, Policy, Wire};
use vestibule_test_tools::{free_port, venv, workspace};

/// Addresses of `enrollment-events` and `esp-status` as AWS would name them.
pub const FUNCTION_URLS: [&str; 2] = [
    "https://abcdefghijklmnopqrstuvwxyz012345.lambda-url.eu-central-1.on.aws/",
    "https://543210zyxwvutsrqponmlkjihgfedcba.lambda-url.eu-central-1.on.aws/",
];
/// How long the emulator may take to start.
const STARTING: Duration = Duration::from_secs(60);
/// What pip installs: an emulator with CloudFormation, DynamoDB, S3 and EventBridge.
const EMULATOR: [&str; 1] = ["ministack==1.5.33"];

/// A stack, and a folder of this machine to work in.
#[derive(Debug)]
pub struct Stack {
    folder: TempDir,
    options: Vec<String>,
    environment: Vec<(String, String)>,
    wire: Wire,
    /// To KMS, if there is one.
    to_key: Option<Wire>,
}

impl Stack {
    /// The services that a running `serve` has on this data folder, reached as a stack's are: over HTTP, with signatures.
    pub fn of_served(data: &Path) -> Self {
        let endpoint: Value = serde_json::from_slice(&std::fs::read(data.join("endpoint.json")).unwrap()).unwrap();
        let text = |name: &str| endpoint[name].as_str().unwrap();
        let named = ["--table", "vestibule", "--bucket", "vestibule-reports", "--bus", "vestibule"];
        Self::new(&named, text("url"), text("accessKey"), text("secretKey"), "us-east-1")
    }

    /// Services at an address, with what the SDK needs to reach them.
    pub fn at(environment: &[(&'static str, String)]) -> Self {
        let value = |name: &str| environment.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| value);
        let named = ["--table", "vestibule", "--bucket", "vestibule-reports", "--bus", "vestibule"];
        let (key, secret) = (value("AWS_ACCESS_KEY_ID"), value("AWS_SECRET_ACCESS_KEY"));
        Self::new(&named, value("AWS_ENDPOINT_URL_DYNAMODB"), key, secret, value("AWS_REGION"))
    }

    fn new(options: &[&str], endpoint: &str, key: &str, secret: &str, region: &str) -> Self {
        let wire = Wire::before(endpoint);
        let environment = [
            ("AWS_ENDPOINT_URL", wire.url.as_str()),
            ("AWS_ACCESS_KEY_ID", key),
            ("AWS_SECRET_ACCESS_KEY", secret),
            ("AWS_REGION", region),
            ("AWS_EC2_METADATA_DISABLED", "true"),
            ("AWS_CONFIG_FILE", "/nonexistent"),
            ("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent"),
        ];
        Self {
            folder: tempfile::tempdir().unwrap(),
            options: options.iter().map(|option| (*option).to_owned()).collect(),
            environment: environment.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
            wire,
            to_key: None,
        }
    }

    /// The same with a key of KMS for the secrets of tenants.
    #[must_use]
    pub fn with_key(mut self, kms: &Kms) -> Self {
        self.options.extend(["--kms-key", KEY].map(str::to_owned));
        self.with_kms(kms)
    }

    /// The same with a KMS, but without the key's name: what is sealed can be opened.
    #[must_use]
    pub fn with_kms(mut self, kms: &Kms) -> Self {
        let wire = Wire::before(&kms.url);
        self.environment.push(("AWS_ENDPOINT_URL_KMS".to_owned(), wire.url.clone()));
        self.to_key = Some(wire);
        self
    }

    /// What was asked of AWS so far, under the policy for operators.
    pub fn permissions(&self) -> Judged {
        let wires = self.to_key.iter().chain([&self.wire]);
        let asked: BTreeSet<Asked> = wires.flat_map(Wire::asked).map(|(_, call)| call).collect();
        Judged::of(&operators(), &asked)
    }

    /// The folder in which the commands run.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A command as it is typed, in the same folder and environment, but without the options that name the stack.
    pub fn command_without(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary());
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("AWS_") || name.starts_with("VESTIBULE_"))
        {
            command.env_remove(name);
        }
        command.args(arguments).current_dir(self.folder()).env_remove("RUST_LOG").stdin(Stdio::null());
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    /// A command with the options that name the stack.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.command_without(arguments);
        command.args(&self.options);
        command
    }

    /// The value of a variable of the environment in which commands run.
    pub fn variable(&self, name: &str) -> &str {
        self.environment.iter().find(|(named, _)| named == name).map_or("", |(_, value)| value)
    }

    /// Runs a command.
    pub fn run(&self, arguments: &[&str]) -> Ran {
        let mut command = self.command_without(arguments);
        ran(command.args(&self.options).arg("--json"))
    }

    /// The same with a text on its standard input.
    pub fn json_with(&self, arguments: &[&str], input: &str) -> Value {
        let file = self.folder().join("input");
        std::fs::write(&file, input).unwrap();
        let mut command = self.command_without(arguments);
        Self::read(arguments, &ran(command.args(&self.options).arg("--json").stdin(std::fs::File::open(file).unwrap())))
    }

    /// Runs a command that must succeed, and reads its answer.
    pub fn json(&self, arguments: &[&str]) -> Value {
        Self::read(arguments, &self.run(arguments))
    }

    fn read(arguments: &[&str], ran: &Ran) -> Value {
        assert!(ran.success, "{arguments:?}: {}{}", ran.stderr, ran.stdout);
        serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{arguments:?}: {error}: {}", ran.stdout))
    }

    /// Runs a command that must fail, print no answer, and say why it failed.
    pub fn fails(&self, arguments: &[&str]) -> String {
        refused(arguments, &self.run(arguments))
    }

    /// The same without the options that name the stack.
    pub fn fails_without(&self, arguments: &[&str]) -> String {
        refused(arguments, &ran(&mut self.command_without(arguments)))
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let refused = self.permissions().refused;
            assert!(refused.is_empty(), "the policy in docs/DEPLOY.md does not allow this: {refused:#?}");
        }
    }
}

/// The policy that docs/DEPLOY.md gives operators.
pub fn operators() -> Policy {
    let page = std::fs::read_to_string(workspace().join("docs/DEPLOY.md")).unwrap();
    let block = page.split("```json\n").nth(1).and_then(|block| block.split("\n```").next());
    let document = serde_json::from_str(block.expect("the page has a policy")).unwrap();
    Policy::of_document(&document, |arn| {
        let (_, name) = arn.rsplit_once(':').unwrap();
        for (of_page, ours) in [
            ("table/TABLE", "Table"),
            ("stack/vestibule/*", "Stack"),
            ("event-bus/vestibule", "EventBus"),
            ("key/KEY", "SecretsKey"),
        ] {
            if let Some(rest) = name.strip_prefix(of_page) {
                return format!("{ours}{rest}");
            }
        }
        name.strip_prefix("BUCKET").map_or_else(|| panic!("{arn} is of no kind"), |rest| format!("Bucket{rest}"))
    })
}

fn ran(command: &mut Command) -> Ran {
    let output = command.output().unwrap();
    Ran {
        success: output.status.success(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

fn refused(arguments: &[&str], ran: &Ran) -> String {
    assert!(!ran.success, "{arguments:?} succeeded: {}", ran.stdout);
    assert_eq!(ran.stdout, "", "{arguments:?}");
    assert!(!ran.stderr.is_empty() && !ran.stderr.contains("panicked"), "{arguments:?}: {}", ran.stderr);
    ran.stderr.clone()
}

/// A running emulator of AWS: killed when dropped.
#[derive(Debug)]
pub struct Emulator {
    child: Child,
    url: String,
    _folder: TempDir,
}

impl Emulator {
    /// Starts one that nobody but this machine reaches.
    pub async fn start() -> Self {
        let program: PathBuf = venv("ministack", &EMULATOR).join("ministack");
        let folder = tempfile::tempdir().unwrap();
        let port = free_port();
        let log = std::fs::File::create(folder.path().join("log")).unwrap();
        let mut command = Command::new(program);
        command.env("BIND_HOST", "127.0.0.1").env("GATEWAY_PORT", port.to_string()).current_dir(folder.path());
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        let emulator =
            Self { child: command.spawn().unwrap(), url: format!("http://127.0.0.1:{port}"), _folder: folder };
        let deadline = Instant::now() + STARTING;
        while tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            assert!(Instant::now() < deadline, "the emulator does not start");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        emulator
    }

    /// Makes a stack of the template's table, bucket, bus and API, and of the outputs that lead to them. Functions would
    /// need their zips, so where the parameter `WebhookAddresses` has their addresses, these are names alone.
    pub async fn deploy(&self, name: &str, webhook_addresses: &str) {
        let template = without_functions(&std::fs::read_to_string(workspace().join("infra/template.yaml")).unwrap());
        let parameter = [
            ("Parameters.member.1.ParameterKey", "WebhookAddresses"),
            ("Parameters.member.1.ParameterValue", webhook_addresses),
        ];
        let make = [("Action", "CreateStack"), ("StackName", name), ("TemplateBody", &template)];
        let made = self.call(&[&make[..], &parameter].concat()).await;
        assert!(made.contains("<StackId>"), "{made}");
        let deadline = Instant::now() + STARTING;
        loop {
            let described = self.call(&[("Action", "DescribeStacks"), ("StackName", name)]).await;
            if described.contains("<StackStatus>CREATE_COMPLETE<") {
                return;
            }
            assert!(described.contains("CREATE_IN_PROGRESS") && Instant::now() < deadline, "{described}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    async fn call(&self, fields: &[(&str, &str)]) -> String {
        let scope = "test/20260101/eu-central-1/cloudformation/aws4_request";
        let request = reqwest::Client::new().post(&self.url).form(&[fields, &[("Version", "2010-05-15")]].concat());
        // The emulator reads the region from it, and verifies nothing.
        let signed = format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0");
        request.header("authorization", signed).send().await.unwrap().text().await.unwrap()
    }

    /// A stack of this name, whether it was deployed or not.
    pub fn stack(&self, name: &str) -> Stack {
        Stack::new(&["--stack", name], &self.url, "test", "test", "eu-central-1")
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        let _ended_already = self.child.kill();
        let _ended_already = self.child.wait();
    }
}

/// The template with no other resources and outputs than those which commands use.
fn without_functions(template: &str) -> String {
    const RESOURCES: [&str; 5] = ["Table", "Bucket", "EventBus", "Api", "SecretsKey"];
    const OUTPUTS: [&str; 7] =
        ["TableName", "BucketName", "BusName", "Url", "SecretsKeyArn", "EnrollmentEventsUrl", "EspStatusUrl"];
    let (mut section, mut is_kept, mut out) = ("", true, String::new());
    for line in template.lines() {
        if !line.starts_with([' ', '#']) && !line.is_empty() {
            section = line.split(':').next().unwrap_or_default();
            is_kept = !["Transform", "Globals"].contains(&section);
        } else if line.starts_with("  ") && !line.starts_with("   ") {
            let name = line.trim().trim_end_matches(':');
            is_kept = match section {
                "Resources" => RESOURCES.contains(&name),
                "Outputs" => OUTPUTS.contains(&name),
                _ => is_kept,
            };
        }
        if is_kept {
            out.push_str(line);
            out.push('\n');
        }
    }
    for (function, address) in ["EnrollmentEvents", "EspStatus"].into_iter().zip(FUNCTION_URLS) {
        let known = format!("!GetAtt {function}Url.FunctionUrl");
        assert!(out.contains(&known), "{known}");
        out = out.replace(&known, address);
    }
    out
}
