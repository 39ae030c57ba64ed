//! What went wrong with a list, in words for people, and how long to wait before it is read again.

use crate::lists::{INTUNE, List};
use sha2::{Digest as _, Sha256};
use vestibule_domain::{Millis, TenantId};
use vestibule_graph::{Failure, Lost};

/// The wait after a list failed once. It doubles with each further failure.
const SOON: Millis = Millis::from_seconds(60);
/// The longest wait after a problem that ends without anybody's help.
const MOST: Millis = Millis::from_minutes(30);
/// The wait after a problem that somebody of the organisation must solve.
const HOUR: Millis = Millis::from_minutes(60);
/// The wait after a problem that nobody of the organisation can solve.
const DAY: Millis = Millis::from_days(1);

/// Why a list was not read to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// Graph did not answer with a page.
    #[error(transparent)]
    Graph(#[from] Failure),
    /// What was read could not be stored.
    #[error("the table was unavailable")]
    NotStored,
    /// The list has no end.
    #[error("the list does not end")]
    Endless,
    /// A list that must be read at once took longer than a run.
    #[error("the list could not be read in one run")]
    TooLong,
    /// The tenant has more profiles than it may.
    #[error("the profiles of Graph and those made here are more than a tenant may have")]
    TooManyProfiles,
    /// The app registration can't be used.
    #[error("the app registration must be added again: {0}")]
    Registration(&'static str),
}

impl Problem {
    /// The problem in words, with the name of the missing permission if it is one.
    pub fn words(&self, list: &List) -> String {
        match self {
            Self::Graph(Failure::NoPermission) => {
                let besides = if list.licence == INTUNE {
                    String::new()
                } else {
                    format!("; the directory also needs {}", list.licence)
                };
                format!(
                    "missing permission {} (of type Application, with the administrator's consent{besides})",
                    list.permission
                )
            }
            Self::Graph(Failure::NoLicence) => format!("no licence: the directory has no {}", list.licence),
            problem => problem.to_string(),
        }
    }

    /// Whether it affects every list.
    pub const fn is_of_all(&self) -> bool {
        matches!(
            self,
            Self::Graph(Failure::Credentials(_) | Failure::Lost(Lost::Unreachable | Lost::NoRoots))
                | Self::Registration(_)
                | Self::NotStored
        )
    }

    /// Whether the next reading goes on where this one stopped. If not, it begins again.
    pub const fn is_passing(&self) -> bool {
        match self {
            Self::NotStored => true,
            Self::Graph(failure) => {
                matches!(failure, Failure::Throttled { .. } | Failure::Server { .. } | Failure::Lost(_))
            }
            _ => false,
        }
    }

    /// How long to wait after so many failures, this one included. The wait differs between tenants, so that they do
    /// not all come back at the same instant.
    pub fn back_off(&self, tenant: &TenantId, list: &List, failures: u32) -> Millis {
        match self {
            Self::Graph(Failure::Throttled { after: Some(after), .. }) => *after,
            problem if problem.is_passing() => {
                let doubled = SOON.get() << failures.min(10).saturating_sub(1);
                let hash = Sha256::digest(format!("{tenant}#{}#{failures}", list.name));
                // Between three quarters and five quarters of the wait.
                let part = 192 + i64::from(hash[0]) / 2;
                Millis::new(doubled.min(MOST.get()) * part / 256)
            }
            Self::Graph(Failure::NoSuchList { .. } | Failure::NotUnderstood { .. }) => DAY,
            _ => HOUR,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_passing_problem_is_retried_soon_and_then_less_often() {
        let (tenant, list) = (TenantId::parse("contoso").unwrap(), List::named("autopilot-devices").unwrap());
        let server = Problem::Graph(Failure::Server { status: 500 });
        let minutes: Vec<i64> =
            (1..=8).map(|failures| server.back_off(&tenant, list, failures).get() / 1_000).collect();
        for (at, seconds) in minutes.iter().enumerate() {
            let middle = (60 << at).min(1_800);
            assert!((middle * 3 / 4..=middle * 5 / 4).contains(seconds), "{at}: {seconds}");
        }
        let asked = Problem::Graph(Failure::Throttled { status: 429, after: Some(Millis::from_seconds(17)) });
        assert_eq!(asked.back_off(&tenant, list, 5), Millis::from_seconds(17));
        assert_eq!(Problem::Graph(Failure::NoPermission).back_off(&tenant, list, 1), HOUR);
        assert_eq!(Problem::Graph(Failure::NoSuchList { status: 404 }).back_off(&tenant, list, 1), DAY);
        assert!(
            Problem::Graph(Failure::NoPermission).words(list).starts_with("missing permission DeviceManagementService")
        );
        let sign_ins = List::named("sign-ins").unwrap();
        let words = Problem::Graph(Failure::NoPermission).words(sign_ins);
        assert!(words.contains("AuditLog.Read.All") && words.contains("Entra ID P1"), "{words}");
        assert_eq!(Problem::Graph(Failure::NoLicence).words(sign_ins), "no licence: the directory has no Entra ID P1");
    }
}
