//! Tenants and their files.

use crate::Engine;
use crate::fixtures::{T0, minute, second, tenant};
use std::collections::BTreeMap;
use vestibule_domain::{TenantId, TenantSettings, Timestamp};
use vestibule_store::{ApiToken, FileRecord, Role, Secret, SettingsHistory, StoreError, Tenant, TenantCache};

/// A tenant that is not stored yet.
pub(crate) fn new(name: &str) -> Tenant {
    Tenant {
        id: TenantId::parse(name).unwrap(),
        created_at: T0,
        settings: TenantSettings::default(),
        webhook_secrets: vec![Secret::new("whsec_new"), Secret::new("whsec_old")],
        sources: Vec::new(),
        tokens: vec![ApiToken {
            id: "token-1".to_owned(),
            name: "page".to_owned(),
            role: Role::Reader,
            sha256: "00".repeat(32),
            created_at: T0,
            scope_tags: Vec::new(),
            expires_at: None,
        }],
        sign_in_codes: Vec::new(),
        pseudonym_key: Secret::new("key").into(),
        settings_history: SettingsHistory::default(),
        source_settings: std::collections::BTreeMap::new(),
        version: 0,
        feed: None,
        sealing: vestibule_store::Sealing::default(),
    }
}

pub(super) fn file(number: u64, as_of: Timestamp) -> FileRecord {
    FileRecord {
        sha256: format!("{number:064x}"),
        key: format!("files/{number}"),
        size_bytes: number,
        as_of,
        rows: BTreeMap::from([("attempt".to_owned(), number)]),
        schema_version: 1,
        corrections: 0,
        corrected: Vec::new(),
        summary: None,
        report_html: None,
    }
}

/// It is created once; if two change it, one of them must read it again.
pub async fn a_tenant_is_created_once_and_changed_on_condition(engine: &Engine) {
    let table = engine.table().await;
    let store = &table.store;
    assert_eq!(store.tenant(&tenant()).await.unwrap(), None);
    assert_eq!(store.tenants().await.unwrap(), []);
    for name in ["fabrikam", "contoso"] {
        store.create_tenant(&mut new(name)).await.unwrap();
    }
    let mut again = Tenant { pseudonym_key: Secret::new("another key").into(), ..new("contoso") };
    assert!(matches!(store.create_tenant(&mut again).await, Err(StoreError::Exists)));
    let names: Vec<String> = store.tenants().await.unwrap().into_iter().map(String::from).collect();
    assert_eq!(names, ["contoso", "fabrikam"]);
    let mut one = store.tenant(&tenant()).await.unwrap().unwrap();
    let mut other = one.clone();
    assert_eq!(one, Tenant { version: 1, ..new("contoso") });
    assert_eq!(one.secrets().collect::<Vec<_>>(), ["whsec_new", "whsec_old"]);
    one.settings.retention_days = 90;
    store.update_tenant(&mut one).await.unwrap();
    other.settings.retention_days = 60;
    assert!(matches!(store.update_tenant(&mut other).await, Err(StoreError::Conflict)));
    assert_eq!(store.tenant(&tenant()).await.unwrap().unwrap(), one);
    one.webhook_secrets.pop();
    store.update_tenant(&mut one).await.unwrap();
    assert_eq!(store.tenant(&tenant()).await.unwrap().unwrap(), one);
    // A tenant that was never created can't be changed.
    assert!(matches!(store.update_tenant(&mut new("nobody")).await, Err(StoreError::Conflict)));
    assert_eq!(store.tenants().await.unwrap().len(), 2);
    // Secrets are not shown.
    assert!(!format!("{one:?}").contains("whsec"));
    table.drop().await;
}

/// A cache holds a tenant for seconds, and also its absence; it is read anew once a second at most.
pub async fn a_cache_holds_a_tenant_for_a_moment(engine: &Engine) {
    let table = engine.table().await;
    let cache = TenantCache::new(table.store.clone());
    assert_eq!(cache.get(&tenant(), second(0)).await.unwrap(), None);
    let mut created = new("contoso");
    table.store.create_tenant(&mut created).await.unwrap();
    assert_eq!(cache.get(&tenant(), second(59)).await.unwrap(), None);
    assert!(cache.get(&tenant(), second(60)).await.unwrap().is_some());
    created.settings.retention_days = 90;
    table.store.update_tenant(&mut created).await.unwrap();
    let days = |tenant: Option<std::sync::Arc<Tenant>>| tenant.unwrap().settings.retention_days;
    assert_eq!(days(cache.fresh(&tenant(), second(60)).await.unwrap()), 30);
    assert_eq!(days(cache.get(&tenant(), second(65)).await.unwrap()), 30);
    assert_eq!(days(cache.fresh(&tenant(), second(65)).await.unwrap()), 90);
    assert_eq!(days(cache.get(&tenant(), second(65)).await.unwrap()), 90);
    table.drop().await;
}

