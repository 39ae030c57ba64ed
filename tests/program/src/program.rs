//! The program's binary, its data folder, and a `serve` that ends with the test.

use crate::Sender;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{OnceLock, mpsc};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use vestibule_test_tools::programs;

/// How long a program may take to start or to stop.
const STARTING: Duration = Duration::from_secs(30);

/// Questions to a `serve` always wait for what changed just now, however slow the machine is: a test compares numbers.
const PATIENCE: (&str, &str) = ("ANSWER_PATIENCE_MS", "0");

/// The program, built once for all tests of this process.
pub(crate) fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| programs(&["vestibule"]).join(format!("vestibule{}", std::env::consts::EXE_SUFFIX)))
}

/// The result of a command.
#[derive(Debug)]
pub struct Ran {
    /// Whether it succeeded.
    pub success: bool,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
}

/// Runs a command that needs no data folder, as it is typed.
pub fn run_alone(arguments: &[&str]) -> Ran {
    let output = Command::new(binary()).args(arguments).env_remove("RUST_LOG").stdin(Stdio::null()).output().unwrap();
    Ran {
        success: output.status.success(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A tenant as `tenant add` printed it.
#[derive(Clone, Debug)]
pub struct Tenant {
    /// Its name.
    pub name: String,
    /// Its webhook secret.
    pub secret: String,
    /// Its first administrator's token.
    pub admin: String,
}

/// A data folder, removed at the end.
#[derive(Debug)]
pub struct Folder(TempDir);

impl Default for Folder {
    fn default() -> Self {
        Self::new()
    }
}

impl Folder {
    /// A new one.
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// The data folder.
    pub fn data(&self) -> PathBuf {
        self.0.path().join("data")
    }

    /// A path for a file that does not belong to the program.
    pub fn beside(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Where the folder keeps an object of a tenant's report file, which must be there: `ending` says which.
    pub fn object(&self, tenant: &str, sha256: &str, ending: &str) -> PathBuf {
        let digest = Sha256::digest(format!("reports/{tenant}/{sha256}.{ending}"));
        let name: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        let path = self.data().join("files/buckets/vestibule-reports").join(&name[..2]).join(name);
        assert!(path.exists(), "{}", path.display());
        path
    }

    /// A command on this folder, not yet started.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary());
        command.env(PATIENCE.0, PATIENCE.1);
        command.args(arguments).arg("--data").arg(self.data()).arg("--json").env_remove("RUST_LOG");
        command
    }

    /// Runs a command.
    pub fn run(&self, arguments: &[&str]) -> Ran {
        let output = self.command(arguments).stdin(Stdio::null()).output().unwrap();
        Ran {
            success: output.status.success(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Runs a command that takes the folder from its environment.
    pub fn run_by_environment(&self, arguments: &[&str]) -> Ran {
        let mut command = Command::new(binary());
        command.args(arguments).arg("--json").env("VESTIBULE_DATA", self.data()).env_remove("RUST_LOG");
        let output = command.stdin(Stdio::null()).output().unwrap();
        Ran {
            success: output.status.success(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Runs a command that answers in words.
    pub fn words(&self, arguments: &[&str]) -> Ran {
        let mut command = Command::new(binary());
        let command = command.args(arguments).arg("--data").arg(self.data()).env_remove("RUST_LOG");
        let output = command.stdin(Stdio::null()).output().unwrap();
        Ran {
            success: output.status.success(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Runs a command that must succeed, and reads its answer.
    pub fn json(&self, arguments: &[&str]) -> Value {
        let ran = self.run(arguments);
        assert!(ran.success, "{arguments:?}: {}", ran.stderr);
        serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{arguments:?}: {error}: {}", ran.stdout))
    }

    /// Runs a command that must fail, print no answer, and say why it failed.
    pub fn fails(&self, arguments: &[&str]) -> String {
        let ran = self.run(arguments);
        assert!(!ran.success, "{arguments:?} succeeded: {}", ran.stdout);
        assert_eq!(ran.stdout, "", "{arguments:?}");
        assert!(!ran.stderr.is_empty() && !ran.stderr.contains("panicked"), "{arguments:?}: {}", ran.stderr);
        ran.stderr
    }

    /// Adds a tenant.
    pub fn add_tenant(&self, name: &str) -> Tenant {
        let added = self.json(&["tenant", "add", name]);
        let text = |member: &str| added[member].as_str().unwrap_or_else(|| panic!("no {member}: {added}")).to_owned();
        Tenant { name: text("tenant"), secret: text("webhookSecret"), admin: text("adminToken") }
    }

    /// Starts a `serve`, and waits until it prints its address.
    pub fn serve(&self) -> Serve {
        self.serve_with(&[])
    }

    /// The same with these variables in its environment.
    pub fn serve_with(&self, environment: &[(&str, &str)]) -> Serve {
        let mut command = self.command(&["serve", "--listen", "127.0.0.1:0"]);
        command.envs(environment.iter().copied());
        self.start(command)
    }

    /// The same with these options.
    pub fn serve_by(&self, options: &[&str]) -> Serve {
        let mut command = self.command(&["serve", "--listen", "127.0.0.1:0"]);
        command.args(options);
        self.start(command)
    }

    /// The same on a disk that takes no file larger than this.
    pub fn serve_with_files_up_to(&self, kibibytes: u32) -> Serve {
        let serve = self.command(&["serve", "--listen", "127.0.0.1:0"]);
        // A write beyond the limit fails, as it does on a full disk, instead of ending the process. POSIX counts blocks of
        // 512 bytes.
        let limited = format!("trap '' XFSZ; ulimit -f {}; exec \"$0\" \"$@\"", kibibytes * 2);
        let mut command = Command::new("sh");
        command.args(["-c", &limited]).arg(serve.get_program()).args(serve.get_args()).env_remove("RUST_LOG");
        command.env(PATIENCE.0, PATIENCE.1);
        self.start(command)
    }

    /// Starts a `serve` by this command, and waits until it prints its address.
    pub fn start(&self, mut command: Command) -> Serve {
        let log = self.beside("serve.log");
        let stderr = std::fs::File::options().create(true).append(true).open(&log).unwrap();
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(stderr).spawn().unwrap();
        let stdout = child.stdout.take().unwrap();
        let (send, receive) = mpsc::channel();
        std::thread::spawn(move || {
            let mut lines = BufReader::new(stdout).lines();
            // The rest is read as well, so that the program never waits for a reader.
            while let Some(Ok(line)) = lines.next() {
                let _gone = send.send(line);
            }
        });
        let mut serve = Serve { child, url: String::new(), first: Value::Null, log };
        let line = receive.recv_timeout(STARTING).expect("serve says nothing");
        serve.first = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
        serve.first["url"].as_str().expect("no url").clone_into(&mut serve.url);
        serve
    }
}

/// A running `serve`: killed when dropped.
#[derive(Debug)]
pub struct Serve {
    child: Child,
    /// Its address.
    pub url: String,
    /// Its first line.
    pub first: Value,
    log: PathBuf,
}

impl Serve {
    /// The id of its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The descriptors that it holds.
    pub fn descriptors(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.id())).unwrap().count()
    }

    /// Its memory in KiB, by the kernel's name: `VmRSS` is what is resident now, `VmHWM` the most that ever was.
    pub fn memory_kib(&self, name: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id())).unwrap();
        let value = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).unwrap();
        value.trim().trim_end_matches(" kB").parse().unwrap()
    }

    /// The file of its log.
    pub fn log_file(&self) -> &Path {
        &self.log
    }

    /// What it has logged so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// A sender of the tenant's events.
    pub fn sender(&self, tenant: &Tenant) -> Sender {
        Sender::new(&self.url, &tenant.name, &tenant.secret)
    }

    /// Asks it to stop (SIGTERM), and waits until it has.
    pub fn terminate(mut self) -> ExitStatus {
        let signal = Command::new("sh").args(["-c", &format!("kill -s TERM {}", self.child.id())]).status().unwrap();
        assert!(signal.success());
        let deadline = Instant::now() + STARTING;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < deadline, "serve does not stop");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Kills it (SIGKILL).
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Serve {
    fn drop(&mut self) {
        let _ended_already = self.child.kill();
        let _ended_already = self.child.wait();
        if std::thread::panicking() {
            eprintln!("serve said:\n{}", self.log());
        }
    }
}
