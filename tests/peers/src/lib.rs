//! The usual handlers of the same job, in Python and in Node, as programs that run beside a benchmark or a test.
//!
//! Must stay true: both are as their users would write them, small, with pinned packages and one process each, as their
//! servers start without options; they get the table by the environment variables that SDKs read, and nothing else of
//! this workspace.

use std::io::{self, BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;
use tempfile::TempDir;
use vestibule_test_tools::{Unavailable, try_node, try_npm, try_venv};

/// The packages of the handler in Python.
const REQUIREMENTS: &str = include_str!("../python/requirements.txt");
/// How long a handler may take until it listens.
const STARTING: Duration = Duration::from_secs(60);

/// A handler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// FastAPI and boto3, by uvicorn.
    Python,
    /// Node's own server and the AWS SDK v3.
    Node,
}

impl Peer {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Python, Self::Node];

    /// Its language.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Python => "Python",
            Self::Node => "Node",
        }
    }

    /// Installs what it needs, unless it is there.
    ///
    /// # Errors
    /// When this machine has no Python, or gets no packages.
    pub fn install(self) -> Result<Installed, Unavailable> {
        match self {
            Self::Python => {
                let requirements: Vec<&str> = REQUIREMENTS.lines().collect();
                Ok(Installed::Python { programs: try_venv("peer-python", &requirements)? })
            }
            Self::Node => Ok(Installed::Node { program: try_node()?, packages: try_npm("peer-node", &here("node"))? }),
        }
    }
}

/// A handler that can be started.
#[derive(Debug)]
pub enum Installed {
    /// The one in Python.
    Python {
        /// The folder of its packages' programs.
        programs: PathBuf,
    },
    /// The one in Node.
    Node {
        /// Node.
        program: PathBuf,
        /// The folder that has `node_modules`.
        packages: PathBuf,
    },
}

impl Installed {
    /// Starts it over a table, and waits until it listens. Its senders sign with `secret`; `services` are the variables
    /// by which an SDK finds the table.
    ///
    /// # Errors
    /// When it cannot be started, or ends or stays silent instead of listening; then with what it printed.
    pub fn start(
        &self,
        table: &str,
        secret: &str,
        services: impl IntoIterator<Item = (&'static str, String)>,
    ) -> io::Result<Running> {
        let folder = TempDir::new()?;
        let mut command = match self {
            Self::Python { programs } => {
                let mut uvicorn = Command::new(programs.join("uvicorn"));
                uvicorn.arg("--app-dir").arg(here("python")).args(["--host", "127.0.0.1", "--port", "0"]);
                uvicorn.args(["--no-access-log", "app:app"]);
                uvicorn
            }
            Self::Node { program, packages } => {
                // A module is looked for beside the file that imports it.
                std::fs::copy(here("node").join("app.js"), folder.path().join("app.js"))?;
                std::fs::copy(here("node").join("package.json"), folder.path().join("package.json"))?;
                std::os::unix::fs::symlink(packages.join("node_modules"), folder.path().join("node_modules"))?;
                let mut node = Command::new(program);
                node.arg(folder.path().join("app.js"));
                node
            }
        };
        // Python would write what it compiled beside the source.
        command.env("PYTHONDONTWRITEBYTECODE", "1").env("NODE_ENV", "production");
        command.env("TABLE", table).env("WEBHOOK_SECRET", secret).envs(services);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn()?;
        let stderr = child.stderr.take().ok_or_else(|| io::Error::other("it has no output"))?;
        let mut running = Running { child, url: String::new(), _folder: folder };
        let (send, lines) = mpsc::channel();
        std::thread::spawn(move || {
            // The rest is read as well, so that it never waits for a reader.
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                let _gone = send.send(line);
            }
        });
        let mut printed = Vec::new();
        while let Ok(line) = lines.recv_timeout(STARTING) {
            if let Some(url) = line.split_whitespace().find(|word| word.starts_with("http://127.0.0.1:")) {
                url.clone_into(&mut running.url);
                return Ok(running);
            }
            printed.push(line);
        }
        Err(io::Error::other(format!("{command:?} does not listen: {}", printed.join("\n"))))
    }
}

/// A handler that listens: killed when dropped.
#[derive(Debug)]
pub struct Running {
    child: Child,
    url: String,
    // Has the files that it runs.
    _folder: TempDir,
}

impl Running {
    /// The id of its process; it has no others.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Its address.
    pub fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ended_already = self.child.kill();
        let _ended_already = self.child.wait();
    }
}

/// A folder of this crate.
fn here(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)
}
