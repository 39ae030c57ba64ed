//! What the binary holds besides code: the page's files, where one that is added must make it anew, and what is made of the
//! API's description: itself as JSON, and its operations.
//!
//! Must stay true: what an operation is called, where it is, what its query takes and who may call it stand in
//! `openapi.yaml` alone.

#[path = "build/enums.rs"]
mod enums;
#[path = "build/operations.rs"]
mod operations;

use std::error::Error;
use std::path::PathBuf;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// The words of names: read as a file, as the crate that has it would be built a second time for this script.
const LEXICON: &str = "../../shared/words/lexicon.json";

fn main() -> Result<()> {
    println!("cargo::rerun-if-changed=web");
    println!("cargo::rerun-if-changed=openapi.yaml");
    println!("cargo::rerun-if-changed={LEXICON}");
    let yaml = std::fs::read_to_string("openapi.yaml")?;
    // Read as YAML's own value, which keeps the order that it is written in.
    let mut document: serde_yaml_ng::Value = serde_yaml_ng::from_str(&yaml)?;
    enums::describe(&mut document, &serde_json::from_str(&std::fs::read_to_string(LEXICON)?)?);
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    std::fs::write(out.join("openapi.json"), serde_json::to_vec(&document)?)?;
    std::fs::write(out.join("operations.rs"), operations::operations(&document)?)?;
    std::fs::write(out.join("operations.js"), operations::module(&document)?)?;
    Ok(())
}
