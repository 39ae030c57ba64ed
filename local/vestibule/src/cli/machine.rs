//! Commands about the machine that the program runs on, and `send`, `cost`, `completions` and `man`.

use super::{Common, OnFolder};
use clap::{Args, Subcommand};
use clap_complete::Shell;
use std::path::PathBuf;

/// Commands about the machine.
#[derive(Subcommand)]
pub enum MachineCommand {
    /// Look for what is wrong with the data folder or the stack, and with what it depends on, and say what to do. Exits 1 if
    /// anything must be mended
    Doctor {
        #[command(flatten)]
        common: Common,
    },
    /// Copy the data folder to another one, also while `serve` runs; what is there from the backup before is kept
    Backup {
        /// The folder of the backup. It has the same secrets as the data folder
        #[arg(value_name = "DIR")]
        folder: PathBuf,
        #[command(flatten)]
        on: OnFolder,
    },
    /// Make a data folder of a backup, which is checked first. The data folder must be empty or not exist
    Restore {
        /// The folder of the backup
        #[arg(value_name = "DIR")]
        folder: PathBuf,
        #[command(flatten)]
        on: OnFolder,
    },
    /// Sign the events of a file, post them to a webhook, and show the result for each. Exits 1 if any was not taken
    Send(SendOptions),
    /// Add up what a deployment on AWS costs a month, from measured units of work and dated prices. Needs no account and no
    /// network
    Cost(CostOptions),
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

/// What to send, and to whom. The secret is in no argument: others on the machine can read those.
#[derive(Args)]
pub struct SendOptions {
    /// The file with events in the form of CloudEvents: one, a list, or one a line; - is standard input
    pub file: PathBuf,
    /// The webhook's address, as `source add` prints it
    #[arg(long, value_name = "URL", env = "VESTIBULE_URL", hide_env_values = true)]
    pub url: String,
    /// A file with the tenant's webhook secret. Without it, the environment has the secret in VESTIBULE_SECRET
    #[arg(long, value_name = "FILE")]
    pub secret_file: Option<PathBuf>,
    /// The events are past ones
    #[arg(long)]
    pub backfill: bool,
    /// Understood only to say why it can't be.
    #[arg(long, value_name = "NAME", hide = true)]
    pub stack: Option<String>,
    /// Answer in JSON
    #[arg(long)]
    pub json: bool,
}

/// What to add up.
#[derive(Args)]
pub struct CostOptions {
    /// Enrollments a month, of all tenants together
    #[arg(long, value_name = "NUMBER", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..))]
    pub enrollments: u32,
    /// Tenants
    #[arg(long, value_name = "NUMBER", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub tenants: u32,
    /// Events of an enrollment; by default those of the simulator's sample
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..))]
    pub events: Option<u32>,
    /// Events that senders post in one request
    #[arg(long, value_name = "NUMBER", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=500))]
    pub events_a_request: u32,
    /// Senders post to the functions' own addresses, as in a stack with WebhookAddresses=FunctionUrls
    #[arg(long)]
    pub function_urls: bool,
    /// Show each unit of work, what it stands on, and each price
    #[arg(long)]
    pub units: bool,
    /// Answer in JSON
    #[arg(long)]
    pub json: bool,
}

impl MachineCommand {
    /// Whether it works on a data folder, or on a copy of one.
    pub const fn has_data_folder(&self) -> bool {
        matches!(self, Self::Doctor { .. } | Self::Backup { .. } | Self::Restore { .. })
    }
}