/// Where processes of one machine have a notice, a change by another of them ends what a cache holds at once.
pub async fn a_noticed_change_ends_what_is_held(engine: &Engine) {
    let table = engine.table().await;
    let folder = tempfile::tempdir().unwrap();
    let store = || table.store.clone().with_notice(folder.path().join("tenant-changes"));
    let (cache, other) = (TenantCache::new(store()), store());
    let secrets = async || {
        let held = cache.get(&tenant(), second(0)).await.unwrap();
        held.map(|tenant| tenant.secrets().map(str::to_owned).collect::<Vec<_>>())
    };
    assert_eq!(secrets().await, None);
    other.create_tenant(&mut new("contoso")).await.unwrap();
    assert_eq!(secrets().await, Some(vec!["whsec_new".to_owned(), "whsec_old".to_owned()]));
    let revoke = |tenant: &mut Tenant| {
        tenant.webhook_secrets.truncate(1);
        Ok::<_, StoreError>(())
    };
    other.change_tenant(&tenant(), revoke).await.unwrap().unwrap();
    assert_eq!(secrets().await, Some(vec!["whsec_new".to_owned()]));
    table.drop().await;
}

/// Writers who come between each other all succeed, and nothing of any is lost.
pub async fn changes_at_the_same_time_are_all_made(engine: &Engine) {
    let table = engine.table().await;
    let store = &table.store;
    store.create_tenant(&mut new("contoso")).await.unwrap();
    let before = store.tenant(&tenant()).await.unwrap().unwrap().webhook_secrets.len();
    let adds = (0..17).map(|number| async move {
        let secret = Secret::new(format!("whsec_{number}"));
        let add = |tenant: &mut Tenant| {
            tenant.webhook_secrets.retain(|known| *known != secret);
            tenant.webhook_secrets.push(secret.clone());
            Ok::<_, StoreError>(())
        };
        store.change_tenant(&tenant(), add).await
    });
    for added in futures::future::join_all(adds).await {
        added.unwrap().unwrap();
    }
    assert_eq!(store.tenant(&tenant()).await.unwrap().unwrap().webhook_secrets.len(), before + 17);
    // Nothing is written if nothing changes, and a refusal by the change itself is returned.
    let version = store.tenant(&tenant()).await.unwrap().unwrap().version;
    store.change_tenant(&tenant(), |_| Ok::<_, StoreError>(())).await.unwrap().unwrap();
    assert_eq!(store.tenant(&tenant()).await.unwrap().unwrap().version, version);
    let refused = store.change_tenant(&tenant(), |_| Err::<(), _>(StoreError::Exists)).await;
    assert!(matches!(refused, Err(StoreError::Exists)));
    let nobody = TenantId::parse("nobody").unwrap();
    assert!(store.change_tenant(&nobody, |_| Ok::<_, StoreError>(())).await.unwrap().is_none());
    table.drop().await;
}

/// Sorted by the instant as of which they are true.
pub async fn files_are_listed_newest_first(engine: &Engine) {
    let table = engine.table().await;
    let store = &table.store;
    assert_eq!(store.files(&tenant(), 10).await.unwrap(), []);
    let files: Vec<FileRecord> = (0..12_u32).map(|day| file(day.into(), minute(i64::from(day) * 1_440))).collect();
    for at in [3, 0, 7, 1, 11, 2, 4, 10, 6, 5, 9, 8] {
        store.put_file(&tenant(), &files[at]).await.unwrap();
    }
    // A file recorded again and another tenant's file do not show.
    store.put_file(&tenant(), &files[3]).await.unwrap();
    store.put_file(&TenantId::parse("fabrikam").unwrap(), &file(99, minute(0))).await.unwrap();
    store.create_tenant(&mut new("contoso")).await.unwrap();
    let newest_first: Vec<FileRecord> = files.iter().rev().cloned().collect();
    assert_eq!(store.files(&tenant(), 100).await.unwrap(), newest_first);
    assert_eq!(store.files(&tenant(), 5).await.unwrap(), newest_first[..5]);
    table.drop().await;
}

/// The pointer to the newest file only moves forward.
pub async fn the_newest_file_only_becomes_newer(engine: &Engine) {
    let table = engine.table().await;
    let store = &table.store;
    assert_eq!(store.latest_file(&tenant()).await.unwrap(), None);
    assert!(store.advance_latest(&tenant(), &file(1, minute(10)), minute(20)).await.unwrap());
    assert!(!store.advance_latest(&tenant(), &file(2, minute(9)), minute(20)).await.unwrap());
    assert!(!store.advance_latest(&tenant(), &file(3, minute(10)), minute(20)).await.unwrap());
    assert_eq!(store.latest_file(&tenant()).await.unwrap(), Some(file(1, minute(10))));
    assert!(store.advance_latest(&tenant(), &file(4, minute(11)), minute(20)).await.unwrap());
    assert_eq!(store.latest_file(&tenant()).await.unwrap(), Some(file(4, minute(11))));
    // Many at once: the latest file remains.
    let files: Vec<FileRecord> = (20_i64..40).map(|at| file(at.cast_unsigned(), minute(at))).collect();
    let id = tenant();
    futures::future::join_all(files.iter().map(|file| store.advance_latest(&id, file, minute(1_000)))).await;
    assert_eq!(store.latest_file(&tenant()).await.unwrap(), files.last().cloned());
    table.drop().await;
}
