//! Annotations: one item that several writers change.

use crate::fixtures::{minute, tenant};
use crate::proxy::{Fault, Proxy};
use crate::{Engine, Item};
use aws_sdk_dynamodb::types::AttributeValue;
use vestibule_domain::annotation::{Annotation, Note};
use vestibule_domain::{Day, TenantId};
use vestibule_store::{Store, StoreError};

fn annotation(number: i32) -> Annotation {
    let note = Note { from: Day::new(number), to: Day::new(number + 1), text: format!("number {number}") };
    Annotation { id: format!("{number:016x}"), note, by: "operator".to_owned(), at: minute(i64::from(number)) }
}

pub(super) async fn add(store: &Store, tenant: &TenantId, number: i32) -> Result<(), StoreError> {
    let added = store.change_annotations(tenant, |all| {
        all.add(annotation(number)).map_err(|error| StoreError::Refused(error.to_string()))
    });
    added.await
}

/// Eight writers at once.
pub async fn writers_at_once_lose_no_annotation(engine: &Engine) {
    let table = engine.table().await;
    let writers = (0..8).map(|number| {
        let store = table.another_store();
        async move { add(&store, &tenant(), number).await }
    });
    for written in futures::future::join_all(writers).await {
        written.unwrap();
    }
    let all = table.store.annotations(&tenant()).await.unwrap();
    assert_eq!(all.iter().cloned().collect::<Vec<_>>(), (0..8).map(annotation).collect::<Vec<_>>());
    let fabrikam = TenantId::parse("fabrikam").unwrap();
    assert_eq!(table.store.annotations(&fabrikam).await.unwrap().iter().count(), 0);
    table.drop().await;
}

/// The answer to the write is lost, and the SDK repeats it.
pub async fn an_annotation_is_written_once_though_nobody_heard(engine: &Engine) {
    let table = engine.table().await;
    for number in 0..2 {
        let proxy = Proxy::start(&table.endpoint, "PutItem", [Fault::LoseAnswer]).await;
        add(&table.store_via(proxy.endpoint(), 3), &tenant(), number).await.unwrap();
        assert_eq!(proxy.left(), 0);
    }
    assert_eq!(table.store.annotations(&tenant()).await.unwrap().iter().count(), 2);
    table.drop().await;
}

/// Whatever damaged the item, a writer does not take it for an empty one.
pub async fn what_cannot_be_read_is_not_overwritten(engine: &Engine) {
    let table = engine.table().await;
    add(&table.store, &tenant(), 1).await.unwrap();
    let mut item: Item = table.items().await.pop().unwrap();
    item.insert("c".to_owned(), AttributeValue::S("[{}]".to_owned()));
    table.put(item.clone()).await;
    assert!(matches!(table.store.annotations(&tenant()).await, Err(StoreError::Corrupt { .. })));
    assert!(add(&table.store, &tenant(), 2).await.is_err());
    assert_eq!(table.items().await, [item]);
    table.drop().await;
}
