//! A page of the documentation of which a part is generated: it stands between two lines that say so.
//!
//! Must stay true: with `UPDATE_DOCS=1` a test writes that part anew, and without it fails where the part is out of date.

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

    /// What lies between two lines is `wanted`, or becomes it.
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
