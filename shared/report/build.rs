//! Makes cargo compile the crate again when a question is added or removed; the compiler only notices changed ones.

fn main() {
    println!("cargo::rerun-if-changed=src/file/questions");
}
