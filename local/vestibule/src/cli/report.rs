//! Commands about a downloaded report file.

use clap::{Args, Subcommand};
use std::path::PathBuf;

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
