//! `backup`: copies the data folder, also while `serve` runs. `restore`: makes a data folder of such a copy.

use crate::app::must_be_there;
use crate::cli::Common;
use crate::output::answer;
use serde_json::json;
use std::path::Path;
use vestibule_domain::Timestamp;
use vestibule_host::backup::{self, Manifest, Taken};
use vestibule_platform::{BoxError, Clock};
use vestibule_report::SCHEMA_VERSION;
use vestibule_words::form::{bytes, count};

/// Takes a backup into `to`.
pub fn run(to: &Path, common: &Common) -> Result<(), BoxError> {
    must_be_there(&common.data)?;
    let now = Timestamp::from_millis(Clock::system().now_millis()).to_string();
    let Taken { manifest, new_bytes } = backup::take(&common.data, to, now, SCHEMA_VERSION)?;
    let Manifest { taken_at, files, .. } = &manifest;
    let value = json!({
        "backup": to,
        "takenAt": taken_at,
        "files": files.len(),
        "bytes": manifest.bytes(),
        "newBytes": new_bytes,
    });
    answer(common.json, &value, || {
        let (number, size) = (count(files.len() as u64), bytes(manifest.bytes()));
        format!("{}: {number} files, {size}, of which {} are new.", to.display(), bytes(new_bytes))
    });
    Ok(())
}

/// Makes the data folder of the backup in `from`.
pub fn restore(from: &Path, common: &Common) -> Result<(), BoxError> {
    let manifest = backup::restore(from, &common.data)?;
    let value = json!({
        "data": common.data,
        "takenAt": manifest.taken_at,
        "release": manifest.release,
        "files": manifest.files.len(),
        "bytes": manifest.bytes(),
    });
    answer(common.json, &value, || {
        let data = common.data.display();
        [
            format!("{data} is as of {}, by vestibule {}.", manifest.taken_at, manifest.release),
            format!("`vestibule verify --data {data}` reads all of it; `vestibule serve --data {data}` goes on."),
        ]
    });
    Ok(())
}
