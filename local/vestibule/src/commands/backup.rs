//! `backup`: copies the data folder, also while `serve` runs. `restore`: makes a data folder of such a copy.
//!
//! An erasure deletes and replaces objects one after the other. A copy that is taken meanwhile may miss an object that its
//! table names, or keep one that is gone. So a backup waits for an erasure under way, and is taken again if there was one
//! while it was taken.

use crate::app::{must_be_there, table_name};
use crate::cli::OnFolder;
use crate::output::{Lines, answer};
use serde_json::json;
use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};
use vestibule_domain::Timestamp;
use vestibule_host::backup::{self, Manifest, Taken};
use vestibule_host::dynamodb::keys;
use vestibule_platform::{BoxError, Clock};
use vestibule_report::SCHEMA_VERSION;
use vestibule_words::form::{bytes, plural};

/// What a stack has instead.
const IN_A_STACK: &str = "a stack's table has point-in-time recovery, and its bucket keeps the files";
/// How long a backup waits for an erasure to end. One that waits for an export that fails deletes nothing meanwhile.
const PATIENCE: Duration = Duration::from_secs(60);
/// The wait between two looks.
const LOOK: Duration = Duration::from_millis(250);
/// How often a backup is taken again because of erasures.
const TRIES: u32 = 3;

/// What was erased so far, and what is being erased, by keys.
#[derive(PartialEq, Eq)]
struct Erasures {
    under_way: BTreeSet<String>,
    /// The records of those that were made, and the tenants that there are.
    made: BTreeSet<(String, String)>,
}

impl Erasures {
    fn of(data: &Path) -> Result<Self, BoxError> {
        let keys = |pk, sk| keys(data, &table_name(), pk, sk);
        // A job is `tenant#id`; what does not fit into it is in items beside it, with longer names.
        let is_job = |sk: &String| sk.matches('#').count() == 1;
        let under_way = keys("erasing", "")?.into_iter().map(|(_, sk)| sk).filter(is_job).collect();
        let made = keys("t#", "erasure#")?.into_iter().chain(keys("tenants", "")?).collect();
        Ok(Self { under_way, made })
    }

    /// Looks until none is under way, but not for ever.
    fn at_rest(data: &Path) -> Result<Self, BoxError> {
        let until = Instant::now() + PATIENCE;
        loop {
            let erasures = Self::of(data)?;
            if erasures.under_way.is_empty() || Instant::now() > until {
                return Ok(erasures);
            }
            std::thread::sleep(LOOK);
        }
    }
}

/// Takes a backup while nobody is erased; returns it with how many erasures are under way all the same.
fn take(data: &Path, to: &Path) -> Result<(Taken, usize), BoxError> {
    let mut tries = 0;
    loop {
        tries += 1;
        let now = Timestamp::from_millis(Clock::system().now_millis()).to_string();
        // A table that can't be read is an error of the backup itself, which names it better.
        let before = Erasures::at_rest(data).ok();
        let taken = backup::take(data, to, now, SCHEMA_VERSION)?;
        let after = Erasures::of(data)?;
        let is_at_rest = before.as_ref() == Some(&after);
        if is_at_rest || tries == TRIES {
            return Ok((taken, after.under_way.len().max(usize::from(!is_at_rest))));
        }
    }
}

/// Takes a backup into `to`.
pub fn run(to: &Path, on: &OnFolder) -> Result<(), BoxError> {
    let data = on.folder(IN_A_STACK)?;
    must_be_there(&data)?;
    let (Taken { manifest, new_bytes }, erasing) = take(&data, to)?;
    let Manifest { taken_at, files, .. } = &manifest;
    let value = json!({
        "backup": to,
        "takenAt": taken_at,
        "files": files.len(),
        "bytes": manifest.bytes(),
        "newBytes": new_bytes,
        "erasuresUnderWay": erasing,
    });
    answer(on.json, &value, || {
        let (number, size) = (plural(files.len() as u64, "file", "files"), bytes(manifest.bytes()));
        let mut lines = Lines::default();
        writeln!(lines, "{}: {number}, {size}, of which {} are new.", to.display(), bytes(new_bytes));
        if erasing > 0 {
            writeln!(
                lines,
                "{} under way: this backup may have whom they erase, or miss an older file. `vestibule doctor` \
                 says what they wait for; take another backup after them.",
                plural(erasing as u64, "erasure", "erasures")
            );
        }
        lines
    });
    Ok(())
}

/// Makes the data folder of the backup in `from`.
pub fn restore(from: &Path, on: &OnFolder) -> Result<(), BoxError> {
    let data = on.folder(IN_A_STACK)?;
    let manifest = backup::restore(from, &data)?;
    let value = json!({
        "data": data,
        "takenAt": manifest.taken_at,
        "release": manifest.release,
        "files": manifest.files.len(),
        "bytes": manifest.bytes(),
    });
    answer(on.json, &value, || {
        let data = data.display();
        [
            format!("{data} is as of {}, by vestibule {}.", manifest.taken_at, manifest.release),
            format!("`vestibule verify --data {data}` reads all of it; `vestibule serve --data {data}` goes on."),
        ]
    });
    Ok(())
}
