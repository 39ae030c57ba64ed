//! Room on the disk of the folder for copies, which on AWS is as small as the deployment made it.

use crate::{Archive, ArchiveError};
use std::path::Path;
use vestibule_domain::TenantId;

/// What an export needs beside the file, in hundredths of it: at most two files exist at once (see `publish`), and the
/// summary, the page and what SQLite sorts are some more. 213 were measured (docs/TESTING.md).
const EXPORT_NEEDS_PERCENT: u64 = 220;

/// Bytes that are free for us on the disk of `folder`; `None` if the system does not say.
pub(crate) fn free_bytes(folder: &Path) -> Option<u64> {
    let disk = rustix::fs::statvfs(folder).ok()?;
    Some(disk.f_bavail.saturating_mul(disk.f_frsize))
}

/// What an export of a file of this size needs.
pub(crate) const fn needed_by_export(file: u64) -> u64 {
    (file / 100 + 1).saturating_mul(EXPORT_NEEDS_PERCENT)
}

impl Archive {
    /// Refuses an export for which there is no room, before it has read anything. The next file is about as large as
    /// the one before; of the first nobody knows.
    pub(crate) fn check_room_for_export(&self, file: u64) -> Result<(), ArchiveError> {
        let needed = needed_by_export(file);
        match free_bytes(&self.scratch) {
            Some(free) if free < needed => Err(ArchiveError::NoRoom { needed, free }),
            _ => Ok(()),
        }
    }

    /// Closes copies of other tenants until there is room for a file of this size.
    pub(crate) fn make_room(&self, tenant: &TenantId, bytes: u64) {
        let is_short = || free_bytes(&self.scratch).is_some_and(|free| free < bytes);
        self.copies.close_while(tenant, is_short, |tenant| self.path_of(tenant).into());
    }

    /// Closes all copies of other tenants that are not in use, and returns how many.
    pub(crate) fn close_others(&self, tenant: &TenantId) -> usize {
        self.copies.close_while(tenant, || true, |tenant| self.path_of(tenant).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_export_needs_more_than_twice_its_file() {
        assert_eq!(needed_by_export(1_000_000), 2_200_220);
        assert!(needed_by_export(u64::MAX) > u64::MAX / 2, "no overflow");
        assert!(free_bytes(Path::new("/")).is_some_and(|free| free > 0));
        assert_eq!(free_bytes(Path::new("/nowhere")), None);
    }
}
