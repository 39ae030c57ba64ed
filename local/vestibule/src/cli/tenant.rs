//! Commands about tenants, their tokens and their webhook secrets.

use super::Common;
use clap::{Subcommand, ValueEnum};
use vestibule_store::Role;

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
        /// The address at which people reach the page; by default that of the stack, or where the folder was served last
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
    /// Seal all secrets of tenants anew under the stack's key: after the move to a format that seals, or to another key
    Seal {
        /// The tenants; all if none is named
        names: Vec<String>,
        #[command(flatten)]
        common: Common,
    },
}
