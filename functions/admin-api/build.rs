//! What the binary holds besides code: the page's files, where one that is added must make it anew, and the API's
//! description, as JSON.

#[path = "build/enums.rs"]
mod enums;

use std::error::Error;
use std::path::PathBuf;

/// The words of names: read as a file, as the crate that has it would be built a second time for this script.
const LEXICON: &str = "../../shared/words/lexicon.json";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=web");
    println!("cargo::rerun-if-changed=openapi.yaml");
    let yaml = std::fs::read_to_string("openapi.yaml")?;
    // Read as YAML's own value, which keeps the order that it is written in.
    let mut document: serde_yaml_ng::Value = serde_yaml_ng::from_str(&yaml)?;
    println!("cargo::rerun-if-changed={LEXICON}");
    enums::describe(&mut document, &serde_json::from_str(&std::fs::read_to_string(LEXICON)?)?);
    let out = PathBuf::from(std::env::var("OUT_DIR")?).join("openapi.json");
    std::fs::write(out, serde_json::to_vec(&document)?)?;
    Ok(())
}
