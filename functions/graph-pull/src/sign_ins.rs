//! Entra's sign-ins: what a log is asked for, so that it answers with what may be a step of web-based enrollment alone, and what
//! is passed over since it was stored.
//!
//! Graph documents `$filter` for `createdDateTime`, `appId`, `resourceId` and `status/errorCode`
//! (<https://learn.microsoft.com/en-us/graph/api/resources/signin>), for `resourceId` in its beta version. What it refuses to
//! leave out is left out here, page by page.
//!
//! Must stay true: nothing of whoever signed in stays here but a digest, and that no longer than sign-ins of its time are read.

use sha2::{Digest as _, Sha256};
use vestibule_domain::{Day, Timestamp};
use vestibule_store::Digest;
use vestibule_webhook::sources::entra_sign_ins::{Read, STEP_APPS, STEP_CODES};

/// Raised where the same sign-in is to be handed on again after an upgrade.
const FORMAT: u8 = 1;

/// Sign-ins of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignIns {
    /// Whether people made them themselves.
    pub interactive: bool,
}

impl SignIns {
    /// What Graph is asked for: those since an instant, and, unless it refuses that, only those that may be a step.
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

/// The digest of a sign-in: of all that comes of it. None of one of which nothing does.
pub fn digest(read: &Read) -> Option<Digest> {
    let sign_in = read.sign_in.as_ref()?;
    let (user, platform) = (&sign_in.user_id, sign_in.platform.name());
    Some(digest_of(&format!("{user} {platform} {} {}", sign_in.at.millis(), sign_in.steps.bits())))
}

/// The digest of that sign-ins of a day were read.
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
    fn a_log_is_asked_for_steps_since_an_instant() {
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
