//! `import`: backfills from a file of CloudEvents, one per line, or from an Intune export.
//!
//! Its progress is stored beside the data under a digest of the file's content up to that point, so that an interrupted
//! import can go on. Importing a file again is harmless, since an event that is already stored changes nothing.

mod export;
mod refused;
mod shape;

use self::export::Export;
use self::refused::Refused;
use crate::app::App;
use crate::cli::Common;
use crate::output::{self, answer};
use indicatif::{ProgressBar, ProgressStyle};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use vestibule_domain::Timestamp;
use vestibule_domain::settings::LONGEST_RETENTION_DAYS;
use vestibule_intake::{Status, store_batch};
use vestibule_platform::BoxError;
use vestibule_webhook::cloudevents::{Batch, Parsed, parse_event};
use vestibule_webhook::{FieldError, MAX_BODY_BYTES, Received};
use vestibule_words::form::{count, plural};

/// Lines stored together.
const LINES: usize = 500;
/// Bytes of a file's beginning that identify the file and its format.
const BEGINNING_BYTES: u64 = 64 << 10;

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Progress {
    offset: u64,
    lines: u64,
    accepted: u64,
    duplicates: u64,
    ignored: u64,
    rejected: u64,
    /// The ignored events that are older than the tenant keeps data.
    #[serde(default)]
    too_old: u64,
}

pub async fn run(name: &str, file: &Path, common: &Common) -> Result<(), BoxError> {
    let app = App::open(&common.place).await?;
    let tenant = app.tenant(name).await?;
    let size = std::fs::metadata(file)?.len();
    let beginning = beginning_of(file)?;
    let mut export = Export::open(file, &beginning)?;
    if let Some(looks) = shape::other_than_lines(&beginning).filter(|_| export.is_none()) {
        return Err(format!("{}, and nothing of {} was stored: {looks}", shape::wanted(), file.display()).into());
    }
    let note = note_path(&app.folder(), name, &beginning)?;
    let mut progress: Progress =
        std::fs::read(&note).ok().and_then(|note| serde_json::from_slice(&note).ok()).unwrap_or_default();
    if progress.offset > size {
        progress = Progress::default();
    }
    let resumed_at = progress.lines;
    let bar = ProgressBar::new(size);
    let style = "{bar:32} {bytes}/{total_bytes}  {bytes_per_sec}  {eta} left  {msg}";
    bar.set_style(ProgressStyle::with_template(style)?);
    bar.set_position(progress.offset);

    let mut reader = BufReader::new(File::open(file)?);
    match &mut export {
        Some(export) => export.skip(progress.lines)?,
        None => {
            reader.seek(SeekFrom::Start(progress.offset))?;
        }
    }
    let mut refused = Refused::default();
    loop {
        let read = match &mut export {
            Some(export) => export.read_batch(app.now(), LINES)?,
            None => read_batch(&mut reader, progress.lines, app.now())?,
        };
        let Lines { parsed, bytes, count: lines } = read;
        if lines == 0 {
            break;
        }
        let numbers: Vec<u64> = parsed.iter().map(|(line, _)| *line).collect();
        let events = parsed.into_iter().map(|(_, parsed)| parsed).collect();
        let batch = Batch { events, is_list: true };
        let results = store_batch(&app.store, &tenant.id, &tenant.settings, batch, app.now()).await;
        if results.count(Status::Unavailable) > 0 {
            return Err(format!("the table is unavailable; start again to go on at line {}", progress.lines + 1).into());
        }
        for result in results.results.iter().filter(|result| result.status == Status::Invalid) {
            let line = numbers.get(result.index).copied().unwrap_or_default();
            if let Some(text) = refused.take(line, &result.errors) {
                bar.suspend(|| output::note(&text));
            }
        }
        progress.offset += bytes;
        progress.lines += lines;
        progress.accepted += results.accepted as u64;
        progress.duplicates += results.duplicates as u64;
        progress.ignored += results.ignored as u64;
        progress.rejected += results.rejected as u64;
        progress.too_old += results.count(Status::TooOld) as u64;
        save(&note, &progress)?;
        bar.set_position(progress.offset);
        bar.set_message(plural(progress.accepted, "event", "events"));
    }
    bar.finish_and_clear();
    refused.rest().iter().for_each(output::note);
    app.sweep.run().await?;
    app.close().await?;
    std::fs::remove_file(&note).or_else(|error| match error.kind() {
        std::io::ErrorKind::NotFound => Ok(()),
        _ => Err(error),
    })?;
    let mut value = json!({
        "tenant": tenant.id,
        "lines": progress.lines,
        "accepted": progress.accepted,
        "duplicates": progress.duplicates,
        "ignored": progress.ignored,
        "rejected": progress.rejected,
        "tooOld": progress.too_old,
        "resumedAtLine": resumed_at,
    });
    if let Some(export) = &export {
        let (reports, cannot) = export.reports();
        value["report"] = json!({
            "name": export.report.name, "source": export.report.sender.name, "reports": reports, "notReported": cannot,
        });
    }
    answer(common.json, &value, || {
        let mut lines = output::Lines::from(format!(
            "{}: {} stored, {} known already, {} ignored, {} refused.",
            plural(progress.lines, "line", "lines"),
            plural(progress.accepted, "event", "events"),
            count(progress.duplicates),
            count(progress.ignored),
            count(progress.rejected),
        ));
        lines.extend(export.as_ref().map(Export::says));
        if progress.too_old == 0 {
            return lines;
        }
        writeln!(
            lines,
            "{} of those ignored are older than the {} that {name} keeps. To have them, raise that and import \
             again: vestibule tenant set {name} retentionDays=DAYS (at most {LONGEST_RETENTION_DAYS}).",
            count(progress.too_old),
            plural(tenant.settings.retention_days.into(), "day", "days"),
        );
        lines
    });
    // All valid lines are stored, but a script must still learn that some were not.
    match progress.rejected {
        0 => Ok(()),
        all if progress.accepted + progress.duplicates + progress.ignored == 0 => {
            Err(format!("all {} lines were refused; {}", count(all), shape::wanted()).into())
        }
        1 => Err("1 line was refused".into()),
        some => Err(format!("{} lines were refused", count(some)).into()),
    }
}

