//! The files to deploy so that a device becomes a sender: a folder with the address and the secret filled in.
//!
//! Must stay true: only the account that runs this can read the folder, already before the secret is written to it.

use std::path::{Path, PathBuf};
use vestibule_platform::BoxError;
use vestibule_store::Tenant;
use vestibule_webhook::sources::Sender;

/// Refuses an address that cannot be written to the files of a sender. Call it before a secret is made.
///
/// # Errors
/// If it has a character that cannot stand between quotation marks.
pub fn check(source: &Sender, url: &str) -> Result<(), BoxError> {
    let fits = |char: char| char.is_ascii_graphic() && !matches!(char, '\'' | '"' | '`' | '$' | '{' | '}' | '\\');
    if source.files.is_empty() || url.chars().all(fits) {
        return Ok(());
    }
    Err(format!("{url:?} is not an address that {} can use", source.name).into())
}

/// Writes the files of a sender to `senders/TENANT/SOURCE/` in the data folder and replaces earlier ones. Returns the
/// folder, or `None` if the sender has no files.
///
/// # Errors
/// If they cannot be written.
pub fn write(
    data: &Path,
    tenant: &Tenant,
    source: &Sender,
    url: &str,
    secret: &str,
) -> Result<Option<PathBuf>, BoxError> {
    if source.files.is_empty() {
        return Ok(None);
    }
    let folder = std::path::absolute(data.join("senders").join(tenant.id.as_str()).join(source.name))?;
    std::fs::create_dir_all(&folder)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o700))?;
    }
    for (path, text) in source.files(url, secret) {
        let path = folder.join(path);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        std::fs::write(path, text)?;
    }
    Ok(Some(folder))
}
