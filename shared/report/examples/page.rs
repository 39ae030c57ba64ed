//! Writes what goes along with a report file: `cargo run -p vestibule-report --example page FILE FOLDER`.
//!
//! It writes the file's page and its summary into the folder and prints their sizes.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::path::PathBuf;
use std::time::Instant;
use vestibule_report::{Reader, report_html, summarise};

fn main() {
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [file, folder] = arguments.as_slice() else { panic!("needs a report file and a folder") };
    let begun = Instant::now();
    let page = report_html(&Reader::open(file).unwrap()).unwrap();
    std::fs::write(folder.join("report.html"), &page).unwrap();
    println!("report.html: {} bytes in {:?}", page.len(), begun.elapsed());
    let begun = Instant::now();
    let summary = summarise(file, &folder.join("summary.sqlite")).unwrap();
    println!("summary.sqlite: {} bytes in {:?}", summary.size_bytes, begun.elapsed());
}
