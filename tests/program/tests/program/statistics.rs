//! The statistics of answers, held against scipy's, which other people wrote.

use serde_json::{Value, json};
use std::io::Write as _;
use std::process::{Command, Stdio};
use vestibule_test_tools::venv;

const SCIPY: [&str; 1] = ["scipy==1.17.1"];

/// A rate as an answer has it.
#[derive(Debug)]
pub struct Rate {
    pub part: u64,
    pub whole: u64,
    pub low: f64,
    pub high: f64,
}

/// Two rates as an answer compares them.
#[derive(Debug)]
pub struct Compared {
    pub now: (u64, u64),
    pub before: (u64, u64),
    pub z: f64,
    pub p: f64,
}

/// Without a correction for continuity the square of z is the chi-square of the two-by-two table.
const SCRIPT: &str = r"
import json, sys
from scipy.stats import binomtest, chi2_contingency
asked = json.load(sys.stdin)
rates = [list(binomtest(k, n).proportion_ci(0.95, 'wilson')) for k, n in asked['rates']]
tables = [chi2_contingency([[k, n - k], [j, m - j]], correction=False) for k, n, j, m in asked['compared']]
json.dump({'rates': rates, 'compared': [[one.statistic, one.pvalue] for one in tables]}, sys.stdout)
";

fn scipy(asked: &Value) -> Value {
    let mut python = Command::new(venv("scipy", &SCIPY).join("python"));
    python.args(["-c", SCRIPT]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = python.spawn().unwrap();
    child.stdin.take().unwrap().write_all(asked.to_string().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Compares intervals to nine digits and chances to seven.
pub fn agree_with_scipy(rates: &[Rate], compared: &[Compared]) {
    let answer = scipy(&json!({
        "rates": rates.iter().map(|one| [one.part, one.whole]).collect::<Vec<_>>(),
        "compared": compared.iter().map(|one| [one.now.0, one.now.1, one.before.0, one.before.1]).collect::<Vec<_>>(),
    }));
    let pair = |value: &Value| (value[0].as_f64().unwrap(), value[1].as_f64().unwrap());
    for (ours, theirs) in rates.iter().zip(answer["rates"].as_array().unwrap()) {
        let (low, high) = pair(theirs);
        assert!((ours.low - low).abs() < 1e-9 && (ours.high - high).abs() < 1e-9, "{ours:?}, scipy: {theirs}");
    }
    for (ours, theirs) in compared.iter().zip(answer["compared"].as_array().unwrap()) {
        let (square, p) = pair(theirs);
        assert!((ours.z * ours.z - square).abs() < 1e-8 * square.max(1.0), "{ours:?}, scipy: {theirs}");
        assert!((ours.p - p).abs() < 1e-7, "{ours:?}, scipy: {theirs}");
    }
}
