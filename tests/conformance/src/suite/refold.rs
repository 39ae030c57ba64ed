//! A change of settings that alters attempts reaches every stored enrollment.

use super::tenants::new;
use crate::fixtures::{Device, by_serial, minute, tenant};
use crate::{Engine, Table, number};
use vestibule_domain::event::Event;
use vestibule_domain::{Kind, Millis, Platform, TenantSettings, Timestamp};
use vestibule_store::{Refold, Refolding, Tenant};

fn windows(serial: &str, id: &str, at: Timestamp) -> Event {
    let mut event = Device::serial(serial).reports(id, Kind::Started, at);
    event.about.platform = Some(Platform::Windows);
    event
}

async fn add(table: &Table, settings: &TenantSettings, event: Event, now: Timestamp) {
    table.store.add_events(&tenant(), settings, vec![event], now).await.unwrap();
}

async fn tenant_with_devices(table: &Table, devices: usize) -> Tenant {
    let mut created = new("contoso");
    table.store.create_tenant(&mut created).await.unwrap();
    for device in 0..devices {
        let serial = format!("serial-{device}");
        add(table, &created.settings, windows(&serial, &serial, minute(0)), minute(0)).await;
    }
    created
}

/// Ten hours instead of a day until a Windows attempt is abandoned.
async fn shorten(table: &Table) -> (Tenant, Refold) {
    let mut changed = table.store.tenant(&tenant()).await.unwrap().unwrap();
    changed.settings.windows_idle_limit_minutes = 600;
    table.store.update_tenant(&mut changed).await.unwrap();
    let job = table.store.refold_of(&tenant()).await.unwrap().unwrap();
    (changed, job)
}

async fn versions(table: &Table) -> Vec<Option<i64>> {
    let heads = table.heads().await;
    let mut versions = Vec::new();
    for key in heads {
        versions.push(number(&table.item(&key).await.unwrap(), "sv"));
    }
    versions
}

fn after_both_passes() -> Timestamp {
    minute(60) + Millis::from_minutes(4)
}

/// Deadlines are planned anew, each item records its settings' version, and in the end the job is gone.
pub async fn a_changed_setting_is_folded_into_every_item(engine: &Engine) {
    let table = engine.table().await;
    let created = tenant_with_devices(&table, 7).await;
    let key = table.store.find(&tenant(), &by_serial("serial-3"), minute(1)).await.unwrap().unwrap().key;
    assert_eq!(table.due_at(&key).await, Some(minute(1_440)));
    let (changed, job) = shorten(&table).await;
    assert_eq!((job.settings, job.looked, job.pass), (1, 0, 1));
    assert_eq!(changed.settings_at(0), &created.settings);
    let Refolding::GoesOn(job) =
        table.store.go_on_refolding(job, &changed.settings, minute(60), usize::MAX).await.unwrap()
    else {
        panic!("the second pass must wait")
    };
    assert_eq!((job.looked, job.folded, job.pass), (7, 7, 2));
    assert!(job.waits(minute(60)) && !job.waits(after_both_passes()));
    assert_eq!(versions(&table).await, [Some(1); 7]);
    assert_eq!(table.due_at(&key).await, Some(minute(600)));
    assert_eq!(table.store.refolds().await.unwrap(), std::slice::from_ref(&job));
    let done = table.store.go_on_refolding(job, &changed.settings, after_both_passes(), usize::MAX).await.unwrap();
    assert!(matches!(done, Refolding::Done(Refold { folded: 7, .. })), "{done:?}");
    assert_eq!(table.store.refolds().await.unwrap(), []);
    // A change that alters no attempt makes no job.
    let mut changed = table.store.tenant(&tenant()).await.unwrap().unwrap();
    changed.settings.retention_days = 90;
    table.store.update_tenant(&mut changed).await.unwrap();
    assert_eq!(table.store.refolds().await.unwrap(), []);
    table.drop().await;
}

/// If it is killed between two pages, it continues from the last record; of two runners one gives way.
pub async fn a_job_goes_on_where_it_stopped(engine: &Engine) {
    let table = engine.table().await;
    tenant_with_devices(&table, 9).await;
    let (changed, job) = shorten(&table).await;
    let mut steps = 0;
    let mut job = Some(job);
    while let Some(this) = job.take() {
        let stale = this.clone();
        let went = table.store.go_on_refolding(this, &changed.settings, after_both_passes(), 1).await.unwrap();
        let overtaken = table.store.go_on_refolding(stale, &changed.settings, after_both_passes(), 1).await.unwrap();
        assert_eq!(overtaken, Refolding::Overtaken);
        job = table.store.refold_of(&tenant()).await.unwrap();
        assert_eq!(job.is_none(), matches!(went, Refolding::Done(_)));
        if let Some(job) = &mut job {
            // By now it began long enough ago.
            job.began_at = Some(minute(0));
        }
        steps += 1;
        assert!(steps < 50);
    }
    assert!(steps > 4, "{steps}");
    assert_eq!(versions(&table).await, [Some(1); 9]);
    table.drop().await;
}

/// A hook holds a tenant for a minute.
pub async fn a_writer_that_holds_earlier_settings_does_not_set_them_back(engine: &Engine) {
    let table = engine.table().await;
    let created = tenant_with_devices(&table, 1).await;
    let (changed, job) = shorten(&table).await;
    table.store.go_on_refolding(job, &changed.settings, minute(60), usize::MAX).await.unwrap();
    add(&table, &created.settings, windows("serial-0", "late", minute(61)), minute(61)).await;
    assert_eq!(versions(&table).await, [Some(1)]);
    let key = table.heads().await.remove(0);
    assert!(table.due_at(&key).await <= Some(minute(61 + 600)));
    table.drop().await;
}

/// A hook with earlier settings creates a device after the first pass has gone by.
pub async fn an_item_created_behind_the_job_is_found(engine: &Engine) {
    let table = engine.table().await;
    let created = tenant_with_devices(&table, 3).await;
    let (changed, job) = shorten(&table).await;
    let went = table.store.go_on_refolding(job, &changed.settings, minute(60), usize::MAX).await.unwrap();
    add(&table, &created.settings, windows("serial-new", "new", minute(61)), minute(61)).await;
    assert_eq!(versions(&table).await.iter().filter(|version| version.is_none()).count(), 1);
    let Refolding::GoesOn(job) = went else { panic!("{went:?}") };
    let done = table.store.go_on_refolding(job, &changed.settings, after_both_passes(), usize::MAX).await.unwrap();
    assert!(matches!(done, Refolding::Done(_)), "{done:?}");
    assert_eq!(versions(&table).await, [Some(1); 4]);
    table.drop().await;
}

/// The publisher folds each image under the settings of its own time.
pub async fn the_settings_of_a_version_are_kept(engine: &Engine) {
    let table = engine.table().await;
    tenant_with_devices(&table, 0).await;
    for minutes in [600, 300, 900] {
        let mut changed = table.store.tenant(&tenant()).await.unwrap().unwrap();
        changed.settings.windows_idle_limit_minutes = minutes;
        table.store.update_tenant(&mut changed).await.unwrap();
    }
    let read = table.store.tenant(&tenant()).await.unwrap().unwrap();
    assert_eq!(read.settings.version, 3);
    let limits: Vec<u32> = (0..=3).map(|version| read.settings_at(version).windows_idle_limit_minutes).collect();
    assert_eq!(limits, [1_440, 600, 300, 900]);
    assert!((0..=3).all(|version| read.settings_at(version).version == version));
    table.drop().await;
}
