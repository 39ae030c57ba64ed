//! The words that people read: one lexicon, and one form of numbers, times and days.
//!
//! `lexicon.json` holds the words of every name of a closed list; the page, the mailed page, the terminal, the API's
//! description and the report file's dictionaries take them from here. `forms.json` holds examples of every form, which
//! this crate and the page's own formatting are both tested with.
//!
//! What must stay true: every name of a list in [`names`] has its words in the lexicon, and the lexicon has no words of
//! a name that does not exist. A name that is not listed (a sender's own step, say) is shown with its words set apart.

pub mod form;
mod lexicon;
mod names;

pub use lexicon::{LEXICON, List, words};
pub use names::Named;
