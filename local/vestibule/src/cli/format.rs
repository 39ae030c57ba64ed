//! Commands about the format in which items are stored.

use super::Common;
use clap::Subcommand;

/// The format of what is stored.
#[derive(Debug, Subcommand)]
pub enum FormatCommand {
    /// Show the format in force, those that this release knows, and what differs between them
    Show {
        #[command(flatten)]
        common: Common,
    },
    /// Write a later format from now on. No program that knows only the one before may run any more, and there is no way
    /// back but a backup
    Set {
        /// The number of the format
        number: u32,
        #[command(flatten)]
        common: Common,
    },
}
