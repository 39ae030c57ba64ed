//! The catalogue: reading and checking its file, and looking advice up.

use crate::matching::{Text, compact, names_category};
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;
use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::sync::LazyLock;
use vestibule_domain::Platform;
use vestibule_domain::codes::{code_values, codes_within};
use vestibule_domain::failure::{Failure, FailureCategory, code_value};

/// The file format that this program reads.
pub const FORMAT: u32 = 1;

/// Shorter phrases, in bytes, would occur in too many messages.
const MIN_PHRASE: usize = 4;

/// The content that comes with the program, as answers and files name it.
const VERSION: &str = "2";

/// The documents that the built-in entries name.
const DOCUMENTS: &str = include_str!("catalogue/documents.json");

/// The built-in entries, grouped by the origin of their failures. The order counts: of two that fit a failure equally
/// well, the earlier one is shown first.
const FILES: [&str; 11] = [
    include_str!("catalogue/intune.json"),
    include_str!("catalogue/windows-enrollment.json"),
    include_str!("catalogue/entra-join.json"),
    include_str!("catalogue/pc-client.json"),
    include_str!("catalogue/autopilot.json"),
    include_str!("catalogue/esp-apps.json"),
    include_str!("catalogue/installers.json"),
    include_str!("catalogue/apple.json"),
    include_str!("catalogue/android.json"),
    include_str!("catalogue/products.json"),
    // The least specific entries come last.
    include_str!("catalogue/intune-words.json"),
];

/// A code as the catalogue writes it: `0x` and eight small hexadecimal digits, the spelling of the report file.
pub fn canonical_code(value: u32) -> String {
    format!("0x{value:08x}")
}

/// Who can solve a problem.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Who {
    /// The person enrolling.
    User,
    /// The organisation's administrator.
    Admin,
    /// Microsoft.
    Microsoft,
}

impl Who {
    /// All of them.
    pub const ALL: &'static [Self] = &[Self::User, Self::Admin, Self::Microsoft];

    /// The name in files and answers.
    pub const fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Admin => "admin",
            Self::Microsoft => "microsoft",
        }
    }
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One meaning of a failure and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
// A misspelt member in an organisation's own file is an error, so it is not ignored.
#[serde(deny_unknown_fields)]
pub struct Advice {
    /// Stable name, in kebab-case.
    pub id: String,
    /// The codes that can mean this, spelt as [`canonical_code`] does; empty for a problem without one.
    #[serde(default)]
    pub codes: Vec<String>,
    /// Phrases that identify a message or the name of an error.
    #[serde(default)]
    pub phrases: Vec<String>,
    /// The categories of this kind of failure. They are searched after codes and words. An entry with the category
    /// `unknown` is only used if nothing else fits.
    #[serde(default)]
    pub categories: Vec<FailureCategory>,
    /// What is wrong.
    pub problem: String,
    /// The reason, as far as it is known.
    pub cause: String,
    /// What to do, step by step.
    pub steps: Vec<String>,
    /// Who can do it.
    pub who: Vec<Who>,
    /// Where it occurs.
    pub platforms: Vec<Platform>,
    /// The documents that the facts come from: title and address if the file lists the document, otherwise the name as
    /// given.
    pub sources: Vec<String>,
}

impl Advice {
    /// Whether this is for failures of which nothing more is known.
    fn is_of_the_unknown(&self) -> bool {
        self.categories.contains(&FailureCategory::Unknown)
    }
}

/// Why a catalogue's file was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CatalogueError {
    /// It is not JSON, or not of the catalogue's form; the text says where.
    Unreadable(String),
    /// It has a format that this program does not know.
    Format(u32),
    /// It has no entries.
    Empty,
    /// An entry is not fit.
    Entry {
        /// The entry's id.
        id: String,
        /// What is wrong with it.
        fault: Fault,
    },
}

/// What is wrong with an entry in a catalogue's file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The id is not in kebab-case.
    Id,
    /// Another entry has the same id.
    IdTwice,
    /// This is not an error code.
    Code(String),
    /// This phrase is too short to identify a message.
    Phrase(String),
    /// This member has no text or no item.
    Missing(&'static str),
    /// It has no code, phrase or category, so it would never be found.
    NeverFound,
}

impl fmt::Display for CatalogueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(why) => write!(f, "the advice catalogue cannot be read: {why}"),
            Self::Format(format) => {
                write!(f, "the advice catalogue has format {format}; this program reads format {FORMAT}")
            }
            Self::Empty => f.write_str("the advice catalogue has no entries"),
            Self::Entry { id, fault } => write!(f, "the advice catalogue's entry {id:?}: {fault}"),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id => f.write_str("the id must be small letters and digits, words joined by \"-\""),
            Self::IdTwice => f.write_str("another entry has the same id"),
            Self::Code(code) => write!(f, "{code:?} is not an error code"),
            Self::Phrase(phrase) => write!(f, "the phrase {phrase:?} is too short to recognise a message by"),
            Self::Missing(member) => write!(f, "{member} is empty"),
            Self::NeverFound => f.write_str("it needs a code, a phrase or a category to be found by"),
        }
    }
}

