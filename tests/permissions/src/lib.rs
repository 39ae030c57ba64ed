//! What programs ask of AWS, as it passes on the wire, and what their policies allow of it.
//!
//! Both directions matter: a call that no statement allows fails only in an account, and a statement that no call needs
//! is a permission too many. Names are those of the template (`Table`, `Table/index/due`, `Bucket/reports/x`), so that one
//! policy is held against calls to any table and bucket.
//!
//! Must stay true: a call or a condition that is not understood counts as refused, never as allowed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::missing_panics_doc, reason = "for tests")]

mod calls;
mod kms;
mod policy;
mod requests;
mod wire;

pub use calls::Asked;
pub use kms::{KEY, Kms, sdk_as, sdk_at};
pub use policy::{Grant, Policy};
pub use wire::Wire;

use std::collections::BTreeSet;

/// What became of calls under a policy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Judged {
    /// What of the policy they used.
    pub used: BTreeSet<Grant>,
    /// Those that it does not allow, with the reason.
    pub refused: Vec<String>,
}

impl Judged {
    /// What becomes of `calls` under `policy`.
    pub fn of<'c>(policy: &Policy, calls: impl IntoIterator<Item = &'c Asked>) -> Self {
        let mut judged = Self::default();
        for call in calls {
            match policy.judge(call) {
                Ok(grants) => judged.used.extend(grants),
                Err(why) => judged.refused.push(format!("{call}: {why}")),
            }
        }
        judged
    }
}
