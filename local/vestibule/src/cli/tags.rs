//! Commands about tags.

use super::Common;
use clap::Subcommand;
use std::path::PathBuf;

/// Tags.
#[derive(Debug, Subcommand)]
pub enum TagsCommand {
    /// Tag devices by a table, as CSV: the column `serialNumber`, and one for each tag
    ///
    /// A device that has the tags of its row already is left as it is, so importing a file again changes nothing. An empty
    /// cell says nothing. A table with anything wrong in it is refused as a whole, by column and line.
    Import {
        /// The tenant
        name: String,
        /// The file
        #[arg(value_name = "FILE.csv")]
        file: PathBuf,
        #[command(flatten)]
        common: Common,
    },
}
