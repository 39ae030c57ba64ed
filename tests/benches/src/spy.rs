//! Records what a store's meter does not: the units of each index, and the deadlines that were written.

use aws_sdk_dynamodb::config::interceptors::{
    AfterDeserializationInterceptorContextRef, BeforeSerializationInterceptorContextRef,
};
use aws_sdk_dynamodb::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_dynamodb::error::BoxError;
use aws_sdk_dynamodb::operation::put_item::{PutItemInput, PutItemOutput};
use aws_sdk_dynamodb::operation::transact_write_items::{TransactWriteItemsInput, TransactWriteItemsOutput};
use aws_sdk_dynamodb::operation::update_item::{UpdateItemInput, UpdateItemOutput};
use aws_sdk_dynamodb::types::{AttributeValue, ConsumedCapacity};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The deadline's attribute, and its placeholder in an update of the sweep.
const DUE_AT: &str = "da";
const DUE_AT_VALUE: &str = ":a";

/// Listens to a client's calls.
#[derive(Clone, Debug, Default)]
pub struct Spy(Arc<Mutex<Seen>>);

/// Write units of indexes, by what wrote and the index's name.
pub type IndexUnits = BTreeMap<(&'static str, String), f64>;

#[derive(Debug, Default)]
struct Seen {
    deadlines: BinaryHeap<Reverse<i64>>,
    index_units: IndexUnits,
    failed: u64,
}

impl Spy {
    /// The earliest deadline that was written and not yet [passed](Self::pass), even if it was replaced since.
    pub fn next_deadline(&self) -> Option<i64> {
        self.seen().deadlines.peek().map(|Reverse(at)| *at)
    }

    /// Forgets the deadlines before `now`.
    pub fn pass(&self, now: i64) {
        let mut seen = self.seen();
        while seen.deadlines.peek().is_some_and(|Reverse(at)| *at < now) {
            seen.deadlines.pop();
        }
    }

    /// Index units so far.
    pub fn index_units(&self) -> IndexUnits {
        self.seen().index_units.clone()
    }

    /// The number of failed writes so far; the meter counts each as one unit.
    pub fn failed(&self) -> u64 {
        self.seen().failed
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn deadline(&self, value: Option<&AttributeValue>) {
        let at = value.and_then(|value| value.as_n().ok()).and_then(|number| number.parse().ok());
        self.seen().deadlines.extend(at.map(Reverse));
    }

    fn consumed(&self, by: &'static str, consumed: Option<&ConsumedCapacity>) {
        let indexes = consumed.and_then(ConsumedCapacity::global_secondary_indexes).into_iter().flatten();
        for (index, units) in indexes {
            *self.seen().index_units.entry((by, index.clone())).or_default() += units.capacity_units().unwrap_or(0.0);
        }
    }
}

impl Intercept for Spy {
    fn name(&self) -> &'static str {
        "Spy"
    }

    fn read_before_serialization(
        &self,
        context: &BeforeSerializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let input = context.input();
        if let Some(put) = input.downcast_ref::<PutItemInput>() {
            self.deadline(put.item().and_then(|item| item.get(DUE_AT)));
        } else if let Some(update) = input.downcast_ref::<UpdateItemInput>() {
            self.deadline(update.expression_attribute_values().and_then(|values| values.get(DUE_AT_VALUE)));
        } else if let Some(transaction) = input.downcast_ref::<TransactWriteItemsInput>() {
            for put in transaction.transact_items().iter().filter_map(|item| item.put()) {
                self.deadline(put.item().get(DUE_AT));
            }
        }
        Ok(())
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        match context.output_or_error() {
            Ok(output) => {
                if let Some(put) = output.downcast_ref::<PutItemOutput>() {
                    self.consumed("events", put.consumed_capacity());
                } else if let Some(update) = output.downcast_ref::<UpdateItemOutput>() {
                    self.consumed("sweep", update.consumed_capacity());
                } else if let Some(transaction) = output.downcast_ref::<TransactWriteItemsOutput>() {
                    transaction.consumed_capacity().iter().for_each(|one| self.consumed("merges", Some(one)));
                }
            }
            Err(_) => self.seen().failed += 1,
        }
        Ok(())
    }
}
