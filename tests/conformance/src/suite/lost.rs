//! The table executed a request, its answer was lost, and the SDK repeats the request: that is not a conflict with
//! anybody.

use super::tenants::{file, new};
use crate::fixtures::{minute, tenant};
use crate::proxy::{Fault, Proxy};
use crate::{Engine, Table};
use vestibule_domain::esp::profile::Settings;
use vestibule_domain::esp::profiles::ProfilesError;
use vestibule_store::{Role, Secret, Store, StoreError};

/// A store whose next `operation` is executed without an answer; the SDK repeats it.
async fn losing(table: &Table, operation: &str) -> (Proxy, Store) {
    let proxy = Proxy::start(&table.endpoint, operation, [Fault::LoseAnswer]).await;
    let store = table.store_via(proxy.endpoint(), 3);
    (proxy, store)
}

/// A change of a tenant.
pub async fn a_tenant_is_changed_though_nobody_heard(engine: &Engine) {
    let table = engine.table().await;
    let mut changed = new("contoso");
    table.store.create_tenant(&mut changed).await.unwrap();
    changed.settings.retention_days = 90;
    let (proxy, store) = losing(&table, "UpdateItem").await;
    store.update_tenant(&mut changed).await.unwrap();
    assert_eq!(proxy.left(), 0);
    assert_eq!(table.store.tenant(&tenant()).await.unwrap(), Some(changed.clone()));
    // The value it now holds can be changed further, and another writer's change still conflicts as before.
    let mut other = changed.clone();
    changed.settings.retention_days = 91;
    store.update_tenant(&mut changed).await.unwrap();
    other.settings.retention_days = 92;
    assert!(matches!(store.update_tenant(&mut other).await, Err(StoreError::Conflict)));
    table.drop().await;
}

/// A tenant is added, whoever repeats the request: the SDK, or a caller who received no answer.
pub async fn a_tenant_is_added_though_nobody_heard(engine: &Engine) {
    let table = engine.table().await;
    let mut added = new("contoso");
    let (proxy, store) = losing(&table, "TransactWriteItems").await;
    store.create_tenant(&mut added).await.unwrap();
    assert_eq!(proxy.left(), 0);
    store.create_tenant(&mut added.clone()).await.unwrap();
    assert_eq!(store.tenants().await.unwrap(), [tenant()]);
    // Another tenant of that name has other secrets.
    let mut other = new("contoso");
    other.pseudonym_key = Secret::new("another key").into();
    assert!(matches!(store.create_tenant(&mut other).await, Err(StoreError::Exists)));
    assert_eq!(store.tenant(&tenant()).await.unwrap(), Some(added));
    table.drop().await;
}

/// Several writers each make their own change to one version: one has succeeded, whatever answers were lost.
pub async fn of_different_changes_at_once_one_succeeds(engine: &Engine) {
    let table = engine.table().await;
    table.store.create_tenant(&mut new("contoso")).await.unwrap();
    let before = table.store.tenant(&tenant()).await.unwrap().unwrap();
    let faults = (0..6).map(|_| Fault::LoseAnswer);
    let proxy = Proxy::start(&table.endpoint, "UpdateItem", faults).await;
    let store = table.store_via(proxy.endpoint(), 9);
    let changes = (0..8).map(|number| {
        let (store, mut mine) = (store.clone(), before.clone());
        async move {
            mine.tokens[0].sha256 = format!("{number:064}");
            mine.tokens[0].role = Role::Admin;
            store.update_tenant(&mut mine).await.map(|()| mine)
        }
    });
    let done: Vec<_> = futures::future::join_all(changes).await.into_iter().filter_map(Result::ok).collect();
    assert_eq!(proxy.left(), 0);
    assert_eq!(done.len(), 1);
    assert_eq!(table.store.tenant(&tenant()).await.unwrap().as_ref(), done.first());
    table.drop().await;
}

/// The pointer to the newest file.
pub async fn a_file_is_the_newest_though_nobody_heard(engine: &Engine) {
    let table = engine.table().await;
    let (proxy, store) = losing(&table, "PutItem").await;
    assert!(store.advance_latest(&tenant(), &file(1, minute(10)), minute(20)).await.unwrap());
    assert_eq!(proxy.left(), 0);
    // Made the newest again, it still is; another file of the same instant is not.
    assert!(store.advance_latest(&tenant(), &file(1, minute(10)), minute(20)).await.unwrap());
    assert!(!store.advance_latest(&tenant(), &file(2, minute(10)), minute(20)).await.unwrap());
    table.drop().await;
}

/// A change of profiles is made once.
pub async fn profiles_are_changed_once_though_nobody_heard(engine: &Engine) {
    let table = engine.table().await;
    let (proxy, store) = losing(&table, "TransactWriteItems").await;
    let (mut asked, id) = (0, tenant());
    let change = store.change_profiles(&id, |profiles| {
        asked += 1;
        let settings = Settings::named(format!("kiosk {asked}"));
        profiles.add(&id, settings, Vec::new(), None, minute(0)).map(drop).map_err(Refused::from)
    });
    let ((), profiles) = change.await.unwrap();
    assert_eq!((proxy.left(), asked), (0, 1));
    assert_eq!(table.store.profiles(&tenant()).await.unwrap(), profiles);
    table.drop().await;
}

#[derive(Debug)]
#[expect(dead_code, reason = "shown when a test fails")]
enum Refused {
    Store(StoreError),
    Rules(ProfilesError),
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<ProfilesError> for Refused {
    fn from(error: ProfilesError) -> Self {
        Self::Rules(error)
    }
}
