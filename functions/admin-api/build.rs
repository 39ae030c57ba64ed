//! Makes what the binary holds besides code: the page's files, which cause a new build when one is added, and the API's
//! description, as JSON and as a table of its operations.
//!
//! Must stay true: the names, paths, query parameters and permissions of operations are written only in `openapi.yaml`.

#[path = "build/enums.rs"]
mod enums;
#[path = "build/operations.rs"]
mod operations;

use std::error::Error;
use std::path::PathBuf;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// The words of names. They are read as a file, since the crate that has them would be built a second time for this
/// script.
const LEXICON: &str = "../../shared/words/lexicon.json";

fn main() -> Result<()> {
    println!("cargo::rerun-if-changed=web");
    println!("cargo::rerun-if-changed=openapi.yaml");
    println!("cargo::rerun-if-changed={LEXICON}");
    let yaml = std::fs::read_to_string("openapi.yaml")?;
    // YAML's own value keeps the order of the file.
    let mut document: serde_yaml_ng::Value = serde_yaml_ng::from_str(&yaml)?;
    enums::describe(&mut document, &serde_json::from_str(&std::fs::read_to_string(LEXICON)?)?);
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    std::fs::write(out.join("openapi.json"), serde_json::to_vec(&document)?)?;
    std::fs::write(out.join("operations.rs"), operations::operations(&document)?)?;
    std::fs::write(out.join("operations.js"), operations::module(&document)?)?;
    Ok(())
}
