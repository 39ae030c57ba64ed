//! How a tenant is written into its item: the only text that contains its secrets.
//!
//! Must stay true: [`Tenant`] itself can't be written, so no answer, log or file contains a secret because somebody
//! serialised a tenant. The form is that of all earlier releases, and members that a release added may be missing.

use super::{ApiToken, Role, Secret, SettingsHistory, SignInCode, SourceSecret, SourceSettings, Tenant};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use vestibule_domain::{TenantId, TenantSettings, Timestamp};

#[derive(Serialize, Deserialize)]
pub(super) struct StoredTenant {
    id: TenantId,
    created_at: Timestamp,
    settings: TenantSettings,
    webhook_secrets: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    sources: Vec<StoredSecret>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    source_settings: BTreeMap<String, SourceSettings>,
    tokens: Vec<StoredToken>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    sign_in_codes: Vec<StoredCode>,
    pseudonym_key: String,
    #[serde(default, skip_serializing_if = "SettingsHistory::is_empty")]
    settings_history: SettingsHistory,
}

#[derive(Serialize, Deserialize)]
struct StoredSecret {
    source: String,
    secret: String,
    created_at: Timestamp,
}

#[derive(Serialize, Deserialize)]
struct StoredToken {
    id: String,
    name: String,
    role: Role,
    sha256: String,
    created_at: Timestamp,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    scope_tags: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires_at: Option<Timestamp>,
}

#[derive(Serialize, Deserialize)]
struct StoredCode {
    sha256: String,
    role: Role,
    expires_at: Timestamp,
}

impl From<&Tenant> for StoredTenant {
    fn from(tenant: &Tenant) -> Self {
        let exposed = |secret: &Secret| secret.expose().to_owned();
        Self {
            id: tenant.id.clone(),
            created_at: tenant.created_at,
            settings: tenant.settings.clone(),
            webhook_secrets: tenant.webhook_secrets.iter().map(exposed).collect(),
            sources: tenant
                .sources
                .iter()
                .map(|SourceSecret { source, secret, created_at }| StoredSecret {
                    source: source.clone(),
                    secret: exposed(secret),
                    created_at: *created_at,
                })
                .collect(),
            source_settings: tenant.source_settings.clone(),
            tokens: tenant.tokens.iter().cloned().map(StoredToken::from).collect(),
            sign_in_codes: tenant.sign_in_codes.iter().cloned().map(StoredCode::from).collect(),
            pseudonym_key: exposed(&tenant.pseudonym_key),
            settings_history: tenant.settings_history.clone(),
        }
    }
}

impl From<StoredTenant> for Tenant {
    fn from(stored: StoredTenant) -> Self {
        Self {
            id: stored.id,
            created_at: stored.created_at,
            settings: stored.settings,
            webhook_secrets: stored.webhook_secrets.into_iter().map(Secret::new).collect(),
            sources: stored
                .sources
                .into_iter()
                .map(|StoredSecret { source, secret, created_at }| SourceSecret {
                    source,
                    secret: Secret::new(secret),
                    created_at,
                })
                .collect(),
            source_settings: stored.source_settings,
            tokens: stored.tokens.into_iter().map(ApiToken::from).collect(),
            sign_in_codes: stored.sign_in_codes.into_iter().map(SignInCode::from).collect(),
            pseudonym_key: Secret::new(stored.pseudonym_key),
            settings_history: stored.settings_history,
            version: 0,
            feed: None,
        }
    }
}

/// Two forms of the same members, in both directions. A member that one of them lacks does not compile.
macro_rules! same {
    ($own:ident, $stored:ident, $($member:ident),+) => {
        impl From<$own> for $stored {
            fn from($own { $($member),+ }: $own) -> Self {
                Self { $($member),+ }
            }
        }
        impl From<$stored> for $own {
            fn from($stored { $($member),+ }: $stored) -> Self {
                Self { $($member),+ }
            }
        }
    };
}

same!(ApiToken, StoredToken, id, name, role, sha256, created_at, scope_tags, expires_at);
same!(SignInCode, StoredCode, sha256, role, expires_at);

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn a_tenant_is_stored_in_the_form_of_earlier_releases() {
        let whole = json!({
            "id": "contoso",
            "created_at": 1_764_000_000_000_i64,
            "settings": TenantSettings::default(),
            "webhook_secrets": ["whsec_a", "whsec_b"],
            "sources": [{"source": "jamf", "secret": "0123", "created_at": 5}],
            "source_settings": {"jamf": {"ignoreAwaitingConfiguration": true}},
            "tokens": [
                {"id": "1", "name": "one", "role": "admin", "sha256": "aa", "created_at": 6},
                {"id": "2", "name": "two", "role": "reader", "sha256": "bb", "created_at": 7, "scope_tags": ["emea"],
                 "expires_at": 8},
            ],
            "sign_in_codes": [{"sha256": "cc", "role": "reader", "expires_at": 9}],
            "pseudonym_key": "key",
        });
        let first = json!({
            "id": "contoso", "created_at": 1, "settings": TenantSettings::default(), "webhook_secrets": [],
            "tokens": [], "pseudonym_key": "key",
        });
        for stored in [whole, first] {
            let tenant = Tenant::from(serde_json::from_value::<StoredTenant>(stored.clone()).unwrap());
            let again: Value = serde_json::to_value(StoredTenant::from(&tenant)).unwrap();
            assert_eq!(again, stored);
            let shown = format!("{tenant:?}");
            for secret in ["whsec_a", "whsec_b", "0123", "\"key\""] {
                assert!(!shown.contains(secret), "{secret} in {shown}");
            }
        }
    }
}
