//! Entra's sign-ins: the filter by which a log returns only sign-ins that may be a step of web-based enrollment, and
//! the digests by which those that are already stored are skipped.
//!
//! Graph documents `$filter` for `createdDateTime`, `appId`, `resourceId` and `status/errorCode`
//! (<https://learn.microsoft.com/en-us/graph/api/resources/signin>), for `resourceId` in its beta version. If Graph
//! refuses the filter, it is applied here, page by page.
//!
//! Must stay true: only a digest is kept of the person who signed in, and no longer than sign-ins of that time are
//! read.

use sha2::{Digest as _, Sha256};
use vestibule_domain::{Day, Timestamp};
use vestibule_store::Digest;
use vestibule_webhook::sources::entra_sign_ins::{Read, STEP_APPS, STEP_CODES};

/// Raise this when an upgrade must pass on the same sign-ins again.
const FORMAT: u8 = 1;

/// Sign-ins of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignIns {
    /// Whether people made them themselves.
    pub interactive: bool,
}

impl SignIns {
    /// The filter for Graph: sign-ins since an instant and, if `steps_alone`, only those that may be a step.
    pub fn filter(self, since: Timestamp, steps_alone: bool) -> String {
        let mut all = vec![format!("createdDateTime ge {since}")];
        if !self.interactive {
            all.push("signInEventTypes/any(t: t eq 'nonInteractiveUser')".to_owned());
        }
        if steps_alone {
            let codes = STEP_CODES.iter().map(|code| format!("status/errorCode eq {code}"));
            let apps = ["appId", "resourceId"]
                .iter()
                .flat_map(|member| STEP_APPS.iter().map(move |app| format!("{member} eq '{app}'")));
            all.push(format!("({})", codes.chain(apps).collect::<Vec<_>>().join(" or ")));
        }
        all.join(" and ")
    }
}

/// The digest of everything that is stored of a sign-in; `None` if nothing is stored of it.
pub fn digest(read: &Read) -> Option<Digest> {
    let sign_in = read.sign_in.as_ref()?;
    let (user, platform) = (&sign_in.user_id, sign_in.platform.name());
    Some(digest_of(&format!("{user} {platform} {} {}", sign_in.at.millis(), sign_in.steps.bits())))
}

/// The digest of the fact that the sign-ins of a day were read.
pub fn digest_of_day(day: Day) -> Digest {
    digest_of(&day.to_string())
}

fn digest_of(text: &str) -> Digest {
    let mut hash = Sha256::new();
    hash.update([FORMAT]);
    hash.update(text);
    hash.finalize().iter().take(size_of::<Digest>()).fold(0, |digest, byte| (digest << 8) | Digest::from(*byte))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_asks_for_steps_since_an_instant() {
        let since = Timestamp::parse("2026-11-25T09:00:00Z").unwrap();
        let all = SignIns { interactive: true }.filter(since, true);
        assert!(
            all.starts_with("createdDateTime ge 2026-11-25T09:00:00.000Z and (status/errorCode eq 50072 or "),
            "{all}"
        );
        assert!(all.ends_with(" or resourceId eq '01cb2876-7ebd-4aa4-9cc9-d28bd4d359a9')"), "{all}");
        assert_eq!(all.matches(" or ").count(), 16 + 2 * 4 - 1);
        let silent = SignIns { interactive: false }.filter(since, false);
        assert_eq!(
            silent,
            "createdDateTime ge 2026-11-25T09:00:00.000Z and signInEventTypes/any(t: t eq 'nonInteractiveUser')"
        );
    }
}
