//! Decides the faults of a call and how long it takes, from the seed, the step, the machine and the call's number in
//! the step, so that leaving out a step changes nothing in the others.

use crate::rng::Rng;

/// The table's name.
pub const TABLE: &str = "vestibule";

/// A fault in one try of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The service is too busy; nothing was done.
    Throttled,
    /// The request is lost; nothing was done.
    RequestLost,
    /// The request was performed, but the answer is lost.
    AnswerLost,
    /// The caller gives up; the request is performed this many milliseconds later.
    Late(i64),
    /// A part of a batch is not performed.
    Unprocessed,
    /// Another transaction holds the same items.
    Conflict,
    /// S3's 409 while another conditional write is under way.
    ConcurrentPut,
}

impl Fault {
    /// Its name in counts and logs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Throttled => "throttled",
            Self::RequestLost => "request lost",
            Self::AnswerLost => "answer lost",
            Self::Late(_) => "done late",
            Self::Unprocessed => "done in part",
            Self::Conflict => "transaction conflict",
            Self::ConcurrentPut => "concurrent conditional put",
        }
    }
}

/// One try of a call.
#[derive(Clone, Copy, Debug)]
pub struct Try {
    /// How long the request travels, in milliseconds.
    pub before_ms: u64,
    /// How long the answer travels, in milliseconds.
    pub after_ms: u64,
    /// The fault, if any.
    pub fault: Option<Fault>,
    /// Whether a read that may be outdated is outdated.
    pub old: bool,
    /// Seeds any other decision.
    pub salt: u64,
}

/// Who calls, and in which step.
#[derive(Clone, Copy, Debug, Default)]
pub struct Conditions {
    /// The run's seed.
    pub seed: u64,
    /// The step.
    pub step: u64,
    /// Faults in a thousand tries.
    pub permille: u64,
    /// Whether calls take time. They must not while other threads work.
    pub timed: bool,
    /// Whether reads may be outdated.
    pub stale: bool,
}

/// Whether an operation of DynamoDB writes.
pub fn writes(operation: &str) -> bool {
    matches!(operation, "PutItem" | "UpdateItem" | "DeleteItem" | "BatchWriteItem" | "TransactWriteItems")
}

impl Conditions {
    /// No faults, and calls take no time.
    pub const CALM: Self = Self { seed: 0, step: 0, permille: 0, timed: false, stale: false };

    /// Decides one try of the call that is the machine's `number`th of the step.
    pub fn decide(&self, machine: usize, number: u64, nth: u64, operation: &str) -> Try {
        let mut rng = Rng::of(&[self.seed, self.step, machine as u64, number, nth]);
        let takes = |rng: &mut Rng| match self.timed {
            true => rng.weighted(&[(60, 1), (25, 4), (10, 15), (4, 90), (1, 1_500)]) + rng.below(3),
            false => 0,
        };
        let (before_ms, after_ms) = (takes(&mut rng), takes(&mut rng));
        let old = self.stale && rng.permille(500);
        let fault = rng.permille(self.permille).then(|| fault(&mut rng, operation));
        Try { before_ms, after_ms, fault, old, salt: rng.below(u64::MAX) }
    }
}

fn fault(rng: &mut Rng, operation: &str) -> Fault {
    let late = Fault::Late(rng.pick(&[20, 200, 2_000, 20_000]));
    let kinds: &[(u64, Fault)] = match operation {
        "TransactWriteItems" => {
            &[(2, Fault::Throttled), (2, Fault::RequestLost), (4, Fault::AnswerLost), (2, late), (4, Fault::Conflict)]
        }
        "PutItem" | "UpdateItem" | "DeleteItem" => {
            &[(3, Fault::Throttled), (2, Fault::RequestLost), (4, Fault::AnswerLost), (2, late), (1, Fault::Conflict)]
        }
        "BatchGetItem" | "BatchWriteItem" => {
            &[(2, Fault::Throttled), (2, Fault::RequestLost), (1, Fault::AnswerLost), (5, Fault::Unprocessed)]
        }
        "PutEvents" => {
            &[(2, Fault::Throttled), (1, Fault::RequestLost), (3, Fault::AnswerLost), (5, Fault::Unprocessed)]
        }
        "S3 PUT" | "S3 POST" => {
            &[(3, Fault::Throttled), (1, Fault::RequestLost), (3, Fault::AnswerLost), (3, Fault::ConcurrentPut)]
        }
        _ => &[(3, Fault::Throttled), (2, Fault::RequestLost), (1, Fault::AnswerLost)],
    };
    rng.weighted(kinds)
}
