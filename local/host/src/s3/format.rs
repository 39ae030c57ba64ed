//! The form of the object store's files.
//!
//! Each consists of: magic, length of the header as a big-endian `u32`, header as JSON padded with spaces, then the
//! bytes. The header is padded because it is written last, once size and digest are known, into space reserved for it.
//!
//! Must stay true: a file is synced before it is finished; one that is not whole is never opened.

use super::store::Failure;
use crate::durable::private;
use base64::Engine as _;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

const MAGIC: &[u8; 8] = b"VSTOBJ1\n";
/// Bytes in front of the header: magic and length.
const PREAMBLE: u64 = 12;
/// No header is longer: it holds a key of 1 KiB, 2 KiB of user metadata and a few fields, and JSON escapes may lengthen
/// each sixfold. A longer header means damage, so no memory is allocated for it.
const MAX_HEADER: usize = 256 * 1024;

/// The metadata stored with the bytes of an object.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Header {
    pub key: String,
    /// Only for an upload: the bucket of its object.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub bucket: String,
    pub size: u64,
    /// Without the quotes.
    pub etag: String,
    /// Of the bytes, base64; empty for a part of an upload.
    pub sha256: String,
    pub last_modified_ms: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_disposition: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_encoding: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_language: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_control: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub user_metadata: BTreeMap<String, String>,
}

/// A file in `tmp`, removed on drop unless it was moved away.
#[derive(Debug)]
pub(super) struct TempFile {
    pub(super) path: PathBuf,
}

impl Drop for TempFile {
    fn drop(&mut self) {
        // Usually renamed away; if it stays, the next start removes it.
        let _ = fs::remove_file(&self.path);
    }
}

/// A file being written.
#[derive(Debug)]
pub(super) struct Staged {
    file: File,
    temp: TempFile,
    header: Header,
    room: usize,
    digest: Option<Sha256>,
    size: u64,
}

/// A file that is complete and synced, but not yet in its place.
#[derive(Debug)]
pub(super) struct Finished {
    pub(super) temp: TempFile,
    pub(super) header: Header,
}

/// How the bytes of a file are named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Named {
    /// By their digest.
    ByDigest,
    /// By a random tag: a part is read once, to be joined, and then the whole has a digest.
    AtRandom,
}

impl Staged {
    /// Begins a file at `path`.
    pub(super) fn new(path: PathBuf, header: Header, named: Named) -> Result<Self, Failure> {
        let widest = Header {
            size: u64::MAX,
            last_modified_ms: u64::MAX,
            etag: "0".repeat(32 + 1 + 5),
            sha256: "0".repeat(44),
            ..header.clone()
        };
        let room = serde_json::to_vec(&widest).map_err(io::Error::other)?.len();
        if room > MAX_HEADER {
            return Err(Failure::Io(io::ErrorKind::InvalidInput.into()));
        }
        let opened = private().create_new(true).open(&path);
        let mut file = opened.map_err(|source| Failure::File { file: path.clone(), source })?;
        let temp = TempFile { path };
        let digest = (named == Named::ByDigest).then(Sha256::new);
        file.seek(SeekFrom::Start(PREAMBLE + room as u64))?;
        Ok(Self { file, temp, header, room, digest, size: 0 })
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        if let Some(digest) = &mut self.digest {
            digest.update(bytes);
        }
        self.size += bytes.len() as u64;
        Ok(())
    }

    /// Writes the header and syncs. `parts` marks the entity tag as that of a multipart upload.
    pub(super) fn finish(mut self, parts: Option<usize>) -> Result<Finished, Failure> {
        let digest = self.digest.map(Sha256::finalize);
        let mut etag = match &digest {
            Some(digest) => hex(digest.get(..16).unwrap_or_default()),
            None => uuid::Uuid::new_v4().simple().to_string(),
        };
        if let Some(parts) = parts {
            etag = format!("{etag}-{parts}");
        }
        let header = Header {
            size: self.size,
            etag,
            sha256: digest.map(|digest| base64::engine::general_purpose::STANDARD.encode(digest)).unwrap_or_default(),
            last_modified_ms: now_ms(),
            ..self.header
        };
        let mut json = serde_json::to_vec(&header).map_err(io::Error::other)?;
        if json.len() > self.room {
            return Err(Failure::Damaged { file: self.temp.path.clone(), problem: "the header outgrew its room" });
        }
        json.resize(self.room, b' ');
        let length = u32::try_from(json.len()).map_err(io::Error::other)?;
        let mut head = MAGIC.to_vec();
        head.extend_from_slice(&length.to_be_bytes());
        head.extend_from_slice(&json);
        self.file.seek(SeekFrom::Start(0))?;
        self.file.write_all(&head)?;
        self.file.sync_all()?;
        Ok(Finished { temp: self.temp, header })
    }
}

/// An object's file, open for reading.
#[derive(Debug)]
pub(super) struct Opened {
    pub file: File,
    /// The offset of the first byte.
    start: u64,
}

impl Opened {
    /// Moves to this byte of the object.
    pub(super) fn seek(&mut self, at: u64) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(self.start + at)).map(|_| ())
    }
}

/// Opens the file of the object with this key; `None` if there is none.
pub(super) fn open_object(path: &Path, key: &str) -> Result<Option<(Header, Opened)>, Failure> {
    match open_file(path)? {
        Some((header, _)) if header.key != key => {
            Err(Failure::Damaged { file: path.to_owned(), problem: "it is of another key" })
        }
        opened => Ok(opened),
    }
}

/// Opens a file of ours and reads its header; `None` if there is no such file.
pub(super) fn open_file(path: &Path) -> Result<Option<(Header, Opened)>, Failure> {
    let damaged = |problem| Failure::Damaged { file: path.to_owned(), problem };
    let failed = |source: io::Error| match source.kind() {
        io::ErrorKind::UnexpectedEof => damaged("it ends too early"),
        _ => Failure::File { file: path.to_owned(), source },
    };
    let mut file = match File::open(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other.map_err(failed)?,
    };
    let mut magic = [0; 8];
    let mut length = [0; 4];
    file.read_exact(&mut magic).map_err(failed)?;
    file.read_exact(&mut length).map_err(failed)?;
    if magic != *MAGIC {
        return Err(damaged("it is not a file of this store"));
    }
    let length = u32::from_be_bytes(length);
    if length as usize > MAX_HEADER {
        return Err(damaged("its header is too long"));
    }
    let mut json = vec![0; length as usize];
    file.read_exact(&mut json).map_err(failed)?;
    let header: Header = serde_json::from_slice(&json).map_err(|_| damaged("its header is not JSON"))?;
    let start = PREAMBLE + u64::from(length);
    if start.checked_add(header.size) != Some(file.metadata().map_err(failed)?.len()) {
        return Err(damaged("it is not as long as its header says"));
    }
    Ok(Some((header, Opened { file, start })))
}

fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| u64::try_from(d.as_millis()).unwrap_or(u64::MAX))
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut out, b| {
        for nibble in [b >> 4, b & 15] {
            out.push(char::from_digit(u32::from(nibble), 16).unwrap_or('0'));
        }
        out
    })
}
