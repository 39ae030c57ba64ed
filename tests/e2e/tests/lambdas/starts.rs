//! The release zips are small, start soon and need little memory. They are those of the folder that `VESTIBULE_ZIPS`
//! names, for this machine's processor: `infra/deploy build --arch x86_64`, then
//! `VESTIBULE_ZIPS=target/lambda cargo test -p vestibule-e2e -- --ignored --nocapture zips`.

use std::io::Read as _;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use vestibule_e2e::{FUNCTIONS, workspace};

/// The largest zip, and the largest with SQLite.
const BYTES: (u64, u64) = (4_500_000, 6_500_000);
/// The longest from the start of the program until it asks for its first invocation.
const FIRST_POLL: Duration = Duration::from_millis(10);
/// The most memory that is resident then.
const RESIDENT_KB: u64 = 15_000;
/// Starts of each program. The quickest counts: what else the machine does only makes one slower.
const STARTS: usize = 20;

/// Starts a program until it asks for its first invocation: how long that took, and the resident memory in kilobytes.
fn start(program: &Path) -> (Duration, u64) {
    let runtime = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = runtime.local_addr().unwrap().to_string();
    let mut command = Command::new(program);
    command.env_clear().stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    for (name, value) in [
        ("AWS_LAMBDA_RUNTIME_API", address.as_str()),
        ("AWS_LAMBDA_FUNCTION_NAME", "function"),
        ("AWS_LAMBDA_FUNCTION_VERSION", "1"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
        ("AWS_ACCESS_KEY_ID", "key"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
        ("AWS_REGION", "eu-central-1"),
        ("AWS_LC_SYS_NO_JITTER_ENTROPY", "1"),
        ("TABLE_NAME", "table"),
        ("BUCKET_NAME", "bucket"),
        ("EVENT_BUS_NAME", "bus"),
        ("EVENT_SOURCE", "vestibule"),
        ("SECRETS_KEY", "arn:aws:kms:eu-central-1:000000000000:key/00000000-0000-4000-8000-000000000000"),
        ("RUST_LOG", "info"),
    ] {
        command.env(name, value);
    }
    let began = Instant::now();
    let mut child = command.spawn().unwrap();
    let (mut asks, _) = runtime.accept().unwrap();
    let mut first = [0; 64];
    let read = asks.read(&mut first).unwrap();
    let took = began.elapsed();
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(first[..read].starts_with(b"GET /2018-06-01/runtime/invocation/next "));
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    (took, resident.trim().trim_end_matches(" kB").parse().unwrap())
}

#[test]
#[ignore = "needs the release zips"]
fn zips_are_small_and_start_soon() {
    let zips = workspace().join(std::env::var_os("VESTIBULE_ZIPS").expect("VESTIBULE_ZIPS names their folder"));
    let mut missed = Vec::new();
    for function in FUNCTIONS {
        let (zip, folder) = (zips.join(format!("{function}.zip")), tempfile::tempdir().unwrap());
        let unzipped = Command::new("unzip").arg("-q").arg(&zip).arg("-d").arg(folder.path()).status().unwrap();
        assert!(unzipped.success());
        let bytes = zip.metadata().unwrap().len();
        let most = if ["report-export", "admin-api", "notify"].contains(&function) { BYTES.1 } else { BYTES.0 };
        let starts: Vec<(Duration, u64)> = (0..STARTS).map(|_| start(&folder.path().join("bootstrap"))).collect();
        let soonest = starts.iter().map(|(took, _)| *took).min().unwrap();
        let least = starts.iter().map(|(_, resident)| *resident).min().unwrap();
        eprintln!("{function:<20} {bytes:>8} bytes, first poll after {soonest:>6.1?}, {least} kB resident");
        if bytes > most || soonest > FIRST_POLL || least > RESIDENT_KB {
            missed.push(function);
        }
    }
    assert_eq!(missed, Vec::<&str>::new(), "limits: {BYTES:?} bytes, {FIRST_POLL:?}, {RESIDENT_KB} kB");
}
