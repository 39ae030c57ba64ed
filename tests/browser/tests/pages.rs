//! Runs `pages/test_*.py` against a server of its own.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;
use vestibule_browser_tests::Sample;

#[test]
fn the_page_does_what_it_promises_in_a_real_browser() {
    let sample = Sample::start();
    let mut pytest = sample.python();
    pytest.args(["-m", "pytest", "-p", "no:cacheprovider", "-rs", "--tb=short", "--durations=5"]);
    let mut running = pytest.stdout(Stdio::piped()).spawn().unwrap();
    let mut last = String::new();
    for line in BufReader::new(running.stdout.take().unwrap()).lines() {
        last = line.unwrap();
        println!("{last}");
    }
    assert!(running.wait().unwrap().success(), "the page's tests failed: {last}");
    // pytest does not fail if it skips all tests.
    assert!(last.contains(" passed"), "no test ran: {last}");
}
