//! An embedded table in memory, with the declaration of the deployment's template.

use crate::{BoxError, Spy};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{AttributeValue, StreamSpecification};
use vestibule_host::dynamodb::{DynamoDb, create_table};
use vestibule_host::{Services, Template};
use vestibule_store::Store;

const NAME: &str = "benches";

/// A table with its own engine.
pub struct Table {
    /// The store under measurement.
    pub store: Store,
    /// What its calls report beyond the store's meter.
    pub spy: Spy,
    client: Client,
    config: aws_sdk_dynamodb::Config,
    _engine: DynamoDb,
}

impl Table {
    /// An empty table.
    ///
    /// # Errors
    /// When the engine doesn't start.
    pub async fn start() -> Result<Self, BoxError> {
        let engine = DynamoDb::start(None)?;
        let clients = Services::new()?.with_table(&engine).clients();
        create_table(&clients.dynamodb, &Template::embedded()?.table, NAME).await?;
        // A stream costs no units, but each write into memory would read all of it.
        let without = StreamSpecification::builder().stream_enabled(false).build()?;
        clients.dynamodb.update_table().table_name(NAME).stream_specification(without).send().await?;
        let spy = Spy::default();
        let config = clients.dynamodb.config().to_builder().interceptor(spy.clone()).build();
        let store = Store::new(Client::from_conf(config.clone()), NAME);
        Ok(Self { store, spy, config, client: clients.dynamodb, _engine: engine })
    }

    /// The same table for another process, which has nothing in memory yet.
    pub fn another_store(&self) -> Store {
        Store::new(Client::from_conf(self.config.clone()), NAME)
    }

    /// Encoded sizes of the enrollments' heads, ascending; reading them is not metered.
    ///
    /// # Errors
    /// When the table can't be read.
    pub async fn head_sizes(&self) -> Result<Vec<usize>, BoxError> {
        let mut pages = self
            .client
            .scan()
            .table_name(NAME)
            .filter_expression("#k = :head AND attribute_exists(#d)")
            .expression_attribute_names("#k", "sk")
            .expression_attribute_names("#d", "d")
            .expression_attribute_values(":head", AttributeValue::S("h".to_owned()))
            .projection_expression("#d")
            .into_paginator()
            .items()
            .send();
        let mut sizes = Vec::new();
        while let Some(item) = pages.next().await {
            let item = item?;
            sizes.extend(item.get("d").and_then(|data| data.as_b().ok()).map(|data| data.as_ref().len()));
        }
        sizes.sort_unstable();
        Ok(sizes)
    }
}
