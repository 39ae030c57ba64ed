//! Commands about annotations.

use super::Common;
use clap::Subcommand;

/// Annotations.
#[derive(Debug, Subcommand)]
pub enum AnnotationCommand {
    /// Write down what was done, as in `annotation add contoso 2026-11-15 "terms of use changed"`
    Add {
        /// The tenant
        name: String,
        /// The day, or the first of several
        #[arg(value_name = "DATE")]
        from: String,
        /// What was done: one line of at most 200 characters, without an address
        text: String,
        /// The day after the last; without it, one day
        #[arg(long, value_name = "DATE")]
        to: Option<String>,
        #[command(flatten)]
        common: Common,
    },
    /// List a tenant's annotations, in the order of their days
    List {
        /// The tenant
        name: String,
        #[command(flatten)]
        common: Common,
    },
    /// Remove an annotation
    Remove {
        /// The tenant
        name: String,
        /// The annotation's id
        id: String,
        #[command(flatten)]
        common: Common,
    },
}
