//! What lists of Microsoft Graph have in common.

use crate::cloudevents::{BodyError, MAX_BODY_BYTES, MAX_EVENTS};
use serde_json::Value;

/// The records of a list response (`{"value": […]}`, with or without `@odata.*`), of a bare list, or one record; and
/// whether it was a list.
pub(super) fn records(body: &[u8]) -> Result<(Vec<Value>, bool), BodyError> {
    if body.len() > MAX_BODY_BYTES {
        return Err(BodyError::TooLarge);
    }
    let value: Value = serde_json::from_slice(body)
        .map_err(|error| BodyError::NotJson { line: error.line(), column: error.column() })?;
    let (records, is_list) = match value {
        Value::Array(list) => (list, true),
        Value::Object(mut map) => match map.remove("value") {
            Some(Value::Array(list)) => (list, true),
            // As Graph's documentation shows the answer for a single one.
            Some(one @ Value::Object(_)) => (vec![one], false),
            Some(other) => {
                map.insert("value".to_owned(), other);
                (vec![Value::Object(map)], false)
            }
            None => (vec![Value::Object(map)], false),
        },
        _ => return Err(BodyError::NotAnEvent),
    };
    if records.len() > MAX_EVENTS {
        return Err(BodyError::TooManyEvents);
    }
    Ok((records, is_list))
}
