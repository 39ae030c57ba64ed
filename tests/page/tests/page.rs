//! The page's sources: formatted, without a type error, and right where they can be tested by themselves.
#![allow(clippy::panic, clippy::unwrap_used)]

use std::process::Command;
use vestibule_page_tests::{FORMATTED, Sources, node, tool};
use vestibule_test_tools::workspace;

/// Runs what must succeed, and shows what it printed where it does not.
fn succeeds(command: &mut Command, what: &str) -> String {
    let output = command.env("NO_COLOR", "1").output().unwrap();
    let printed = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
    assert!(output.status.success(), "{what}\n{printed}");
    printed
}

/// `FORMAT_PAGE=1` formats instead of checking.
#[test]
fn sources_are_formatted() {
    let mode = if std::env::var_os("FORMAT_PAGE").is_some() { "--write" } else { "--check" };
    let mut prettier = tool("prettier");
    prettier.arg(mode).args(FORMATTED).current_dir(workspace());
    succeeds(&mut prettier, "to format: FORMAT_PAGE=1 cargo test -p vestibule-page-tests");
}

/// A view without its address there is tested by nobody for accessibility.
#[test]
fn every_view_is_looked_at_in_a_browser() {
    let read = |path: &str| std::fs::read_to_string(workspace().join(path)).unwrap();
    let views = read("functions/admin-api/web/assets/shell/views.js");
    let addresses = read("tests/browser/pages/views.py");
    let opened: Vec<&str> = addresses
        .split("\"#/")
        .skip(1)
        .filter_map(|after| after.split(|letter: char| !letter.is_alphanumeric() && letter != '-').next())
        .collect();
    let paths: Vec<&str> = views.split("path: '").skip(1).filter_map(|after| after.split('\'').next()).collect();
    assert!(paths.len() > 10, "{paths:?}");
    let lacking: Vec<_> = paths.iter().filter(|path| !opened.contains(path)).collect();
    assert!(lacking.is_empty(), "not in tests/browser/pages/views.py: {lacking:?}");
}

#[test]
fn types_agree() {
    let sources = Sources::lay_out();
    succeeds(tool("tsc").args(["-p", "."]).current_dir(sources.path()), "types disagree");
}

#[test]
fn pure_modules_do_what_they_say() {
    let sources = Sources::lay_out();
    let mut tests = node();
    tests.args(["--test", "--test-reporter=tap"]).args(sources.scripts()).current_dir(sources.path());
    let printed = succeeds(&mut tests, "a module's test failed");
    // No test at all would succeed too.
    let passed = printed.lines().find_map(|line| line.strip_prefix("# pass ")?.parse::<u32>().ok());
    assert!(passed.is_some_and(|passed| passed >= 25), "{printed}");
}
