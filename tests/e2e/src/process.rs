//! Child processes that end with their owner, and ports.

use std::fs::File;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use vestibule_test_tools::free_port;

/// How long a child may take until it listens.
const PATIENCE: Duration = Duration::from_secs(20);

/// A process that is killed, and waited for, when this is dropped. Its output goes to a file, which is shown if the
/// test fails.
#[derive(Debug)]
pub struct Child {
    process: std::process::Child,
    log: PathBuf,
}

impl Child {
    pub(crate) fn start(command: &mut Command, log: &Path) -> Self {
        let out = File::create(log).unwrap();
        command.stdin(std::process::Stdio::null()).stdout(out.try_clone().unwrap()).stderr(out);
        let process = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        Self { process, log: log.to_owned() }
    }

    /// Waits until it has worked for a moment; `false` if it ended instead.
    pub(crate) fn stays(&mut self) -> bool {
        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(5) {
            if let Some(ended) = self.process.try_wait().unwrap() {
                assert!(!ended.success());
                return false;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        true
    }

    /// Waits until it listens; `false` if it ended instead.
    pub(crate) async fn listens(&mut self, port: u16) -> bool {
        let began = Instant::now();
        loop {
            if tokio::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.is_ok() {
                // Another process may have taken the port first.
                return self.process.try_wait().unwrap().is_none();
            }
            if self.process.try_wait().unwrap().is_some() {
                return false;
            }
            assert!(began.elapsed() < PATIENCE, "nothing listens at {port}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let _already_ended = self.process.kill();
        let _status = self.process.wait();
        if std::thread::panicking() {
            let said = std::fs::read_to_string(&self.log).unwrap_or_default();
            let lines: Vec<&str> = said.lines().collect();
            eprintln!("--- {}\n{}", self.log.display(), lines[lines.len().saturating_sub(20)..].join("\n"));
        }
    }
}

/// An address at which nobody answers.
pub fn dead_endpoint() -> String {
    format!("http://127.0.0.1:{}", free_port())
}
