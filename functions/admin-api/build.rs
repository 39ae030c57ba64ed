//! Makes what the binary holds besides code: the page's files, also compressed, and the API's description, as JSON and as
//! a table of its operations.
//!
//! Must stay true: the names, paths, query parameters and permissions of operations are written only in `openapi.yaml`.

#[path = "build/bundle.rs"]
mod bundle;
#[path = "build/enums.rs"]
mod enums;
#[path = "build/lean.rs"]
mod lean;
#[path = "build/operations.rs"]
mod operations;
#[path = "build/page.rs"]
mod page;

use std::error::Error;
use std::path::{Path, PathBuf};

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
    let lexicon = std::fs::read_to_string(LEXICON)?;
    enums::describe(&mut document, &serde_json::from_str(&lexicon)?);
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    std::fs::write(out.join("openapi.json"), serde_json::to_vec(&document)?)?;
    std::fs::write(out.join("operations.rs"), operations::operations(&document)?)?;
    // Modules that the page imports like its others.
    let words = format!("// Made from lexicon.json.\nexport default {};\n", lexicon.trim_end());
    let operations = operations::module(&document)?;
    std::fs::write(out.join("lexicon.js"), &words)?;
    std::fs::write(out.join("operations.js"), &operations)?;
    let made = [("assets/kit/lexicon.js", words), ("assets/kit/operations.js", operations)];
    page::write(Path::new("web"), &made, &out)
}
