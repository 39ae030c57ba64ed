//! A page of the documentation with a generated part, between two lines that mark it.
//!
//! Must stay true: with `UPDATE_DOCS=1` a test writes that part, and without it fails if the part is out of date.

use std::path::{Path, PathBuf};

pub struct Page {
    path: PathBuf,
    pub text: String,
}

impl Page {
    pub fn open(path: &str) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path);
        let text = std::fs::read_to_string(&path).unwrap();
        Self { path, text }
    }

    /// Checks that the text between two lines is `wanted`, or writes it there.
    pub fn holds(&self, begin: &str, end: &str, wanted: &str) {
        let from = self.text.find(begin).unwrap() + begin.len() + 1;
        let to = from + self.text[from..].find(end).unwrap();
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(&self.path, [&self.text[..from], wanted, &self.text[to..]].concat()).unwrap();
            return;
        }
        let odd = self.text[from..to].lines().zip(wanted.lines()).find(|(is, should)| is != should);
        assert!(
            self.text[from..to] == *wanted,
            "{} is out of date: run this test with UPDATE_DOCS=1. The first difference: {odd:#?}",
            self.path.display()
        );
    }
}
