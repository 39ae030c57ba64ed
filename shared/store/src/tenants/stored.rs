//! How a tenant is written into its item: the only text that contains its secrets.
//!
//! Must stay true: [`Tenant`] itself can't be written, so no answer, log or file contains a secret because somebody
//! serialised a tenant. The form is that of all earlier releases, and members that a release added may be missing. Programs
//! of format 1 refuse settings that they do not know, but ignore other members: where they may run, what they do not know
//! lies in `newer`. If one of them writes the tenant, it leaves that out, and what it wrote counts. Programs of format 2 know
//! `newer`, and refuse settings too: what they do not know is not written where they may run, and can't be changed there.

use super::{
    ApiToken, PseudonymKey, Role, Sealing, Secret, SettingsHistory, SignInCode, SourceSecret, SourceSettings, Tenant,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use vestibule_domain::{StoredFormat, TenantId, TenantSettings, Timestamp};

#[derive(Serialize, Deserialize)]
pub(super) struct StoredTenant {
    id: TenantId,
    created_at: Timestamp,
    settings: TenantSettings,
    /// Absent if they are sealed. Programs that know of no seals refuse a tenant without them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    webhook_secrets: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    sources: Vec<StoredSecret>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    source_settings: BTreeMap<String, SourceSettings>,
    tokens: Vec<StoredToken>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    sign_in_codes: Vec<StoredCode>,
    /// Absent if it is sealed. Programs that know of no seals refuse a tenant without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pseudonym_key: Option<String>,
    #[serde(default, skip_serializing_if = "SettingsHistory::is_empty")]
    settings_history: SettingsHistory,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    newer: Option<Newer>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sealed: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sealed_pseudonym_key: Option<String>,
}

impl StoredTenant {
    /// Whether it has what its senders' secrets are in.
    pub(super) const fn has_secrets(&self) -> bool {
        self.webhook_secrets.is_some() || self.sealed.is_some()
    }

    /// Whether it has the key of its pseudonyms, in clear or sealed.
    pub(super) const fn has_pseudonym_key(&self) -> bool {
        self.pseudonym_key.is_some() || self.sealed_pseudonym_key.is_some()
    }
}

/// What is sealed of a tenant.
#[derive(Serialize, Deserialize)]
struct StoredSenders {
    webhook_secrets: Vec<String>,
    sources: Vec<StoredSecret>,
}

/// The secrets of a tenant's senders, in the text that is sealed.
pub(super) fn senders(webhook_secrets: &[Secret], sources: &[SourceSecret]) -> Result<String, serde_json::Error> {
    let webhook_secrets = webhook_secrets.iter().map(|secret| secret.expose().to_owned()).collect();
    let sources = sources.iter().map(StoredSecret::from).collect();
    serde_json::to_string(&StoredSenders { webhook_secrets, sources })
}

/// The secrets that a text has which was sealed.
pub(super) fn read_senders(clear: &str) -> Result<(Vec<Secret>, Vec<SourceSecret>), serde_json::Error> {
    let StoredSenders { webhook_secrets, sources } = serde_json::from_str(clear)?;
    let webhook_secrets = webhook_secrets.into_iter().map(Secret::new).collect();
    Ok((webhook_secrets, sources.into_iter().map(SourceSecret::from).collect()))
}

/// The settings as they are, where the others are those that format 1 has.
#[derive(Serialize, Deserialize)]
struct Newer {
    settings: TenantSettings,
    #[serde(default, skip_serializing_if = "SettingsHistory::is_empty")]
    settings_history: SettingsHistory,
}

/// The settings that programs of format 1 know.
const FIRST: [&str; 8] = [
    "timeZone",
    "requireCompliance",
    "windowsIdleLimitMinutes",
    "retentionDays",
    "pseudonymise",
    "deviceLimit",
    "exportAt",
    "complianceSource",
];

/// The settings that programs of format 2 do not know.
const THIRD: [&str; 1] = ["tagKeys"];

/// The content of a tenant's item in a format.
pub(super) fn content(tenant: &Tenant, format: StoredFormat) -> Result<String, serde_json::Error> {
    let stored = StoredTenant::from(tenant);
    match format {
        StoredFormat::First => serde_json::to_string(&without_third(as_first(&stored)?)),
        StoredFormat::Second => serde_json::to_string(&without_third(serde_json::to_value(&stored)?)),
        StoredFormat::Third => serde_json::to_string(&stored),
    }
}

/// Takes out the settings that programs of format 2 do not know.
fn without_third(mut content: Value) -> Value {
    for part in ["", "/newer"] {
        let mut all: Vec<&mut Value> = Vec::new();
        let Some(Value::Object(part)) = content.pointer_mut(part) else { continue };
        for (name, value) in part.iter_mut() {
            match name.as_str() {
                "settings" => all.push(value),
                "settings_history" => {
                    let earlier = value.get_mut("earlier").and_then(Value::as_array_mut);
                    all.extend(earlier.into_iter().flatten().filter_map(|one| one.get_mut(1)));
                }
                _ => {}
            }
        }
        for settings in all.into_iter().filter_map(Value::as_object_mut) {
            settings.retain(|name, _| !THIRD.contains(&name.as_str()));
        }
    }
    content
}

fn as_first(stored: &StoredTenant) -> Result<Value, serde_json::Error> {
    let mut content = serde_json::to_value(stored)?;
    reduce(content.pointer_mut("/settings"));
    let earlier = content.pointer_mut("/settings_history/earlier").and_then(Value::as_array_mut);
    earlier.into_iter().flatten().for_each(|one| reduce(one.get_mut(1)));
    let read: StoredTenant = serde_json::from_value(content.clone())?;
    let lacks_something = !read.settings.says_as_much_as(&stored.settings)
        || read.settings_history.earlier.len() != stored.settings_history.earlier.len()
        || read
            .settings_history
            .earlier
            .iter()
            .zip(&stored.settings_history.earlier)
            .any(|(one, whole)| !one.1.says_as_much_as(&whole.1));
    if lacks_something {
        let newer = Newer { settings: stored.settings.clone(), settings_history: stored.settings_history.clone() };
        content["newer"] = serde_json::to_value(newer)?;
    }
    Ok(content)
}

/// Takes out of settings what format 1 does not know.
fn reduce(settings: Option<&mut Value>) {
    let Some(Value::Object(settings)) = settings else { return };
    settings.retain(|name, _| FIRST.contains(&name.as_str()));
    // One source for all platforms, or none.
    if let Some(source) = settings.get_mut("complianceSource").filter(|source| source.is_object()) {
        *source = Value::Null;
    }
}

#[derive(Serialize, Deserialize)]
struct StoredSecret {
    source: String,
    secret: String,
    created_at: Timestamp,
}

impl From<&SourceSecret> for StoredSecret {
    fn from(SourceSecret { source, secret, created_at }: &SourceSecret) -> Self {
        Self { source: source.clone(), secret: secret.expose().to_owned(), created_at: *created_at }
    }
}

impl From<StoredSecret> for SourceSecret {
    fn from(StoredSecret { source, secret, created_at }: StoredSecret) -> Self {
        Self { source, secret: Secret::new(secret), created_at }
    }
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
        let (sealed, sealed_pseudonym_key) = (tenant.sealing.senders(), tenant.sealing.people());
        Self {
            id: tenant.id.clone(),
            created_at: tenant.created_at,
            settings: tenant.settings.clone(),
            webhook_secrets: sealed.is_none().then(|| tenant.webhook_secrets.iter().map(exposed).collect()),
            sources: match sealed {
                None => tenant.sources.iter().map(StoredSecret::from).collect(),
                Some(_) => Vec::new(),
            },
            sealed: sealed.map(str::to_owned),
            pseudonym_key: match sealed_pseudonym_key {
                None => tenant.pseudonym_key.0.as_ref().map(exposed),
                Some(_) => None,
            },
            sealed_pseudonym_key: sealed_pseudonym_key.map(str::to_owned),
            source_settings: tenant.source_settings.clone(),
            tokens: tenant.tokens.iter().cloned().map(StoredToken::from).collect(),
            sign_in_codes: tenant.sign_in_codes.iter().cloned().map(StoredCode::from).collect(),
            settings_history: tenant.settings_history.clone(),
            newer: None,
        }
    }
}

