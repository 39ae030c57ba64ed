//! The servers of `peers.py`, as a child that ends with the test.

use serde_json::Value;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use vestibule_test_tools::python_of_peers;

pub struct Peers {
    child: Child,
    said: BufReader<ChildStdout>,
    pub smtp: u16,
    pub http: u16,
}

impl Peers {
    pub fn start() -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/notify/peers.py");
        let mut child =
            Command::new(python_of_peers()).arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let said = BufReader::new(child.stdout.take().unwrap());
        let mut peers = Self { child, said, smtp: 0, http: 0 };
        let ports = peers.next();
        let port = |name: &str| u16::try_from(ports[name].as_u64().unwrap()).unwrap();
        (peers.smtp, peers.http) = (port("smtp"), port("http"));
        peers
    }

    /// What they received next. A message that was sent is there.
    pub fn next(&mut self) -> Value {
        let mut line = String::new();
        self.said.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}/{path}", self.http)
    }
}

impl Drop for Peers {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _status = self.child.wait();
    }
}
