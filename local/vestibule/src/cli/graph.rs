//! Commands about Microsoft Graph's lists.

use super::Common;
use clap::Subcommand;
use clap::builder::PossibleValuesParser;
use vestibule_domain::pull::OPTIONAL_LISTS;

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
