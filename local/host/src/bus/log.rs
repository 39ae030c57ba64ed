//! The bus's log as a file: one event a line.
//!
//! Must stay true: a line that was acknowledged is whole, and a torn one never becomes the start of the next.

use crate::durable::{append_line, private, sync_folder_of};
use serde_json::Value;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Seek as _, SeekFrom};
use std::os::unix::fs::FileExt as _;
use std::path::Path;

/// The log's file and its length, counting whole lines only.
pub(super) struct Log {
    file: File,
    pub(super) length: u64,
}

impl Log {
    pub(super) fn open(path: &Path) -> std::io::Result<Self> {
        let file = private().create(true).append(true).read(true).open(path)?;
        let (mut length, mut lines, mut line) = (0, BufReader::new(&file), Vec::new());
        loop {
            line.clear();
            let read = lines.read_until(b'\n', &mut line)?;
            if line.last() != Some(&b'\n') {
                break;
            }
            length += read as u64;
        }
        // A torn last line was never acknowledged, and must not become the start of the next line.
        file.set_len(length)?;
        file.sync_all()?;
        sync_folder_of(path)?;
        Ok(Self { file, length })
    }

    pub(super) fn append(&mut self, lines: &[u8]) -> std::io::Result<()> {
        match append_line(&mut self.file, lines) {
            Ok(()) => {
                self.length += lines.len() as u64;
                Ok(())
            }
            Err(error) => {
                // A part of it may have been written, for example to a full disk.
                self.file.set_len(self.length)?;
                Err(error)
            }
        }
    }
}

/// Overwrites texts of a log's events with dashes.
pub(super) fn overwrite(path: &Path, which: &impl Fn(&Value) -> Vec<String>) -> std::io::Result<()> {
    let file = File::options().read(true).write(true).open(path)?;
    let (mut lines, mut line, mut begin) = (BufReader::new(&file), Vec::new(), 0);
    loop {
        line.clear();
        let read = lines.read_until(b'\n', &mut line)?;
        if read == 0 {
            break;
        }
        let event: Value = serde_json::from_slice(&line).unwrap_or_default();
        // A dead letter has its event in a member.
        let event = event.get("event").unwrap_or(&event);
        for text in which(event) {
            let quoted = Value::String(text).to_string();
            let found = (0..line.len()).filter(|at| line[*at..].starts_with(quoted.as_bytes()));
            for at in found {
                let dashes = vec![b'-'; quoted.len() - 2];
                file.write_all_at(&dashes, begin + at as u64 + 1)?;
            }
        }
        begin += read as u64;
    }
    file.sync_all()
}

/// The whole lines of a log from an offset, each with the offset after it, and the offset after the last. At least one
/// line, otherwise at most `most` bytes.
pub(super) fn read_lines(path: &Path, from: u64, most: u64) -> std::io::Result<(Vec<(Value, u64)>, u64)> {
    let mut log = BufReader::new(File::open(path)?);
    log.seek(SeekFrom::Start(from))?;
    let (mut events, mut end, mut line) = (Vec::new(), from, Vec::new());
    while end - from < most {
        line.clear();
        let read = log.read_until(b'\n', &mut line)?;
        // Incomplete: it is being written right now.
        if line.last() != Some(&b'\n') {
            break;
        }
        end += read as u64;
        // We only write whole events, so a line that does not parse is skipped.
        events.extend(serde_json::from_slice(&line).ok().map(|event| (event, end)));
    }
    Ok((events, end))
}
