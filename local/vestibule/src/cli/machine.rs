//! Commands about the machine that the program runs on, and about programs that send to one.

use clap::Subcommand;
use clap_complete::Shell;
use std::path::PathBuf;

/// Commands about the machine.
#[derive(Subcommand)]
pub enum MachineCommand {
    /// Print what a shell needs to complete this program's commands and options
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Print the manual, or write the page of each command to a folder
    Man {
        /// The folder
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
    },
}

impl MachineCommand {
    /// Whether it works on a data folder, or on a copy of one.
    pub const fn has_data_folder(&self) -> bool {
        false
    }
}
