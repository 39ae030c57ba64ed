//! The stored format: what is written while the one before is in force, and the move to the next.

use crate::fixtures::{Device, by_serial, history, minute, tenant, uuid};
use crate::suite::tenants::new;
use crate::{Engine, Item, Table, number};
use aws_sdk_dynamodb::types::AttributeValue;
use vestibule_domain::event::Event;
use vestibule_domain::{Kind, Millis, Reports, StoredFormat, TagKeys, TenantSettings, codec};
use vestibule_store::{OlderFiles, StoreError, Subject};

fn data(item: &Item) -> &[u8] {
    item["d"].as_b().unwrap().as_ref()
}

/// Events of a sender that reports less than everything.
fn reported(device: &Device, numbers: std::ops::Range<u64>) -> Vec<Event> {
    let reports = Reports { steps: false, stops: false, ..Reports::ALL };
    let kinds = [Kind::Started, Kind::Failed];
    let event = |number: u64| {
        let kind = kinds[usize::try_from(number % 2).unwrap()];
        let event = device.reports(uuid(number), kind, minute(i64::try_from(number).unwrap()));
        Event { reports, ..event }
    };
    numbers.map(event).collect()
}

/// Items that have events: whether each is in the older form, and how many have something beside it.
async fn forms(table: &Table) -> (Vec<StoredFormat>, usize) {
    let items = table.items().await;
    let with_events: Vec<&Item> = items.iter().filter(|item| item.contains_key("d")).collect();
    let beside = with_events.iter().filter(|item| item.contains_key("m")).count();
    (with_events.iter().map(|item| codec::format_of(data(item))).collect(), beside)
}

/// A table of the release before: nothing that it would misread is written until an operator moves on, and nothing is lost
/// by it.
pub async fn the_older_format_is_written_until_the_move(engine: &Engine) {
    let table = engine.table().await;
    let store = &table.store;
    store.begin_format(StoredFormat::First).await.unwrap();
    let mut created = new("contoso");
    store.create_tenant(&mut created).await.unwrap();
    let settings: TenantSettings = store.tenant(&tenant()).await.unwrap().unwrap().settings;
    assert_eq!(settings.format, StoredFormat::First);
    let device = Device::serial("serial-1");
    let events = reported(&device, 0..200);
    // One by one, so that some are sealed.
    for event in &events {
        let now = event.received_at + Millis::from_seconds(1);
        store.add_events(&tenant(), &settings, vec![event.clone()], now).await.unwrap();
    }
    let now = minute(201);
    assert!(table.segments(now).await > 0);
    let (written, beside) = forms(&table).await;
    assert!(written.iter().all(|format| *format == StoredFormat::First) && beside == written.len(), "{written:?}");
    // Another process that knows it loses nothing; one that does not reads the same events.
    let of = async |store: &vestibule_store::Store| {
        store.find(&tenant(), &by_serial("serial-1"), now).await.unwrap().unwrap()
    };
    assert_eq!(of(&table.another_store()).await.history, history(&events));
    let mut read = 0;
    for item in table.items().await.iter().filter(|item| item.contains_key("d")) {
        let older = codec::decode_events(data(item)).unwrap();
        assert!(older.iter().all(|event| event.reports == Reports::ALL));
        read += older.len();
    }
    assert_eq!(read, events.len());
    // A program that does not know erasures would undo one.
    let subject = Subject::Device("serial-1".to_owned());
    let erased = store.erase(&created, &subject, OlderFiles::Rebuild, ("1", "operator"), now).await;
    assert!(matches!(erased, Err(StoreError::Older { needed: StoredFormat::Second, .. })), "{erased:?}");
    assert!(matches!(store.begin_removal(&tenant(), now).await, Err(StoreError::Older { .. })));
    // So would it refuse a setting that it does not know.
    let mut tagged = store.tenant(&tenant()).await.unwrap().unwrap();
    tagged.settings.tag_keys = TagKeys::new(vec!["floor".to_owned()]);
    let refused = store.update_tenant(&mut tagged).await;
    assert!(matches!(refused, Err(StoreError::Older { needed: StoredFormat::Third, .. })), "{refused:?}");
    let before = table.items().await.len();

    let moved = store.move_to_format(StoredFormat::Second).await.unwrap();
    assert_eq!((moved.in_force, moved.tenants[&tenant()]), (StoredFormat::Second, StoredFormat::Second));
    assert_eq!(store.move_to_format(StoredFormat::Second).await.unwrap(), moved, "again");
    assert!(matches!(store.move_to_format(StoredFormat::First).await, Err(StoreError::Conflict)));
    assert_eq!(table.items().await.len(), before, "what is there stays as it is");
    let mut later = new("fabrikam");
    store.create_tenant(&mut later).await.unwrap();
    assert_eq!(later.settings.format, StoredFormat::Second);
    let tenant_now = store.tenant(&tenant()).await.unwrap().unwrap();
    let more = reported(&device, 200..201);
    store.add_events(&tenant(), &tenant_now.settings, more.clone(), now).await.unwrap();
    let stored = of(&table.another_store()).await;
    assert_eq!(stored.history, history(events.iter().chain(&more)));
    let head = table.item(&stored.key).await.unwrap();
    assert!(codec::format_of(data(&head)) == StoredFormat::Second && !head.contains_key("m"));
    let erased = store.erase(&tenant_now, &subject, OlderFiles::Rebuild, ("1", "operator"), now).await;
    assert_eq!(erased.unwrap().record.enrollments, 1);
    table.drop().await;
}

/// A later release moved the table on: this one reads no tenant of it, and so writes nothing.
pub async fn a_number_that_nobody_knows_is_refused(engine: &Engine) {
    let table = engine.table().await;
    let store = &table.store;
    store.create_tenant(&mut new("contoso")).await.unwrap();
    let find = |items: Vec<Item>, name: &str| items.into_iter().find(|item| item.contains_key(name)).unwrap();
    let mut tenants = find(table.items().await, "fm");
    assert_eq!(number(&tenants, "fm"), Some(i64::from(StoredFormat::NEWEST.number())));
    tenants.insert("fm".to_owned(), AttributeValue::N("99".to_owned()));
    table.put(tenants).await;
    let refused = store.tenant(&tenant()).await.unwrap_err();
    assert!(matches!(refused, StoreError::Newer { format: 99, .. }), "{refused}");
    assert!(refused.is_transient() && !refused.is_unreadable(), "a later release can read it");
    assert!(store.formats().await.is_err());
    let in_force = [("pk", "format"), ("sk", "in-force")].map(|(name, key)| (name, AttributeValue::S(key.to_owned())));
    let in_force = in_force.into_iter().chain([("n", AttributeValue::N("99".to_owned()))]);
    table.put(in_force.map(|(name, value)| (name.to_owned(), value)).collect()).await;
    for refused in [
        store.create_tenant(&mut new("fabrikam")).await.unwrap_err(),
        store.move_to_format(StoredFormat::NEWEST).await.unwrap_err(),
        store.begin_format(StoredFormat::First).await.unwrap_err(),
    ] {
        assert!(matches!(refused, StoreError::Newer { format: 99, .. }), "{refused}");
    }
    table.drop().await;
}