impl From<StoredTenant> for Tenant {
    fn from(stored: StoredTenant) -> Self {
        let (settings, settings_history) = match stored.newer {
            Some(Newer { settings, settings_history }) => (settings, settings_history),
            None => (stored.settings, stored.settings_history),
        };
        Self {
            id: stored.id,
            created_at: stored.created_at,
            settings,
            webhook_secrets: stored.webhook_secrets.into_iter().flatten().map(Secret::new).collect(),
            sources: stored.sources.into_iter().map(SourceSecret::from).collect(),
            source_settings: stored.source_settings,
            tokens: stored.tokens.into_iter().map(ApiToken::from).collect(),
            sign_in_codes: stored.sign_in_codes.into_iter().map(SignInCode::from).collect(),
            pseudonym_key: PseudonymKey(stored.pseudonym_key.map(Secret::new)),
            settings_history,
            version: 0,
            feed: None,
            sealing: Sealing::closed(stored.sealed, stored.sealed_pseudonym_key),
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
    use serde_json::json;
    use vestibule_domain::{ComplianceSource, Platform};

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

    /// The settings of a tenant as a program of format 1 reads them: it refuses members that it does not know.
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    #[allow(dead_code)]
    struct FirstSettings {
        time_zone: String,
        require_compliance: bool,
        windows_idle_limit_minutes: u32,
        retention_days: u32,
        pseudonymise: bool,
        device_limit: u32,
        export_at: String,
        compliance_source: Option<String>,
    }

    #[test]
    fn programs_of_format_1_read_a_tenant_and_nothing_is_lost_by_it() {
        let of = |compliance_source: ComplianceSource, macos: u32| TenantSettings {
            retention_days: 90,
            macos_idle_limit_minutes: macos,
            compliance_source,
            ..TenantSettings::default()
        };
        let each = ComplianceSource::Each([(Platform::Ios, "mdm".to_owned())].into());
        let usual = of(ComplianceSource::All("mdm".to_owned()), 30);
        for (settings, earlier, is_beside) in [
            (usual.clone(), Vec::new(), false),
            (of(ComplianceSource::None, 45), Vec::new(), true),
            (of(each.clone(), 30), Vec::new(), true),
            (usual.clone(), vec![(0, of(each, 45)), (1, usual.clone())], true),
        ] {
            let stored = json!({
                "id": "contoso", "created_at": 1, "settings": settings, "webhook_secrets": ["whsec_a"], "tokens": [],
                "pseudonym_key": "key", "settings_history": {"version": earlier.len(), "earlier": earlier},
            });
            let tenant = Tenant::from(serde_json::from_value::<StoredTenant>(stored).unwrap());
            let text = content(&tenant, StoredFormat::First).unwrap();
            let value: Value = serde_json::from_str(&text).unwrap();
            assert_eq!(value.get("newer").is_some(), is_beside, "{text}");
            let first: FirstSettings = serde_json::from_value(value["settings"].clone()).unwrap();
            assert_eq!(first.retention_days, 90);
            for one in value["settings_history"]["earlier"].as_array().into_iter().flatten() {
                serde_json::from_value::<FirstSettings>(one[1].clone()).unwrap();
            }
            let again = Tenant::from(serde_json::from_str::<StoredTenant>(&text).unwrap());
            assert_eq!(again, tenant);
            assert!(!text.contains("tagKeys"), "{text}");
            // A program of format 1 writes back what it knows.
            let mut older = value;
            older.as_object_mut().unwrap().remove("newer");
            assert_eq!(
                Tenant::from(serde_json::from_value::<StoredTenant>(older).unwrap()).settings.retention_days,
                90
            );
        }
    }

    #[test]
    fn programs_of_format_2_find_no_setting_that_they_do_not_know() {
        let usual = TenantSettings::default();
        let stored = json!({
            "id": "contoso", "created_at": 1, "settings": usual, "webhook_secrets": [], "tokens": [],
            "pseudonym_key": "key", "settings_history": {"version": 1, "earlier": [[0, usual]]},
        });
        let tenant = Tenant::from(serde_json::from_value::<StoredTenant>(stored).unwrap());
        for (format, has) in [(StoredFormat::Second, false), (StoredFormat::Third, true)] {
            let text = content(&tenant, format).unwrap();
            assert_eq!(text.matches("tagKeys").count(), if has { 2 } else { 0 }, "{text}");
            assert_eq!(Tenant::from(serde_json::from_str::<StoredTenant>(&text).unwrap()), tenant);
        }
    }
}
