//! Commands about senders.

use super::Common;
use clap::Subcommand;

/// Senders that post in a form of their own.
#[derive(Debug, Subcommand)]
pub enum SourceCommand {
    /// Print the address, the secret and the settings for a sender; its secret is not shown again
    Add {
        /// The tenant
        name: String,
        /// The sender, such as nanomdm; `source list` names them all
        source: String,
        /// The address at which senders reach the webhooks; by default that of the stack, or where the folder
        /// was served last
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
