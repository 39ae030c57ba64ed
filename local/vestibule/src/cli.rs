//! The command line: commands, arguments and options.

mod machine;

pub use machine::{MachineCommand, SendOptions};

use crate::reach::{LogForm, Reach};
use clap::builder::PossibleValuesParser;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::net::SocketAddr;
use std::path::PathBuf;
use vestibule_domain::pull::OPTIONAL_LISTS;
use vestibule_store::{OlderFiles, Role};

/// Shows where people give up while enrolling a device, and keeps the answer as a file.
// Not Debug, nor are the commands with a token: what was typed may be a secret.
#[derive(Parser)]
#[command(name = "vestibule", version, propagate_version = true)]
pub struct Cli {
    /// The command.
    #[command(subcommand)]
    pub command: Command,
}

/// Options that every command has.
#[derive(Args, Clone, Debug)]
pub struct Common {
    /// The data folder.
    #[arg(long, value_name = "DIR", env = "VESTIBULE_DATA", default_value = ".vestibule/data")]
    pub data: PathBuf,
    /// Answer in JSON.
    #[arg(long)]
    pub json: bool,
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
        common: Common,
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
    /// Publish a tenant's report file as of now, and copy it to the data folder
    Export {
        /// The tenant
        name: String,
        #[command(flatten)]
        common: Common,
    },
    /// Check the data folder: the table, and every published file against what was published. Exits 1 if anything is lost
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

/// Tenants.
#[derive(Debug, Subcommand)]
pub enum TenantCommand {
    /// Add a tenant: prints its webhook secret and an API token, which are not shown again
    Add {
        /// 1 to 40 of a-z, 0-9 and '-'
        name: String,
        #[command(flatten)]
        common: Common,
    },
    /// List the tenants
    List {
        #[command(flatten)]
        common: Common,
    },
    /// Remove a tenant with everything that is kept of it: enrollments, files, settings, secrets
    Remove {
        /// The tenant
        name: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
        #[command(flatten)]
        common: Common,
    },
    /// Change settings, as in `tenant set contoso timeZone=Europe/Berlin requireCompliance=false`
    Set {
        /// The tenant
        name: String,
        /// SETTING=VALUE; an empty value restores the default. Without any, the settings are shown
        settings: Vec<String>,
        #[command(flatten)]
        common: Common,
    },
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

/// What a token allows.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum TokenRole {
    /// Reading
    Reader,
    /// Reading and changing
    Admin,
}

impl From<TokenRole> for Role {
    fn from(role: TokenRole) -> Self {
        match role {
            TokenRole::Reader => Self::Reader,
            TokenRole::Admin => Self::Admin,
        }
    }
}

/// API tokens.
#[derive(Subcommand)]
pub enum TokenCommand {
    /// Make a token, which is not shown again
    Add {
        /// The tenant
        name: String,
        /// What it allows
        #[arg(long, value_enum, default_value = "reader")]
        role: TokenRole,
        /// A name for it
        #[arg(long, default_value = "")]
        label: String,
        /// A scope tag whose Enrollment Status Page profiles it may see and reorder; may be repeated. Without it, all
        /// profiles
        #[arg(long = "scope-tag", value_name = "TAG")]
        scope_tags: Vec<String>,
        #[command(flatten)]
        common: Common,
    },
    /// Make a link that signs one person in once, for twelve hours
    Link {
        /// The tenant
        name: String,
        /// What the person may do
        #[arg(long, value_enum, default_value = "reader")]
        role: TokenRole,
        /// The address at which people reach the page; by default where the folder was served last
        #[arg(long)]
        url: Option<String>,
        #[command(flatten)]
        common: Common,
    },
    /// List a tenant's tokens
    List {
        /// The tenant
        name: String,
        #[command(flatten)]
        common: Common,
    },
    /// Revoke a token, which ends the sessions that were made from it
    Revoke {
        /// The tenant
        name: String,
        /// The token's id, or the token
        token: String,
        #[command(flatten)]
        common: Common,
    },
    /// List the browsers that are signed in to a tenant, and by what
    Sessions {
        /// The tenant
        name: String,
        #[command(flatten)]
        common: Common,
    },
    /// Sign browsers out
    #[command(group = clap::ArgGroup::new("which").required(true))]
    EndSessions {
        /// The tenant
        name: String,
        /// The sessions, by id
        #[arg(group = "which", value_name = "SESSION")]
        sessions: Vec<String>,
        /// All of the tenant
        #[arg(long, group = "which")]
        all: bool,
        #[command(flatten)]
        common: Common,
    },
}

/// Senders that post in a form of their own.
#[derive(Debug, Subcommand)]
pub enum SourceCommand {
    /// Print the address, the secret and the settings for a sender; its secret is not shown again
    Add {
        /// The tenant
        name: String,
        /// The sender, such as nanomdm; `source list` names them all
        source: String,
        /// The address at which senders reach the webhooks; by default where the folder was served last
        #[arg(long)]
        url: Option<String>,
        /// What a sender of CloudEvents reports, if not everything: starts, steps, stops, failures, ends, compliance,
        /// removals, deviceTime, separated by commas; `all` restores the default
        #[arg(long, value_delimiter = ',')]
        reports: Option<Vec<String>>,
        /// Do not wait for Apple devices that await their configuration, because the server never releases them
        #[arg(long)]
        ignore_awaiting_configuration: Option<bool>,
        #[command(flatten)]
        common: Common,
    },
    /// List the senders: the number of secrets, what each reports, what was received last and with which result
    List {
        /// The tenant
        name: String,
        #[command(flatten)]
        common: Common,
    },
    /// Remove a sender's secrets
    Remove {
        /// The tenant
        name: String,
        /// The sender
        source: String,
        #[command(flatten)]
        common: Common,
    },
    /// Read a signed sample, or your own body, as the webhook would, and show what it becomes; nothing is stored
    Test {
        /// The tenant
        name: String,
        /// The sender
        source: String,
        /// A file with a body as the sender posts it, instead of the sample
        #[arg(long)]
        file: Option<std::path::PathBuf>,
        #[command(flatten)]
        common: Common,
    },
}

/// Microsoft Graph's lists.
#[derive(Debug, Subcommand)]
pub enum GraphCommand {
    /// Read for a tenant from now on. The client secret is read from standard input, never from an argument
    Add {
        /// The tenant
        name: String,
        /// The directory (tenant) id, or one of its domains
        #[arg(long, value_name = "ID")]
        directory: String,
        /// The application (client) id
        #[arg(long, value_name = "ID")]
        client: String,
        /// Microsoft's cloud: global, us-government or china
        #[arg(long, default_value = "global")]
        cloud: String,
        /// The day on which the secret expires, so that you are reminded before
        #[arg(long, value_name = "YYYY-MM-DD")]
        expires: Option<String>,
        /// Read this list as well, which needs one more permission; may be repeated. Lists chosen before stay
        #[arg(long = "with", value_name = "LIST", value_parser = PossibleValuesParser::new(OPTIONAL_LISTS))]
        with: Vec<String>,
        #[command(flatten)]
        common: Common,
    },
    /// Choose which of the optional lists are read, each of which needs one more permission; the secret stays
    Set {
        /// The tenant
        name: String,
        /// Read this list as well; may be repeated
        #[arg(long = "with", value_name = "LIST", value_parser = PossibleValuesParser::new(OPTIONAL_LISTS))]
        with: Vec<String>,
        /// Stop reading this list; may be repeated. What was read stays
        #[arg(long = "without", value_name = "LIST", value_parser = PossibleValuesParser::new(OPTIONAL_LISTS))]
        without: Vec<String>,
        #[command(flatten)]
        common: Common,
    },
    /// Ask for a page of each list, store nothing, and report what is missing
    Check {
        /// The tenant
        name: String,
        #[command(flatten)]
        common: Common,
    },
    /// Show the lists: when each was last read, how many records it has, and what went wrong
    List {
        /// The tenant
        name: String,
        #[command(flatten)]
        common: Common,
    },
    /// Replace the client secret, which is read from standard input
    Rotate {
        /// The tenant
        name: String,
        /// The day on which it expires, so that you are reminded before
        #[arg(long, value_name = "YYYY-MM-DD")]
        expires: Option<String>,
        #[command(flatten)]
        common: Common,
    },
    /// Read all lists now
    Run {
        /// The tenant
        name: String,
        #[command(flatten)]
        common: Common,
    },
    /// Stop reading, and forget the app registration and its secret. What was read stays
    Remove {
        /// The tenant
        name: String,
        #[command(flatten)]
        common: Common,
    },
}

/// Webhook secrets.
#[derive(Debug, Subcommand)]
pub enum SecretCommand {
    /// Make a new secret; the earlier ones go on working until they are revoked
    Rotate {
        /// The tenant
        name: String,
        /// Revoke all others at once
        #[arg(long)]
        revoke_others: bool,
        #[command(flatten)]
        common: Common,
    },
}

/// How much a file may be asked for: it may come from anywhere, and its views may have no end.
#[derive(Args, Clone, Copy, Debug)]
pub struct LimitOptions {
    /// Seconds after which to stop; 0 for no limit
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    pub max_seconds: u64,
    /// Rows, of each view, after which to stop; 0 for no limit
    #[arg(long, value_name = "ROWS", default_value_t = 1_000_000)]
    pub max_rows: u64,
}

/// A downloaded report file, or a summary.
#[derive(Debug, Subcommand)]
pub enum ReportCommand {
    /// Run a statement that reads, and print its rows; without one, list views, tables and questions
    Query {
        /// The file
        file: PathBuf,
        /// The statement, as in "SELECT * FROM status_summary"
        #[arg(conflicts_with = "question")]
        sql: Option<String>,
        /// A question that the file carries, as in incomplete-enrollments.actions; without a statement and a question,
        /// all are listed
        #[arg(long, value_name = "NAME")]
        question: Option<String>,
        /// A parameter of the question, as in from=2026-01-31
        #[arg(long = "param", value_name = "NAME=VALUE", requires = "question")]
        parameters: Vec<String>,
        /// Answer in JSON: one object per row, bytes in hexadecimal
        #[arg(long, conflicts_with = "csv")]
        json: bool,
        /// Answer in CSV
        #[arg(long)]
        csv: bool,
        #[command(flatten)]
        limits: LimitOptions,
    },
    /// Write views as CSV, each to its own file; a single named view goes to standard output, unless --out is given
    Csv {
        /// The file
        file: PathBuf,
        /// The views or tables; all views if none is named
        #[arg(value_name = "VIEW")]
        views: Vec<String>,
        /// The folder to write to; by default one in the current folder that is named like the file
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
        /// Begin with a byte order mark, by which Excel recognises UTF-8
        #[arg(long)]
        bom: bool,
        /// Answer in JSON what was written
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        limits: LimitOptions,
    },
    /// Check that a file is one of ours, complete, and as it was published
    Verify {
        /// The file
        file: PathBuf,
        /// The SHA-256 that it must have
        #[arg(long, value_name = "HEX")]
        sha256: Option<String>,
        /// The manifest that was published beside it, or what `export --json` printed
        #[arg(long, value_name = "FILE")]
        manifest: Option<PathBuf>,
        /// Answer in JSON
        #[arg(long)]
        json: bool,
    },
}
