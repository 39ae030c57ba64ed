//! How large things are for AWS: items of the table, and lines of the access log.

use crate::BoxError;
use aws_sdk_dynamodb::types::AttributeValue;
use std::collections::HashMap;

/// What DynamoDB adds to each item and to each entry of an index, in bytes.
const OVERHEAD: usize = 100;

/// Bytes of an item in the table.
pub(super) fn of_item(item: &HashMap<String, AttributeValue>) -> usize {
    OVERHEAD + size(item, |_| true)
}

/// Bytes of its entries in the indexes, of keys alone.
pub(super) fn of_index_entries(item: &HashMap<String, AttributeValue>) -> usize {
    let indexes = [["ds", "da"], ["cp", "cb"]].into_iter().filter(|[partition, _]| item.contains_key(*partition));
    let entry = |keys: [&str; 2]| OVERHEAD + size(item, |name| keys.contains(&name) || ["pk", "sk"].contains(&name));
    indexes.map(entry).sum()
}

/// Bytes of those attributes that are meant, as DynamoDB counts them.
fn size(item: &HashMap<String, AttributeValue>, is_meant: impl Fn(&str) -> bool) -> usize {
    let meant = item.iter().filter(|(name, _)| is_meant(name));
    meant.map(|(name, value)| name.len() + value_size(value)).sum()
}

fn value_size(value: &AttributeValue) -> usize {
    match value {
        AttributeValue::S(text) => text.len(),
        AttributeValue::N(number) => number.len().div_ceil(2) + 1,
        AttributeValue::B(blob) => blob.as_ref().len(),
        AttributeValue::L(list) => 3 + list.iter().map(|one| 1 + value_size(one)).sum::<usize>(),
        AttributeValue::M(map) => 3 + map.iter().map(|(name, one)| 1 + name.len() + value_size(one)).sum::<usize>(),
        AttributeValue::Ns(numbers) => numbers.iter().map(|number| number.len().div_ceil(2) + 1).sum(),
        AttributeValue::Ss(texts) => texts.iter().map(String::len).sum(),
        _ => 1,
    }
}

/// The length of a line that the template's access log has of an event's request, with the values of a real one.
///
/// # Errors
/// When the template has no such format, or a variable that is unknown here.
pub(super) fn of_log_line() -> Result<usize, BoxError> {
    let template = include_str!("../../../../infra/template.yaml");
    let format = template.split("AccessLogSettings:").nth(1).and_then(|rest| rest.split("Format: >-").nth(1));
    let format = format.and_then(|rest| rest.trim_start().lines().next()).ok_or("the template has no access log")?;
    let values = [
        ("$context.integrationErrorMessage", "-"),
        ("$context.responseLatency", "12"),
        ("$context.responseLength", "64"),
        ("$context.requestTimeEpoch", "1764000000000"),
        ("$context.requestTime", "28/Nov/2026:08:44:33 +0000"),
        ("$context.integration.requestId", "c6af9ac6-7b61-11e6-9a41-93e8deadbeef"),
        ("$context.requestId", "JKJaXmPLvHcESHA="),
        ("$context.routeKey", "POST /hooks/{tenant}/enrollment-events"),
        ("$context.status", "202"),
    ];
    let line = values.into_iter().fold(format.trim().to_owned(), |line, (name, value)| line.replace(name, value));
    if line.contains("$context") {
        return Err(format!("the access log has a variable that is unknown here: {line}").into());
    }
    Ok(line.len())
}
