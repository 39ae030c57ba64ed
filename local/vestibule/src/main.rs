//! `vestibule`: everything on one machine, and the commands of the people who run it.

mod app;
mod cli;
mod commands;
mod erasing;
mod output;
mod reach;
mod target;

use crate::reach::LogForm;
use clap::Parser as _;
use std::process::ExitCode;
use tracing_subscriber::EnvFilter;

/// Gives freed memory back, however many threads had a part of it.
#[cfg(target_os = "linux")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// What others than the owner may not do with a new file: anything.
const OTHERS: u32 = 0o077;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    begin_log(cli.command.log());
    if cli.command.has_data_folder() {
        // The folder has secrets in clear, and so has what is made for a stack; other crates make some of the files.
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

/// Begins the log, with a line for each request if it is to have a certain form.
fn begin_log(form: Option<LogForm>) {
    // The embedded table warns of each failed condition, but these are the normal end of concurrent writes.
    let mut filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn,dynoxide=error"));
    if form.is_some()
        && let Ok(requests) = "access=info".parse()
    {
        filter = filter.add_directive(requests);
    }
    // Logs go to standard error, since standard output is for the answer. Without colours, since nothing that a terminal
    // acts upon is printed.
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false);
    match form {
        Some(LogForm::Json) => {
            let log = log.json().flatten_event(true).with_current_span(false).with_span_list(false);
            log.with_writer(|| output::Log::Json).init();
        }
        Some(LogForm::Text) | None => log.with_writer(|| output::Log::Text).init(),
    }
}
