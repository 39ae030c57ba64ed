//! A note on the disk that a tenant was changed, for all processes that use one table on one machine.
//!
//! Each process holds tenants in its own memory ([`TenantCache`](crate::TenantCache)). Whoever changes a tenant makes
//! this file a byte longer as soon as the table has the change, and only then reports it as made. Whoever holds tenants
//! compares the length, which costs a call of the file system and no read of the table. So a revoked secret ends at
//! once. A deployment has no such file, and its caches end by time alone.

use std::fs::File;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The note, if there is one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Notice(Option<Arc<Path>>);

/// How many changes there were when it was read; `None` if that can't be read, and then nothing held is current.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Changes(Option<u64>);

impl Notice {
    pub(crate) fn at(path: PathBuf) -> Self {
        Self(Some(path.into()))
    }

    /// Must be read before what is held, so that a change in between counts as later.
    pub(crate) fn changes(&self) -> Changes {
        let Some(path) = &self.0 else { return Changes(Some(0)) };
        Changes(match std::fs::metadata(path) {
            Ok(file) => Some(file.len()),
            Err(error) if error.kind() == ErrorKind::NotFound => Some(0),
            Err(_) => None,
        })
    }

    /// Notes a change, or that there may have been one.
    pub(crate) fn raise(&self) {
        let Some(path) = &self.0 else { return };
        let noted = File::options().create(true).append(true).open(path).and_then(|mut file| file.write_all(b"."));
        if let Err(error) = noted {
            tracing::warn!(%error, path = %path.display(), "a change of a tenant could not be noted; it takes seconds to be seen");
        }
    }
}

impl Changes {
    pub(crate) fn is_still(self, now: Self) -> bool {
        matches!((self.0, now.0), (Some(then), Some(now)) if then == now)
    }
}