impl std::error::Error for CatalogueError {}

/// The file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    /// Checked before the rest is read.
    #[serde(rename = "format")]
    _format: u32,
    version: String,
    /// The documents that sources may name by a short name.
    #[serde(default)]
    documents: BTreeMap<String, Document>,
    entries: Vec<Advice>,
}

/// A public document.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    title: String,
    address: String,
}

impl fmt::Display for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.title, self.address)
    }
}

/// The format alone, so that a file of a later format is refused for that, and not for an unknown member.
#[derive(Deserialize)]
struct FormatOnly {
    format: u32,
}

/// An entry made ready for looking up.
#[derive(Clone, Debug)]
struct Entry {
    advice: Advice,
    values: Vec<u32>,
    phrases: Vec<String>,
}

/// The advice there is.
#[derive(Clone, Debug, Default)]
pub struct Catalogue {
    version: String,
    entries: Vec<Entry>,
}

impl Catalogue {
    /// The built-in catalogue.
    pub fn built_in() -> &'static Self {
        // A test reads it, so the empty catalogue cannot occur.
        static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(|| Catalogue::read_built_in().unwrap_or_default());
        &CATALOGUE
    }

    /// The built-in files, read and checked like an organisation's own file.
    ///
    /// # Errors
    /// If one of them is invalid, which the tests of this crate rule out.
    pub fn read_built_in() -> Result<Self, CatalogueError> {
        let unreadable = |error: serde_json::Error| CatalogueError::Unreadable(error.to_string());
        let documents = serde_json::from_str(DOCUMENTS).map_err(unreadable)?;
        let mut entries = Vec::new();
        for file in FILES {
            let part: Vec<Advice> = serde_json::from_str(file).map_err(unreadable)?;
            entries.extend(part);
        }
        Self::of(File { _format: FORMAT, version: VERSION.to_owned(), documents, entries })
    }

    /// The texts of the built-in files of entries, as a start for one's own file.
    pub const fn built_in_texts() -> &'static [&'static str] {
        &FILES
    }

    /// Reads and checks a catalogue's file.
    ///
    /// # Errors
    /// If it is not JSON of the catalogue's form, or an entry is invalid.
    pub fn parse(text: &str) -> Result<Self, CatalogueError> {
        let unreadable = |error: serde_json::Error| CatalogueError::Unreadable(error.to_string());
        // Editors on some systems begin a file with a byte order mark.
        let text = text.trim_start_matches('\u{feff}');
        let FormatOnly { format } = serde_json::from_str(text).map_err(unreadable)?;
        if format != FORMAT {
            return Err(CatalogueError::Format(format));
        }
        Self::of(serde_json::from_str(text).map_err(unreadable)?)
    }

    fn of(file: File) -> Result<Self, CatalogueError> {
        if file.entries.is_empty() {
            return Err(CatalogueError::Empty);
        }
        let mut ids = HashSet::new();
        let mut entries = Vec::with_capacity(file.entries.len());
        for mut advice in file.entries {
            let id = advice.id.clone();
            for source in &mut advice.sources {
                if let Some(document) = file.documents.get(source) {
                    *source = document.to_string();
                }
            }
            let entry = if ids.insert(id.clone()) { Entry::new(advice) } else { Err(Fault::IdTwice) };
            entries.push(entry.map_err(|fault| CatalogueError::Entry { id, fault })?);
        }
        Ok(Self { version: file.version, entries })
    }

    /// This catalogue with an organisation's own on top: entries with the same id are replaced; the others come first,
    /// so that they win if both fit equally well.
    #[must_use]
    pub fn with(&self, own: Self) -> Self {
        let version = format!("{}+{}", self.version, own.version);
        let mut entries = self.entries.clone();
        let mut added = Vec::new();
        for entry in own.entries {
            match entries.iter_mut().find(|mine| mine.advice.id == entry.advice.id) {
                Some(mine) => *mine = entry,
                None => added.push(entry),
            }
        }
        added.append(&mut entries);
        Self { version, entries: added }
    }

    /// The version of the content, as its file names it.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// All entries, in the file's order.
    pub fn entries(&self) -> impl Iterator<Item = &Advice> {
        self.entries.iter().map(|entry| &entry.advice)
    }

    /// The entry of that id.
    pub fn by_id(&self, id: &str) -> Option<&Advice> {
        self.entries().find(|advice| advice.id == id)
    }

    /// Every meaning of a code, in any spelling: hexadecimal of any case and width, with or without `0x`, or decimal,
    /// with or without sign.
    pub fn by_code(&self, code: &str) -> Vec<&Advice> {
        let value = self.known(code);
        self.entries.iter().filter(|entry| entry.has_any(value.as_slice())).map(|entry| &entry.advice).collect()
    }

    /// What a message, or the name of an error, can mean, best first. Codes spelt out in it count too, and so does the
    /// name of a category.
    pub fn by_message(&self, message: &str) -> Vec<&Advice> {
        self.for_failure(&Failure { message: Some(message.to_owned()), ..Failure::default() }, None)
    }

    /// What somebody may look up: a code in any spelling, words of a message, or the name of an error or a category.
    pub fn look_up(&self, text: &str) -> Vec<&Advice> {
        let found = self.by_code(text);
        if found.is_empty() { self.by_message(text) } else { found }
    }

    /// What a failure can mean, best first: entries with its code, then those that its words point to, then those with
    /// its category; then entries for its platform, then those that more of its words point to. Entries for other
    /// platforms come later but are not left out, because senders get platforms wrong.
    pub fn for_failure(&self, failure: &Failure, platform: Option<Platform>) -> Vec<&Advice> {
        let (code, reason) = (failure.code.as_deref(), failure.reason.as_deref());
        // Some senders put an error's name in place of the code.
        let name = code.filter(|code| code_value(code).is_none());
        let words: Vec<&str> = [name, reason, failure.message.as_deref()].into_iter().flatten().collect();
        let text = words.join("; ");
        let mut values = codes_within(&text);
        values.extend(code.and_then(|code| self.known(code)));
        let whole = [reason, failure.message.as_deref()].into_iter().flatten();
        values.extend(whole.filter_map(|text| self.known(text)));
        let mut categories: Vec<FailureCategory> = words.iter().filter_map(|word| names_category(word)).collect();
        categories.extend(failure.category);

        let text = Text::new(&text);
        let mut found: Vec<_> = self
            .entries
            .iter()
            .filter_map(|entry| {
                let has_code = entry.has_any(&values);
                let covered = text.covered_by(&entry.phrases);
                let has_category = entry.advice.categories.iter().any(|category| categories.contains(category));
                let fits = platform.is_none_or(|platform| entry.advice.platforms.contains(&platform));
                let rank = Reverse((has_code, covered > 0, fits, covered));
                (has_code || covered > 0 || has_category).then_some((rank, &entry.advice))
            })
            .collect();
        if found.iter().any(|(_, advice)| !advice.is_of_the_unknown()) {
            found.retain(|(_, advice)| !advice.is_of_the_unknown());
        }
        // Stable: the files' order decides between equals.
        found.sort_by_key(|(rank, _)| *rank);
        found.into_iter().map(|(_, advice)| advice).collect()
    }

    /// The value of a spelling: the likeliest one that an entry knows.
    fn known(&self, code: &str) -> Option<u32> {
        code_values(code).find(|value| self.entries.iter().any(|entry| entry.has_any(&[*value])))
    }
}

