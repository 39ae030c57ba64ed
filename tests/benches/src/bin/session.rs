//! What an update of an Enrollment Status Page session costs:
//! `cargo run -p vestibule-benches --bin session -- [APPS …]`.
#![allow(clippy::print_stdout, reason = "printing is what it is for")]

use vestibule_benches::{BoxError, session::session};

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let asked: Vec<usize> = std::env::args().skip(1).filter_map(|text| text.parse().ok()).collect();
    let apps = if asked.is_empty() { vec![5, 20, 100] } else { asked };
    let columns = ["apps", "updates", "written", "read", "cold", "dearest", "start", "read"];
    println!("{}", columns.map(|column| format!("{column:>8}")).join(" "));
    for apps in apps {
        let cost = session(apps).await?;
        println!(
            "{:>8} {:>8} {:>8.3} {:>8.3} {:>8.3} {:>8.0} {:>8.0} {:>8.1}",
            cost.apps, cost.updates, cost.written, cost.read, cost.read_cold, cost.dearest, cost.start, cost.start_read
        );
    }
    println!(
        "units an update, one event a request, indexes included: written, read by one process for all, read by a process \
         that holds nothing; the dearest update; then esp.started, with its profiles"
    );
    Ok(())
}
