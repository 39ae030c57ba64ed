//! `vestibule`: everything on one machine, and the commands of the people who run it.

mod app;
mod cli;
mod commands;
mod output;
mod reach;

use clap::Parser as _;
use std::process::ExitCode;

/// What others than the owner may not do with a new file: anything.
const OTHERS: u32 = 0o077;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    // Logs go to standard error, since standard output is for the answer. The embedded table warns of each failed
    // condition, but these are the normal end of concurrent writes.
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn,dynoxide=error"));
    // Without colours, since nothing that a terminal acts upon is printed.
    tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false).with_writer(|| output::Log).init();
    if cli.command.has_data_folder() {
        // The folder has secrets in clear, and other crates make some of its files.
        rustix::process::umask(rustix::fs::Mode::from_raw_mode(OTHERS));
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return output::failed(&error),
    };
    match runtime.block_on(commands::run(cli)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => output::failed(&*error),
    }
}
