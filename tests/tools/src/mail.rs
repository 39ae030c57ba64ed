//! Servers of others that messages go to: the Python that has them, and an SMTP server that takes mail only over TLS.

use crate::venv;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

/// An SMTP server, and the library of Standard Webhooks.
const PEERS: [&str; 2] = ["aiosmtpd==1.4.6", "standardwebhooks==1.1.0"];

/// The Python that can import `aiosmtpd` and `standardwebhooks`.
pub fn python_of_peers() -> PathBuf {
    venv("notices", &PEERS).join("python")
}

/// An SMTP server that takes nothing before STARTTLS and no mail before a password. It ends with the test.
#[derive(Debug)]
pub struct MailServer {
    child: Child,
    said: BufReader<ChildStdout>,
    /// Its port on 127.0.0.1.
    pub port: u16,
}

impl MailServer {
    /// Starts it with a certificate and its key, as PEM. Without, it offers no TLS at all.
    pub fn start(certificate: Option<[&Path; 2]>) -> Self {
        let mut python = Command::new(python_of_peers());
        python.args(["-c", include_str!("mail.py")]).args(certificate.iter().flatten());
        let mut child = python.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let said = BufReader::new(child.stdout.take().unwrap());
        let mut server = Self { child, said, port: 0 };
        server.port = server.line().parse().unwrap();
        server
    }

    /// What it says next: a password that it was given, or a mail that it took, as JSON.
    pub fn line(&mut self) -> String {
        let mut line = String::new();
        self.said.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    /// Ends it, and returns what it has said since.
    pub fn end(mut self) -> Vec<String> {
        drop(self.child.stdin.take());
        self.said.by_ref().lines().map(Result::unwrap).collect()
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _status = self.child.wait();
    }
}
