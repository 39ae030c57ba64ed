//! The textbook design of the same job, on the same embedded table: each event is one transaction of an idempotency key,
//! the event itself, and the device's state, and an index sorts devices by their last activity, so that whoever looks for
//! silent ones finds them first.
//!
//! Must stay true: it is what its users would write, and no worse than it must be. Names of attributes are short, the
//! index has only keys, and a repeated event is found out by the transaction itself.

use crate::BoxError;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::ProvideErrorMetadata as _;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, ConsumedCapacity, GlobalSecondaryIndex, KeySchemaElement,
    KeyType, Projection, ProjectionType, Put, ReturnConsumedCapacity, ScalarAttributeType, TransactWriteItem, Update,
};
use std::collections::HashMap;
use vestibule_host::Services;
use vestibule_host::dynamodb::DynamoDb;
use vestibule_simulator::Delivery;

const TABLE: &str = "textbook";
const INDEX: &str = "activity";
/// An idempotency key is kept for a day, an event for 90.
const DAY_SECONDS: i64 = 86_400;

/// Units of the design.
#[derive(Clone, Copy, Debug, Default)]
pub struct Textbook {
    /// Events that were stored.
    pub events: usize,
    /// Events that were found to be repeated.
    pub duplicates: usize,
    /// Write units of the table.
    pub write: f64,
    /// Write units of the index.
    pub index_write: f64,
}

/// Stores deliveries, one event a request.
///
/// # Errors
/// When the table fails.
pub async fn store(deliveries: &[Delivery]) -> Result<Textbook, BoxError> {
    let engine = DynamoDb::start(None)?;
    let client = Services::new()?.with_table(&engine).clients().dynamodb;
    create(&client).await?;
    let mut units = Textbook::default();
    for delivery in deliveries {
        let stored = client
            .transact_write_items()
            .set_transact_items(Some(transaction(delivery)?))
            .return_consumed_capacity(ReturnConsumedCapacity::Indexes)
            .send()
            .await;
        match stored {
            Ok(answer) => {
                units.events += 1;
                for consumed in answer.consumed_capacity() {
                    let index = index_units(consumed);
                    units.index_write += index;
                    units.write += consumed.capacity_units().unwrap_or(0.0) - index;
                }
            }
            Err(error) if error.code() == Some("TransactionCanceledException") => units.duplicates += 1,
            Err(error) => return Err(error.into()),
        }
    }
    Ok(units)
}

fn index_units(consumed: &ConsumedCapacity) -> f64 {
    let indexes = consumed.global_secondary_indexes().into_iter().flat_map(HashMap::values);
    indexes.filter_map(|index| index.capacity_units()).sum()
}

fn transaction(delivery: &Delivery) -> Result<Vec<TransactWriteItem>, BoxError> {
    let body = delivery.event.to_bytes();
    let event: serde_json::Value = serde_json::from_slice(&body)?;
    let member = |name: &str| event[name].as_str().unwrap_or_default().to_owned();
    let seconds = delivery.at_ms / 1_000;
    let device = s(format!("device#contoso#{}", delivery.enrollment));
    let once = Put::builder()
        .table_name(TABLE)
        .item("pk", s(format!("once#contoso#{}#{}", member("source"), member("id"))))
        .item("sk", s("-"))
        .item("x", n(seconds + DAY_SECONDS))
        .condition_expression("attribute_not_exists(pk)")
        .build()?;
    let stored = Put::builder()
        .table_name(TABLE)
        .item("pk", device.clone())
        .item("sk", s(format!("event#{}#{}", member("time"), member("id"))))
        .item("body", s(String::from_utf8(body)?))
        .item("x", n(seconds + 90 * DAY_SECONDS))
        .build()?;
    let state = Update::builder()
        .table_name(TABLE)
        .key("pk", device)
        .key("sk", s("state"))
        .update_expression("SET st = :state, tn = :tenant, la = :at")
        .expression_attribute_values(":state", s(member("type")))
        .expression_attribute_values(":tenant", s("contoso"))
        .expression_attribute_values(":at", n(delivery.at_ms))
        .build()?;
    Ok(vec![
        TransactWriteItem::builder().put(once).build(),
        TransactWriteItem::builder().put(stored).build(),
        TransactWriteItem::builder().update(state).build(),
    ])
}

async fn create(client: &Client) -> Result<(), BoxError> {
    let attribute = |name: &str, kind| AttributeDefinition::builder().attribute_name(name).attribute_type(kind).build();
    let key = |name: &str, kind| KeySchemaElement::builder().attribute_name(name).key_type(kind).build();
    let index = GlobalSecondaryIndex::builder()
        .index_name(INDEX)
        .key_schema(key("tn", KeyType::Hash)?)
        .key_schema(key("la", KeyType::Range)?)
        .projection(Projection::builder().projection_type(ProjectionType::KeysOnly).build())
        .build()?;
    client
        .create_table()
        .table_name(TABLE)
        .billing_mode(BillingMode::PayPerRequest)
        .attribute_definitions(attribute("pk", ScalarAttributeType::S)?)
        .attribute_definitions(attribute("sk", ScalarAttributeType::S)?)
        .attribute_definitions(attribute("tn", ScalarAttributeType::S)?)
        .attribute_definitions(attribute("la", ScalarAttributeType::N)?)
        .key_schema(key("pk", KeyType::Hash)?)
        .key_schema(key("sk", KeyType::Range)?)
        .global_secondary_indexes(index)
        .send()
        .await?;
    Ok(())
}

fn s(text: impl Into<String>) -> AttributeValue {
    AttributeValue::S(text.into())
}

fn n(number: i64) -> AttributeValue {
    AttributeValue::N(number.to_string())
}
