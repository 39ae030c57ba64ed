//! What can go wrong with the table, distinguished by what the caller can do about it.

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use vestibule_causes::causes;
use vestibule_domain::StoredFormat;
use vestibule_domain::codec::CodecError;

/// Why a request to the table failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Other writers keep changing the same item: try again later.
    #[error("the item is too busy")]
    Busy,
    /// The table is down, slow or throttling: try again later.
    #[error("unavailable: {0}")]
    Unavailable(String),
    /// The device has sent more events than an enrollment may hold: sending again will not help.
    #[error("the enrollment is full")]
    EnrollmentFull,
    /// The content does not fit into an item.
    #[error("too large for an item")]
    TooLarge,
    /// The item was changed since it was read: read it again.
    #[error("changed by somebody else meanwhile")]
    Conflict,
    /// The item was folded under a later version of the tenant's settings than the caller's: read the tenant again.
    #[error("the cached settings of a tenant are older than its item {0}")]
    StaleSettings(String),
    /// The name is already taken.
    #[error("exists already")]
    Exists,
    /// An item that we can't have written.
    #[error("item {item}: {problem}")]
    Corrupt {
        /// Its key.
        item: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A segment that a head names is missing.
    #[error("a segment of {0} is missing")]
    MissingSegment(String),
    /// A later release moved what is stored to a format that this one does not know. It leaves everything as it is.
    #[error(
        "{item} is of format {format}, which this release does not know (it knows {} to {}): run a later release",
        StoredFormat::OLDEST.number(), StoredFormat::NEWEST.number()
    )]
    Newer {
        /// Where the number stands.
        item: String,
        /// The number.
        format: u32,
    },
    /// The format in force has no place for this, since earlier programs would not know it.
    #[error(
        "{what} need format {}, and format {} is in force: once no earlier program runs beside this one, \
         `vestibule format set {0}`", needed.number(), in_force.number()
    )]
    Older {
        /// What needs another format.
        what: &'static str,
        /// The format that it needs.
        needed: StoredFormat,
        /// The format in force.
        in_force: StoredFormat,
    },
    /// A tenant's secrets are sealed under a key, and this program was given none to open or to seal them with.
    #[error(
        "the secrets of {0} are sealed: name the stack by --stack, or give its key by --kms-key; `vestibule serve` \
         can't open them"
    )]
    Sealed(String),
    /// The table refuses the request itself: a mistake in our code or in the deployment.
    #[error("refused: {0}")]
    Refused(String),
}

impl StoreError {
    pub(crate) fn corrupt(item: &str, problem: impl ToString) -> Self {
        Self::Corrupt { item: item.to_owned(), problem: problem.to_string() }
    }

    pub(crate) fn codec(item: &str, error: &CodecError) -> Self {
        Self::corrupt(item, error)
    }

    /// Whether what is stored can't be read, now or later, so that an operator must look. Any other error may be gone
    /// next time.
    pub const fn is_unreadable(&self) -> bool {
        matches!(self, Self::Corrupt { .. } | Self::MissingSegment(_))
    }

    /// Whether the same request may succeed later.
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::Busy | Self::Unavailable(_) | Self::Conflict | Self::StaleSettings(_) | Self::Newer { .. })
    }
}

impl<E> From<SdkError<E>> for StoreError
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    fn from(error: SdkError<E>) -> Self {
        let refused = match &error {
            SdkError::ServiceError(service) => {
                let code = service.err().code().unwrap_or_default();
                service.raw().status().is_client_error() && !is_throttle(code)
            }
            SdkError::ConstructionFailure(_) => true,
            _ => false,
        };
        let text = causes(&error);
        if refused { Self::Refused(text) } else { Self::Unavailable(text) }
    }
}

fn is_throttle(code: &str) -> bool {
    matches!(
        code,
        "ProvisionedThroughputExceededException"
            | "ThrottlingException"
            | "RequestLimitExceeded"
            | "TransactionInProgressException"
            | "TransactionConflictException"
            | "LimitExceededException"
    )
}
