//! How quick a report file is built from nothing: `cargo run --release -p vestibule-benches --bin full-build -- [ATTEMPTS …]`.
//!
//! Builds a file of so many attempts (10 000, 100 000 and a million unless said otherwise), each in a process of its own whose
//! peak memory that the kernel reports, and then writes the very same rows in other ways: by a loop of prepared statements over
//! `rusqlite` that knows nothing but rows, by `sqlite3 .import`, by Python's `sqlite3` and by `sqlite-utils`. It prints rows a
//! second, how a build compares with the bare loop (each three times, in turns; the middle counts), and by which power of the
//! attempts its time grows.
//!
//! A build folds events into attempts, on a thread of its own as an export does, makes every row and keeps the sums; the
//! others find the rows made, table by table in
//! the order in which they lie, which is the best order there is. What is not there is said and left out. `sqlite-utils` takes
//! minutes for more, so it is asked up to 10 000 attempts.
#![allow(clippy::print_stdout, reason = "printing is what it is for")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "the sample is that of the tests")]

#[path = "../../../../shared/report/tests/common/mod.rs"]
mod common;

use common::{Rng, at, context, device_events, tenant};
use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags, params_from_iter};
use serde_json::json;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc::sync_channel;
use std::time::{Duration, Instant};
use vestibule_benches::BoxError;
use vestibule_domain::{History, TenantSettings};
use vestibule_report::{Change, Working};

/// The program's.
#[cfg(target_os = "linux")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Attempts of a device of the sample, in hundredths.
const ATTEMPTS_OF_A_HUNDRED: u64 = 224;
/// Builds and bare loops of each size; the one whose time is in the middle counts.
const TIMES: usize = 3;
/// Rows read before they are written, outside what is timed.
const CHUNK: usize = 20_000;
/// Devices whose events are made at once, outside what is timed.
const DEVICES: u64 = 512;
/// Devices folded before they are passed on, as in an export.
const FEW: usize = 32;
/// Attempts up to which `sqlite-utils` is asked.
const UTILS_UP_TO: u64 = 10_000;
const UTILS: &str = "sqlite-utils==3.38";
/// How every way sets the file up that it writes: as a build does.
const SET_UP: &str = "PRAGMA page_size = 8192; PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;
  PRAGMA locking_mode = EXCLUSIVE; PRAGMA temp_store = FILE; PRAGMA foreign_keys = OFF; PRAGMA cache_size = -8192;";
const PYTHON: &str = "import csv, sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.executescript(open(sys.argv[2]).read())
db.execute('BEGIN')
for table in sys.argv[4:]:
    rows = csv.reader(open(f'{sys.argv[3]}/{table}.csv', newline=''))
    marks = ', '.join('?' * len(next(rows)))
    db.executemany(f'INSERT INTO {table} VALUES ({marks})', rows)
db.execute('COMMIT')";

fn main() -> Result<(), BoxError> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["--build", attempts, out] => build(attempts.parse()?, Path::new(out)),
        ["--copy", from, out] => copy(Path::new(from), Path::new(out)),
        [] => compare(&[10_000, 100_000, 1_000_000]),
        sizes => compare(&sizes.iter().map(|size| size.parse()).collect::<Result<Vec<u64>, _>>()?),
    }
}

