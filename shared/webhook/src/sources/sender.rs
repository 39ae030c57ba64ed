//! What a module states of its sender. Everything that depends on a sender (its address, how it is answered, what the
//! program prints of it, what documentation must say) follows from here.
//!
//! There are no defaults: a module that forgets a fact does not compile, and tests walk [`SENDERS`](super::SENDERS)
//! against documentation, deployment and samples.

use super::Read;
use crate::cloudevents::Received;
use crate::proof::Proof;
use http::StatusCode;
use vestibule_domain::Timestamp;
use vestibule_domain::event::{Kind, Reports};

/// A kind of sender.
#[derive(Clone, Copy, Debug)]
pub struct Sender {
    /// Its name in a webhook's path, in lower case with hyphens. Its module has the same name with underscores.
    pub name: &'static str,
    /// What documentation calls it.
    pub title: &'static str,
    /// How it may prove a request. The first that needs a secret of its own decides which address it is given.
    pub proofs: &'static [Proof],
    /// How it is answered.
    pub answer: Answer,
    /// What makes it send the same again.
    pub repeats: Repeats,
    /// What it can report.
    pub reports: Reports,
    /// Kinds of events that its module makes although `reports` denies them. The module gives the reason.
    pub besides: &'static [Kind],
    /// The `source` of the events that its module makes; `None` where each event brings its own.
    pub source: Option<&'static str>,
    /// What to set in it. `{url}` and `{secret}` stand for the address and the secret that `source add` makes.
    pub settings: &'static str,
    /// What is deployed besides, as `source add` writes it into a folder.
    pub files: &'static [SenderFile],
    /// Bodies as it posts them. The first is the one that the program shows; together they make every kind of event
    /// that `reports` and `besides` name, and one names its device by placeholders alone.
    pub samples: &'static [Sample],
    /// How its bodies are read.
    pub read: Read,
}

/// How a sender is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// By what became of its events: 202, 207, 400, 429 or 503.
    ByEvent,
    /// The same, but with 204 and without a body where nothing was refused: to a broker that takes a body for an event
    /// in reply.
    WithoutBody,
    /// With 200 once the request is understood, whatever is in it: to a product that would send for ever what it is
    /// refused, or takes anything else for a failure.
    Always {
        /// The status for events that could not be stored: the one at which this product sends again, if any.
        again: StatusCode,
    },
}

impl Answer {
    /// 200, and 503 for what could not be stored.
    pub const ALWAYS: Self = Self::Always { again: StatusCode::SERVICE_UNAVAILABLE };
}

/// What makes a sender send the same again. A sender that ignores an answer shows it to nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeats {
    /// Nothing: it ignores every answer.
    Never,
    /// Its vendor does not say. What is not taken the first time must be held for lost.
    NotDocumented,
    /// These statuses and no other.
    At(&'static [StatusCode]),
    /// Every status but success, and a missing answer.
    UntilAccepted,
    /// What the organisation set up itself: a script, a forwarder, an agent.
    AsSetUp,
}

/// A file that is deployed to make a sender of a device.
#[derive(Clone, Copy, Debug)]
pub struct SenderFile {
    /// Where it lies in the folder, with `/` between.
    pub path: &'static str,
    /// Its text.
    pub text: &'static str,
    /// Whether `{url}` and `{secret}` in it stand for the address and the secret.
    pub is_filled: bool,
}

/// A body as a sender posts it.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// The file's name in `samples`.
    pub file: &'static str,
    /// The body.
    pub body: &'static [u8],
    /// What it becomes, each once; compliance that the module assumes apart.
    pub becomes: &'static [Becomes],
}

/// What becomes of a part of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Becomes {
    /// An enrollment event.
    Event(Kind),
    /// An event of the Enrollment Status Page.
    Esp,
    /// A step of web-based enrollment.
    SignIn,
    /// It is about something else: counted, and no more.
    Ignored,
    /// It is refused.
    Refused,
}

/// A sample by its file's name, and what it becomes.
macro_rules! sample {
    ($file:literal, $($becomes:expr),+ $(,)?) => {
        $crate::sources::Sample {
            file: $file,
            body: include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/sources/samples/", $file)),
            becomes: &[$($becomes),+],
        }
    };
}
pub(super) use sample;

impl Sender {
    /// The sender by that name.
    pub fn named(name: &str) -> Option<&'static Self> {
        super::SENDERS.iter().find(|sender| sender.name == name).copied()
    }

    /// How a body of its comes in, unless the tenant says otherwise, and where everything is kept.
    pub const fn received(&self, at: Timestamp, backfill: bool) -> Received {
        Received { at, backfill, reports: self.reports, holds: true, kept_from: Timestamp::MIN }
    }

    /// The path that it posts to. Where it proves itself by the path, the secret is a part of it.
    pub fn path(&self, tenant: &str, proof: Proof, secret: &str) -> String {
        let path = format!("/hooks/{tenant}/{}", self.name);
        if proof == Proof::Path { format!("{path}/{secret}") } else { path }
    }

    /// How it proves itself best by a secret of its own. A sender without one signs as Standard Webhooks says, with
    /// the tenant's webhook secret.
    pub fn own_proof(&self) -> Option<Proof> {
        self.proofs.iter().copied().find(|proof| *proof != Proof::StandardWebhooks)
    }

    /// Whether it may post to its path without a secret in it (`None`), or with one.
    pub fn takes(&self, path_secret: Option<&str>) -> bool {
        self.proofs.iter().any(|proof| (*proof == Proof::Path) == path_secret.is_some())
    }

    /// What to set in it.
    pub fn settings(&self, url: &str, secret: &str) -> String {
        filled(self.settings, url, secret)
    }

    /// Its files, each with its path in their folder, for this address and secret. Neither may hold a quotation mark, a
    /// brace or a line's end: files have them in quotation marks of their own.
    pub fn files(&self, url: &str, secret: &str) -> impl Iterator<Item = (&'static str, String)> {
        let text =
            |file: &SenderFile| if file.is_filled { filled(file.text, url, secret) } else { file.text.to_owned() };
        self.files.iter().map(move |file| (file.path, text(file)))
    }
}

fn filled(text: &str, url: &str, secret: &str) -> String {
    text.replace("{url}", url).replace("{secret}", secret)
}
