//! The recipe for Superset of docs/FILE.md, in Superset itself.

use std::path::Path;
use std::process::Command;
use vestibule_program_tests::Folder;
use vestibule_test_tools::{run, venv};

#[test]
#[ignore = "installs 800 MB"]
fn superset_answers_what_sqlite_does() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let pins = std::fs::read_to_string(root.join("docs/superset/requirements.txt")).unwrap();
    let pins: Vec<&str> = pins.lines().filter(|line| !line.starts_with('#')).collect();
    let tools = venv("superset", &pins);
    let folder = Folder::new();
    let demo = folder.json(&["demo", "--listen", "127.0.0.1:0", "--exit", "--enrollments", "220"]);
    let script = root.join("tests/program/tests/program/superset.py");
    let mut command = Command::new(tools.join("python"));
    let said = run(command.arg(script).arg(demo["path"].as_str().unwrap()).arg(root.join("docs"))).stdout;
    let said = String::from_utf8(said).unwrap();
    assert_eq!(said.matches("are those of SQLite").count(), 9, "{said}");
}