fn compare(sizes: &[u64]) -> Result<(), BoxError> {
    let folder = tempfile::tempdir()?;
    let utils = sqlite_utils(folder.path());
    let mut grown = Vec::new();
    for size in sizes {
        let (file, copied) = (folder.path().join(size.to_string()), folder.path().join("copied"));
        let working = file.with_extension("working");
        // In turns, since other work on the machine comes and goes.
        let (mut built, mut bare) = (Vec::new(), Vec::new());
        for _ in 0..TIMES {
            // A build begins a working file of its own.
            let _absent = std::fs::remove_file(&working);
            built.push(child(&["--build".as_ref(), size.to_string().as_ref(), file.as_os_str()])?);
            let _absent = std::fs::remove_file(&copied);
            bare.push(child(&["--copy".as_ref(), file.as_os_str(), copied.as_os_str()])?);
        }
        let (built, bare) = (middle(built), middle(bare));
        let number = |name: &str| built[name].as_f64().unwrap_or_default();
        let (rows, seconds) = (number("rows"), number("seconds"));
        println!("\n{} attempts, {rows} rows, a file of {:.0} MiB", built["attempts"], number("bytes") / 1_048_576.0);
        let say = |what: &str, seconds: f64, memory: Option<f64>| {
            let memory = memory.map_or(String::new(), |bytes| format!(", {:.0} MiB of memory", bytes / 1_048_576.0));
            println!("  {what:<24} {seconds:>8.2} s {:>9.0} rows/s{memory}", rows / seconds);
        };
        say("built", seconds, Some(number("peakBytes")));
        println!("  {:<24} {:>8.2} s", "  of it folding", number("foldSeconds"));
        println!("  {:<24} {:>8.2} s", "published", number("publishSeconds"));
        let bare_seconds = bare["seconds"].as_f64().unwrap_or_default();
        say("bare rusqlite loop", bare_seconds, bare["peakBytes"].as_f64());
        println!("  a build has {:.2} of the bare loop's rows a second", bare_seconds / seconds);
        grown.push((built["attempts"].as_f64().unwrap_or_default().ln(), seconds.ln()));
        others(folder.path(), &file, utils.as_ref().filter(|_| *size <= UTILS_UP_TO), say)?;
    }
    if let Some(exponent) = slope(&grown) {
        println!("\nthe time of a build grows with the attempts to the power of {exponent:.3}");
    }
    Ok(())
}

/// The run whose time is in the middle.
fn middle(mut runs: Vec<serde_json::Value>) -> serde_json::Value {
    let seconds = |run: &serde_json::Value| run["seconds"].as_f64().unwrap_or_default();
    runs.sort_by(|one, other| seconds(one).total_cmp(&seconds(other)));
    let at = runs.len() / 2;
    runs.swap_remove(at)
}

/// The slope of the line through points that has the least squares; none of fewer than two.
fn slope(points: &[(f64, f64)]) -> Option<f64> {
    let n = points.len() as f64;
    let (x, y) = points.iter().fold((0.0, 0.0), |(x, y), point| (x + point.0 / n, y + point.1 / n));
    let (up, along) = points.iter().fold((0.0, 0.0), |(up, along), point| {
        (up + (point.0 - x) * (point.1 - y), along + (point.0 - x) * (point.0 - x))
    });
    (points.len() > 1).then_some(up / along)
}

/// What this program says when it is run with such arguments.
fn child(arguments: &[&std::ffi::OsStr]) -> Result<serde_json::Value, BoxError> {
    let run = Command::new(std::env::current_exe()?).args(arguments).output()?;
    if !run.status.success() {
        return Err(format!("{arguments:?}: {}", String::from_utf8_lossy(&run.stderr)).into());
    }
    Ok(serde_json::from_slice(&run.stdout)?)
}

fn peak_bytes() -> Result<u64, BoxError> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    Ok(peak.trim().trim_end_matches(" kB").parse::<u64>()? << 10)
}

