//! A sweep's cost depends on what is due, not on what is stored:
//! `cargo run -p vestibule-benches --bin sweep -- [ENROLLMENTS]`.
//!
//! Sweeps a table of 100 enrollments with nothing due, then adds more (by default up to 100 000 in all) and sweeps
//! again.
#![allow(clippy::print_stdout, reason = "printing is what it is for")]

use vestibule_benches::{BoxError, Table, quiet};

const FEW: usize = 100;

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let many = std::env::args().nth(1).map_or(Ok(100_000), |text| text.parse())?;
    let table = Table::start().await?;
    quiet::fill(&table, 0..FEW).await?;
    let few = quiet::sweep(&table).await?;
    println!("{FEW} enrollments: {} read units in {} queries", few.read, few.calls);
    quiet::fill(&table, FEW..many).await?;
    let stored = table.head_sizes().await?.len();
    let most = quiet::sweep(&table).await?;
    println!("{stored} enrollments: {} read units in {} queries", most.read, most.calls);
    if most.read > few.read {
        return Err("a sweep over more enrollments read more".into());
    }
    Ok(())
}
