//! The facts that a module states about its sender. Everything that depends on a sender follows from them: its address,
//! how it is answered, what the program prints about it, and what the documentation must say.
//!
//! There are no defaults: a module that forgets a fact does not compile, and tests walk [`SENDERS`](super::SENDERS)
//! against documentation, deployment and samples.

use super::Read;
use crate::cloudevents::Received;
use crate::proof::Proof;
use http::StatusCode;
use vestibule_domain::Timestamp;
use vestibule_domain::event::{Kind, Reports};

/// The senders whose requests the function `esp-status` gets; `enrollment-events` gets those of all others.
const TO_ESP_STATUS: [&str; 2] = ["esp-status", "graph-autopilot-events"];

/// A kind of sender.
#[derive(Clone, Copy, Debug)]
pub struct Sender {
    /// Its name in a webhook's path, in lower case with hyphens. Its module has the same name with underscores.
    pub name: &'static str,
    /// Its name in the documentation.
    pub title: &'static str,
    /// The ways in which it may prove a request. The first that needs a secret of its own decides its address.
    pub proofs: &'static [Proof],
    /// How it is answered.
    pub answer: Answer,
    /// When it sends the same body again.
    pub repeats: Repeats,
    /// What it can report.
    pub reports: Reports,
    /// Kinds of events that its module makes although `reports` excludes them. The module gives the reason.
    pub besides: &'static [Kind],
    /// The tags that its bodies may carry.
    pub tags: SenderTags,
    /// The `source` of the events that its module makes; `None` if each event brings its own.
    pub source: Option<&'static str>,
    /// The settings to make in it. `{url}` and `{secret}` stand for the address and the secret that `source add` makes.
    pub settings: &'static str,
    /// Other files to deploy; `source add` writes them into a folder.
    pub files: &'static [SenderFile],
    /// Bodies as it posts them. The program shows the first. Together they make every kind of event that `reports` and
    /// `besides` name, and one of them names its device by placeholders only.
    pub samples: &'static [Sample],
    /// How its bodies are read.
    pub read: Read,
}

/// The tags that bodies of a sender may carry (docs/DOMAIN.md, E12). The tenant decides which of them are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SenderTags {
    /// Those that the organisation writes into them.
    Any,
    /// Those with these keys. Its samples show each.
    Keys(&'static [&'static str]),
}

impl SenderTags {
    /// The product reports nothing of the kind.
    pub const NONE: Self = Self::Keys(&[]);
}

/// How a sender is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// By the result for its events: 202, 207, 400, 429 or 503.
    ByEvent,
    /// The same, but 204 without a body if nothing was refused: for a broker that takes any body for an event in reply.
    WithoutBody,
    /// With 200 once the request is understood, whatever is in it: for a product that would send a refused body for
    /// ever, or takes anything else for a failure.
    Always {
        /// The status for events that could not be stored: the one after which this product sends again, if any.
        again: StatusCode,
    },
}

impl Answer {
    /// 200, or 503 if something could not be stored.
    pub const ALWAYS: Self = Self::Always { again: StatusCode::SERVICE_UNAVAILABLE };
}

/// When a sender sends the same body again. A sender that ignores an answer shows it to nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeats {
    /// Never: it ignores every answer.
    Never,
    /// Its vendor does not say. A body that we do not accept the first time counts as lost.
    NotDocumented,
    /// After these statuses only.
    At(&'static [StatusCode]),
    /// After every status but success, and after a missing answer.
    UntilAccepted,
    /// As the organisation set it up: a script, a forwarder, an agent.
    AsSetUp,
}

/// A file to deploy that turns a device into a sender.
#[derive(Clone, Copy, Debug)]
pub struct SenderFile {
    /// Its path in the folder, with `/` as separator.
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
    /// What it becomes; each entry appears once, and compliance that the module assumes is left out.
    pub becomes: &'static [Becomes],
}

/// The result of a part of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Becomes {
    /// An enrollment event.
    Event(Kind),
    /// An event of the Enrollment Status Page.
    Esp,
    /// A step of web-based enrollment.
    SignIn,
    /// It is about something else, and only counted.
    Ignored,
    /// It is refused.
    Refused,
}

/// A sample by its file's name, and its results.
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
    /// The sender with that name.
    pub fn named(name: &str) -> Option<&'static Self> {
        super::SENDERS.iter().find(|sender| sender.name == name).copied()
    }

    /// How one of its bodies is received, unless the tenant says otherwise, with everything kept.
    pub const fn received(&self, at: Timestamp, backfill: bool) -> Received {
        Received { at, backfill, reports: self.reports, holds: true, kept_from: Timestamp::MIN }
    }

    /// The path that it posts to. If it proves itself by the path, the secret is part of it.
    pub fn path(&self, tenant: &str, proof: Proof, secret: &str) -> String {
        let path = format!("/hooks/{tenant}/{}", self.name);
        if proof == Proof::Path { format!("{path}/{secret}") } else { path }
    }

    /// The function that gets its requests, as the deployment's routes lead them. The other would understand them as well,
    /// but so that one kind of request does not delay the other, each function has its own.
    pub fn function(&self) -> &'static str {
        if TO_ESP_STATUS.contains(&self.name) { "esp-status" } else { "enrollment-events" }
    }

    /// Its preferred proof by a secret of its own. A sender without one signs by Standard Webhooks with the tenant's
    /// webhook secret.
    pub fn own_proof(&self) -> Option<Proof> {
        self.proofs.iter().copied().find(|proof| *proof != Proof::StandardWebhooks)
    }

    /// Whether it may post to its path without a secret in it (`None`), or with one.
    pub fn takes(&self, path_secret: Option<&str>) -> bool {
        self.proofs.iter().any(|proof| (*proof == Proof::Path) == path_secret.is_some())
    }

    /// The settings to make in it.
    pub fn settings(&self, url: &str, secret: &str) -> String {
        filled(self.settings, url, secret)
    }

    /// Its files, each with its path in their folder, for this address and secret. Neither may hold a quotation mark, a
    /// brace or a line end, because the files put them in quotation marks.
    pub fn files(&self, url: &str, secret: &str) -> impl Iterator<Item = (&'static str, String)> {
        let text =
            |file: &SenderFile| if file.is_filled { filled(file.text, url, secret) } else { file.text.to_owned() };
        self.files.iter().map(move |file| (file.path, text(file)))
    }
}

fn filled(text: &str, url: &str, secret: &str) -> String {
    text.replace("{url}", url).replace("{secret}", secret)
}