/// Builds and publishes the file of so many attempts, some devices after the other: none is held longer than it is needed.
fn build(attempts: u64, out: &Path) -> Result<(), BoxError> {
    let (from, as_of) = (at("2026-02-20T00:00:00Z"), at("2026-03-20T00:00:00Z"));
    let (tenant, settings) = (tenant(), TenantSettings::default());
    let mut rng = Rng(1);
    let mut working = Working::create(&out.with_extension("working"), &context(&tenant, &settings))?;
    let folds = working.folding(as_of);
    let (mut spent, mut folding) = (Duration::ZERO, Duration::ZERO);
    let mut refresh = working.refresh(as_of)?;
    let devices = attempts * 100 / ATTEMPTS_OF_A_HUNDRED;
    for first in (0..devices).step_by(usize::try_from(DEVICES)?) {
        let mut changes = Vec::new();
        for device in first..devices.min(first + DEVICES) {
            let mut history = History::default();
            for event in device_events(&mut rng, device, from, as_of) {
                if event.received_at <= as_of {
                    history.add(event);
                }
            }
            if !history.is_empty() {
                let (item, version) = (format!("item-{device}"), history.len() as u64);
                changes.push(Change { item, version, history, expires_at: None });
            }
        }
        let begun = Instant::now();
        folding += std::thread::scope(|scope| -> Result<Duration, BoxError> {
            let (send, folded) = sync_channel(2);
            let (changes, folds) = (&changes, &folds);
            let thread = scope.spawn(move || {
                let mut folding = Duration::ZERO;
                for few in changes.chunks(FEW) {
                    let begun = Instant::now();
                    let few: Vec<_> = few.iter().map(|change| folds.fold(change)).collect();
                    folding += begun.elapsed();
                    // The writer gave up, for a reason of its own.
                    if send.send(few).is_err() {
                        break;
                    }
                }
                folding
            });
            folded.into_iter().flatten().try_for_each(|folded| refresh.write(&folded))?;
            thread.join().map_err(|_| "the fold was interrupted".into())
        })?;
        spent += begun.elapsed();
    }
    let begun = Instant::now();
    refresh.finish()?;
    spent += begun.elapsed();
    let begun = Instant::now();
    let published = working.publish(out, None)?;
    let measured = json!({
        "attempts": published.rows["attempts"],
        "rows": published.rows.values().sum::<u64>(),
        "bytes": published.size_bytes,
        "seconds": spent.as_secs_f64(),
        "foldSeconds": folding.as_secs_f64(),
        "publishSeconds": begun.elapsed().as_secs_f64(),
        "peakBytes": peak_bytes()?,
    });
    println!("{measured}");
    Ok(())
}

fn names(conn: &Connection, sql: &str) -> Result<Vec<String>, BoxError> {
    let mut names = conn.prepare(sql)?;
    let names = names.query_map([], |row| row.get(0))?;
    Ok(names.collect::<rusqlite::Result<_>>()?)
}

const TABLES: &str = "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY rowid";
const CREATE_TABLES: &str = "SELECT sql FROM sqlite_schema WHERE type = 'table' ORDER BY rowid";
const CREATE_INDEXES: &str = "SELECT sql FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL ORDER BY rowid";

/// Writes the rows of a file to another by prepared statements; the time is that of writing.
fn copy(from: &Path, out: &Path) -> Result<(), BoxError> {
    let _ = std::fs::remove_file(out);
    let (from, to) = (Connection::open_with_flags(from, OpenFlags::SQLITE_OPEN_READ_ONLY)?, Connection::open(out)?);
    to.execute_batch(SET_UP)?;
    let begun = Instant::now();
    to.execute_batch("BEGIN")?;
    names(&from, CREATE_TABLES)?.iter().try_for_each(|sql| to.execute_batch(sql))?;
    let mut spent = begun.elapsed();
    for table in names(&from, TABLES)? {
        let mut read = from.prepare(&format!("SELECT * FROM {table}"))?;
        let columns = read.column_count();
        let marks = vec!["?"; columns].join(", ");
        let mut insert = to.prepare(&format!("INSERT INTO {table} VALUES ({marks})"))?;
        let mut rows = read.query([])?;
        let mut chunk: Vec<Vec<Value>> = Vec::with_capacity(CHUNK);
        loop {
            while chunk.len() < CHUNK
                && let Some(row) = rows.next()?
            {
                chunk.push((0..columns).map(|at| row.get(at)).collect::<rusqlite::Result<_>>()?);
            }
            if chunk.is_empty() {
                break;
            }
            let begun = Instant::now();
            for row in &chunk {
                insert.execute(params_from_iter(row))?;
            }
            spent += begun.elapsed();
            chunk.clear();
        }
    }
    let begun = Instant::now();
    names(&from, CREATE_INDEXES)?.iter().try_for_each(|sql| to.execute_batch(sql))?;
    to.execute_batch("COMMIT")?;
    spent += begun.elapsed();
    println!("{}", json!({"seconds": spent.as_secs_f64(), "peakBytes": peak_bytes()?}));
    Ok(())
}

