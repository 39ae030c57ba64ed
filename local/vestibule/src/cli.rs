//! The command line: commands, arguments and options.

mod annotation;
mod format;
mod graph;
mod machine;
mod notices;
mod place;
mod report;
mod source;
mod tags;
mod tenant;

pub use annotation::AnnotationCommand;
pub use format::FormatCommand;
pub use graph::GraphCommand;
pub use machine::{CostOptions, MachineCommand, SendOptions};
pub use notices::{ChannelKind, NoticesCommand, Watched};
pub use place::{Common, OnFolder, Place, SharedOptions, StackOptions};
pub use report::ReportCommand;
pub use source::SourceCommand;
pub use tags::TagsCommand;
pub use tenant::{SecretCommand, TenantCommand, TokenCommand};

use crate::reach::{LogForm, Reach};
use clap::{Parser, Subcommand, ValueEnum};
use std::net::SocketAddr;
use std::path::PathBuf;
use vestibule_store::OlderFiles;

/// Shows where people give up while enrolling a device, and keeps the answer as a file.
// Not Debug, nor are the commands with a token: what was typed may be a secret.
#[derive(Parser)]
#[command(name = "vestibule", version, propagate_version = true)]
pub struct Cli {
    /// The command.
    #[command(subcommand)]
    pub command: Command,
}

impl Command {
    /// Whether it works on a data folder; the others write only where they are asked to.
    pub const fn has_data_folder(&self) -> bool {
        match self {
            Self::Report(_) => false,
            Self::Machine(command) => command.has_data_folder(),
            _ => true,
        }
    }

    /// The form of the log, if requests are to be logged.
    pub const fn log(&self) -> Option<LogForm> {
        match self {
            Self::Serve { reach, .. } => reach.log,
            _ => None,
        }
    }
}

/// The commands.
#[derive(Subcommand)]
pub enum Command {
    /// Serve webhooks and the API, sweep, publish and export, until stopped
    Serve {
        #[command(flatten)]
        reach: Reach,
        #[command(flatten)]
        shared: SharedOptions,
        #[command(flatten)]
        on: OnFolder,
    },
    /// Post a sample of enrollments through the webhook, and show the report
    Demo {
        /// The data folder
        #[arg(long, value_name = "DIR", default_value = ".vestibule/demo")]
        data: PathBuf,
        /// The address to listen on; port 0 takes a free port
        #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8740")]
        listen: SocketAddr,
        /// End after printing instead of going on serving
        #[arg(long)]
        exit: bool,
        /// How many enrollments
        #[arg(long, default_value_t = 3_000)]
        enrollments: usize,
        /// Another seed gives another sample
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// Answer in JSON
        #[arg(long)]
        json: bool,
    },
    /// Tenants
    #[command(subcommand)]
    Tenant(TenantCommand),
    /// API tokens
    #[command(subcommand)]
    Token(TokenCommand),
    /// Webhook secrets
    #[command(subcommand)]
    Secret(SecretCommand),
    /// Senders: their secrets, what they report and what was received
    #[command(subcommand)]
    Source(SourceCommand),
    /// Microsoft Graph's lists, read for a tenant with its own app registration
    #[command(subcommand)]
    Graph(GraphCommand),
    /// Annotations: what a tenant did, by date, beside its numbers
    #[command(subcommand)]
    Annotation(AnnotationCommand),
    /// Tags of devices, such as departments
    #[command(subcommand)]
    Tags(TagsCommand),
    /// Messages to people: rules, channels, and what was sent
    #[command(subcommand)]
    Notices(NoticesCommand),
    /// Publish a tenant's report file as of now, and copy it to this machine
    Export {
        /// The tenant
        name: String,
        #[command(flatten)]
        common: Common,
    },
    /// Check what is stored: the table, and every published file against what was published. Exits 1 if anything is lost
    Verify {
        #[command(flatten)]
        common: Common,
    },
    /// Publish a tenant's file as of now, made from the table alone, and take files that are lost off its list
    Rebuild {
        /// The tenant
        name: String,
        #[command(flatten)]
        common: Common,
    },
    /// Show what happened to a person or a device, what is wrong, and what to do
    #[command(group = clap::ArgGroup::new("subject").required(true))]
    Diagnose {
        /// The tenant
        name: String,
        /// A person, by address or id
        #[arg(long, group = "subject", value_name = "ADDRESS")]
        user: Option<String>,
        /// A device, by serial number, UDID, id or name
        #[arg(long, group = "subject", value_name = "DEVICE")]
        device: Option<String>,
        #[command(flatten)]
        common: Common,
    },
    /// Erase a person or a device: events, reports, files and what names them, for good. Later events of what happened before
    /// are refused
    #[command(group = clap::ArgGroup::new("subject").required(true))]
    Erase {
        /// The tenant
        name: String,
        /// A person, by address or by the directory's id
        #[arg(long, group = "subject", value_name = "ADDRESS")]
        user: Option<String>,
        /// A device, by serial number, UDID or id
        #[arg(long, group = "subject", value_name = "ID")]
        device: Option<String>,
        /// What becomes of older files that name them
        #[arg(long, value_enum, default_value = "rebuild")]
        older_files: OlderFilesChoice,
        #[command(flatten)]
        common: Common,
    },
    /// Print everything that is kept about a person or a device, for an access request
    #[command(group = clap::ArgGroup::new("subject").required(true))]
    ExportPerson {
        /// The tenant
        name: String,
        /// A person, by address or by the directory's id
        #[arg(long, group = "subject", value_name = "ADDRESS")]
        user: Option<String>,
        /// A device, by serial number, UDID or id
        #[arg(long, group = "subject", value_name = "ID")]
        device: Option<String>,
        #[command(flatten)]
        common: Common,
    },
    /// Query a downloaded report file, convert it to CSV, or check it. Needs no data folder and no server
    #[command(subcommand)]
    Report(ReportCommand),
    /// Publish events on the bus again, with the same ids, from the changes of the last 24 hours: after a lost bus, or after
    /// what could not be published was repaired
    #[command(group = clap::ArgGroup::new("changes").required(true).multiple(true))]
    Republish {
        /// The tenant
        name: String,
        /// What changed since then, as in 2026-01-31T08:00:00Z
        #[arg(long, group = "changes", value_name = "TIME")]
        since: Option<String>,
        /// What changed of this item, as `tenant list --json` names it in unreadableStreamRecords
        #[arg(long, group = "changes", value_name = "KEY")]
        key: Option<String>,
        #[command(flatten)]
        common: Common,
    },
    /// The format in which items are stored
    #[command(subcommand)]
    Format(FormatCommand),
    /// Check now which enrollments are due
    Sweep {
        #[command(flatten)]
        common: Common,
    },
    /// Backfill from a file: CloudEvents, one per line, or an export of Intune
    Import {
        /// The tenant
        name: String,
        /// The file
        file: PathBuf,
        #[command(flatten)]
        common: Common,
    },
    #[command(flatten)]
    Machine(MachineCommand),
}

/// What becomes of older files that name somebody who is erased.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum OlderFilesChoice {
    /// They are published anew without them, where this version can; else removed
    Rebuild,
    /// They are removed
    Remove,
}

impl From<OlderFilesChoice> for OlderFiles {
    fn from(choice: OlderFilesChoice) -> Self {
        match choice {
            OlderFilesChoice::Rebuild => Self::Rebuild,
            OlderFilesChoice::Remove => Self::Remove,
        }
    }
}
