//! Errors of the table, the file and the bucket.

use vestibule_report::Error as ReportError;
use vestibule_store::StoreError;

/// Why a file could not be read, refreshed or published.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The table.
    #[error("the table: {0}")]
    Store(#[from] StoreError),
    /// The file; [`ReportError::InvalidFilter`] is a mistake in the question.
    #[error("the report file: {0}")]
    Report(#[from] ReportError),
    /// The bucket.
    #[error("the bucket: {0}")]
    Bucket(String),
    /// The disk.
    #[error("the disk: {0}")]
    Disk(#[from] std::io::Error),
    /// This machine's disk has too little room for an export.
    #[error("an export needs {needed} bytes of the disk, and {free} are free")]
    NoRoom {
        /// Bytes that it needs.
        needed: u64,
        /// Bytes that are free.
        free: u64,
    },
    /// A published file is no longer in the bucket.
    #[error("file {0} is gone from the bucket")]
    Gone(String),
    /// A published file cannot be opened.
    #[error("a published file can't be opened: {0}")]
    Unfit(ReportError),
    /// A downloaded file differs from the published one.
    #[error("file {0} is not what was published")]
    Tampered(String),
    /// The work on a file was interrupted.
    #[error("interrupted")]
    Interrupted,
}

impl ArchiveError {
    /// Whether a published file is lost or damaged, so that trying again does not help.
    pub(crate) const fn is_lost_file(&self) -> bool {
        matches!(self, Self::Gone(_) | Self::Tampered(_) | Self::Unfit(_))
    }

    /// Whether this machine's disk refused, as when it is full: the same may succeed once it has room again.
    pub fn is_of_the_disk(&self) -> bool {
        match self {
            Self::Disk(_) | Self::NoRoom { .. } => true,
            Self::Report(error) => error.is_of_the_disk(),
            _ => false,
        }
    }

    /// An error of the bucket, with its causes.
    pub(crate) fn bucket(error: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::Bucket(vestibule_causes::causes(&error))
    }
}

impl From<tokio::task::JoinError> for ArchiveError {
    fn from(_: tokio::task::JoinError) -> Self {
        Self::Interrupted
    }
}