impl Entry {
    fn new(mut advice: Advice) -> Result<Self, Fault> {
        let is_kebab = advice.id.split('-').all(|word| {
            !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
        });
        if !is_kebab {
            return Err(Fault::Id);
        }
        let blank = |text: &String| text.trim().is_empty();
        let members = [
            ("problem", blank(&advice.problem)),
            ("cause", blank(&advice.cause)),
            ("steps", advice.steps.is_empty() || advice.steps.iter().any(blank)),
            ("who", advice.who.is_empty()),
            ("platforms", advice.platforms.is_empty()),
            ("sources", advice.sources.is_empty() || advice.sources.iter().any(blank)),
        ];
        if let Some((member, _)) = members.into_iter().find(|(_, is_missing)| *is_missing) {
            return Err(Fault::Missing(member));
        }
        if advice.codes.is_empty() && advice.phrases.is_empty() && advice.categories.is_empty() {
            return Err(Fault::NeverFound);
        }
        let mut values = Vec::with_capacity(advice.codes.len());
        for code in &advice.codes {
            let value = code_value(code).ok_or_else(|| Fault::Code(code.clone()))?;
            if !values.contains(&value) {
                values.push(value);
            }
        }
        advice.codes = values.iter().copied().map(canonical_code).collect();
        let mut phrases = Vec::with_capacity(advice.phrases.len());
        for phrase in &advice.phrases {
            let ready = compact(phrase);
            if ready.len() < MIN_PHRASE {
                return Err(Fault::Phrase(phrase.clone()));
            }
            phrases.push(ready);
        }
        Ok(Self { advice, values, phrases })
    }

    fn has_any(&self, values: &[u32]) -> bool {
        self.values.iter().any(|value| values.contains(value))
    }
}
