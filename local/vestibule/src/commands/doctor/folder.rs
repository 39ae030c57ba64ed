//! Looks at the data folder from outside: whose it is, who can read it, how much room there is, and whether a file was
//! written later than the clock says it is now.

use super::Finding;
use std::fs::Metadata;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use vestibule_domain::{Millis, Timestamp};
use vestibule_host::release::{self, FORMAT, RELEASE};
use vestibule_platform::BoxError;
use vestibule_words::form::{bytes, instant, plural};

/// What a mode gives to others than the owner.
const OTHERS: u32 = 0o077;
/// Room below which exports and backups will fail soon.
const LEAST_ROOM: u64 = 1 << 30;
/// Room below which events may be lost on their way: senders get 503.
const NO_ROOM: u64 = 64 << 20;
/// An export takes as much as the file that it makes, twice and a little (docs/TESTING.md).
const TIMES_THE_FILE: u64 = 3;
/// How far clocks differ without being wrong.
const MOST_AHEAD: Millis = Millis::from_minutes(5);

/// Looks, and says whether the services may be started on the folder: by another account they would make files that the
/// owner cannot use.
pub fn look(data: &Path, now: Timestamp, findings: &mut Vec<Finding>) -> Result<bool, BoxError> {
    let shown = data.display();
    let owner = std::fs::metadata(data).map_err(|error| format!("{shown}: {error}"))?.uid();
    let all = all(data);
    let us = rustix::process::geteuid().as_raw();
    let foreign: Vec<&Path> =
        all.iter().filter(|(_, file)| file.uid() != owner).map(|(path, _)| path.as_path()).collect();
    let is_ours = owner == us;
    if !is_ours {
        findings.push(Finding::failed(
            "owner",
            format!("{shown} belongs to the account {owner}, and this runs as {us}"),
            format!("run commands as the account that serves: sudo -u '#{owner}' vestibule …"),
        ));
    } else if let Some(first) = foreign.first() {
        findings.push(Finding::failed(
            "owner",
            format!(
                "{} of another account than the folder, such as {}",
                plural(foreign.len() as u64, "file", "files"),
                first.display()
            ),
            format!("a command ran as another account: chown -R {owner} {shown}, and use one account"),
        ));
    } else {
        findings.push(Finding::fine("owner", format!("all of {shown} belongs to the account {owner}")));
    }

    let is_open = |file: &Metadata| file.permissions().mode() & OTHERS != 0;
    let open: Vec<&Path> = all.iter().filter(|(_, file)| is_open(file)).map(|(path, _)| path.as_path()).collect();
    findings.push(match open.first() {
        None => Finding::fine("modes", "only its owner can read it"),
        Some(first) => Finding::failed(
            "modes",
            format!("others on this machine can read {} of its files, such as {}", open.len(), first.display()),
            format!("they have secrets and people's names in clear: chmod -R go= {shown}"),
        ),
    });
    findings.push(room(data, &all));
    findings.push(clock(&all, now));
    let (version, is_known) = version(data);
    findings.push(version);
    Ok(is_ours && is_known)
}

/// The folder and everything in it that can be read. What goes while we look does not matter.
fn all(folder: &Path) -> Vec<(PathBuf, Metadata)> {
    let mut found = Vec::new();
    let Ok(own) = std::fs::symlink_metadata(folder) else { return found };
    if own.is_symlink() {
        return found;
    }
    let inside = if own.is_dir() { std::fs::read_dir(folder).ok() } else { None };
    found.push((folder.to_owned(), own));
    for entry in inside.into_iter().flatten().flatten() {
        found.extend(all(&entry.path()));
    }
    found
}

fn room(data: &Path, all: &[(PathBuf, Metadata)]) -> Finding {
    let taken: u64 = all.iter().map(|(_, file)| file.blocks() * 512).sum();
    // The largest object is the largest report file.
    let files = data.join("files");
    let largest =
        all.iter().filter(|(path, _)| path.starts_with(&files)).map(|(_, file)| file.len()).max().unwrap_or(0);
    let free = match rustix::fs::statvfs(data) {
        Ok(disk) => disk.f_bavail.saturating_mul(disk.f_frsize),
        Err(error) => {
            return Finding::failed("space", format!("{}: {error}", data.display()), "see whether the disk is there");
        }
    };
    let needed = largest.saturating_mul(TIMES_THE_FILE);
    let says = format!("{} free; the folder takes {}", bytes(free), bytes(taken));
    let action = format!(
        "make room, or move the folder: an export of the largest file needs {}, and with no room left senders get 503",
        bytes(needed)
    );
    if free < NO_ROOM.max(needed) {
        Finding::failed("space", says, action)
    } else if free < LEAST_ROOM {
        Finding::look("space", says, action)
    } else {
        Finding::fine("space", says)
    }
}

/// Compares the clock with the times of the files: nothing else here knows what time it is.
fn clock(all: &[(PathBuf, Metadata)], now: Timestamp) -> Finding {
    let changed = |file: &Metadata| {
        let since = file.modified().ok()?.duration_since(std::time::UNIX_EPOCH).ok()?;
        i64::try_from(since.as_millis()).ok().map(Timestamp::from_millis)
    };
    let last = all.iter().filter_map(|(path, file)| Some((changed(file)?, path))).max();
    match last {
        Some((at, path)) if at > now + MOST_AHEAD => Finding::failed(
            "clock",
            format!("it is {} here, and {} was written at {}", instant(now), path.display(), instant(at)),
            "the clock was ahead, or is behind now: set it, and keep it by NTP (timedatectl set-ntp true). Signed requests \
             need it within five minutes",
        ),
        _ => Finding::fine("clock", format!("it is {}, and no file is of a later time", instant(now))),
    }
}

/// The versions; and whether this release works on the folder.
fn version(data: &Path) -> (Finding, bool) {
    let ours = format!("vestibule {RELEASE}, format {FORMAT}, SQLite {}", rusqlite::version());
    match release::read(data) {
        Err(error) => {
            let action = "restore the file from a backup, or remove it if the folder is of this release";
            (Finding::failed("versions", error.to_string(), action), false)
        }
        Ok(Some(theirs)) if theirs.format > FORMAT => {
            let says = format!(
                "the folder is of format {}, made by vestibule {}; this is {ours}",
                theirs.format, theirs.release
            );
            (Finding::failed("versions", says, format!("use vestibule {} or later", theirs.release)), false)
        }
        Ok(Some(theirs)) if theirs.release != RELEASE => {
            let says = format!("the folder was last changed by vestibule {}; this is {ours}", theirs.release);
            (Finding::look("versions", says, "restart `serve` with the release that you mean to run"), true)
        }
        Ok(Some(theirs)) if theirs.format < FORMAT => {
            let says = format!(
                "items are written in format {}, as the release before reads them; this is {ours}",
                theirs.format
            );
            let action = format!("once you will not go back to the release before: vestibule format set {FORMAT}");
            (Finding::look("versions", says, action), true)
        }
        Ok(_) => (Finding::fine("versions", ours), true),
    }
}
