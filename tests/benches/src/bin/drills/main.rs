//! What a machine's life does to the program, done to it at length:
//! `cargo run --release -p vestibule-benches --bin drills -- [NAME …] [--rounds N] [--seconds N]`.
//!
//! - `kills`: SIGKILL under signed load, 40 times (`--rounds`); what was acknowledged is looked for in what is stored
//! - `disk`: the disk becomes full under load, and has room again
//! - `clock`: the clock is set two hours back and ahead, and a year ahead, and right again each time
//! - `connections`: 2 000 connections of strangers, half of them silent and half of them slow, while others are served
//! - `objects`: each object of the newest report file is lost, cut, emptied or flipped
//! - `load`: ten minutes (`--seconds`) at full load: memory, descriptors, and reads beside the writes
//!
//! Without a name it runs all, in this order. Each runs the program's own binary, in the profile of this one, over a folder
//! of its own. It prints every figure and every goal, and ends with exit code 1 if a goal is missed.
//!
//! Must stay true: nobody helps the program meanwhile, except by the command that a drill names.
#![allow(clippy::print_stdout, reason = "printing is what it is for")]

mod clock;
mod connections;
mod disk;
mod goals;
mod kills;
mod load;
mod objects;

use crate::goals::Goals;
use futures::FutureExt as _;
use std::panic::AssertUnwindSafe;
use std::process::ExitCode;
use std::time::Duration;
use vestibule_benches::BoxError;

const NAMES: [&str; 6] = ["kills", "disk", "clock", "connections", "objects", "load"];
/// The variable that lets a tenant's senders send as much as they can.
const UNLIMITED: [(&str, &str); 1] = [("HOOK_REQUESTS_A_MINUTE", "0")];

/// What was asked for.
struct Options {
    names: Vec<String>,
    rounds: usize,
    time: Duration,
}

impl Options {
    fn read(mut arguments: impl Iterator<Item = String>) -> Result<Self, BoxError> {
        let mut options = Self { names: Vec::new(), rounds: 40, time: Duration::from_secs(600) };
        let missing = |option: &str| BoxError::from(format!("{option} needs a number"));
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--rounds" => options.rounds = arguments.next().ok_or_else(|| missing("--rounds"))?.parse()?,
                "--seconds" => {
                    let seconds = arguments.next().ok_or_else(|| missing("--seconds"))?.parse()?;
                    options.time = Duration::from_secs(seconds);
                }
                name if NAMES.contains(&name) => options.names.push(argument),
                other => return Err(format!("{other}: expected one of {}", NAMES.join(", ")).into()),
            }
        }
        if options.names.is_empty() {
            options.names = NAMES.map(str::to_owned).to_vec();
        }
        Ok(options)
    }
}

#[tokio::main]
async fn main() -> Result<ExitCode, BoxError> {
    let options = Options::read(std::env::args().skip(1))?;
    let mut goals = Goals::default();
    for name in &options.names {
        goals.begin(name);
        let drill = async {
            match name.as_str() {
                "kills" => kills::run(options.rounds, &mut goals).await,
                "disk" => disk::run(&mut goals).await,
                "clock" => clock::run(&mut goals).await,
                "connections" => connections::run(&mut goals).await,
                "objects" => objects::run(&mut goals).await,
                _ => load::run(options.time, &mut goals).await,
            }
        };
        // What starts and asks the program panics where a test would.
        let ended = AssertUnwindSafe(drill).catch_unwind().await;
        match ended {
            Ok(Ok(())) => {}
            Ok(Err(error)) => goals.must("it comes to its end", false, &error.to_string()),
            Err(_) => goals.must("it comes to its end", false, "see the message above"),
        }
    }
    Ok(goals.end())
}
