//! Messages to people, as docs/MESSAGES.md has the rules: what is watched, when something is said, and in which words.
//!
//! - [`Rule`]: what a tenant wants to hear of, and through which channels; [`Policy`]: when, and how often
//! - [`State`]: what stands at the moment, what people were told, and what still has to be sent
//! - [`render`]: a message as text, and in the forms of Teams, Slack and a webhook
//! - [`mute`]: the links that silence one rule
//!
//! Must stay true: nothing here reads a clock, a table or a network. Nobody's name is in a state or in a line: names are
//! given to [`render`] when a message leaves, if the tenant wants them, and are kept nowhere.

pub mod channel;
mod line;
pub mod mute;
mod policy;
mod rate;
pub mod render;
mod rule;
mod state;
mod waiting;

pub use channel::{Channel, Keys, To, host_of};
pub use line::{Change, Facts, Line, Stands};
pub use policy::{Policy, Quiet};
pub use rate::{Counts, LEAST, Verdict, judge};
pub use rule::{Bad, Invalid, Rule, Watch, is_name};
pub use state::{Event, Failed, Outgoing, Seen, State};