/// Lines of the file.
struct Lines {
    /// Their texts, each with its number in the file, from 1. Blank lines are left out.
    parsed: Vec<(u64, Parsed)>,
    bytes: u64,
    count: u64,
}

/// The next lines after the first `before`, up to [`LINES`] that are not blank.
fn read_batch(reader: &mut BufReader<File>, before: u64, now: Timestamp) -> Result<Lines, BoxError> {
    let received = Received::native(now, true);
    let mut lines = Lines { parsed: Vec::new(), bytes: 0, count: 0 };
    let mut line = Vec::new();
    while lines.parsed.len() < LINES {
        line.clear();
        let read = reader.read_until(b'\n', &mut line)?;
        if read == 0 {
            break;
        }
        let text = line.strip_prefix(shape::BYTE_ORDER_MARK).unwrap_or(&line).trim_ascii();
        if !text.is_empty() {
            lines.parsed.push((before + lines.count + 1, parse_line(text, received)));
        }
        lines.bytes += read as u64;
        lines.count += 1;
    }
    Ok(lines)
}

fn parse_line(text: &[u8], received: Received) -> Parsed {
    let invalid = |problem: &str| Parsed::Invalid {
        id: None,
        errors: vec![FieldError { field: String::new(), problem: problem.to_owned() }],
    };
    if text.len() > MAX_BODY_BYTES {
        return invalid("the line is too long");
    }
    match serde_json::from_slice(text) {
        Ok(value) => parse_event(&value, received),
        Err(_) => invalid("the line is not JSON"),
    }
}

fn beginning_of(file: &Path) -> Result<Vec<u8>, BoxError> {
    let mut beginning = Vec::new();
    File::open(file)?.take(BEGINNING_BYTES).read_to_end(&mut beginning)?;
    Ok(beginning)
}

fn note_path(data: &Path, tenant: &str, beginning: &[u8]) -> Result<PathBuf, BoxError> {
    let mut hash = Sha256::new();
    hash.update(tenant);
    hash.update(beginning);
    let name: String = hash.finalize()[..16].iter().map(|byte| format!("{byte:02x}")).collect();
    let folder = data.join("imports");
    std::fs::create_dir_all(&folder)?;
    Ok(folder.join(format!("{name}.json")))
}

fn save(note: &Path, progress: &Progress) -> Result<(), BoxError> {
    let aside = note.with_extension("new");
    std::fs::write(&aside, serde_json::to_vec(progress)?)?;
    Ok(std::fs::rename(&aside, note)?)
}
