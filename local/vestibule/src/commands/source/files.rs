//! What is deployed to make a sender of a device: a folder with the address and the secret filled in.
//!
//! Must stay true: only the account that runs this can read the folder, from before the secret is in it.

use std::path::{Path, PathBuf};
use vestibule_platform::BoxError;
use vestibule_store::Tenant;
use vestibule_webhook::sources::Sender;

/// Refuses an address that cannot stand in the files of a sender, before there is a secret.
///
/// # Errors
/// When it has a character that quotation marks do not hold.
pub fn check(source: &Sender, url: &str) -> Result<(), BoxError> {
    let fits = |char: char| char.is_ascii_graphic() && !matches!(char, '\'' | '"' | '`' | '$' | '{' | '}' | '\\');
    if source.files.is_empty() || url.chars().all(fits) {
        return Ok(());
    }
    Err(format!("{url:?} is no address that {} can be given", source.name).into())
}

/// Writes the files of a sender to `senders/TENANT/SOURCE/` in the data folder, in place of those before; where that is, if
/// it has any.
///
/// # Errors
/// When they cannot be written.
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
