//! A deployment's catalogue of advice: the built-in one, extended by the organisation's own file if there is one.

use std::path::Path;
use std::sync::Arc;
use vestibule_advice::{Catalogue, CatalogueError};

/// Why a deployment's own file of advice cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum AdviceError {
    /// It can't be read.
    #[error("{0}: {1}")]
    Unreadable(String, std::io::Error),
    /// It does not have the catalogue's form.
    #[error("{0}: {1}")]
    Refused(String, CatalogueError),
}

/// The advice of a deployment: `own` adds entries and replaces those of the same id.
///
/// # Errors
/// When `own` cannot be read or has a mistake: nothing should start with half of the intended advice.
pub fn advice(own: Option<&Path>) -> Result<Arc<Catalogue>, AdviceError> {
    let built_in = Catalogue::built_in();
    let Some(path) = own else { return Ok(Arc::new(built_in.clone())) };
    let name = || path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|error| AdviceError::Unreadable(name(), error))?;
    let own = Catalogue::parse(&text).map_err(|error| AdviceError::Refused(name(), error))?;
    Ok(Arc::new(built_in.with(own)))
}