/// The ways of other tools, from the rows as CSV; blobs are hexadecimal there.
fn others(
    folder: &Path,
    file: &Path,
    utils: Option<&PathBuf>,
    say: impl Fn(&str, f64, Option<f64>),
) -> Result<(), BoxError> {
    let conn = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let mut tables = names(&conn, TABLES)?;
    for table in &tables {
        write_csv(&conn, table, &folder.join(format!("{table}.csv")))?;
    }
    tables.retain(|table| conn.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)) != Ok(0));
    let script = |sql: &[String]| sql.iter().map(|sql| format!("{sql};\n")).collect::<String>();
    let begin = format!("{SET_UP}\n{}", script(&names(&conn, CREATE_TABLES)?));
    let end = script(&names(&conn, CREATE_INDEXES)?);
    let (out, schema) = (folder.join("other"), folder.join("schema.sql"));
    std::fs::write(&schema, &begin)?;
    let timed = |what: &str, commands: &mut [Command]| {
        let _ = std::fs::remove_file(&out);
        let begun = Instant::now();
        for command in commands {
            match command.output() {
                Ok(run) if run.status.success() => {}
                Ok(run) => return println!("  {what}: failed: {}", String::from_utf8_lossy(&run.stderr).trim()),
                Err(error) => return println!("  {what}: skipped: {error}"),
            }
        }
        say(what, begun.elapsed().as_secs_f64(), None);
    };
    let indexes = |end: &str| {
        let mut command = Command::new("sqlite3");
        command.arg(&out).arg(format!("{SET_UP}{end}"));
        command
    };

    let imports: String = tables
        .iter()
        .map(|table| format!(".import --csv --skip 1 {} {table}\n", folder.join(format!("{table}.csv")).display()))
        .collect();
    std::fs::write(folder.join("import.sql"), format!("{begin}{imports}{end}"))?;
    let mut import = Command::new("sqlite3");
    import.arg(&out).arg(format!(".read {}", folder.join("import.sql").display()));
    timed("sqlite3 .import", &mut [import]);

    let mut python = Command::new("python3");
    python.args(["-c", PYTHON]).arg(&out).arg(&schema).arg(folder).args(&tables);
    timed("Python's sqlite3", &mut [python, indexes(&end)]);

    if let Some(utils) = utils {
        let mut create = Command::new("sqlite3");
        create.arg(&out).arg(&begin);
        let insert = |table: &String| {
            let mut command = Command::new(utils);
            command.args(["insert", "--csv", "--silent"]).arg(&out).arg(table);
            command.arg(folder.join(format!("{table}.csv")));
            command
        };
        let mut commands: Vec<Command> =
            std::iter::once(create).chain(tables.iter().map(insert)).chain([indexes(&end)]).collect();
        timed("sqlite-utils insert", &mut commands);
    } else {
        println!("  sqlite-utils insert: skipped");
    }
    Ok(())
}

/// The command of `sqlite-utils`, as it is there or as pip brings it.
fn sqlite_utils(folder: &Path) -> Option<PathBuf> {
    let runs = |command: &Path| Command::new(command).arg("--version").output().is_ok_and(|run| run.status.success());
    let (there, venv) = (PathBuf::from("sqlite-utils"), folder.join("venv"));
    let brought = venv.join("bin/sqlite-utils");
    if runs(&there) {
        return Some(there);
    }
    let made = Command::new("python3").args(["-m", "venv"]).arg(&venv).output().is_ok_and(|run| run.status.success())
        && Command::new(venv.join("bin/pip")).args(["install", "-q", UTILS]).output().is_ok();
    if made && runs(&brought) {
        return Some(brought);
    }
    println!("sqlite-utils is not there and could not be had by pip");
    None
}

fn write_csv(conn: &Connection, table: &str, path: &Path) -> Result<(), BoxError> {
    let mut out = std::io::BufWriter::new(std::fs::File::create(path)?);
    let mut read = conn.prepare(&format!("SELECT * FROM {table}"))?;
    let columns = read.column_count();
    writeln!(out, "{}", read.column_names().join(","))?;
    let mut rows = read.query([])?;
    while let Some(row) = rows.next()? {
        for at in 0..columns {
            if at > 0 {
                out.write_all(b",")?;
            }
            match row.get(at)? {
                Value::Null => {}
                Value::Integer(number) => write!(out, "{number}")?,
                Value::Real(number) => write!(out, "{number}")?,
                Value::Text(text) => write!(out, "\"{}\"", text.replace('"', "\"\""))?,
                Value::Blob(bytes) => bytes.iter().try_for_each(|byte| write!(out, "{byte:02x}"))?,
            }
        }
        writeln!(out)?;
    }
    Ok(out.flush()?)
}
