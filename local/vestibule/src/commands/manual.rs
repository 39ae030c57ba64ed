//! `completions` and `man`: what a shell completes, and the manual. Both are made of the command line itself.
//!
//! Must stay true: no text of anybody else is in them. They go out as they are, since the shells' scripts have characters
//! that a line of an answer must not have.

use crate::cli::Cli;
use crate::output::say;
use clap::CommandFactory as _;
use clap_complete::Shell;
use clap_mangen::Man;
use std::io::{ErrorKind, Write as _};
use std::path::Path;
use vestibule_platform::BoxError;

/// Prints the script for a shell.
pub fn completions(shell: Shell) -> Result<(), BoxError> {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "vestibule", &mut text);
    print(&text)
}

/// Prints the page of the program, or writes the pages of all commands to a folder.
pub fn man(out: Option<&Path>) -> Result<(), BoxError> {
    match out {
        None => {
            let mut page = Vec::new();
            Man::new(Cli::command()).render(&mut page)?;
            print(&page)
        }
        Some(folder) => {
            let named = |error| format!("{}: {error}", folder.display());
            std::fs::create_dir_all(folder).map_err(named)?;
            clap_mangen::generate_to(Cli::command(), folder).map_err(named)?;
            say(format!(
                "The pages are in {}; `man -l {}/vestibule.1` shows the first.",
                folder.display(),
                folder.display()
            ));
            Ok(())
        }
    }
}

/// Prints a text. A reader that stopped reading is not our error.
fn print(text: &[u8]) -> Result<(), BoxError> {
    match std::io::stdout().lock().write_all(text) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}
