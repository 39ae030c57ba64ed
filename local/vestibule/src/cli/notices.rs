//! Commands about messages to people.

use super::Common;
use clap::builder::PossibleValuesParser;
use clap::{Subcommand, ValueEnum};

/// Messages to people.
#[derive(Subcommand)]
pub enum NoticesCommand {
    /// Add or replace a channel. What is secret of it (a password, or the address that a product gave you) is read from
    /// standard input, never from an argument
    AddChannel {
        /// The tenant
        name: String,
        /// The channel's name
        channel: String,
        /// What it is
        #[arg(long, value_enum)]
        kind: ChannelKind,
        /// E-mail: the SMTP server
        #[arg(long, value_name = "HOST", required_if_eq("kind", "email"))]
        server: Option<String>,
        /// E-mail: its port; 465 begins with TLS, any other changes to it
        #[arg(long, default_value_t = 465)]
        port: u16,
        /// E-mail: who signs in at the server; the password is then read from standard input
        #[arg(long, value_name = "USER")]
        user: Option<String>,
        /// E-mail: the sender's address
        #[arg(long, value_name = "ADDRESS", required_if_eq("kind", "email"))]
        from: Option<String>,
        /// E-mail: an address that it goes to; may be repeated
        #[arg(long, value_name = "ADDRESS", required_if_eq("kind", "email"))]
        to: Vec<String>,
        /// E-mail: speak without TLS, to a server on this machine
        #[arg(long)]
        without_tls: bool,
        #[command(flatten)]
        common: Common,
    },
    /// Remove a channel, and forget what is secret of it
    RemoveChannel {
        /// The tenant
        name: String,
        /// The channel's name
        channel: String,
        #[command(flatten)]
        common: Common,
    },
    /// Add or replace a rule
    AddRule {
        /// The tenant
        name: String,
        /// The rule's name
        rule: String,
        /// What it watches
        #[arg(long, value_enum)]
        watch: Watched,
        /// The channel that it goes to; may be repeated
        #[arg(long, value_name = "CHANNEL", required = true)]
        to: Vec<String>,
        /// step-rate: only this step (action), as in TermsofUse
        #[arg(long, value_name = "ACTION")]
        step: Option<String>,
        /// app-rate: only this app, by the name in the report
        #[arg(long, value_name = "APP")]
        app: Option<String>,
        /// ends: how an enrollment or a session ends; may be repeated. Without it: failed, timedOut
        #[arg(long = "end", value_name = "END", value_parser = PossibleValuesParser::new(["failed", "timedOut", "stopped", "sessionFailed", "sessionTimedOut"]))]
        ends: Vec<String>,
        /// ends: only sessions of the profile with this id; may be repeated
        #[arg(long, value_name = "ID")]
        esp_profile: Vec<String>,
        /// ends: only sessions whose profile applies through this group, as the report names it; may be repeated
        #[arg(long, value_name = "GROUP")]
        esp_group: Vec<String>,
        /// silent: only this sender
        #[arg(long, value_name = "SOURCE")]
        source: Option<String>,
        /// stuck: after how many minutes on one screen
        #[arg(long, value_name = "MINUTES", default_value_t = 20)]
        minutes: u32,
        #[command(flatten)]
        common: Common,
    },
    /// Remove a rule
    RemoveRule {
        /// The tenant
        name: String,
        /// The rule's name
        rule: String,
        #[command(flatten)]
        common: Common,
    },
    /// Choose when messages go out, and whether they name devices and people
    Set {
        /// The tenant
        name: String,
        /// Minutes after the first news in which what else happens joins the same message
        #[arg(long, value_name = "MINUTES")]
        digest: Option<u16>,
        /// Most messages in an hour and channel
        #[arg(long, value_name = "MESSAGES")]
        limit: Option<u16>,
        /// The part of the day without messages, as in 22:00-07:00, in the tenant's time zone; or none
        #[arg(long, value_name = "HOURS")]
        quiet: Option<String>,
        /// Whether messages name devices and people
        #[arg(long, value_name = "YES|NO", value_parser = PossibleValuesParser::new(["yes", "no"]))]
        names: Option<String>,
        /// The address under which people reach the page, for links
        #[arg(long, value_name = "URL")]
        address: Option<String>,
        #[command(flatten)]
        common: Common,
    },
    /// Show rules and channels, and what goes on
    List {
        /// The tenant
        name: String,
        #[command(flatten)]
        common: Common,
    },
    /// Send a message that is marked as a test
    Test {
        /// The tenant
        name: String,
        /// The channel's name
        channel: String,
        #[command(flatten)]
        common: Common,
    },
    /// Show what was sent, and what was given up
    History {
        /// The tenant
        name: String,
        #[command(flatten)]
        common: Common,
    },
    /// Say nothing of a rule for some days
    Mute {
        /// The tenant
        name: String,
        /// The rule's name
        rule: String,
        /// For how many days; 0 ends it
        #[arg(long, default_value_t = 7)]
        days: u16,
        #[command(flatten)]
        common: Common,
    },
}

/// Kinds of channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ChannelKind {
    /// E-mail through an SMTP server
    Email,
    /// A workflow of Microsoft Teams; its address is read from standard input
    Teams,
    /// An incoming webhook of Slack; its address is read from standard input
    Slack,
    /// A signed webhook; its address is read from standard input
    Webhook,
}

/// What rules watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Watched {
    /// More people than in the four weeks before give up at a step
    StepRate,
    /// An app fails more often than in the four weeks before
    AppRate,
    /// Enrollments and sessions that end badly
    Ends,
    /// A sender that is silent for longer than it usually is
    Silent,
    /// A device that is on one screen for too long
    Stuck,
    /// A report file was published
    File,
    /// The week in one sentence, on Monday mornings
    Weekly,
}
