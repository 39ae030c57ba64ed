//! What can go wrong, by what the caller can do about it.

use rusqlite::ErrorCode;

/// Why a file could not be made, refreshed, published or read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Two different texts or attempts hash alike: build the file from nothing with the next salt
    /// ([`Working::create_salted`](crate::Working::create_salted)).
    #[error("two different {what} have the same id under salt {salt}")]
    Collision {
        /// What collided.
        what: &'static str,
        /// The salt under which it did.
        salt: u32,
    },
    /// The file already describes a later instant than the one asked for.
    #[error("the file is as of {file}, later than {asked}")]
    Backwards {
        /// The instant of the file.
        file: vestibule_domain::Timestamp,
        /// The instant asked for.
        asked: vestibule_domain::Timestamp,
    },
    /// An earlier refresh stopped half-way: discard the file.
    #[error("the file is unusable after an unfinished refresh")]
    Unfinished,
    /// The file cannot be read while it is refreshed.
    #[error("the file cannot be shared")]
    Unshared,
    /// The file was never refreshed, so there is nothing to publish or read.
    #[error("the file has not been refreshed yet")]
    Empty,
    /// A check before publishing failed: the file must not be used.
    #[error("{check}: {finding}")]
    Check {
        /// Which check.
        check: &'static str,
        /// Its first finding.
        finding: String,
    },
    /// A filter that the report does not have.
    #[error("{field}: {problem}")]
    InvalidFilter {
        /// The filter's name as the API writes it.
        field: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A parameter that a question does not take.
    #[error("parameters known here: {}", if known.is_empty() { "none".to_owned() } else { known.join(", ") })]
    UnknownParameter {
        /// Those that it takes.
        known: Vec<String>,
    },
    /// The file has no question of that name.
    #[error("the file has no question {0}")]
    NoQuestion(String),
    /// The file's answer does not have the form that this crate reads.
    #[error("the file's answer: {0}")]
    Answer(serde_json::Error),
    /// A question about single attempts, devices or sessions, put to a summary.
    #[error("a summary holds no single attempts, devices or sessions")]
    NotInSummary,
    /// Not a report file of this schema.
    #[error("not a report file of schema version {}", crate::SCHEMA_VERSION)]
    ForeignFile,
    /// SQLite refused.
    #[error("sqlite: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// The file system refused.
    #[error("file: {0}")]
    Io(#[from] std::io::Error),
    /// A row has other columns than its table.
    #[error("a row of {table}: {column} {problem}")]
    Columns {
        /// The table.
        table: &'static str,
        /// The column.
        column: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// What is built into this crate cannot be read.
    #[error("built-in data: {0}")]
    BuiltIn(&'static str),
}

impl Error {
    /// Whether the disk refused, as when it is full: the same may succeed once it has room again.
    pub fn is_of_the_disk(&self) -> bool {
        match self {
            Self::Io(_) => true,
            Self::Sqlite(error) => matches!(
                error.sqlite_error_code(),
                // A journal that cannot be made counts as "cannot open".
                Some(ErrorCode::DiskFull | ErrorCode::SystemIoFailure | ErrorCode::CannotOpen | ErrorCode::ReadOnly)
            ),
            _ => false,
        }
    }
}

/// The result of this crate's functions.
pub type Result<T> = std::result::Result<T, Error>;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::Error;
    use rusqlite::Connection;

    #[test]
    fn a_full_disk_is_no_damaged_file() {
        let full = Connection::open_in_memory().unwrap();
        full.execute_batch("PRAGMA max_page_count = 2; CREATE TABLE t (c)").unwrap();
        let error = full.execute_batch("INSERT INTO t VALUES (zeroblob(100000))").unwrap_err();
        assert!(Error::from(error).is_of_the_disk());

        let folder = tempfile::tempdir().unwrap();
        let error = Connection::open(folder.path().join("none/file")).unwrap_err();
        assert!(Error::from(error).is_of_the_disk());
        let path = folder.path().join("notes");
        std::fs::write(&path, [b'x'; 4096]).unwrap();
        let error = Connection::open(&path).unwrap().execute_batch("CREATE TABLE t (c)").unwrap_err();
        assert!(!Error::from(error).is_of_the_disk(), "a file that is no database");
        assert!(!Error::ForeignFile.is_of_the_disk());
    }
}
