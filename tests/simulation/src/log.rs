//! The log of a run, line by line: two runs of one seed must write the same.

use serde_json::Value;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;

/// The log of a run.
#[derive(Clone, Default)]
pub struct Log {
    hash: Sha256,
    lines: Option<Vec<String>>,
    /// Faults injected, by kind.
    pub faults: BTreeMap<&'static str, u64>,
    /// Number of calls of the services.
    pub calls: u64,
}

impl Log {
    /// A log that keeps its lines, or only their hash.
    pub fn new(keeps_lines: bool) -> Self {
        Self { lines: keeps_lines.then(Vec::new), ..Self::default() }
    }

    /// Writes a line.
    pub fn line(&mut self, line: String) {
        self.hash.update(&line);
        self.hash.update(b"\n");
        if let Some(lines) = &mut self.lines {
            lines.push(line);
        }
    }

    /// Counts a fault.
    pub fn fault(&mut self, kind: &'static str) {
        *self.faults.entry(kind).or_default() += 1;
    }

    /// SHA-256 of all lines, in hexadecimal.
    pub fn digest(&self) -> String {
        self.hash.clone().finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The lines, if they were kept.
    pub fn lines(&self) -> &[String] {
        self.lines.as_deref().unwrap_or_default()
    }
}

/// A few digits that distinguish one JSON from another, whatever the order of its members. Values that the SDK draws at
/// random are left out.
pub fn digest_of(value: &Value) -> String {
    fn add(hash: &mut Sha256, value: &Value) {
        match value {
            Value::Object(members) => {
                let sorted: BTreeMap<_, _> = members.iter().filter(|(name, _)| *name != "ClientRequestToken").collect();
                hash.update(b"{");
                for (name, value) in sorted {
                    hash.update(name);
                    hash.update(b":");
                    add(hash, value);
                }
                hash.update(b"}");
            }
            Value::Array(list) => {
                hash.update(b"[");
                for value in list {
                    add(hash, value);
                    hash.update(b",");
                }
                hash.update(b"]");
            }
            other => hash.update(other.to_string()),
        }
    }
    let mut hash = Sha256::new();
    add(&mut hash, value);
    hash.finalize()[..4].iter().map(|byte| format!("{byte:02x}")).collect()
}
