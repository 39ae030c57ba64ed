//! Where a command works: on a data folder of this machine, or on a deployed stack.
//!
//! The environment is read in [`target`](crate::target), not by clap: what was typed must win over it.

use clap::Args;
use std::path::PathBuf;

/// The heading of the options of a stack.
const STACK: &str = "A deployed stack, instead of a data folder";

/// The heading of the options of what several processes share.
const SHARED: &str = "A table and a bucket that several processes share";

/// Options of every command that works on a data folder or on a stack.
#[derive(Args, Clone, Debug)]
pub struct Common {
    /// Where it works.
    #[command(flatten)]
    pub place: Place,
    /// Answer in JSON.
    #[arg(long)]
    pub json: bool,
}

/// Where a command works.
#[derive(Args, Clone, Debug, Default)]
pub struct Place {
    /// The data folder; by default VESTIBULE_DATA, or .vestibule/data
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// The stack.
    #[command(flatten)]
    pub stack: StackOptions,
}

/// A deployed stack, by its name or by what it made.
#[derive(Args, Clone, Debug, Default)]
pub struct StackOptions {
    /// The stack's name in CloudFormation, whose outputs name the rest; or VESTIBULE_STACK
    #[arg(long, value_name = "NAME", help_heading = STACK)]
    pub stack: Option<String>,
    /// Its table, if there is no such stack; or VESTIBULE_TABLE
    #[arg(long, value_name = "NAME", help_heading = STACK)]
    pub table: Option<String>,
    /// Its bucket, with --table; or VESTIBULE_BUCKET
    #[arg(long, value_name = "NAME", help_heading = STACK)]
    pub bucket: Option<String>,
    /// Its event bus, with --table; or VESTIBULE_BUS
    #[arg(long, value_name = "NAME", help_heading = STACK)]
    pub bus: Option<String>,
    /// The source of what it publishes, with --table; or VESTIBULE_EVENT_SOURCE, or vestibule
    #[arg(long, value_name = "NAME", help_heading = STACK)]
    pub event_source: Option<String>,
    /// The key of KMS under which the secrets of tenants are sealed, with --table; or VESTIBULE_KMS_KEY
    #[arg(long, value_name = "ARN", help_heading = STACK)]
    pub kms_key: Option<String>,
    /// The region; by default that of AWS_REGION or of the profile
    #[arg(long, value_name = "REGION", help_heading = STACK)]
    pub region: Option<String>,
    /// The profile of the AWS configuration; by default that of AWS_PROFILE
    #[arg(long, value_name = "NAME", help_heading = STACK)]
    pub profile: Option<String>,
}

/// A table and a bucket elsewhere, which several processes may share.
#[derive(Args, Clone, Debug)]
pub struct SharedOptions {
    /// The address of a service with DynamoDB's API, for a table that several `serve` share. Its credentials and region are the
    /// SDK's own, and its table is named by --table (vestibule)
    #[arg(long, value_name = "URL", requires = "s3_endpoint", help_heading = SHARED)]
    pub dynamodb_endpoint: Option<String>,
    /// The address of a service with S3's API, for their bucket. People's browsers read files from there
    #[arg(long, value_name = "URL", requires = "dynamodb_endpoint", help_heading = SHARED)]
    pub s3_endpoint: Option<String>,
    /// The name of that bucket
    #[arg(
        long, value_name = "NAME", requires = "dynamodb_endpoint", default_value = "vestibule-reports",
        help_heading = SHARED
    )]
    pub bucket: String,
}

/// Options of a command that needs a data folder.
#[derive(Args, Clone, Debug)]
pub struct OnFolder {
    /// The data folder; by default VESTIBULE_DATA, or .vestibule/data
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Answer in JSON.
    #[arg(long)]
    pub json: bool,
    /// Understood only to say why it can't be.
    #[arg(long, value_name = "NAME", hide = true)]
    pub stack: Option<String>,
    /// The same.
    #[arg(long, value_name = "NAME", hide = true)]
    pub table: Option<String>,
}
