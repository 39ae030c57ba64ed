//! The hottest keys of the table and its indexes: `cargo run --release -p vestibule-benches --bin scale -- [TENANTS
//! EVENTS_A_SECOND]`, 10 000 and 5 000 unless said otherwise; with tenants of equal size, and with one that has a fifth.
#![allow(clippy::print_stdout, reason = "printing is what it is for")]

use vestibule_benches::BoxError;
use vestibule_benches::scale::{Traffic, hottest};

fn main() -> Result<(), BoxError> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (tenants, events_a_second) = match arguments.as_slice() {
        [] => (10_000, 5_000),
        [tenants, events] => (tenants.parse()?, events.parse()?),
        _ => return Err("expected: [TENANTS EVENTS_A_SECOND]".into()),
    };
    for largest_share in [0.0, 0.2, 1.0] {
        println!(
            "{tenants} tenants, {events_a_second} events a second, {:.0} % of them of one tenant",
            largest_share * 100.0
        );
        let traffic = Traffic { tenants, events_a_second, largest_share, seconds: 60 };
        for one in hottest(&traffic)? {
            println!(
                "  {:<14} {:>6.0} units a second over {:>6} keys; hottest {:<34} {:>6.1} in its busiest second, {:>6.1} on \
                 average; hottest of {} partitions {:>4.0}; a key fills a partition at {:.0} events a second",
                one.what,
                one.units_a_second,
                one.keys,
                one.key,
                one.peak,
                one.mean,
                one.partitions,
                one.partition,
                one.wall
            );
        }
    }
    Ok(())
}
